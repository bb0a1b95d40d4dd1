"""Runs under the eyes of OpenTelemetry: every call has its span, and the sums of all processes are the bill."""

from __future__ import annotations

from collections import Counter
from signal import SIGINT
from typing import Any

import anyio
import pytest
from opentelemetry.trace import SpanKind, StatusCode

from qloragen import Interrupted, Session
from qloragen.judging.opening import judging
from qloragen.judging.planning import Wish
from qloragen.settings import load
from qloragen.simulator import Effect, Fault, Latency, Model, Provider, SimulatedClient, Simulation
from qloragen.simulator.batch_settings import Batches
from qloragen.store.run import open_run
from qloragen.testing import run_virtually

from .batch_lives import Lives, provider_of
from .judges import MODEL, PRICED, Oracle, client_of, make_run
from .telemetries import Traced, attributes, by, total
from .test_main_job import article, articles
from .test_salvage import ARTICLES, CutOff

BILLED = b'{"error": {"message": "It broke.", "code": 503}, "usage": {"prompt_tokens": 900, "completion_tokens": 7}}'
"""A reply that cannot be used, and is paid for."""
FAULTS = (
    Fault("rate_limited", every=11),
    Fault("500", every=13),
    Fault("billed", every=14, effect=Effect(raw=BILLED)),
    Fault("hang", every=17),
    Fault("reset_after_headers", every=19),
    Fault("html_page", every=23),
    Fault("length", 0.05),
    Fault("refusal", 0.3),
    Fault("content_policy", 0.05),
)
SLOW = {"*": Model(latency=Latency(median_s=2.0))}
USED = "gen_ai.client.inference.usage."


def simulated(*faults: Fault, seed: int = 0) -> Provider:
    return Provider(Simulation(models=SLOW, faults=faults, seed=seed))


class Ran:
    """A run in virtual time, and what was seen of it."""

    def __init__(self, folder, provider, source, *, stop_after_s=None, cancel_after_s=None, **knobs) -> None:
        self.traced = Traced()
        self.provider = provider
        self._stop_after_s = stop_after_s

        async def main():
            with anyio.move_on_after(cancel_after_s or 10**9):
                async with Session(
                    folder, client=SimulatedClient(provider), observer=self.traced.observer, **knobs
                ) as session:
                    try:
                        async with anyio.create_task_group() as tasks:
                            tasks.start_soon(self._stop, session)
                            await session.process(source)
                            tasks.cancel_scope.cancel()
                    except* Interrupted:
                        pass
                    finally:
                        self.bill, self.tally, self.left = session.bill, session.tally, session.stopped

        run_virtually(main())
        self.points = self.traced.points()

    async def _stop(self, session) -> None:
        await anyio.sleep(self._stop_after_s or 10**9)
        session.stop(Interrupted("Stopped."))


@pytest.fixture(scope="module")
def faulty(tmp_path_factory) -> Ran:
    return Ran(tmp_path_factory.mktemp("faulty"), simulated(*FAULTS, seed=3), articles(12), max_concurrency=4)


# ---------------------------------------------------------------------------------------------------------------- spans


def test_every_http_attempt_has_one_span_which_is_in_that_of_its_article(faulty):
    spans = {span.context.span_id: span for span in faulty.traced.articles}

    assert len(faulty.traced.calls) == sum(faulty.provider.statistics.total.outcomes.values())
    assert len(spans) == 12
    assert {span.parent for span in spans.values()} == {None}
    for call in faulty.traced.calls:
        around = spans[call.parent.span_id]
        assert call.context.trace_id == around.context.trace_id
        assert around.start_time <= call.start_time <= call.end_time <= around.end_time


def test_what_has_failed_says_why_and_what_has_not_is_no_error(faulty):
    outcomes = faulty.provider.statistics.total.outcomes
    errors = Counter(attributes(call).get("error.type") for call in faulty.traced.calls)
    statuses = Counter(attributes(call).get("http.response.status_code") for call in faulty.traced.calls)

    assert statuses[429] == outcomes["rate_limited"] > 0
    assert statuses[500] == outcomes["500"] > 0
    assert errors["timeout"] == outcomes["hang"] > 0
    for call in faulty.traced.calls:
        assert (call.status.status_code is StatusCode.ERROR) == ("error.type" in attributes(call))
        assert ("gen_ai.usage.input_tokens" in attributes(call)) == ("error.type" not in attributes(call))


