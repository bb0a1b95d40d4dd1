"""What would make a rehearsed run faster or cheaper, and what would not."""

from dataclasses import replace
from decimal import Decimal

import pytest

from qloragen.engine.bound import Bound
from qloragen.errors import SettingsError
from qloragen.rehearsing import whole
from qloragen.rehearsing.advice import advised
from qloragen.rehearsing.cpu import OVER_HTTP
from qloragen.rehearsing.observed import Observed
from qloragen.settings import load
from qloragen.simulator import Capacity, Counts, Latency, Limits, Model, Simulation, Statistics
from qloragen.types import Article

from .lanes import lane_statistics

CALLS, TOKENS, CALL_S = 6_000, 18_000_000, 3.0


def settings_of(**knobs):
    return load(**{"classify_model": "m", "generate_model": "m", "rpm": 600, "tpm": 600_000, **knobs})


def provider(rpm=600, tpm=600_000):
    return Simulation(models={"m": Model(limits=Limits(rpm=rpm, tpm=tpm))})


def played(settings, simulation):
    """Return what a run comes to that takes as long as its tightest limit says, at a dollar for a thousand calls."""
    limits, served = settings.for_run()["m"], simulation.behaviour("m").limits
    rpm, tpm = min(limits.rpm, served.rpm or 1e9), min(limits.tpm, served.tpm or 1e9)
    slots = 64 if limits.max_concurrency == "auto" else limits.max_concurrency
    times = {
        Bound.RPM: 60 * CALLS / rpm,
        Bound.TPM: 60 * TOKENS / tpm,
        Bound.CONCURRENCY: CALLS * CALL_S / slots,
    }
    bound = max(times, key=times.__getitem__)
    cost = Decimal(6) * (Decimal("0.5") if settings.flex or settings.batch else 1)
    cost *= Decimal("0.8") if settings.classifier == "decisions" else 1
    return Observed(
        articles=900,
        records=5_000,
        rejections=0,
        failures=0,
        makespan_s=times[bound],
        stopped=None,
        models={"m": statistics(limits, slots, {bound: times[bound]}, rejected=40 if served.rpm < limits.rpm else 0)},
        moments={},
        usage={},
        cost_usd=None if settings.models.get("free") else cost,
        provider=Statistics(Counts(), {}, 0),
        cpu_s=1.0,
        peak_bytes=1,
    )


def statistics(limits, slots, bound_s, rejected):
    return lane_statistics(
        max_in_flight=slots,
        sent=CALLS,
        completed=CALLS,
        rate_limited=rejected,
        rpm=limits.rpm,
        tpm=limits.tpm,
        bound_s=dict.fromkeys(Bound, 0.0) | bound_s,
    )


def advice_on(settings, simulation, play=played):
    found = advised(play(settings, simulation), settings, simulation, play)
    return {advice.change: advice for advice in found}


def test_more_of_the_limit_that_binds_is_as_much_faster_as_it_is_rehearsed_to_be():
    found = advice_on(settings_of(), provider())

    more = found["TPM of m: 1,200,000 in place of 600,000"]
    assert (more.effect, more.time_ratio, more.cost_ratio) == ("faster", 0.5, 1.0)
    assert more.sentence == "TPM of m: 1,200,000 in place of 600,000: 50% less time; then bound by TPM of m."


def test_what_binds_after_a_change_is_said():
    found = advice_on(settings_of(rpm=250), provider(rpm=250))

    more = found["TPM of m: 1,200,000 in place of 600,000"]
    assert more.time_ratio == pytest.approx(0.8)
    assert more.sentence.endswith("20% less time; then bound by RPM of m.")


def test_more_of_a_limit_that_has_kept_nobody_waiting_changes_nothing_and_is_not_played():
    asked = []

    def play(settings, simulation):
        asked.append(settings.for_run()["m"].rpm)
        return played(settings, simulation)

    found = advice_on(settings_of(), provider(), play)

    useless = found["RPM of m: 1,200 in place of 600"]
    assert (useless.effect, useless.time_ratio) == ("none", None)
    assert useless.sentence == "More RPM for m: changes nothing; TPM binds."
    assert set(asked) == {600}


def test_more_calls_in_flight_are_tried_where_they_bind_and_called_useless_where_a_number_is_set():
    bound = advice_on(settings_of(max_concurrency=4), provider())
    free = advice_on(settings_of(max_concurrency=400), provider())
    automatic = advice_on(settings_of(), provider())

    assert bound["calls in flight of m: 8 in place of 4"].time_ratio == pytest.approx(0.5)
    free_of = free["RPM of m: 1,200 in place of 600; calls in flight of m: 800 in place of 400"]
    assert free_of.sentence == "More RPM or calls in flight for m: changes nothing; TPM binds."
    assert not any("calls in flight" in change for change in automatic)


def test_cheaper_services_and_classifiers_are_named_with_what_they_save_and_what_else_they_change():
    found = advice_on(settings_of(), provider())

    assert found["--flex"].effect == "cheaper"
    assert found["--flex"].cost_ratio == pytest.approx(0.5)
    assert found["--batch"].time_ratio is None
    assert found["--batch"].sentence == "--batch: 50% less money; up to a day for each stage."
    assert found["--classifier decisions"].sentence == (
        "--classifier decisions: 20% less money; other types may be found."
    )
    assert "--classifier cascade" not in found


