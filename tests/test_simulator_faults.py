"""When the simulated provider fails, and what it counts."""

from __future__ import annotations

import math
import random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.errors import SettingsError
from qloragen.simulator import (
    KINDS,
    Capacity,
    Effect,
    Fault,
    Latency,
    Limits,
    Model,
    Outage,
    PromptCache,
    Provider,
    Simulation,
    Wire,
    error,
)
from tests.plans import TOOL, body, finished, provider, refusal

MIXED = (
    Fault("503", rate=0.2),
    Fault("length", rate=0.2),
    Fault("bad_request", rate=0.1, sticky=True),
    Fault("429", rate=0.1, effect=error(429)),
)


@given(st.integers(0, 3), st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_neither_latencies_nor_faults(seed, chance: random.Random):
    bodies = [body(f"call {n % 20}") for n in range(60)]
    latency = Latency(0.5, 3.0, 0.01, 0.05)

    def met(order: list[bytes]) -> dict[bytes, list[tuple[str, float]]]:
        simulated = provider(latency=latency, faults=MIXED, seed=seed)
        found: dict[bytes, list[tuple[str, float]]] = {}
        for request in order:
            plan = finished(simulated, request)
            found.setdefault(request, []).append((plan.outcome, plan.first_s))
        return found

    assert met(bodies) == met(chance.sample(bodies, len(bodies)))


def test_another_seed_is_another_run():
    outcomes = [
        [finished(simulated, body(str(n))).outcome for n in range(50)]
        for simulated in (provider(faults=MIXED, seed=seed) for seed in (1, 1, 2))
    ]

    assert outcomes[0] == outcomes[1] != outcomes[2]


# ------------------------------------------------------------ faults


def test_faults_strike_at_their_rates():
    simulated = provider(faults=(Fault("503", rate=0.1), Fault("hang", rate=0.05)))

    for n in range(4_000):
        finished(simulated, body(str(n)))

    outcomes = simulated.statistics.total.outcomes
    assert outcomes["503"] == pytest.approx(400, rel=0.15)
    assert outcomes["hang"] == pytest.approx(200, rel=0.2)


def test_fresh_and_sticky_faults_together_strike_at_their_rates_too():
    simulated = provider(
        faults=(Fault("503", rate=0.3), Fault("refusal", rate=0.5, sticky=True), Fault("500", rate=0.2))
    )

    for n in range(4_000):
        finished(simulated, body(str(n)))

    outcomes = simulated.statistics.total.outcomes
    assert outcomes["503"] == pytest.approx(1_200, rel=0.08)
    assert outcomes["refusal"] == pytest.approx(2_000, rel=0.08)
    assert outcomes["500"] == pytest.approx(800, rel=0.1)


def test_faults_keep_to_their_time_and_their_models():
    simulated = provider(faults=(Fault("500", start_s=10, end_s=20, models=("a",)),))
    simulated.begin(100.0)

    met = [finished(simulated, body(model=model), 100.0 + at_s).status for model in "ab" for at_s in (5, 10, 19, 20)]

    assert met == [200, 500, 500, 200, 200, 200, 200, 200]


def test_every_nth_call_can_be_struck():
    simulated = provider(faults=(Fault("500", every=3),))

    assert [finished(simulated, body()).status for _ in range(7)] == [500, 200, 200, 500, 200, 200, 500]


def test_a_sticky_fault_strikes_the_same_bodies_again_and_again():
    simulated = provider(faults=(Fault("500", rate=0.3, sticky=True),))

    rounds = [[finished(simulated, body(str(n))).status for n in range(50)] for _ in range(3)]

    assert rounds[0] == rounds[1] == rounds[2]
    assert 500 in rounds[0]
    assert 200 in rounds[0]


@pytest.mark.parametrize("sticky", [False, True])
def test_faults_of_one_call_share_its_luck_and_none_is_crowded_out(sticky):
    simulated = provider(faults=tuple(Fault(kind, rate=0.5, sticky=sticky) for kind in ("500", "503")))

    statuses = [finished(simulated, body(str(n))).status for n in range(200)]

    assert {status: 70 < statuses.count(status) < 130 for status in statuses} == {500: True, 503: True}


def test_a_repeated_call_is_struck_anew():
    simulated = provider(faults=(Fault("500", rate=0.5),))

    assert {finished(simulated, body()).status for _ in range(30)} == {200, 500}


@pytest.mark.parametrize("kind", [kind for kind, effect in KINDS.items() if effect.structured])
def test_faults_of_structured_answers_spare_the_others(kind):
    simulated = provider(faults=(Fault(kind),))

    assert finished(simulated, body()).outcome == "answered"
    assert finished(simulated, body(tools=[TOOL])).outcome == kind


def test_a_trickle_is_the_whole_reply_in_pieces_one_a_second():
    plan = finished(provider(faults=(Fault("slow_trickle"),)), body())

    assert b"".join(plan.pieces) == plan.body
    assert len(plan.pieces) == 60
    assert plan.last_s - plan.first_s == len(plan.pieces) - 1


@pytest.mark.parametrize("kind", ["503", "reset", "refuse"])
def test_an_outage_strikes_every_call_of_its_time(kind):
    simulated = provider(outages=(Outage(5.0, 10.0, kind),))
    simulated.begin(0.0)

    plans = [finished(simulated, body(), at_s) for at_s in (4.9, 5.0, 14.9, 15.0)]

    assert [plan.outcome for plan in plans] == ["answered", "outage", "outage", "answered"]
    wire = {"503": Wire.WHOLE, "reset": Wire.RESET_BEFORE_HEADERS, "refuse": Wire.REFUSED}[kind]
    assert plans[1].wire is wire


def test_a_script_decides_by_the_call():
    def script(call):
        if call.kind == "generate":
            return error(418, code="teapot")
        return Fault("hang") if "quiet" in call.prompt else None

    simulated = provider(script=script)

    assert refusal(finished(simulated, body(tools=[TOOL])))[:2] == (418, "teapot")
    assert finished(simulated, body("quiet now")).wire is Wire.HANG
    assert finished(simulated, body()).status == 200
    assert simulated.statistics.total.outcomes == {"scripted": 1, "hang": 1, "answered": 1}


def test_a_script_decides_by_the_index():
    simulated = provider(script={1: Effect(raw=b"<html>")}, record=True)

    plans = [finished(simulated, body()) for _ in range(3)]

    assert [plan.body[:6] for plan in plans] == [b'{"id":', b"<html>", b'{"id":']
    assert plans[1].headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Fault("nope"), "There is no fault 'nope'"),
        (lambda: Fault("500", rate=1.5), "from 0 to 1"),
        (lambda: Fault("500", every=0), "every 0"),
        (lambda: Simulation(faults=(Fault("500", rate=0.6), Fault("503", rate=0.6))), r"add up to 1\.2"),
        (lambda: Fault("500", start_s=60, end_s=30), "must end after it starts"),
        (lambda: Fault("500", start_s=math.nan), "must end after it starts, and"),
        (lambda: Fault("500", start_s=-1), "start at 0 s or later"),
        (lambda: Limits(rpm=0), "rpm must be above 0"),
        (lambda: Limits(rpm=math.inf), "rpm must be above 0 and at most 1e.15, not inf"),
        (lambda: Limits(tpm=math.nan), "tpm must be above 0 and at most 1e.15, not nan"),
        (lambda: Latency(median_s=math.inf), "median_s must be 0 or more and at most"),
        (lambda: Latency(median_s=2, p99_s=1), "p99_s, 1, needs a median above 0 that it is not below"),
        (lambda: Latency(token_p99_s=1), "token_p99_s, 1, needs a median"),
        (lambda: PromptCache(ttl_s=math.nan), "ttl_s"),
        (lambda: Outage(1, math.inf), "duration_s"),
        (lambda: Simulation(seed=10**42), "seed must be"),
        (lambda: Simulation(models={"": Model()}), "must not be empty"),
        (lambda: Simulation(api_key=""), "the key must not be empty"),
        (lambda: Latency(median_s=-1), "median_s must be 0 or more"),
        (lambda: Model(context_tokens=0), "context_tokens"),
        (lambda: Capacity(slots=0), "slots"),
        (lambda: Outage(-1, 5), "start_s"),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_a_sentence(build, message):
    with pytest.raises(SettingsError, match=message):
        build()


