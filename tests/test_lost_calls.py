"""Calls whose reply is lost on the network may have been billed: they are counted over all processes, and shown."""

import itertools
from typing import Any

import anyio
import orjson

import qloragen
from qloragen import Session
from qloragen.cli.main import main
from qloragen.engine import ConnectionLost
from qloragen.simulator import KINDS, Effect
from qloragen.store.run import open_run

from .simulated import Simulated
from .test_main_job import article, articles
from .values import a_cell, a_reply


async def test_replies_that_were_lost_are_counted_over_all_processes_and_shown(tmp_path, capsys):
    numbers = itertools.count()
    async with Simulated(faults=lambda _: KINDS["truncated_body"] if next(numbers) % 10 == 1 else None) as server:
        await qloragen.agenerate(articles(4), tmp_path / "run", base_url=server.base_url)
        first = len(server.calls) - 4 * 4
        await qloragen.agenerate([*articles(4), *map(article, range(4, 8))], tmp_path / "run", base_url=server.base_url)
        lost = len(server.calls) - 8 * 4

    assert 0 < first < lost
    found = qloragen.summary(tmp_path / "run")
    assert (found.lost_calls, found.calls) == (lost, 8 * 4)
    assert {place.reason for place in found.lost} == {"connection"}
    assert sum(one.calls for one in found.lost.values()) == lost
    assert main(["status", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert f"calls that broke off {lost} ({lost} connection); {lost} may have been billed: up to $" in said


async def test_while_a_run_is_at_work_or_was_killed_no_old_count_of_articles_is_shown(tmp_path, capsys):
    async with Simulated() as server:
        await qloragen.agenerate(articles(2), tmp_path / "run", base_url=server.base_url)
    file = tmp_path / "run/run.json"
    fields = orjson.loads(file.read_bytes())
    file.write_bytes(orjson.dumps(fields | {"status": "running"}))

    assert main(["status", str(tmp_path / "run")]) == 0

    said = capsys.readouterr().out
    assert "the process ended without a word; the same command goes on" in said
    assert "articles read" not in said
    assert "classifications      2" in said


def test_a_run_that_was_killed_before_its_first_call_has_a_heading(tmp_path, capsys):
    with open_run(tmp_path / "run"):
        main(["status", str(tmp_path / "run")])
        assert "a process is at work and has sent no call yet" in capsys.readouterr().out

    assert main(["status", str(tmp_path / "run")]) == 0

    assert capsys.readouterr().out.startswith(f"{tmp_path / 'run'}: no call was sent yet; the same command goes on\n")


def test_a_run_without_its_manifest_has_a_heading(tmp_path, capsys):
    with open_run(tmp_path / "run") as run:
        run.add_reply(a_reply(a_cell("c1")))

    assert main(["status", str(tmp_path / "run")]) == 0

    said = capsys.readouterr().out
    assert f"{tmp_path / 'run'}: run.json is missing or damaged; the same command goes on" in said
    assert "paid, not yet made into records 1 ($0.0012)\n" in said


class Once:
    """A provider that loses the first call on its way, and never answers another."""

    def __init__(self):
        self.calls = 0

    async def post(self, body, *, timeout_s):
        self.calls += 1
        if self.calls == 1:
            raise ConnectionLost("cut")
        await anyio.sleep_forever()


async def test_a_lost_call_is_on_the_disk_though_nothing_else_happens(tmp_path):
    """A kill at that moment must not take it; and a call that is cancelled is lost as well."""
    journal = tmp_path / "run/journal.jsonl"
    async with Session(tmp_path / "run", client=Once()) as session:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(session.process, articles(1))
                with anyio.fail_after(10):
                    while b'"t":"lost"' not in journal.read_bytes() or not session.calls_in_flight:  # noqa: ASYNC110
                        await anyio.sleep(0.01)
                scope.cancel()

    found = qloragen.summary(tmp_path / "run")
    assert {place.reason: one.calls for place, one in found.lost.items()} == {"connection": 1, "cancelled": 1}
    assert all(one.worst_usd for one in found.lost.values())
    assert found.calls == 0


async def test_a_lost_reply_that_the_provider_has_stored_is_paid_for_once_in_the_books(tmp_path):
    """Salvage finds it in the next session; it is a reply then, and no lost call any more."""
    lose = {"first": True}

    def faults(call):
        return KINDS["reset_after_headers"] if call.kind == "classify" and lose.pop("first", None) else None

    async with Simulated(faults=faults) as server:
        knobs: dict[str, Any] = {"base_url": server.base_url, "salvage": True, "max_attempts": 1}
        await qloragen.agenerate(articles(1), tmp_path / "run", **knobs)
        before = qloragen.summary(tmp_path / "run")
        await qloragen.agenerate(articles(1), tmp_path / "run", **knobs)
    after = qloragen.summary(tmp_path / "run")

    assert (before.lost_calls, before.calls, before.failures) == (1, 0, {"connection": 1})
    assert (after.lost_calls, after.records) == (0, 3)
    assert after.calls == len(server.calls) == 1 + 3
    assert after.waste == {}


async def test_a_bill_beyond_all_reason_stops_no_run(tmp_path):
    def nonsense(reply):
        return {**reply, "usage": {**reply["usage"], "prompt_tokens": 2**64 - 1}}

    said = iter([None, Effect(edit=nonsense, arguments='{"instruction": ""}'), Effect(edit=nonsense)])
    async with Simulated(classify=lambda _: "6", faults=lambda _: next(said, None)) as server:
        found = await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url, max_concurrency=1)

    assert found.summary.records == 3
    assert qloragen.verify(tmp_path / "run").problems == []


async def test_a_reply_that_does_not_say_what_it_is_billed_for_counts_at_its_worst_and_stops_no_limit(tmp_path):
    silent = iter([KINDS["missing_usage"]])
    async with Simulated(faults=lambda call: next(silent, None) if call.kind == "generate" else None) as server:
        await qloragen.agenerate(articles(1), tmp_path / "run", base_url=server.base_url)
        found = qloragen.summary(tmp_path / "run")
        outcome = await qloragen.agenerate(articles(2), tmp_path / "run", base_url=server.base_url, max_cost_usd=5)

    assert (found.total.unpriced_calls, found.total.bounded_calls, found.cost_usd) == (1, 1, None)
    assert found.total.worst_usd > 0
    assert found.total.worst_tokens > 1000
    assert "1 call whose reply does not say what it is billed for: not zero, but in no sum; up to $" in str(found)
    assert outcome.stopped is None
    assert outcome.summary.records == 2 * 3
    with open_run(tmp_path / "run", anew=True) as run:
        assert run.state.ledger.total() == outcome.summary.total
        (reply,) = (one for one in run.all_replies() if not any(one.usage))
        assert reply.worst == (found.total.worst_usd, found.total.worst_tokens)