def test_nothing_is_called_cheaper_where_prices_are_unknown():
    found = advice_on(settings_of(models={"free": {"rpm": 1}}), provider())

    assert {advice.effect for advice in found.values()} == {"faster", "none"}


def test_the_greatest_gain_comes_first_and_what_changes_nothing_last():
    settings, simulation = settings_of(tpm=300_000), provider(tpm=300_000)

    found = advised(played(settings, simulation), settings, simulation, played)

    gains = [min(advice.time_ratio or 1, advice.cost_ratio or 1) for advice in found]
    assert gains == sorted(gains)
    assert found[-1].effect == "none"


def test_a_run_that_is_refused_is_told_the_limits_of_its_provider():
    def play(settings, simulation):
        refused = settings.for_run()["m"].rpm > simulation.behaviour("m").limits.rpm
        base = played(settings, simulation)
        return base if not refused else slower(base)

    found = advice_on(settings_of(rpm=2_000), provider(rpm=150), play)

    told = found["the provider's own limits, told to the run: m rpm 150"]
    assert told.effect == "faster"


def paused(seen):
    """Return a run that was refused until it paused for half of its time."""
    model = replace(seen.models["m"], rate_limited=9, bound_s=dict.fromkeys(Bound, 0.0) | {Bound.PAUSED: 500.0})
    return changed(seen, makespan_s=1_000.0, models={"m": model})


def test_where_limits_that_nobody_told_bind_more_of_them_is_tried():
    hidden = Simulation(models={"m": Model(limits=Limits(rpm=50), capacity=Capacity(concurrency=4))})

    def play(settings, simulation):
        served = simulation.behaviour("m")
        faster = 100.0 / served.limits.rpm * 4 / served.capacity.concurrency
        seen = paused(played(settings_of(), provider()))
        return changed(seen, makespan_s=seen.makespan_s * faster)

    found = advice_on(load(classify_model="m", generate_model="m"), hidden, play)

    more = found["twice the provider's own limits, told to the run: m rpm 100, max_concurrency 8"]
    assert more.time_ratio == pytest.approx(0.25)
    assert "the provider's own limits, told to the run: m rpm 50, max_concurrency 4" in found


def test_a_limit_that_the_run_keeps_anyway_is_not_told_to_it():
    def play(settings, simulation):
        return paused(played(settings_of(), provider()))

    found = advice_on(settings_of(rpm=20, max_concurrency=3), provider(rpm=50), play)

    assert not any("told to the run" in change for change in found)


def changed(seen, **fields):
    return Observed(**{name: getattr(seen, name) for name in Observed.__slots__} | fields)


def slower(seen):
    return changed(seen, makespan_s=2 * seen.makespan_s)


@pytest.mark.parametrize("transport", ["openai", "aiohttp"])
def test_no_limit_helps_beyond_what_one_core_can_do(transport):
    def play(settings, simulation):
        work_s = 1_620 / OVER_HTTP[settings.transport]
        return changed(played(settings, simulation), cpu_s=work_s)

    knobs = settings_of(transport=transport)
    more = advice_on(knobs, provider(), play)["TPM of m: 1,200,000 in place of 600,000"]

    assert more.time_ratio == pytest.approx(0.9)
    assert more.sentence.endswith("10% less time; then bound by the CPU.")


def test_flex_that_has_no_room_is_left_for_the_standard_tier():
    def play(settings, simulation):
        return slower(played(settings, simulation)) if settings.flex else played(settings, simulation)

    found = advice_on(settings_of(flex=True), provider(), play)

    assert found["the standard tier, at once"].sentence.startswith(
        "the standard tier, at once: 50% less time and 2.0 times the money"
    )


def test_what_cannot_be_played_is_not_advised():
    def play(settings, simulation):
        if settings.batch:
            raise SettingsError("No batches here.")
        return played(settings, simulation)

    assert "--batch" not in advice_on(settings_of(), provider(), play)


def test_a_run_without_records_gets_no_advice_that_counts_on_them():
    def play(settings, simulation):
        return changed(played(settings, simulation), records=0)

    assert {advice.effect for advice in advice_on(settings_of(), provider(), play).values()} == {"none"}


def test_advice_on_a_real_pipeline_names_the_limit_that_was_set_too_low():
    text = (
        "# Limits\n\n{n}. A node holds two terabytes at most, and a partition a hundred megabytes. " + "It warns. " * 30
    )
    articles = [Article(str(n), text.format(n=n)) for n in range(6)]
    settings = load(max_concurrency=2, classify_model="gpt-6-luna")
    simulation = Simulation(models={"*": Model(latency=Latency(2.0))})

    def play(changed, provider):
        return whole.play(articles, changed, provider)

    found = advised(play(settings, simulation), settings, simulation, play)

    more = next(advice for advice in found if advice.change == "calls in flight of gpt-6-luna: 4 in place of 2")
    assert more.effect == "faster"
    assert more.time_ratio == pytest.approx(0.6, abs=0.15)
    assert more.cost_ratio == pytest.approx(1.0, abs=0.02)
