"""Replies that the provider finished while we were dead are adopted, where that was asked for."""

from decimal import Decimal

import anyio
import orjson
import pytest
from aiohttp import ClientSession

import qloragen
from qloragen import BudgetReached, Session
from qloragen.simulator import error

from .simulated import Simulated

ARTICLES = [
    {"id": str(n), "content": f"Compaction number {n} merges SSTables and drops what was deleted. " * 5}
    for n in range(6)
]


class CutOff:
    """A server that lets the n-th call from now on be the end of whoever makes it, and finishes what was in flight."""

    def __init__(self, **simulated):
        self.server = Simulated(classify=lambda _: "1, 2", faults=self._count, delay_s=0.05, **simulated)
        self.refused = None
        self._left = -1
        self._scope = anyio.CancelScope()

    def _count(self, call):
        self._left -= 1
        if self._left == 0:
            self._scope.cancel()
        return self.refused if self.refused and "store" in call.body else None

    async def work(self, folder, *, calls, **knobs):
        self._left, self._scope = calls, anyio.CancelScope()
        with self._scope:
            async with Session(folder, base_url=self.server.base_url, **knobs) as session:
                await session.process(ARTICLES)
        self._left = -1
        await self._finished()

    async def _finished(self):
        """Wait until the server has generated and stored what was in flight."""
        stored = [call for call in self.server.calls if "store" in call.body and not self.refused]
        async with ClientSession() as http:
            found = -1
            while found < len(stored):
                async with http.get(f"{self.server.base_url}/chat/completions?limit=100") as reply:
                    found = len((await reply.json())["data"])


def records(folder):
    lines = map(orjson.loads, (folder / "records.jsonl").read_bytes().splitlines())
    return {line["id"]: (line["instruction"], line["input"], line["output"]) for line in lines}


async def test_what_was_generated_for_a_dead_process_is_not_paid_for_again(tmp_path):
    async with Simulated(classify=lambda _: "1, 2") as server:
        whole = await qloragen.agenerate(ARTICLES, tmp_path / "whole", base_url=server.base_url)
        undisturbed = len(server.calls)

    cut_off = CutOff()
    async with cut_off.server as server:
        for calls in (3, 5, 4):
            await cut_off.work(tmp_path / "run", calls=calls, salvage=True)
        outcome = await qloragen.agenerate(ARTICLES, tmp_path / "run", base_url=server.base_url, salvage=True)
        bodies = [call.body for call in server.calls]

    assert records(tmp_path / "run") == records(tmp_path / "whole")
    assert len(server.calls) == undisturbed
    assert outcome.summary.calls == undisturbed
    assert all(body["store"] is True and set(body["metadata"]) == {"qloragen_run", "qloragen_cell"} for body in bodies)
    assert outcome.summary.total.usage.prompt_tokens == whole.summary.total.usage.prompt_tokens


async def test_without_being_asked_nothing_is_stored_and_lost_replies_are_paid_for_again(tmp_path):
    cut_off = CutOff()
    async with cut_off.server as server:
        await cut_off.work(tmp_path / "run", calls=4)
        await qloragen.agenerate(ARTICLES, tmp_path / "run", base_url=server.base_url)

    assert len(server.calls) > 18
    assert not [call for call in server.calls if "store" in call.body or "metadata" in call.body]


async def test_a_provider_that_stores_nothing_is_worked_with_all_the_same(tmp_path):
    cut_off = CutOff()
    cut_off.refused = error(400, code="unknown_parameter", param="store")
    async with cut_off.server as server:
        await cut_off.work(tmp_path / "run", calls=4, salvage=True)
        outcome = await qloragen.agenerate(ARTICLES, tmp_path / "run", base_url=server.base_url, salvage=True)

    assert outcome.summary.records == 12


async def test_adopted_replies_count_against_the_spending_limit(tmp_path):
    cut_off = CutOff()
    async with cut_off.server as server:
        await cut_off.work(tmp_path / "run", calls=4, salvage=True)
        before = qloragen.summary(tmp_path / "run").cost_usd or Decimal(0)
        async with Session(
            tmp_path / "run", base_url=server.base_url, salvage=True, max_cost_usd=before + Decimal("0.000001")
        ) as session:
            with pytest.raises(BudgetReached, match=r"of the limit of \$\S+ \$0\S* is left"):
                await session.process(ARTICLES)

    assert session.tally.adopted > 0


async def test_a_run_that_ended_in_good_order_has_nothing_to_look_for(tmp_path):
    async with Simulated(classify=lambda _: "1, 2") as server:
        await qloragen.agenerate(ARTICLES[:2], tmp_path / "run", base_url=server.base_url, salvage=True)

    assert orjson.loads((tmp_path / "run/run.json").read_bytes())["unheard_since"] is None
