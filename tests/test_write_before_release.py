"""A paid reply is with the kernel before another call is sent in its place: what is lost at most is in flight."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from qloragen import Session
from qloragen.engine.client import HttpReply
from qloragen.simulator import Provider, SimulatedClient, Simulation
from qloragen.store.frame import is_whole, kind_of

from .test_main_job import articles


@dataclass
class Watching:
    """A client that looks into the journal, as it is in the file, before each call."""

    journal: Path
    client: SimulatedClient
    paid: int = 0
    seen: list[tuple[int, int]] = field(default_factory=list)
    """Replies that had been paid for, and replies in the file."""

    async def post(self, body: bytes, *, timeout_s: float) -> HttpReply:
        lines = self.journal.read_bytes().split(b"\n")
        self.seen.append((self.paid, sum(is_whole(line) and kind_of(line) == "reply" for line in lines)))
        reply = await self.client.post(body, timeout_s=timeout_s)
        self.paid += 1
        return reply


async def test_no_call_is_sent_before_the_reply_whose_place_it_takes_is_in_the_file(tmp_path):
    client = Watching(tmp_path / "run/journal.jsonl", SimulatedClient(Provider(Simulation())))

    async with Session(tmp_path / "run", client=client, max_concurrency=1, open_articles=1) as session:
        await session.process(articles(12))

    assert len(client.seen) >= 12 * 3
    assert [kept for _, kept in client.seen] == [paid for paid, _ in client.seen]
