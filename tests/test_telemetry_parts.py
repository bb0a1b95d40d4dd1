"""The parts that spans and metrics are put together from."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import StatusCode

from qloragen import SettingsError
from qloragen.settings import load
from qloragen.telemetry import exporting, observer_of
from qloragen.telemetry.levels import levels
from qloragen.telemetry.names import replied
from qloragen.telemetry.observer import Clock
from qloragen.telemetry.server import Server, server_of
from qloragen.testing import HttpReply, ScriptedClient, reply
from qloragen.types import Article, Completion, Usage
from qloragen.view import Allowance, BatchView, ModelView, Paused, Spent, View

from .engines import engine_for, request_for
from .telemetries import SERVER, Traced, attributes, by
from .values import NOON, a_cell

MODEL = ModelView(
    in_flight=3,
    max_in_flight=8,
    waiting=5,
    sent=20,
    completed=17,
    rate_limited=0,
    no_capacity=0,
    retried=0,
    given_up=0,
    requests_per_minute=240.0,
    tokens_per_minute=9_000.0,
)
VIEW = View("run-1", "records", NOON, NOON, 60.0)


def completion(body: dict[str, object] | list[object], **fields: object) -> Completion:
    values = {
        "text": "secret words",
        "arguments": None,
        "finish_reason": "stop",
        "refusal": None,
        "usage": Usage(100, 40, 0, 30, 0),
        "model": "m",
        "structure": None,
        "cost_usd": Decimal("0.25"),
        "body": orjson.dumps(body),
        **fields,
    }
    return Completion(**values)  # type: ignore[arg-type] # fields of all kinds


# -------------------------------------------------------------------------------------------------------- who is called


@pytest.mark.parametrize(
    ("url", "server"),
    [
        (None, ("openai", "api.openai.com", 443)),
        ("https://api.openai.com/v1", ("openai", "api.openai.com", 443)),
        ("https://mine.openai.azure.com/openai/v1", ("azure.ai.openai", "mine.openai.azure.com", 443)),
        ("https://api.mistral.ai/v1", ("mistral_ai", "api.mistral.ai", 443)),
        (
            "https://generativelanguage.googleapis.com/v1beta/openai",
            ("gcp.gemini", "generativelanguage.googleapis.com", 443),
        ),
        ("http://user:sk-secret@127.0.0.1:8000/v1?key=sk-secret", ("openai", "127.0.0.1", 8000)),
        ("http://vllm/v1", ("openai", "vllm", 80)),
        ("https://[::1]:9/v1", ("openai", "::1", 9)),
        ("https://notx.ai/v1", ("openai", "notx.ai", 443)),
    ],
)
def test_the_server_is_told_by_host_and_port_and_the_provider_by_the_host(url, server):
    assert server_of(load(base_url=url)) == Server(*server)


async def test_of_a_model_on_this_machine_no_address_is_told():
    traced = Traced(server_of(load(local=True)))

    traced.observer.attempt(request_for(), number=1, waited_s=0.0).failed("timeout", None)

    [call] = traced.calls
    assert not {name for name in attributes(call) if name.startswith("server.")}
    assert attributes(call)["gen_ai.provider.name"] == "openai"


async def test_a_call_outside_of_any_article_and_cell_is_told_of_neither():
    traced = Traced()
    with traced.observer.article(Article("a", "Text.")), traced.observer.cell(a_cell("c")):
        traced.observer.attempt(request_for(), number=1, waited_s=0.0).failed("timeout", None)

    traced.observer.attempt(request_for(), number=1, waited_s=0.0).failed("timeout", None)

    inside, outside = traced.calls
    assert inside.parent is not None
    assert outside.parent is None
    assert "qloragen.stage" in attributes(inside)
    assert "qloragen.stage" not in attributes(outside)


async def test_an_error_in_the_work_on_an_article_is_told_without_its_words():
    traced = Traced()

    with pytest.raises(ZeroDivisionError), traced.observer.article(Article("a", "Text.")):
        raise ZeroDivisionError("words of the article")

    [span] = traced.articles
    assert attributes(span) == {"qloragen.article.id": "a", "qloragen.outcome": "error"}
    assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, None, ())


# ------------------------------------------------------------------------------------------------------ what is replied


def test_a_reply_is_told_by_its_names_and_bill_and_not_by_its_text():
    found = replied(
        completion({"id": "chatcmpl-1", "model": "m-2026", "choices": ["secret words"]}, tier="flex"), SERVER
    )

    assert found == {
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "m-2026",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 30,
        "gen_ai.usage.cache_read.input_tokens": 40,
        "qloragen.cost_usd": 0.25,
        "openai.response.service_tier": "flex",
    }


@pytest.mark.parametrize("body", [{}, {"id": 7, "model": None}, [], [{"id": "x"}]])
def test_a_server_may_leave_out_what_its_replies_are_called(body):
    found = replied(completion(body, cost_usd=None, tier="default"), Server("groq", None, None))

    assert not {name for name in found if name.startswith(("gen_ai.response.id", "gen_ai.response.model", "openai."))}
    assert found["qloragen.tier"] == "default"
    assert "qloragen.cost_usd" not in found


async def test_a_reply_that_is_no_strict_json_is_told_like_any_other():
    traced, strict = Traced(), reply(text="secret words")
    loose = strict.body.replace(b'{"choices"', b'{"id":"chatcmpl-2","logprob":NaN,"choices"')
    engine = engine_for(ScriptedClient(lambda _body: HttpReply(200, loose, {})), observer=traced.observer)

    completion = await engine.complete(request_for())

    assert completion.text == "secret words"
    [call] = traced.calls
    assert attributes(call)["gen_ai.response.id"] == "chatcmpl-2"
    assert "error.type" not in attributes(call)


async def test_histograms_have_the_buckets_that_the_conventions_advise():
    traced = Traced()
    traced.observer.attempt(request_for(), number=1, waited_s=0.0).failed("timeout", None)
    traced.observer.billed(a_cell("c"), Usage(100, 40, 0, 30, 0), None)

    bounds = traced.bounds()
    assert bounds["gen_ai.client.inference.duration"] == tuple(0.01 * 2**power for power in range(14))
    for side in ("input_tokens", "output_tokens"):
        assert bounds[f"gen_ai.client.inference.operation.{side}"] == tuple(4**power for power in range(14))


# --------------------------------------------------------------------------------------------------------- what is seen


def test_what_is_not_known_or_not_bounded_is_no_level():
    names = {level.name for level in levels(replace(VIEW, models={"m": MODEL}))}

    assert not {name for name in names if name.endswith(("budget", "rate_limit", "expected", "eta", "cached_share"))}
    assert {"call.in_flight", "call.waiting", "request.rate", "token.rate", "pause", "cost.spent"} <= names


def test_limits_budgets_pauses_sinks_and_batches_are_levels():
    bounded = Allowance(Decimal(5), 1_000, 50, Spent(Decimal("1.5"), 300, 20), Spent(Decimal("0.5"), 9, 3))
    paused = replace(MODEL, rpm=500, tpm=10_000, pause=Paused("outage", "we are down"), allowance=bounded)
    asked = NOON - timedelta(hours=1)
    batches = (
        BatchView("b1", "m", "in_progress", 3, 10, asked),
        BatchView("b2", "m", "in_progress", 4, 20, asked),
        BatchView(None, "m", "submitting", 0, 5, asked),
    )
    view = replace(VIEW, models={"m": paused}, batches=batches, sinks={"sqlite:x": 7}, expected_articles=90, eta_s=12.5)

    found = {(level.name, *sorted(map(str, level.about.values()))): level.value for level in levels(view)}

    assert found["request.rate_limit", "m"] == 500
    assert found["token.rate_limit", "m"] == 10_000
    assert found["pause", "m", "outage"] == 1
    assert (found["cost.spent", "m"], found["cost.reserved", "m"], found["cost.budget", "m"]) == (1.5, 0.5, 5)
    assert (found["token.spent", "m"], found["token.budget", "m"]) == (300, 1_000)
    assert (found["call.spent", "m"], found["call.budget", "m"]) == (20, 50)
    assert (found["batch.requests", "in_progress", "m"], found["batch.done", "in_progress", "m"]) == (30, 7)
    assert found["batch.requests", "m", "submitting"] == 5
    assert (found["sink.missing", "sqlite:x"], found["article.expected",], found["eta",]) == (7, 90, 12.5)
    assert "we are down" not in repr(list(levels(view)))


def test_what_is_over_is_told_as_0_and_not_as_it_was_for_ever():
    traced = Traced()
    paused = replace(MODEL, pause=Paused("outage", "we are down"))
    batch = BatchView("b1", "m", "in_progress", 3, 10, NOON)

    def told(view: View) -> dict[tuple[str, ...], float]:
        traced.observer.seen(view)
        return {(name, *sorted(map(str, about.values()))): value for name, about, value in traced.points()}

    during = told(replace(VIEW, models={"m": paused}, batches=(batch,), sinks={"sqlite:x": 7}))
    after = told(replace(VIEW, models={"m": MODEL}))
    ended = told(replace(VIEW, models={"m": MODEL}, ended=True))

    series = [
        ("qloragen.pause", "m", "outage", "run-1"),
        ("qloragen.sink.missing", "run-1", "sqlite:x"),
        ("qloragen.batch.requests", "in_progress", "m", "run-1"),
        ("qloragen.batch.done", "in_progress", "m", "run-1"),
    ]
    assert [during[one] for one in series] == [1, 7, 10, 3]
    assert [after[one] for one in series] == [ended[one] for one in series] == [0, 0, 0, 0]
    assert during["qloragen.call.in_flight", "m", "run-1"] == after["qloragen.call.in_flight", "m", "run-1"] == 3


@given(st.lists(st.dictionaries(st.sampled_from(["empty", "duplicate", "too_short"]), st.integers(0, 9)), max_size=8))
def test_skips_add_up_to_what_was_seen_last_however_often_one_looks(steps):
    traced, seen = Traced(), Counter[str]()

    for step in steps:
        seen.update(step)
        traced.observer.seen(replace(VIEW, skips=dict(seen)))
    traced.observer.seen(replace(VIEW, skips=dict(seen), ended=True))

    assert by(traced.points(), "qloragen.skip.count", "qloragen.reason") == +seen


def test_the_next_session_of_a_run_is_counted_from_its_beginning():
    traced = Traced()

    for _ in range(2):
        traced.observer.seen(replace(VIEW, skips={"empty": 3}))
        traced.observer.seen(replace(VIEW, skips={"empty": 4}, ended=True))

    assert by(traced.points(), "qloragen.skip.count", "qloragen.reason") == {"empty": 8}


def test_a_batch_has_its_span_when_it_is_gone_and_not_when_the_session_is():
    traced, asked = Traced(), datetime(2026, 11, 29, 9, tzinfo=UTC)
    batch = BatchView("batch_7", "m", "in_progress", 3, 10, asked)
    later = asked + timedelta(hours=2)

    traced.observer.seen(replace(VIEW, batches=(batch, replace(batch, id="batch_8", model="n"))))
    traced.observer.seen(replace(VIEW, time=later, batches=(replace(batch, id="batch_8", model="n"),)))
    traced.observer.seen(replace(VIEW, time=later, batches=(replace(batch, id="batch_8", model="n"),), ended=True))

    [span] = traced.spans
    assert span.name == "batch m"
    assert attributes(span)["qloragen.batch.id"] == "batch_7"
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time - span.start_time == 2 * 3_600 * 10**9


@given(st.integers(10**18, 2 * 10**18), st.floats(0, 10**7), st.floats(0, 10**6), st.floats(0, 10**6))
def test_moments_of_the_loop_keep_their_order_and_distance_in_time_of_day(set_ns, set_at_s, first_s, more_s):
    clock = Clock(set_ns, set_at_s)

    first, second = clock.ns(set_at_s + first_s), clock.ns(set_at_s + first_s + more_s)

    assert set_ns <= first <= second
    assert (second - first) / 1e9 == pytest.approx(more_s, abs=1e-6)


# ------------------------------------------------------------------------------------------------------ the setting


def test_nothing_looks_on_unless_it_is_wanted():
    with exporting(load()):
        assert observer_of(load()) is None


@pytest.mark.parametrize("missing", ["opentelemetry", "opentelemetry.sdk"])
def test_without_the_extra_the_setting_names_what_is_missing(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    settings = load(telemetry=True)

    with pytest.raises(SettingsError, match=r"pip install 'qloragen\[otel\]'"), exporting(settings):
        pass
    if missing == "opentelemetry":
        with pytest.raises(SettingsError, match=r"pip install 'qloragen\[otel\]'"):
            observer_of(settings)


async def test_with_the_setting_there_is_an_observer_though_nobody_has_set_up_a_provider():
    observer = observer_of(load(telemetry=True))

    assert observer is not None
    with observer.article(Article("a", "Text.")):
        observer.attempt(request_for(), number=1, waited_s=0.0).answered(completion({}))
