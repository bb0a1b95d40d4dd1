"""Sessions that are looked at while they work: by their own program, and by other processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest

from qloragen import Interrupted, Session
from qloragen.background import background
from qloragen.judging.opening import judging
from qloragen.judging.planning import Wish
from qloragen.settings import load
from qloragen.simulator import Batches, Fault, Latency, Model, Outage, Provider, SimulatedClient, Simulation
from qloragen.store.names import PROGRESS
from qloragen.testing import run_virtually
from qloragen.view import View
from qloragen.watching.file import Standing, glimpse
from qloragen.watching.words import state

ARTICLES = [
    {"id": str(n), "content": f"Compaction number {n} merges SSTables and drops what was deleted. " * 5}
    for n in range(12)
]
SLOW = {"*": Model(latency=Latency(median_s=2.0, p99_s=8.0, token_s=0.01))}


def client(**simulation: Any) -> SimulatedClient:
    return SimulatedClient(Provider(Simulation(**{"models": SLOW, **simulation})))


def seen_in(
    run: Path,
    knobs: Mapping[str, Any],
    look: Callable[[Session], Coroutine[Any, Any, None]],
    *,
    stop_at_s: float | None = None,
    **simulation: Any,
) -> View:
    """Let `look` run beside a session in virtual time, and return its last view."""

    async def main() -> View:
        async with Session(run, client=client(**simulation), settings=load(**knobs)) as session:
            if stop_at_s is not None:
                asyncio.get_running_loop().call_later(stop_at_s, session.stop, Interrupted("Enough.", finish_by_s=99.0))
            async with background(look, session):
                await session.process(ARTICLES)
            return session.view()

    return run_virtually(main())


async def nobody(_: Session) -> None:
    await anyio.sleep_forever()


def test_the_last_view_says_what_the_summary_says(tmp_path):
    faults = (Fault("invalid_arguments", rate=0.3), Fault("context_length", rate=0.1))

    async def main() -> tuple[View, Session]:
        async with Session(tmp_path / "run", client=client(faults=faults), settings=load()) as session:
            await session.process(ARTICLES)
        return session.view(), session

    view, session = run_virtually(main())

    summary, bill = session.summary, session.bill
    assert (view.made, view.finished_articles, view.articles) == (summary.records, 12, 12)
    assert view.rejections == dict(summary.rejections)
    assert view.rejected == session.tally.rejections > 0
    assert (view.calls, view.cost_usd) == (bill.calls, bill.cost_usd)
    assert sum(model.completion_tokens for model in view.models.values()) == bill.usage.completion_tokens
    assert view.allowance.spent.cost_usd == bill.cost_usd
    assert {model.in_flight for model in view.models.values()} == {0}


def test_other_processes_see_a_session_while_it_works_and_that_it_has_been_left(tmp_path):
    seen: list[tuple[Standing, int]] = []

    async def look(session: Session) -> None:
        while True:
            await anyio.sleep(5)
            standing, view = await anyio.to_thread.run_sync(glimpse, session.folder)
            seen.append((standing, view.models["gpt-6-luna"].sent if view else 0))

    last = seen_in(tmp_path / "run", {"rpm": 60}, look)

    standing, view = glimpse(tmp_path / "run")
    assert {one for one, _ in seen} == {Standing.AT_WORK}
    assert [sent for _, sent in seen] == sorted(sent for _, sent in seen)
    assert standing is Standing.ENDED
    assert view is not None
    assert (view.ended, view.made, view.calls) == (True, last.made, last.calls)


def test_a_folder_that_takes_no_progress_costs_a_warning_and_no_work(tmp_path, caplog):
    (tmp_path / "run" / f"{PROGRESS}.new").mkdir(parents=True)

    view = seen_in(tmp_path / "run", {"rpm": 20}, nobody)

    assert view.finished_articles == 12
    assert caplog.messages.count("progress_not_written") == 1
    assert not (tmp_path / "run" / PROGRESS).exists()


def test_a_reason_to_stop_that_utf_8_cannot_write_is_seen_all_the_same(tmp_path):
    async def main() -> View:
        async with Session(tmp_path / "run", client=client(), settings=load()) as session:
            session.stop(Interrupted("/runs/\udcff cannot be written."))
            return session.view()

    assert run_virtually(main()).stopping == "/runs/? cannot be written."


def test_a_session_that_only_looks_leaves_no_progress_behind(tmp_path):
    async def main() -> None:
        async with Session(tmp_path / "run", client=client(), settings=load()) as session:
            await session.plan(ARTICLES)
            await anyio.sleep(3)

    run_virtually(main())

    assert glimpse(tmp_path / "run").standing is Standing.ABSENT


def test_an_outage_is_said_in_words_with_the_time_of_the_next_probe(tmp_path):
    said: list[str] = []

    async def look(session: Session) -> None:
        while True:
            await anyio.sleep(1)
            said.append(state(session.view()))

    seen_in(tmp_path / "run", {"max_concurrency": 8}, look, outages=(Outage(5.0, 60.0),))

    paused = [words for words in said if words.startswith("paused: ")]
    assert any("the provider answers HTTP 503" in words and ", next probe in " in words for words in paused)
    assert not said[-1].startswith("paused: ")


def test_limits_and_what_is_used_of_them_are_seen(tmp_path):
    views: list[View] = []

    async def look(session: Session) -> None:
        while True:
            await anyio.sleep(1)
            views.append(session.view())

    seen_in(tmp_path / "run", {"rpm": 30, "max_cost_usd": "5", "models": {"gpt-6-luna": {"max_calls": 500}}}, look)

    late = next(view for view in views if view.elapsed_s > 60)
    model = late.models["gpt-6-luna"]
    assert model.rpm == 30
    assert model.requests_per_minute == pytest.approx(30, abs=3)
    assert state(late).endswith("waits for the RPM of gpt-6-luna")
    assert late.allowance.max_cost_usd == 5
    assert 0 < late.allowance.spent.cost_usd < Decimal("0.5")
    assert late.allowance.reserved.cost_usd > 0
    assert model.allowance is not None
    assert model.allowance.max_calls == 500


def test_a_stop_says_why_and_how_long_it_may_take_even_from_a_callback_of_the_loop(tmp_path):
    views: list[View] = []

    async def look(session: Session) -> None:
        loop = asyncio.get_running_loop()
        loop.call_at(loop.time() + 10.5, lambda: views.append(session.view()))
        await anyio.sleep_forever()

    with pytest.raises(Interrupted):
        seen_in(tmp_path / "run", {"rpm": 60}, look, stop_at_s=10.0)

    [view] = views
    assert view.stopping == "Enough."
    assert view.leaves_in_s == pytest.approx(88.5, abs=0.1)
    assert state(view).startswith("stopping: finishes ")


def test_batches_are_seen_and_no_end_is_foretold_for_them(tmp_path):
    views: list[View] = []

    async def look(session: Session) -> None:
        await session.count(ARTICLES)
        while True:
            await anyio.sleep(60)
            views.append(session.view())

    seen_in(tmp_path / "run", {"batch": True}, look, batches=Batches(median_s=1_800))

    assert {view.eta_s for view in views} == {None}
    assert {view.expected_articles for view in views} == {12}
    assert any(view.batches and view.batches[0].total == 12 for view in views)
    assert any(state(view).startswith("waits for the batch (") for view in views)
    models = [model for view in views for model in view.models.values()]
    assert {(model.requests_per_minute, model.tokens_per_minute) for model in models} == {(0.0, 0.0)}
    assert max(model.completed for model in models) > 0


def test_an_outage_of_the_batch_api_is_said_like_any_other_until_it_is_over(tmp_path):
    outage = Fault("503", start_s=30, end_s=300, endpoints=("files", "batches"))
    said: dict[float, str] = {}

    async def look(session: Session) -> None:
        while True:
            await anyio.sleep(5)
            said[session.view().elapsed_s] = state(session.view())

    knobs = {"batch": True, "max_outage_s": 600}
    last = seen_in(tmp_path / "run", knobs, look, batches=Batches(median_s=60), faults=(outage,))

    paused = {at_s for at_s, words in said.items() if words.startswith("paused: ")}
    assert any("the provider answers HTTP 503, next probe in" in said[at_s] for at_s in paused)
    assert all("the batch" in said[at_s] for at_s in paused)
    assert 30 < min(paused) < max(paused) < 400
    assert len(paused) > 20
    assert last.finished_articles == 12


def test_counting_tells_how_many_articles_there_are_and_a_plan_what_is_left_of_them(tmp_path):
    async def main() -> list[View]:
        views: list[View] = []
        async with Session(tmp_path / "run", client=client(), settings=load()) as session:
            views.append(session.view())
            assert await session.count(ARTICLES, limit=5) == 5
            views.append(session.view())
            await session.process(ARTICLES, limit=5)
        async with Session(tmp_path / "run", client=client(), settings=load()) as session:
            await session.plan(ARTICLES)
            views.append(session.view())
        return views

    views = run_virtually(main())

    assert [view.expected_articles for view in views] == [None, 5, 12]


def test_judging_is_seen_as_well(tmp_path):
    seen_in(tmp_path / "run", {}, nobody)
    views: list[View] = []

    async def main() -> View:
        settings = load(judge_model="a-judge", rpm=30)
        async with judging(tmp_path / "run", settings, Wish(), client()) as opened:

            async def look() -> None:
                while True:
                    await anyio.sleep(2)
                    views.append(opened.view())

            async with background(look):
                await opened.process()
            return opened.view()

    last = run_virtually(main())

    standing, view = glimpse(tmp_path / "run" / "judge")
    assert (last.makes, last.articles) == ("judgements", last.expected_articles)
    assert any(view.eta_s is not None for view in views)
    assert standing is Standing.ENDED
    assert view is not None
    assert view.made == last.made > 0
