"""A program that kills processes at chosen steps of a delivery, until one ends as done; see `test_deliver_kills`.

    python -m tests.killed_deliveries FOLDER SEED

Each process is forked, after all imports, and kills itself (SIGKILL) at a step drawn at random: before or after a call,
or before or after anything that its sink is told or that is put down about it. What happened is printed as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

import anyio
import pytest

from qloragen import Record, Session, adeliver
from qloragen.delivery import following
from qloragen.delivery.places import note_place
from qloragen.engine.client import HttpReply
from qloragen.settings import Settings, load
from qloragen.simulator import Provider, SimulatedClient, Simulation
from qloragen.sinks import SqliteSink
from qloragen.store import feed
from qloragen.store.feed import Place
from qloragen.store.run import open_run
from qloragen.types import Rejection

from .test_deliver import records_of
from .test_main_job import articles
from .test_sinks import rows_of

MOST_LIVES = 60
_ARTICLES = 10


class Fate:
    """Kills this process at its n-th step."""

    def __init__(self, last: int) -> None:
        self._left = last

    def step(self) -> None:
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)


class Watched(SqliteSink):
    """A table, with steps around all that is done with it."""

    def __init__(self, file: Path, fate: Fate) -> None:
        super().__init__(file)
        self._fate = fate

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._fate.step()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._fate.step()
        await super().__aexit__(kind, error, trace)

    async def put(self, records: Sequence[Record]) -> None:
        self._fate.step()
        await super().put(records)
        self._fate.step()

    async def drop(self, ids: Sequence[str]) -> None:
        self._fate.step()
        await super().drop(ids)
        self._fate.step()


class WatchedClient(SimulatedClient):
    """A provider, with a step before and after each reply."""

    def __init__(self, fate: Fate) -> None:
        super().__init__(Provider(Simulation()))
        self._fate = fate

    async def post(self, body: bytes, *, timeout_s: float) -> HttpReply:
        self._fate.step()
        reply = await super().post(body, timeout_s=timeout_s)
        self._fate.step()
        return reply


def watch_places(fate: Fate) -> None:
    def noted(folder: Path, name: str, place: Place) -> None:
        fate.step()
        note_place(folder, name, place)
        fate.step()

    pytest.MonkeyPatch().setattr(following, "note_place", noted)


async def generate(folder: Path, fate: Fate) -> None:
    settings: Settings = load(rpm=10**6, tpm=10**9, max_types=2)
    sinks = [Watched(folder / "x.db", fate)]
    async with Session(folder / "run", client=WatchedClient(fate), settings=settings, sinks=sinks) as session:
        await session.process(articles(_ARTICLES))


async def deliver(folder: Path, fate: Fate) -> None:
    await adeliver(folder / "run", Watched(folder / "x.db", fate))


def change(folder: Path, dice: Random) -> None:
    """Change some records, and refuse others, as `reparse` with other checks would."""
    with open_run(folder / "run") as run:
        for cell in [reply.cell for reply in run.all_replies() if run.state.record_offset(reply.cell.key) is not None]:
            match dice.randrange(3):
                case 0:
                    run.add_rejection(Rejection(cell, "too_strict", "A new rule."))
                case 1:
                    record = run.record(cell.key)
                    run.add_record(replace(record, output=record.output.upper()), revised=True)


def lives(main: Callable[[Path, Fate], Awaitable[None]], folder: Path, dice: Random, most_steps: int) -> int:
    """Fork processes until one ends as done; returns how many were killed."""
    for killed in range(MOST_LIVES):
        fate = Fate(dice.randint(1, most_steps))
        child = os.fork()
        if not child:
            watch_places(fate)
            anyio.run(main, folder, fate)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code != -signal.SIGKILL:
            return killed if code == 0 else -1
    return MOST_LIVES


def differences(folder: Path) -> list[object]:
    """Return rows that the table has and records do not say, and the other way round."""
    there, wanted = rows_of(folder / "x.db"), records_of(folder / "run")
    return [row for row in there if row not in wanted] + [row for row in wanted if row not in there]


def main() -> None:
    folder, dice = Path(sys.argv[1]), Random(int(sys.argv[2]))  # noqa: S311 - a simulation
    feed.MOST_CHANGES, following.GATHER_S = 3, 0.005
    generated = lives(generate, folder, dice, 40)
    wrong = differences(folder)
    change(folder, dice)
    delivered = lives(deliver, folder, dice, 12)
    sys.stdout.write(json.dumps({"killed": [generated, delivered], "wrong": [wrong, differences(folder)]}))


if __name__ == "__main__":
    main()