def test_faults_at_different_times_may_strike_everything():
    Simulation(faults=(Fault("500", end_s=10), Fault("503", start_s=10)))


# ------------------------------------------------------------ ledger


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["a", "b"]), st.sampled_from(["whole", "lost", "open"]))),
    st.integers(0, 5),
)
def test_the_parts_of_the_ledger_add_up_to_the_whole(calls, seed):
    kinds = ("503", "truncated_body", "reset_before_headers", "empty_choices", "hang")
    simulated = provider(faults=tuple(Fault(kind, rate=0.1) for kind in kinds), limits=Limits(rpm=600), seed=seed)
    for n, model, end in calls:
        plan = simulated.arrive(body(str(n), model=model), {}, 0.0)
        if end != "open":
            simulated.end(plan, 1.0, whole=end == "whole" and plan.wire is Wire.WHOLE)

    seen = simulated.statistics
    assert seen.total.calls == len(calls)
    assert seen.total.in_flight == sum(end == "open" for *_, end in calls)
    for counts in (seen.total, *seen.models.values()):
        assert sum(counts.outcomes.values()) + counts.in_flight == counts.calls
        assert counts.in_flight <= counts.peak
        assert all(part <= whole for part, whole in zip(counts.undelivered, counts.billed, strict=True))
    for name in ("calls", "in_flight"):
        assert getattr(seen.total, name) == sum(getattr(counts, name) for counts in seen.models.values())
    for place, total in enumerate(seen.total.billed):
        assert total == sum(counts.billed[place] for counts in seen.models.values())


