"""Replies that the provider finished while we were dead are adopted, where that was asked for."""

from datetime import UTC, datetime
from decimal import Decimal

import anyio
import anyio.to_thread
import orjson
import pytest
from aiohttp import ClientSession

import qloragen
from qloragen import BudgetReached, Session
from qloragen.assembly import job_of
from qloragen.engine.pricing import Price
from qloragen.logbook import Logbook, Now, utc_now
from qloragen.manifest import read_manifest
from qloragen.pipeline.salvage import CELL, CLOCKS_APART, MODEL, RUN, StoredReplies
from qloragen.pipeline.tally import Tally
from qloragen.settings import load
from qloragen.simulator import KINDS, error
from qloragen.store.run import open_run
from qloragen.testing import HttpReply, ScriptedClient, refusal
from qloragen.types import Rejection

from .simulated import Simulated
from .values import NOON, a_cell, a_classification, a_record, a_reply, key

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

    async def work(self, folder, *, calls, articles=ARTICLES, **knobs):
        self._left, self._scope = calls, anyio.CancelScope()
        with self._scope:
            async with Session(folder, base_url=self.server.base_url, **knobs) as session:
                await session.process(articles)
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
    assert all(body["store"] is True and set(body["metadata"]) == {RUN, CELL, MODEL} for body in bodies)
    usage, undisturbed_usage = outcome.summary.total.usage, whole.summary.total.usage
    assert usage.completion_tokens == undisturbed_usage.completion_tokens
    # Those that came later are told what was adopted for their article.
    assert 0 <= usage.prompt_tokens - undisturbed_usage.prompt_tokens < 0.02 * undisturbed_usage.prompt_tokens


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
    """Of one article, so that nothing else asks for the money first."""
    cut_off = CutOff()
    async with cut_off.server as server:
        await cut_off.work(tmp_path / "run", calls=1, articles=ARTICLES[:1], salvage=True)
        async with Session(
            tmp_path / "run", base_url=server.base_url, salvage=True, max_cost_usd=Decimal("0.000001")
        ) as session:
            with pytest.raises(BudgetReached, match=r"Of max_cost_usd = \$0\.000001, \$0 is left"):
                await session.process(ARTICLES[:1])

    assert session.tally.adopted == 1
    assert len(server.calls) == 1


async def test_a_run_that_ended_in_good_order_has_nothing_to_look_for(tmp_path):
    async with Simulated(classify=lambda _: "1, 2") as server:
        await qloragen.agenerate(ARTICLES[:2], tmp_path / "run", base_url=server.base_url, salvage=True)

    assert orjson.loads((tmp_path / "run/run.json").read_bytes())["unheard_since"] is None


async def test_a_retry_asks_anew_and_adopts_no_reply_that_was_paid_for_before_it(tmp_path):
    refused = Simulated(
        classify=lambda _: "1", faults=lambda call: KINDS["refusal"] if call.kind == "generate" else None
    )
    async with refused as server:
        before = await qloragen.agenerate(ARTICLES[:1], tmp_path / "run", base_url=server.base_url, salvage=True)
        _as_if_killed(tmp_path / "run")
        server.faults = None
        await anyio.to_thread.run_sync(qloragen.retry, tmp_path / "run")
        after = await qloragen.agenerate(ARTICLES[:1], tmp_path / "run", base_url=server.base_url, salvage=True)

    assert before.summary.rejections == {"refusal": 2}
    assert (after.summary.records, after.summary.rejections) == (2, {})
    assert len(server.calls) == after.summary.calls == 1 + 2 + 2


def _as_if_killed(folder):
    """Leave `run.json` as a process does that was killed before it could write its last one."""
    manifest = orjson.loads((folder / "run.json").read_bytes())
    manifest |= {"status": "running", "unheard_since": manifest["started"]}
    (folder / "run.json").write_bytes(orjson.dumps(manifest))


# ------------------------------------------------------------------------------------------------- what is looked for


NOON_S = NOON.timestamp()


