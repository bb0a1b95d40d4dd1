"""When a run will be done, as it is foretold while it goes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen import Session
from qloragen.background import background
from qloragen.engine import Cause, ModelStatistics, Pause
from qloragen.engine.bound import Bound
from qloragen.pipeline.workload import Calls, Sizes, Types, Workload
from qloragen.settings import load
from qloragen.simulator import Latency, Limits, Model, Outage, Provider, SimulatedClient, Simulation
from qloragen.testing import run_virtually
from qloragen.types import Completion, Stage, Usage
from qloragen.watching.chance import latency_of
from qloragen.watching.eta import Forecast, Terms
from qloragen.watching.remaining import Expected, loads, totals
from qloragen.watching.track import Track

from .lanes import lane_statistics

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "articles"
LATENCY = Latency(median_s=2.0, p99_s=8.0, token_s=0.015)
STATISTICS = lane_statistics(waiting=1, bound=Bound.CONCURRENCY)


def a_reply(latency_s: float = 2.0, tokens: int = 1_000) -> Completion:
    usage = Usage(prompt_tokens=tokens - 100, completion_tokens=100)
    return Completion("", None, "stop", None, usage, "gpt-a", None, None, b"{}", latency_s=latency_s)


def heard(replies: int, latency_s: float = 2.0, chars: int = 1_000) -> Calls:
    calls = Calls()
    for _ in range(replies):
        calls.add(a_reply(latency_s), chars, first=True)
    return calls


def at(second: float, **changes: Any) -> ModelStatistics:
    """Counts of a lane that has had somebody waiting for all of the time."""
    return replace(STATISTICS, bound_s={**STATISTICS.bound_s, Bound.CONCURRENCY: second}, **changes)


# -------------------------------------------------------------------------------------------------------- whole runs


def articles(count: int) -> list[dict[str, str]]:
    """Return articles of uneven sizes, put together from paragraphs of real ones."""
    dice = random.Random(3)  # noqa: S311 - prose, not secrets
    texts = [file.read_text(encoding="utf-8") for file in sorted(EXAMPLES.iterdir())]
    paragraphs = [part for text in texts for part in text.split("\n\n") if len(part) > 60]
    sizes = [max(1, round(5 * dice.lognormvariate(0, 0.6))) for _ in range(count)]
    return [
        {"id": str(number), "content": "\n\n".join(dice.choices(paragraphs, k=size))}
        for number, size in enumerate(sizes)
    ]


def foretold(
    tmp_path: Any, items: list[dict[str, str]], knobs: Mapping[str, Any], **simulation: Any
) -> tuple[list[tuple[float, float]], float]:
    """Return the moments of a run at which an end was foretold, with that, and the end as it came."""
    client = SimulatedClient(Provider(Simulation(**{"models": {"*": Model(latency=LATENCY)}, **simulation})))

    async def main() -> tuple[list[tuple[float, float]], float]:
        said: list[tuple[float, float]] = []
        async with Session(tmp_path / "run", client=client, settings=load(**knobs)) as session:
            began_s = anyio.current_time()

            async def watch() -> None:
                await session.count(items)
                while True:
                    await anyio.sleep(1)
                    now_s, eta_s = anyio.current_time() - began_s, session.view().eta_s
                    said.extend([] if eta_s is None else [(now_s, now_s + eta_s)])

            async with background(watch):
                await session.process(items)
            return said, anyio.current_time() - began_s

    return run_virtually(main())


def worst(said: list[tuple[float, float]], end_s: float, after_s: float = 0.0) -> float:
    return max(abs(end - end_s) / end_s for now_s, end in said if now_s >= max(after_s, 0.05 * end_s))


@pytest.mark.parametrize(
    "knobs",
    [
        {"rpm": 60, "max_concurrency": 64},
        {"tpm": 100_000, "max_concurrency": 64},
        {"max_concurrency": 4},
    ],
    ids=["rpm", "tpm", "calls in flight"],
)
def test_the_end_is_foretold_within_a_fifth_from_a_twentieth_of_the_run_on(tmp_path, knobs):
    said, end_s = foretold(tmp_path, articles(40), knobs)

    assert said[0][0] < 0.1 * end_s
    assert worst(said, end_s) < 0.2


def test_the_end_is_foretold_where_the_server_refuses_for_a_rate_that_it_does_not_tell(tmp_path):
    model = Model(latency=LATENCY, limits=Limits(rpm=60, announced=False))

    said, end_s = foretold(tmp_path, articles(30), {"max_concurrency": 32}, models={"*": model})

    assert worst(said, end_s, after_s=0.2 * end_s) < 0.3


def test_an_outage_that_has_ended_is_not_taken_for_the_pace(tmp_path):
    outage = Outage(40.0, 60.0)

    said, end_s = foretold(tmp_path, articles(40), {"rpm": 60, "max_concurrency": 64}, outages=(outage,))

    assert worst(said, end_s, after_s=120.0) < 0.2


# ---------------------------------------------------------------------------------------------------------- the parts


def test_a_lane_at_its_limit_is_done_when_what_is_left_has_been_sent_and_answered():
    forecast, work = (
        Forecast(Terms({}, {}), 0.0),
        Workload(ended=Counter[Stage]({"judge": 60}), calls={("judge", "gpt-a"): heard(60)}),
    )
    moments = [at(second, rpm=60, completed=second, sent=second) for second in range(1, 61)]
    for second, counts in enumerate(moments, 1):
        forecast.note(second, {"gpt-a": counts})

    left_s = forecast.left_s(work, Expected(100, judgements=160), {"gpt-a": moments[-1]})

    assert left_s == pytest.approx(100 * 1.08 + 2, rel=0.08)


@pytest.mark.parametrize(
    ("limits", "rpm", "left_s"),
    [
        ([8, 16], None, None),
        ([8, 16, 13], None, 5_000 * 1.05 * 2 / 13),
        ([8, 16, 20], None, 5_000 * 1.05 * 2 / 19),
        ([8, 16, 32, 64], None, 5_000 * 1.05 * 2 / 64),
        ([8, 16], 60, 5_000 * 1.05),
    ],
    ids=["they still double", "a knee was found", "they grow slowly", "as many as there may be", "limits decide"],
)
def test_while_calls_in_flight_are_found_out_an_end_is_told_only_if_they_do_not_decide(limits, rpm, left_s):
    work = Workload(ended=Counter[Stage]({"judge": 200}), calls={("judge", "gpt-a"): heard(200)})
    forecast, counts, done = Forecast(Terms({}, {"gpt-a": 64}), 0.0), at(0.0), 0.0
    for second in range(1, 25 * len(limits) + 1):
        limit = limits[(second - 1) // 25]
        done += 1 if rpm else limit / 2
        flying = 2 if rpm else limit
        counts = at(second, max_in_flight=limit, in_flight=flying, completed=round(done), sent=round(done), rpm=rpm)
        forecast.note(second, {"gpt-a": counts})

    told_s = forecast.left_s(work, Expected(1, judgements=5_200), {"gpt-a": counts})

    assert told_s == (None if left_s is None else pytest.approx(left_s, rel=0.2))


def test_of_calls_that_are_all_in_flight_no_end_is_told_before_most_are_answered():
    forecast = Forecast(Terms({}, {}), 0.0)
    told_s = []
    for second, answered in enumerate((10, 40, 90), 1):
        counts = at(second, max_in_flight=512, in_flight=100 - answered, completed=answered, sent=100, waiting=0)
        work = Workload(ended=Counter[Stage]({"judge": answered}), calls={("judge", "gpt-a"): heard(answered)})
        forecast.note(second, {"gpt-a": counts})
        told_s.append(forecast.left_s(work, Expected(1, judgements=100), {"gpt-a": counts}))

    assert told_s[:2] == [None, None]
    assert told_s[2] is not None
    assert 0 < told_s[2] < 10


def test_nothing_is_foretold_before_the_first_reply():
    forecast = Forecast(Terms({}, {}), 0.0)
    forecast.note(1.0, {"gpt-a": at(1.0)})

    assert forecast.left_s(Workload(), Expected(10, judgements=10), {"gpt-a": at(1.0)}) is None


def test_what_is_left_of_a_new_run_grows_with_the_size_of_the_articles_to_come():
    small, large = Sizes(), Sizes()
    done: dict[Stage, int] = {"classify": 20, "generate": 100}
    work = Workload(found=Counter(done), ended=Counter(done))
    for number in range(20):
        chars = 1_000 + 100 * number
        work.typed.add(chars, types=4 + number // 10)
        for sizes in (work.taken, small, large):
            sizes.add(chars)
    calls = Calls()
    for number in range(20):
        calls.add(a_reply(tokens=500 + 25 * number), 1_000 + 100 * number, first=True)
    work.calls["generate", "gpt-a"] = calls
    for _ in range(80):
        small.add(1_000)
        large.add(8_000)

    found = [loads(work, Expected(100, sizes), {"classify": "gpt-b"}, {}) or {} for sizes in (small, large)]

    assert found[1]["gpt-a"].calls > found[0]["gpt-a"].calls
    tokens = [load["gpt-a"].tokens / load["gpt-a"].calls for load in found]
    assert tokens == [pytest.approx(500, rel=0.05), pytest.approx(2_250, rel=0.05)]
    assert found[0]["gpt-b"].calls == pytest.approx(80 * 1.08)


def test_what_earlier_sessions_have_done_is_not_expected_again():
    work = Workload()
    expected = Expected(200, None, classifications=50, generations=12, foreseen=250)

    assert totals(work, expected) == {"classify": 50, "generate": 262}

    work.found.update(classify=10, generate=52)
    for _ in range(10):
        work.typed.add(1_000, types=4)

    found = totals(work, expected)

    assert found == {"classify": 50, "generate": pytest.approx(52 + 40 * (10 * 4 + 5 * 5) / 15)}


def test_without_a_plan_articles_are_expected_to_be_as_new_as_those_that_were_taken():
    work = Workload(taken=Sizes(10), found=Counter[Stage]({"classify": 4, "generate": 12}), typed=Types(Sizes(4), 12))

    assert totals(work, Expected(100)) == {"classify": 40, "generate": 12 + 3 * 36}


def test_an_outage_is_no_time_in_which_a_model_was_slow():
    track, down = Track(0.0), Pause(Cause.OUTAGE, "HTTP 503", 8.0)
    for second in range(1, 21):
        track.note(second, at(second, completed=second, in_flight=8))
    before = track.use(at(20, rpm=60))
    for second in range(21, 30):
        track.note(second, at(second, completed=20))
    for second in range(30, 200):
        track.note(second, at(second, completed=20, pause=down))

    assert before == pytest.approx(1.0, abs=0.05)
    assert track.use(at(20, rpm=60)) == before


def test_a_limit_that_is_used_by_half_is_foretold_to_be_used_so():
    track = Track(0.0)
    for second in range(1, 101):
        track.note(second, at(second, completed=second // 2, sent=second // 2))

    assert track.use(at(100, rpm=60)) == pytest.approx(0.5, abs=0.05)


def test_of_a_server_that_refuses_the_pace_of_its_good_replies_counts():
    track = Track(0.0)
    for second in range(1, 101):
        track.note(second, at(second, completed=second // 2, rate_limited=second // 5))

    assert track.refused_pace_s(2.0) == pytest.approx(2.0, rel=0.1)
    assert track.use(at(100)) < 0.2


@given(st.lists(st.tuples(st.floats(0.1, 50), st.integers(0, 64), st.integers(0, 20)), min_size=2, max_size=300))
def test_whatever_happens_the_share_that_is_used_is_a_share_and_little_is_remembered(steps):
    track, now_s, completed = Track(0.0), 0.0, 0
    for wait_s, in_flight, done in steps:
        now_s, completed = now_s + wait_s, completed + done
        track.note(now_s, at(now_s, completed=completed, in_flight=in_flight, sent=completed + in_flight))

    assert 0 < track.use(at(now_s, rpm=100, tpm=1_000)) <= 1
    assert 1 <= track.mean_limit() <= 8


STEP = st.fixed_dictionaries(
    {
        "in_flight": st.integers(0, 64),
        "max_in_flight": st.integers(1, 512),
        "completed": st.integers(0, 9),
        "rate_limited": st.integers(0, 9),
        "rpm": st.none() | st.integers(1, 10_000),
        "tpm": st.none() | st.integers(1, 10_000_000),
        "pause": st.none() | st.sampled_from([Pause(cause, "", None) for cause in Cause]),
    }
)


@given(
    st.lists(STEP, min_size=1, max_size=30),
    st.lists(st.tuples(st.sampled_from(["classify", "generate", "judge"]), st.floats(0, 900), st.integers(0, 9_000))),
    st.builds(Expected, st.integers(0, 500), st.none(), st.none() | st.integers(0, 500), st.integers(0, 500)),
)
def test_whatever_happens_a_forecast_is_a_time_or_none(steps, replies, expected):
    forecast, work = Forecast(Terms({"generate": "gpt-a"}, {"gpt-a": 512}), 0.0), Workload()
    for number, (stage, latency_s, chars) in enumerate(replies):
        work.found[stage] += number % 3
        work.ended[stage] += number % 2
        work.typed.add(chars, number % 7)
        work.calls.setdefault((stage, "gpt-a"), Calls()).add(a_reply(latency_s), chars, first=number % 2 == 0)
    for second, step in enumerate(steps):
        counts = at(second, **step)
        forecast.note(second, {"gpt-a": counts})

        left_s = forecast.left_s(work, expected, {"gpt-a": counts})

        assert left_s is None or 0 <= left_s < float("inf")


@given(st.floats(0.1, 60), st.floats(0, 1_000), st.floats(1, 10_000), st.floats(0, 300))
def test_more_calls_never_end_earlier_and_what_has_lasted_ends_some_time(mean_s, variance_s2, calls, age_s):
    latency = latency_of(mean_s, variance_s2)

    assert 0 < latency.slowest_s(calls) <= latency.slowest_s(2 * calls)
    assert latency.slowest_s(calls, age_s) > 0


def test_the_slowest_of_many_is_slower_than_the_usual_one():
    latency = latency_of(2.0, 1.0)

    assert latency.slowest_s(1) == pytest.approx(2 / 1.25**0.5)
    assert 5 < latency.slowest_s(1_000) < 10
    assert latency_of(2.0, 0.0).slowest_s(1_000) == pytest.approx(2.0)
