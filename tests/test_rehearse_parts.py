"""The parts of a rehearsal, each alone: what the provider is taken for, the source, the course of a run, its report."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import anyio
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.engine.bound import Bound
from qloragen.engine.budget import Spending
from qloragen.engine.models import family
from qloragen.engine.spec import ModelSpec
from qloragen.errors import SettingsError
from qloragen.rehearsing.assuming import assumptions
from qloragen.rehearsing.binding import bindings_of
from qloragen.rehearsing.course import PLAIN, over_time
from qloragen.rehearsing.cpu import OVER_HTTP, cpu_of
from qloragen.rehearsing.fitting import fit
from qloragen.rehearsing.left import with_what_is_left
from qloragen.rehearsing.memory import memory_of
from qloragen.rehearsing.observed import Moment, Observed
from qloragen.rehearsing.profile import Profile
from qloragen.rehearsing.provider import ASSUMED, Said, simulation_of
from qloragen.rehearsing.reading import FULL, Evenly, surveyed
from qloragen.rehearsing.text import bound_by, models_table, outcomes
from qloragen.rehearsing.timeline import Recorder
from qloragen.rehearsing.traits import Traits
from qloragen.rehearsing.values import Binding, Cpu
from qloragen.settings import load
from qloragen.simulator import Counts, Fault, Latency, Outage, Simulation, Statistics
from qloragen.sources import Options
from qloragen.testing import run_virtually
from qloragen.types import Usage

from .lanes import lane_statistics

MODEL = "gpt-6-luna"


def seen(*, sent=0, in_flight=0, bound_s=None, rpm=None, tpm=None, most=8, tokens=0):
    return lane_statistics(
        in_flight=in_flight,
        max_in_flight=most,
        sent=sent,
        completed=sent,
        rpm=rpm,
        tpm=tpm,
        bound_s=dict.fromkeys(Bound, 0.0) | (bound_s or {}),
        prompt_tokens=tokens,
    )


def observed(models, *, makespan_s=100.0, moments=None, cpu_s=0.0, records=0):
    return Observed(
        articles=1,
        records=records,
        rejections=0,
        failures=0,
        makespan_s=makespan_s,
        stopped=None,
        models=models,
        moments=moments or {},
        usage={model: Usage(100, 50, 0, 10) for model in models},
        cost_usd=Decimal(1),
        provider=Statistics(Counts(), {}, 0),
        cpu_s=cpu_s,
        peak_bytes=2**20,
    )


# ---------------------------------------------------------------------------------------------------------- provider


SPEC = ModelSpec(MODEL, family(MODEL), rpm=500, tpm=200_000)


def test_the_provider_has_the_limits_that_the_run_keeps():
    model = simulation_of([SPEC], Said(), None).models[MODEL]

    assert (model.limits.rpm, model.limits.tpm) == (500, 200_000)
    assert model.latency == ASSUMED


def test_what_is_said_of_the_provider_wins_over_the_run():
    said = Said(
        rpm=60, concurrency=3, slots=2, knee=4, charge="max", announced=False, burst_s=5.0, context_tokens=9_000
    )

    model = simulation_of([SPEC], said, None).models[MODEL]

    assert (model.limits.rpm, model.limits.tpm, model.limits.burst_s) == (60, 200_000, 5.0)
    assert (model.limits.charge, model.limits.announced) == ("max", False)
    assert (model.capacity.concurrency, model.capacity.slots, model.capacity.knee) == (3, 2, 4)
    assert model.context_tokens == 9_000


def test_a_profile_wins_over_what_is_assumed_and_what_is_said_over_the_profile():
    learned = Latency(7.0, 9.0, 0.1)
    profile = Profile({MODEL: Traits(replies=1_000, latency=learned, reasoning_tokens=40, prompt_tokens=10)})

    as_learned = simulation_of([SPEC], Said(), profile)
    as_said = simulation_of([SPEC], Said(ttft_median_s=2.0, reasoning_tokens=0), profile)

    assert (as_learned.models[MODEL].latency, as_learned.models[MODEL].reasoning_tokens) == (learned, 40)
    assert (as_said.models[MODEL].latency, as_said.models[MODEL].reasoning_tokens) == (Latency(2.0), 0)
    assert as_learned.models[MODEL].limits.rpm == 500


def test_troubles_and_the_seed_are_those_that_are_said():
    said = Said(faults=(Fault("503", 0.1),), outages=(Outage(5, 10),), seed=7)

    simulation = simulation_of([SPEC], said, None)

    assert (simulation.faults, simulation.outages, simulation.seed) == (said.faults, said.outages, 7)


def test_a_latency_that_cannot_be_is_refused():
    with pytest.raises(SettingsError, match="p99_s"):
        simulation_of([SPEC], Said(ttft_median_s=2.0, ttft_p99_s=1.0), None)


def test_what_is_assumed_is_said_and_what_is_known_is_not_called_a_guess():
    run = observed({MODEL: seen(sent=3)})

    guessed = " ".join(assumptions(simulation_of([SPEC], Said(), None), run, load(batch=True)))
    known = " ".join(assumptions(simulation_of([SPEC], Said(ttft_median_s=2.0, token_s=0.02), None), run, load()))

    assert "1 s and 15 ms for each token of the reply: a guess" in guessed
    assert "A batch takes 1 h" in guessed
    assert "2 s and 20 ms for each token" in known
    assert "guess" not in known


def test_unknown_limits_troubles_and_outages_are_said():
    said = Said(faults=(Fault("503", 0.02),), outages=(Outage(60, 30, "refuse"),))
    unlimited = replace(SPEC, rpm=None, tpm=None)

    found = " ".join(assumptions(simulation_of([unlimited], said, None), observed({MODEL: seen()}), load()))

    assert "without limits, since none are known" in found
    assert "Calls that go wrong: 503 2.00%." in found
    assert "An outage (refuse) of 30 s begins 1 min 00 s after the first call." in found


def test_faults_of_some_models_at_some_times_are_said_to_be():
    faults = (Fault("503", 0.5, 60, 120, models=(MODEL,)), Fault("hang", every=1_000), Fault("500", 0.25, start_s=5))
    simulation = Simulation(faults=faults, outages=(Outage(0, 1e6),))

    found = [*assumptions(simulation, observed({MODEL: seen()}), load())]

    assert (
        f"Calls that go wrong: 503 50.00% of {MODEL} from 1 min 00 s on until 2 min 00 s, hang one in 1,000, "
        "500 25.00% from 5 s on."
    ) in found
    assert "An outage (503) of 11 d 13 h begins with the first call." in found


def test_replies_that_nobody_gave_have_no_length():
    simulation = simulation_of([SPEC], Said(), None)

    none, some = (" ".join(assumptions(simulation, observed({MODEL: seen(sent=n)}), load())) for n in (0, 1))

    assert "Replies are made up" not in none
    assert "Replies are made up" in some


# ---------------------------------------------------------------------------------------------------------- settings


def test_the_settings_of_a_rehearsal_write_nowhere_and_report_nowhere():
    fitted = fit(load(sinks="sqlite:records.db", telemetry=True, salvage=True, durability="record", rpm=5))

    assert (fitted.sinks, fitted.telemetry, fitted.salvage, fitted.durability) == ((), False, False, "process")
    assert fitted.rpm == 5


def test_limits_shrink_by_what_is_spent_and_never_below_nothing():
    limited = load(max_cost_usd=2, max_calls=10, models={MODEL: {"max_tokens": 100}})
    spent = {MODEL: Spending(Decimal("0.5"), 130, 4), "other": Spending(Decimal(1), 5, 1)}

    left = with_what_is_left(limited, spent)

    assert (left.max_cost_usd, left.max_tokens, left.max_calls) == (Decimal("0.5"), None, 5)
    assert left.models[MODEL].max_tokens == 0


def test_nothing_is_left_where_more_is_spent_than_is_allowed_now():
    spent = {MODEL: Spending(Decimal(3), 130, 14)}

    left = with_what_is_left(load(max_cost_usd=2, max_tokens=100, max_calls=10), spent)

    assert (left.max_cost_usd, left.max_tokens, left.max_calls) == (Decimal(0), 0, 0)


# ------------------------------------------------------------------------------------------------------------ source


@given(st.integers(0, 3_000), st.integers(1, 60))
def test_a_sample_is_from_everywhere_in_order_and_as_large_as_wished(count, most):
    sample = Evenly[int](most)
    for number in range(count):
        sample.add(number)

    drawn = sample.drawn()

    assert len(drawn) == min(count, most)
    assert list(drawn) == sorted(set(drawn))
    assert sample.seen == count
    edges = [-1, *drawn, count]
    assert max(after - before for before, after in pairwise(edges)) <= 4 * count / most + 2
    assert abs(sum(number < count / 2 for number in drawn) - len(drawn) / 2) <= 2


def lines_of(tmp_path, count):
    """A file of which every tenth article is too short to be one."""
    file = tmp_path / "many.jsonl"
    text = "Node {n} repairs what replica {n} has lost, and tells its neighbours that it has. " * 3
    rows = ({"id": f"a{n}", "content": text.format(n=n) if n % 10 else "Short."} for n in range(count))
    file.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return file


async def test_articles_of_a_large_file_are_counted_and_few_of_them_read(tmp_path):
    found = await surveyed(lines_of(tmp_path, FULL + 1_000), Options(), None, 50)

    assert found.estimated
    assert len(found.articles) == 50
    assert found.total == pytest.approx(0.9 * (FULL + 1_000), rel=0.05)
    assert set(found.skips) == {"too_short"}
    places = [int(article.id[1:]) for article in found.articles]
    assert places[0] < 1_000
    assert places[-1] > FULL


def test_what_repeats_itself_is_in_a_sample_as_often_as_in_the_stream():
    sample = Evenly[int](400)
    for number in range(40_000):
        sample.add(number)

    assert sum(number % 10 == 0 for number in sample.drawn()) == pytest.approx(40, abs=18)


async def test_a_source_that_is_not_large_is_read_in_full(tmp_path):
    found = await surveyed([lines_of(tmp_path, 40)], Options(), None, 10)

    assert (found.estimated, found.total, found.skips) == (False, 36, {"too_short": 4})
    assert len(found.articles) == 10


@pytest.mark.parametrize("limit", [20, FULL + 500])
async def test_a_limit_is_one_of_articles_and_spares_the_reading_of_all(tmp_path, limit):
    found = await surveyed(lines_of(tmp_path, FULL + 1_000), Options(), limit, 10)

    assert (found.estimated, found.total, len(found.articles)) == (False, limit, 10)


async def test_a_limit_may_be_larger_than_any_count(tmp_path):
    found = await surveyed(lines_of(tmp_path, 40), Options(), 10**24, 10)

    assert (found.total, len(found.articles)) == (36, 10)


async def test_a_stream_of_articles_is_read_once():
    async def texts():
        for n in range(5):
            yield f"Node {n} repairs what replica {n} has lost, and tells its neighbours so. " * 3

    found = await surveyed(texts(), Options(), None, 3)

    assert (found.total, len(found.articles)) == (5, 3)


# ---------------------------------------------------------------------------------------------------------- timeline


def course(steps, most):
    """Let an engine send and finish calls, each step so many seconds after the one before, under a recorder."""
    now = {"sent": 0, "tokens": 0, "in_flight": 0}

    async def main():
        recorder = Recorder(lambda: {MODEL: seen(sent=now["sent"], tokens=now["tokens"])}, most=most)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(recorder.keep)
            await anyio.lowlevel.checkpoint()
            for wait_s, sent, tokens in steps:
                await anyio.sleep(wait_s)
                now["sent"] += sent
                now["tokens"] += tokens
            tasks.cancel_scope.cancel()
        return recorder.moments(), anyio.current_time()

    return *run_virtually(main()), now


STEPS = st.lists(st.tuples(st.floats(0.01, 5_000), st.integers(0, 9), st.integers(0, 5_000)), min_size=1, max_size=25)


@settings(max_examples=30)
@given(STEPS, st.integers(2, 20))
def test_spans_have_no_gaps_and_lose_no_call(steps, most):
    moments, ended_s, now = course(steps, most)

    spans = moments[MODEL]

    assert len(spans) <= most
    assert sum(span.sent for span in spans) == now["sent"]
    assert sum(span.limit_tokens for span in spans) == now["tokens"]
    assert sum(span.duration_s for span in spans) == pytest.approx(ended_s, rel=1e-3, abs=1e-3)
    for before, after in pairwise(spans):
        assert before.start_s + before.duration_s == pytest.approx(after.start_s)


def test_a_short_last_span_has_no_more_than_its_part():
    moments, _, _ = course([(0.5, 5, 50)] * 1_800, most=10)

    for moment in moments[MODEL]:
        assert moment.sent / moment.duration_s == pytest.approx(10, rel=0.02, abs=6 / moment.duration_s)
    assert moments[MODEL][-1].duration_s < moments[MODEL][0].duration_s / 4


def test_calls_in_flight_are_the_mean_of_a_span():
    async def main():
        recorder = Recorder(lambda: {MODEL: seen(in_flight=6 if anyio.current_time() < 50 else 2)})
        with anyio.move_on_after(100):
            await recorder.keep()
        return recorder.moments()[MODEL]

    spans = run_virtually(main())

    assert spans[0].in_flight == 6
    assert spans[-1].in_flight == 2
    mean = sum(span.in_flight * span.duration_s for span in spans) / 100
    assert mean == pytest.approx(4, abs=0.1)


def test_a_run_in_which_nothing_happens_any_more_is_not_played_for_ever():
    async def main():
        await Recorder(lambda: {MODEL: seen(sent=1)}).keep()

    with pytest.raises(RuntimeError, match="deadlock"):
        run_virtually(main())


# ------------------------------------------------------------------------------------------------------- what is said


def test_what_kept_calls_waiting_for_longest_comes_first():
    waited = {Bound.TPM: 60.0, Bound.RPM: 20.0, Bound.IDLE: 1.0}
    run = observed({MODEL: seen(sent=9, bound_s=waited), "other": seen(sent=1, bound_s={Bound.IDLE: 99.0})})

    bindings = bindings_of(run, Cpu(0.01, 1.0, 0.01))

    assert [(one.model, one.bound) for one in bindings[:2]] == [(MODEL, Bound.TPM), (MODEL, Bound.RPM)]
    assert bound_by(bindings, Cpu(0.01, 1.0, 0.01), 100.0) == f"TPM of {MODEL}, for 60% of the time"


def test_a_model_that_was_never_asked_does_not_hide_that_the_others_wait_for_replies():
    waited = {Bound.IDLE: 60.0, Bound.CONCURRENCY: 40.0}
    run = observed({MODEL: seen(sent=9, bound_s=waited), "other": seen()})

    bindings = bindings_of(run, Cpu(0.01, 1.0, 0.01))

    assert [(one.bound, one.share) for one in bindings] == [(Bound.IDLE, 0.6), (Bound.CONCURRENCY, 0.4)]
    assert bound_by(bindings, Cpu(0.01, 1.0, 0.01), 100.0).startswith("latency, for 60% of the time: ")


def test_shares_are_of_the_whole_time_though_a_model_is_asked_later():
    run = observed({MODEL: seen(sent=9, bound_s={Bound.RPM: 50.0, Bound.IDLE: 20.0})})

    bindings = bindings_of(run, Cpu(0.01, 1.0, 0.01))

    assert [(one.bound, one.share) for one in bindings] == [(Bound.RPM, 0.5), (Bound.IDLE, 0.5)]


def test_a_core_that_is_too_slow_binds_more_than_anything():
    run = observed({MODEL: seen(sent=10, bound_s={Bound.TPM: 90.0})}, cpu_s=110)
    cpu = cpu_of(run, "openai")

    bindings = bindings_of(run, cpu)

    assert cpu.share == pytest.approx(1.1 * OVER_HTTP["openai"])
    assert cpu_of(run, "aiohttp").share < cpu.share
    assert bindings[0] == Binding(None, None, 1.0)
    assert "the CPU of this machine" in bound_by(bindings, cpu, 100.0)


def test_a_run_that_is_over_at_once_is_bound_by_nothing():
    run = observed({MODEL: seen()}, makespan_s=0.0)

    assert "nothing" in bound_by(bindings_of(run, cpu_of(run, "openai")), cpu_of(run, "openai"), run.makespan_s)
    assert over_time(run) == ""
    assert "0%" in models_table(observed({MODEL: seen(rpm=5)}, makespan_s=0.0))


def test_a_run_whose_first_call_is_refused_is_not_bound_by_the_cpu():
    run = observed({MODEL: seen(sent=1)}, makespan_s=4e-8, cpu_s=0.1)

    cpu = cpu_of(run, "openai")

    assert bindings_of(run, cpu) == ()
    assert bound_by((), cpu, run.makespan_s) == "nothing: it was over at once"


def test_the_use_of_a_limit_is_that_of_its_minutes_and_batches_use_none():
    calls = seen(sent=90, rpm=100, tpm=300)
    others = replace(calls, batched=60, batched_tokens=20)

    _, row, other = models_table(observed({MODEL: calls, "other": others}, makespan_s=180.0)).splitlines()

    assert row.split()[6:8] == ["30%", "12%"]
    assert other.split()[6:8] == ["10%", "10%"]


def test_a_model_without_a_call_has_cost_nothing():
    run = observed({MODEL: seen()})

    assert "unknown" not in models_table(run)
    assert " 0.00 " in models_table(run)


def test_a_flex_tier_that_nobody_knows_is_a_guess():
    run, flex = observed({MODEL: seen()}), load(flex=True)
    traits = Traits(replies=100, latency=None, flex=Latency(20.0), completion_tokens=90)

    guessed = " ".join(assumptions(simulation_of([SPEC], Said(), None), run, flex))
    known = " ".join(assumptions(simulation_of([SPEC], Said(), Profile({MODEL: traits})), run, flex))
    batched = " ".join(assumptions(simulation_of([SPEC], Said(), None), run, load(flex=True, batch=True)))

    assert "flex tier" in guessed
    assert "flex tier" not in batched
    assert "flex tier" not in known


def test_memory_grows_with_records_and_stays_flat_else():
    small, large = (memory_of(observed({MODEL: seen()}, records=count), 10) for count in (0, 1_000_000))

    assert 300 * 10**6 < large.run_bytes - small.run_bytes < 10**9
    assert small.rehearsal_bytes == 2**20


@given(st.lists(st.tuples(st.floats(0.1, 900), st.integers(0, 90), st.floats(0.01, 8)), min_size=2, max_size=130))
def test_the_course_of_a_run_fits_a_terminal_whatever_it_was(spans):
    moments, start_s = [], 0.0
    for duration_s, sent, in_flight in spans:
        moments.append(Moment(start_s, duration_s, sent, 0, in_flight))
        start_s += duration_s

    said = over_time(observed({MODEL: seen(rpm=100)}, makespan_s=start_s, moments={MODEL: tuple(moments)}))

    assert all(len(line) <= 100 for line in said.splitlines())
    assert len(said.splitlines()) == 4
    said.translate(PLAIN).encode("ascii")


def test_half_of_a_limit_is_half_a_block_and_all_of_it_a_whole_one():
    moments = tuple(Moment(60.0 * n, 60.0, sent, 0, 1.0) for n, sent in enumerate((100, 50, 100, 50)))

    said = over_time(observed({MODEL: seen(rpm=100)}, makespan_s=240, moments={MODEL: moments}))

    assert "RPM       █▄█▄ " in said
    assert "at most 100 of 100" in said
    assert "each column is 1 min 00 s" in said


def test_the_most_is_that_of_a_minute_and_not_of_a_moment():
    moments = tuple(Moment(10.0 * n, 10.0, 60 if n == 3 else 2, 0, 1.0) for n in range(12))

    said = over_time(observed({MODEL: seen(rpm=100)}, makespan_s=120, moments={MODEL: moments}))

    assert "at most 70 of 100" in said


def test_refused_calls_are_said_by_their_names():
    assert outcomes({}) == "all answered"
    assert outcomes({"rejected_tpm": 1_200, "503": 3}) == (
        "1,203 of them without a good answer (429 for the TPM: 1,200, 503: 3)"
    )


def test_models_share_a_sentence_about_their_times():
    run = observed({MODEL: seen(), "other": seen()})
    simulation = Simulation({"*": simulation_of([SPEC], Said(), None).models[MODEL]})

    said = [one for one in assumptions(simulation, run, load()) if "last" in one]

    assert len(said) == 1
    assert "all models" in said[0]