def test_attempts_are_numbered_and_as_long_as_the_call(faulty):
    numbers = Counter(attributes(call)["qloragen.attempt"] for call in faulty.traced.calls)
    good = [call for call in faulty.traced.calls if "error.type" not in attributes(call)]

    assert numbers[1] > numbers[2] > 0
    for call in good:
        assert (call.end_time - call.start_time) / 1e9 == pytest.approx(2.0, abs=1e-3)
    assert max(attributes(call)["qloragen.waited_s"] for call in faulty.traced.calls) > 1


def test_a_call_is_described_as_the_conventions_say(tmp_path):
    ran = Ran(tmp_path, simulated(), [article(1)], temperature=0.5)
    call = next(call for call in ran.traced.calls if attributes(call)["qloragen.stage"] == "generate")
    found = attributes(call)

    assert (call.name, call.kind) == ("chat gpt-6-luna", SpanKind.CLIENT)
    assert call.instrumentation_scope is not None
    assert call.instrumentation_scope.schema_url == "https://opentelemetry.io/schemas/gen-ai/0.1.0"
    assert found.pop("gen_ai.response.id").startswith("chatcmpl")
    assert found.pop("gen_ai.usage.input_tokens") > 500
    assert found.pop("gen_ai.usage.output_tokens") > 10
    assert found.pop("gen_ai.request.max_tokens") > 100
    assert found.pop("gen_ai.prompt.version")
    assert found.pop("qloragen.request_id")
    assert found.pop("qloragen.cost_usd") > 0
    found.pop("gen_ai.usage.cache_write.input_tokens", None)
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-6-luna",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.response.model": "gpt-6-luna",
        "gen_ai.response.finish_reasons": ("tool_calls",),
        "gen_ai.output.type": "json",
        "gen_ai.prompt.name": found["qloragen.type"],
        "openai.response.service_tier": "default",
        "server.address": "api.openai.com",
        "server.port": 443,
        "qloragen.attempt": 1,
        "qloragen.stage": "generate",
        "qloragen.type": found["qloragen.type"],
        "qloragen.waited_s": found["qloragen.waited_s"],
    }


def test_calls_that_judge_predicates_are_named_for_what_they_are(tmp_path):
    ran = Ran(tmp_path, simulated(), articles(2), classifier="decisions")

    decisions = [call for call in ran.traced.calls if call.name == "decisions gpt-6-luna"]
    assert len(decisions) == 2
    assert "gen_ai.request.max_tokens" not in attributes(decisions[0])
    assert attributes(decisions[0])["qloragen.stage"] == "classify"
    calls = by(ran.points, "gen_ai.client.inference.duration", "gen_ai.operation.name")
    assert by(ran.points, "gen_ai.client.inference.operation.input_tokens", "gen_ai.operation.name") == calls
    assert calls["decisions"] == 2


def test_the_spans_of_a_run_are_part_of_the_trace_that_it_is_started_in(tmp_path):
    traced = Traced()

    async def main():
        with traced.tracer.start_as_current_span("job"):
            async with Session(tmp_path, client=SimulatedClient(simulated()), observer=traced.observer) as session:
                await session.process(articles(2))

    run_virtually(main())

    job = next(span for span in traced.spans if span.name == "job")
    assert job.context is not None
    assert {span.parent.span_id for span in traced.articles if span.parent} == {job.context.span_id}


# -------------------------------------------------------------------------------------------------------------- metrics


def assert_is_bill(points, bill) -> None:
    assert total(points, f"{USED}input_tokens") == bill.usage.prompt_tokens
    assert total(points, f"{USED}output_tokens") == bill.usage.completion_tokens
    assert total(points, f"{USED}cache_read.input_tokens") == bill.usage.cached_tokens
    assert total(points, f"{USED}cache_write.input_tokens") == bill.usage.cache_write_tokens
    assert total(points, f"{USED}reasoning.output_tokens") == bill.usage.reasoning_tokens
    assert total(points, "qloragen.cost") == pytest.approx(float(bill.cost_usd), rel=1e-9)
    assert total(points, "qloragen.unpriced.count") == bill.unpriced_calls
    assert total(points, "gen_ai.client.inference.operation.input_tokens") == bill.calls
    assert total(points, "gen_ai.client.inference.operation.output_tokens") == bill.calls