def test_good_answers_to_the_same_body_are_counted_as_duplicates():
    simulated = provider(script={1: Effect(status=500), 2: Effect(kept=0.5, finish_reason="length")})

    for request in (body("a"), body("a"), body("a"), body("a"), body("b")):
        finished(simulated, request)

    assert simulated.statistics.duplicates == 1


def test_a_reply_that_nobody_waited_for_is_billed_all_the_same():
    simulated = provider(record=True)
    plan = simulated.arrive(body(), {}, 0.0)

    simulated.end(plan, 0.5, whole=False)

    counts = simulated.statistics.total
    assert counts.outcomes == {"abandoned": 1}
    assert counts.billed == counts.undelivered == plan.usage
    assert (simulated.calls[0].status, simulated.calls[0].usage) == (None, None)


def test_recorded_calls_tell_what_was_asked_and_answered():
    simulated = provider(record=True, latency=Latency(median_s=2.0))
    parts = [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]
    messages = [{"role": "system", "content": "be kind"}, {"role": "user", "content": parts}]
    request = orjson.dumps({"model": "m", "messages": messages})

    finished(simulated, request, 7.0, {"authorization": "Bearer k"})

    call = simulated.calls[0]
    assert (call.index, call.model, call.kind, call.started, call.answered) == (0, "m", "classify", 7.0, 9.0)
    assert call.prompt == "be kind\n\none two"
    assert call.headers == {"authorization": "Bearer k"}
    assert call.reply is not None
    assert call.usage == call.reply["usage"]


def test_calls_are_not_kept_unless_they_are_recorded():
    simulated = provider(script=lambda _call: None)

    finished(simulated, body())

    assert simulated.calls == []


def test_memory_of_bodies_is_bounded():
    simulated = Provider(Simulation(remembered_calls=10))
    for n in (*range(40), 0, 39):
        finished(simulated, body(str(n)))

    assert simulated.statistics.duplicates == 1


def test_statistics_are_plain_json():
    simulated = provider()
    finished(simulated, body())

    shown = orjson.loads(orjson.dumps(simulated.statistics.as_dict()))

    assert shown["calls"] == shown["models"]["m"]["calls"] == 1
    assert shown["outcomes"] == {"answered": 1}
    assert shown["duplicates"] == 0
    assert shown["billed"]["prompt_tokens"] > 0