def _stored(cell, id, *, created_s=NOON_S, choices=True, model="m"):
    message = {"index": 0, "message": {"role": "assistant", "content": "1"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1_000, "completion_tokens": 10}
    body = {"id": id, "model": "m", "created": int(created_s), "usage": usage, "object": "chat.completion"}
    metadata = {RUN: "r", CELL: key(cell), MODEL: model}
    return {**body, "choices": [message] if choices else None, "metadata": metadata}


def _client(*newest_first, more=False):
    page = HttpReply(200, orjson.dumps({"object": "list", "data": newest_first, "has_more": more}))
    return ScriptedClient(lambda _body: refusal(500), listing=lambda _query: page)


@pytest.fixture
def run(tmp_path):
    with open_run(tmp_path / "run") as run:
        yield run


@pytest.fixture
def spent():
    return []


@pytest.fixture
def salvage(spent):
    price = Price(prompt=Decimal(1), cached=Decimal(1), cache_write=Decimal(1), completion=Decimal(1))
    return StoredReplies("r", {"m": price}, lambda *one: spent.append(one))


def _ids_of(replies):
    return [reply.request_id for reply in replies]


async def test_what_is_found_for_a_cell_is_given_once_oldest_first_and_booked(run, salvage, spent):
    await salvage.collect(_client(_stored("c1", "2"), _stored("c2", "3"), _stored("c1", "1")), NOON, run)

    assert salvage.untaken == 3
    assert _ids_of(salvage.adopted(a_cell("c1"))) == ["1", "2"]
    assert (salvage.untaken, len(spent)) == (1, 2)
    assert salvage.adopted(a_cell("c1")) == []
    assert all(model == "m" and any(usage) and cost > 0 for model, usage, cost in spent)


async def test_what_is_looked_for_twice_is_found_once(run, salvage, spent):
    for _ in range(2):
        await salvage.collect(_client(_stored("c1", "1")), NOON, run)

    assert _ids_of(salvage.adopted(a_cell("c1"))) == ["1"]
    assert len(spent) == 1


async def test_what_is_found_is_billed_to_the_model_that_was_asked(run, spent):
    """A classification may take calls of several."""
    prices = {name: Price(Decimal(usd), Decimal(usd)) for name, usd in (("m", 1), ("small", 2))}
    salvage = StoredReplies("r", prices, lambda *one: spent.append(one))
    await salvage.collect(_client(_stored("c1", "2"), _stored("c1", "1", model="small")), NOON, run)

    found = salvage.adopted(a_classification("c1"))

    assert [(reply.cell.model, reply.cost_usd) for reply in found] == [
        ("small", Decimal("0.00202")),
        ("m", Decimal("0.00101")),
    ]
    assert [model for model, *_ in spent] == ["small", "m"]


async def test_what_is_in_the_journal_is_not_found_again(run, salvage, spent):
    run.add_reply(a_reply(a_cell("c1"), body='{"id":"1"}'))
    run.add_reply(a_reply(a_cell("c1"), body="no JSON"))
    run.flush()

    await salvage.collect(_client(_stored("c1", "2"), _stored("c1", "1")), NOON, run)

    assert salvage.untaken == 1
    assert _ids_of(salvage.adopted(a_cell("c1"))) == ["2"]
    assert len(spent) == 1


async def test_what_a_retry_has_made_nothing_of_is_not_found_again_either(run, salvage):
    run.add_reply(a_reply(a_cell("c1"), body='{"id":"1"}'))
    run.add_rejection(Rejection(a_cell("c1"), "refusal", "No."))
    run.retry(key("c1"), NOON)
    run.flush()

    await salvage.collect(_client(_stored("c1", "1")), NOON, run)

    assert run.state.replies_of(key("c1")) == ()
    assert salvage.untaken == 0


async def test_the_search_ends_with_what_is_older_than_the_time_asked_for_but_for_the_clocks(run, salvage):
    since, just, older = NOON, (NOON - CLOCKS_APART).timestamp(), (NOON - CLOCKS_APART).timestamp() - 1

    await salvage.collect(
        _client(_stored("c1", "2", created_s=just), _stored("c1", "1", created_s=older), _stored("c1", "0")), since, run
    )

    assert _ids_of(salvage.adopted(a_cell("c1"))) == ["2"]


async def test_what_was_stored_for_settled_cells_or_for_none_is_left_where_it_is(run, salvage):
    run.add_types(a_classification("k1"), (1,))
    run.add_rejection(Rejection(a_cell("c2"), "refusal", "No."))
    run.add_record(a_record("c3"))
    stray = {**_stored("c4", "4"), "metadata": {RUN: "r", CELL: "not a key"}}

    await salvage.collect(
        _client(_stored("k1", "1"), _stored("c2", "2"), _stored("c3", "3"), stray, _stored("c5", "5")), NOON, run
    )

    assert salvage.untaken == 1
    assert _ids_of(salvage.adopted(a_cell("c5"))) == ["5"]


async def test_what_is_no_completion_is_not_adopted(run, salvage, spent):
    await salvage.collect(_client(_stored("c1", "1", choices=False)), NOON, run)

    assert salvage.adopted(a_cell("c1")) == []
    assert spent == []


# ------------------------------------------------------------------------------- from when on a later process looks


UNHEARD_SINCE = datetime(2026, 11, 20, tzinfo=UTC)


async def _unheard_since(run, *, untaken=0, unheard=0, stopped=None, ended, previous=UNHEARD_SINCE):
    """Return what `run.json` says to the next process, after one that followed on another."""
    settings = load(timeout_s=60)
    book = Logbook(run, settings, job_of(settings).pack, None)
    now = Now(circumstances=(), reading="", tally=Tally(), unheard=unheard, untaken=untaken, stopped=stopped)
    await book.write(now)
    before = read_manifest(run.folder)
    assert before is not None
    book = Logbook(run, settings, job_of(settings).pack, before.model_copy(update={"unheard_since": previous}))
    await book.write(now, ended=ended)
    after = read_manifest(run.folder)
    assert after is not None
    return after.unheard_since


async def test_a_process_that_works_notes_that_what_it_sends_from_now_on_may_be_lost(run):
    begun = utc_now()

    for previous in (None, UNHEARD_SINCE):
        assert begun <= await _unheard_since(run, ended=False, previous=previous) <= utc_now()


async def test_what_was_found_and_not_taken_yet_is_still_to_be_found_by_the_next_process(run):
    assert await _unheard_since(run, untaken=1, ended=False) == UNHEARD_SINCE
    assert await _unheard_since(run, untaken=1, ended=True, stopped="The disk is full.") == UNHEARD_SINCE


async def test_what_no_cell_has_asked_for_in_a_run_that_ended_is_not_looked_for_again(run):
    assert await _unheard_since(run, untaken=1, ended=True) is None


async def test_calls_that_brought_no_reply_are_looked_for_by_the_next_process(run):
    begun = utc_now()

    assert begun <= await _unheard_since(run, unheard=1, ended=True) <= utc_now()
    assert await _unheard_since(run, ended=True) is None