def test_the_sums_are_those_of_the_bill_and_of_the_tally(faulty):
    points, tally = faulty.points, faulty.tally

    assert faulty.bill.calls > 30
    assert faulty.provider.statistics.total.outcomes["billed"] > 0
    assert_is_bill(points, faulty.bill)
    assert total(points, "qloragen.record.count") == tally.records > 0
    assert total(points, "qloragen.classification.count") > 0
    assert by(points, "qloragen.rejection.count", "qloragen.reason") == tally.rejected + tally.failed
    assert tally.rejected["refusal"] > 0
    assert by(points, "qloragen.article.count", "qloragen.outcome") == {"finished": 12}
    durations = by(points, "gen_ai.client.inference.duration", "error.type")
    assert sum(durations.values()) == len(faulty.traced.calls)
    assert durations["timeout"] == faulty.provider.statistics.total.outcomes["hang"]


def test_costs_are_told_by_model_stage_and_type(faulty):
    names = {"gen_ai.request.model", "qloragen.stage", "qloragen.type"}
    costs = [about for name, about, _ in faulty.points if name == "qloragen.cost"]

    found = {tuple(str(about.get(name)) for name in sorted(names)) for about in costs}

    assert ("gpt-6-sol", "classify", "None") in found
    assert len([one for one in found if one[:2] == ("gpt-6-luna", "generate")]) > 1


def test_what_a_display_shows_is_there_as_gauges(tmp_path):
    source = [*articles(3), {"id": "short", "content": "Too short."}]
    ran = Ran(tmp_path, simulated(), source, rpm=500, tpm=100_000, max_cost_usd=2, max_concurrency=3)

    found = {name: value for name, about, value in ran.points if about.get("gen_ai.request.model") == "gpt-6-luna"}
    whole = {name: value for name, about, value in ran.points if "qloragen.run" in about and len(about) == 1}
    assert (found["qloragen.request.rate_limit"], found["qloragen.token.rate_limit"]) == (500, 100_000)
    assert (found["qloragen.call.in_flight"], found["qloragen.call.most_in_flight"]) == (0, 3)
    assert found["qloragen.request.rate"] > 0
    assert found["qloragen.pause"] == 0
    assert whole["qloragen.cost.budget"] == 2
    assert whole["qloragen.cost.spent"] == pytest.approx(float(ran.bill.cost_usd))
    assert whole["qloragen.call.spent"] == ran.bill.calls
    assert by(ran.points, "qloragen.skip.count", "qloragen.reason") == {"too_short": 1}


def test_a_pause_is_told_with_its_cause(tmp_path):
    traced, provider = Traced(), simulated(Fault("503", start_s=10, end_s=600))
    seen: list[tuple[object, float]] = []

    async def look():
        while True:
            await anyio.sleep(20)
            seen.extend(
                (about.get("qloragen.cause"), value)
                for name, about, value in traced.points()
                if name == "qloragen.pause"
            )

    async def main():
        async with (
            Session(tmp_path, client=SimulatedClient(provider), observer=traced.observer, max_concurrency=2) as session,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(look)
            await session.process(articles(12))
            tasks.cancel_scope.cancel()

    run_virtually(main())

    assert ("outage", 1) in seen
    assert (None, 0) in seen


# ----------------------------------------------------------------------------------------- stopped, cancelled, resumed


def test_a_run_that_is_cancelled_ends_all_its_spans_and_says_so(tmp_path):
    ran = Ran(tmp_path, simulated(), articles(12), cancel_after_s=5, max_concurrency=4)

    errors = Counter(attributes(call).get("error.type") for call in ran.traced.calls)
    outcomes = Counter(attributes(span)["qloragen.outcome"] for span in ran.traced.articles)
    assert len(ran.traced.calls) == sum(ran.provider.statistics.total.outcomes.values())
    assert errors["cancelled"] > 0
    assert outcomes["cancelled"] == len(ran.traced.articles) - outcomes["finished"] > 0
    assert by(ran.points, "qloragen.article.count", "qloragen.outcome") == outcomes


def test_two_processes_add_up_to_the_bill_of_their_run(tmp_path):
    first = Ran(tmp_path, simulated(*FAULTS), articles(10), stop_after_s=8, max_concurrency=4)
    second = Ran(tmp_path, simulated(*FAULTS, seed=1), articles(10), max_concurrency=4)

    outcomes = by(first.points, "qloragen.article.count", "qloragen.outcome")
    assert outcomes["stopped"] > 0
    assert 0 < first.bill.calls < second.bill.calls
    assert_is_bill(first.points, first.bill)
    assert_is_bill([*first.points, *second.points], second.bill)
    assert by(second.points, "qloragen.article.count", "qloragen.outcome") == {"finished": 10}


def test_an_article_that_nobody_wants_any_more_is_left(tmp_path):
    traced = Traced()

    async def main():
        client = SimulatedClient(simulated())
        bounds: dict[str, Any] = {"classify_max_concurrency": 1, "open_articles": 5}
        async with Session(tmp_path, client=client, observer=traced.observer, **bounds) as session:
            async for _ in session.stream(articles(5)):
                break

    run_virtually(main())

    outcomes = Counter(attributes(span)["qloragen.outcome"] for span in traced.articles)
    assert outcomes["left"] > 0
    assert set(outcomes) == {"left", "finished"}


async def test_replies_that_are_found_at_the_provider_are_counted_by_the_process_that_finds_them(tmp_path):
    cut_off, first, second = CutOff(), Traced(), Traced()

    async with cut_off.server:
        await cut_off.work(tmp_path, calls=10, salvage=True, observer=first.observer)
        async with Session(
            tmp_path, base_url=cut_off.server.base_url, salvage=True, observer=second.observer
        ) as session:
            await session.process(ARTICLES)
            bill, tally = session.bill, session.tally

    assert tally.adopted > 0
    assert_is_bill([*first.points(), *second.points()], bill)


# ------------------------------------------------------------------------------------------------------ judged, batched


async def test_judging_is_seen_like_making(tmp_path):
    oracle, traced = Oracle(make_run(tmp_path / "run", 2)), Traced()
    client = client_of(oracle.half)

    settings, wish = load(judge_model=MODEL, models=PRICED), Wish(None, None, 0.05)
    async with judging(tmp_path / "run", settings, wish, client, traced.observer) as opened:
        await opened.process()
    points = traced.points()

    assert len(traced.calls) == len(client.calls) > 40
    assert {attributes(call)["qloragen.stage"] for call in traced.calls} == {"judge"}
    assert total(points, "qloragen.judgement.count") == len(client.calls)
    with open_run(tmp_path / "run/judge") as run:
        assert_is_bill(points, run.state.ledger.total())


def test_replies_of_batches_are_counted_and_each_batch_has_a_span(tmp_path):
    traced = Traced()
    lives = Lives(tmp_path, provider_of(), articles(6), observer=traced.observer)

    lives.live()
    points = traced.points()

    assert_is_bill(points, sum_of(lives.summary))
    batches = [span for span in traced.spans if span.name.startswith("batch ")]
    assert sorted(span.name for span in batches) == ["batch gpt-6-luna", "batch gpt-6-sol"]
    assert sum(attributes(span)["qloragen.batch.requests"] for span in batches) == lives.summary.calls
    assert traced.calls == []


def test_a_batch_that_another_process_has_submitted_is_counted_by_the_one_that_collects_it(tmp_path):
    first, second, third = Traced(), Traced(), Traced()
    lives = Lives(tmp_path, provider_of(Batches(median_s=600, validating_s=10)), articles(4))

    async def interrupt(_, session):
        await anyio.sleep(300)
        session.stop(Interrupted("Stopped.", signal=SIGINT))

    with pytest.raises(Interrupted):
        lives.live(beside=interrupt, observer=first.observer)
    lives.live(observer=second.observer, source=articles(2))  # of the others nobody waits for the replies
    lives.live(observer=third.observer)

    assert total(second.points(), "qloragen.cost") > 0
    assert_is_bill([*first.points(), *second.points(), *third.points()], sum_of(lives.summary))


def sum_of(summary):
    bills = list(summary.bills.values())
    whole = bills[0]
    for bill in bills[1:]:
        whole = whole.plus(bill)
    return whole


# ----------------------------------------------------------------------------------------------------- what is not told


def test_no_text_of_anyone_s_is_told(tmp_path):
    marked = [article(n, "The zebrafish keeps the seventh replica of the ring in its own pond.") for n in range(6)]
    ran = Ran(tmp_path, simulated(*FAULTS, seed=2), marked, max_concurrency=4)

    told = repr([(span.name, attributes(span), span.events, span.status.description) for span in ran.traced.spans])
    told += repr(ran.points)
    records = (tmp_path / "records.jsonl").read_text()
    assert "zebrafish" in (tmp_path / "journal.jsonl").read_text()
    assert records
    for marker in ("zebrafish", "hinted handoff", "Article 1"):
        assert marker not in told
