"""Rehearsals in outline: what is played by the shapes of a sample is what the whole pipeline comes to."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen import SettingsError
from qloragen.rehearsing import whole
from qloragen.rehearsing.outline import ArticleShape, CellShape, Shapes, play, shapes_of
from qloragen.rehearsing.outline.dealing import dealt
from qloragen.settings import load
from qloragen.simulator import Capacity, Fault, Flex, Latency, Limits, Model, Outage, PromptCache, Simulation

from .rehearsals import some_articles

ARTICLES = 18
LATENCY = Latency(median_s=1.0, p99_s=4.0, token_s=0.01)
KNOBS: Mapping[str, Any] = {"rpm": 30_000, "tpm": 60_000_000, "max_concurrency": 32}
MONEY: Mapping[str, Any] = {"max_cost_usd": Decimal("0.10")}


@dataclass(frozen=True)
class Case:
    """What binds a run."""

    knobs: Mapping[str, Any]
    model: Model = field(default_factory=lambda: Model(latency=LATENCY))
    faults: tuple[Fault, ...] = ()
    outages: tuple[Outage, ...] = ()

    @property
    def settings(self):
        return load(**{**KNOBS, **self.knobs})

    @property
    def simulation(self):
        return Simulation(models={"*": self.model}, faults=self.faults, outages=self.outages)


CASES = {
    "latency": Case({"max_concurrency": 512, "record_asks": 1}),
    "calls in flight": Case({"max_concurrency": 4}),
    "rpm": Case({"rpm": 120}),
    "tpm": Case({"tpm": 250_000}),
    "the server's rpm": Case({"rpm": 2_000}, Model(Limits(rpm=120), latency=LATENCY)),
    "the server's places": Case({}, Model(capacity=Capacity(slots=6), latency=LATENCY)),
    "an outage": Case({"rpm": 120}, outages=(Outage(20, 30),)),
    "a cache of prefixes": Case({"generate_model": "gpt-4.1-mini"}),
    "decisions": Case({"classifier": "cascade"}),
    "flex": Case({"flex": True, "record_asks": 1}, Model(latency=LATENCY, flex=Flex(latency=Latency(3.0, 9.0)))),
    "a number of calls": Case({"max_calls": 45}),
}


@cache
def both(name: str):
    """Return what a case comes to by the whole pipeline, and in outline."""
    case, articles = CASES[name], some_articles(ARTICLES)
    shapes = shapes_of(articles, case.settings, case.simulation)
    return (
        whole.play(articles, case.settings, case.simulation),
        play(shapes, case.settings, case.simulation, ARTICLES),
    )


@cache
def a_sample():
    """Return the shapes of a sample under limits that hardly bind."""
    case = CASES["latency"]
    return shapes_of(some_articles(ARTICLES), case.settings, case.simulation)


def sent(seen):
    return sum(model.sent for model in seen.models.values())


def usd(seen):
    assert seen.cost_usd is not None
    return float(seen.cost_usd)


# ------------------------------------------------------------------------------------------------------- agreement


@pytest.mark.parametrize("name", CASES)
def test_an_outline_comes_to_what_the_whole_pipeline_comes_to(name):
    one, other = both(name)

    assert other.makespan_s == pytest.approx(one.makespan_s, rel=0.03)
    assert usd(other) == pytest.approx(usd(one), rel=0.03)
    assert sent(other) == pytest.approx(sent(one), rel=0.03)
    assert other.records == pytest.approx(one.records, rel=0.03, abs=1)
    for model, seen in one.models.items():
        assert other.models[model].rate_limited == pytest.approx(seen.rate_limited, abs=2)
    assert (other.stopped is None) == (one.stopped is None)


def test_what_is_read_from_the_prompt_cache_is_the_same():
    for name in ("latency", "a cache of prefixes"):
        one, other = both(name)

        assert other.usage == one.usage
        assert max(usage.cached_tokens for usage in one.usage.values()) > 10_000


TROUBLES = (
    Fault("rate_limited", rate=0.03),
    Fault("503", rate=0.03),
    Fault("truncated_body", rate=0.02),
    Fault("hang", rate=0.01),
    Fault("invalid_arguments", rate=0.05),
    Fault("length", rate=0.04),
    Fault("refusal", rate=0.03),
    Fault("missing_usage", rate=0.01),
)


def test_what_goes_wrong_on_the_way_goes_wrong_in_outline_as_often():
    case = replace(CASES["rpm"], faults=TROUBLES)
    articles = some_articles(ARTICLES)

    one = whole.play(articles, case.settings, case.simulation)
    other = play(shapes_of(articles, case.settings, case.simulation), case.settings, case.simulation, ARTICLES)

    assert other.makespan_s == pytest.approx(one.makespan_s, rel=0.05)
    assert sent(other) == pytest.approx(sent(one), rel=0.05)
    assert set(other.provider.total.outcomes) - {"answered"} <= {fault.kind for fault in TROUBLES}
    struck = [sum(seen.provider.total.outcomes.get(fault.kind, 0) for fault in TROUBLES) for seen in (one, other)]
    assert struck[1] == pytest.approx(struck[0], rel=0.4)
    assert other.records == pytest.approx(one.records, rel=0.05)


# -------------------------------------------------------------------------------------------------- many articles


def test_many_articles_are_as_many_times_the_sample():
    case = CASES["rpm"]

    once = play(a_sample(), case.settings, case.simulation, ARTICLES)
    often = play(a_sample(), case.settings, case.simulation, 10 * ARTICLES)

    assert often.articles == 10 * ARTICLES
    assert often.records == 10 * once.records
    assert sent(often) == 10 * sent(once)
    assert often.makespan_s == pytest.approx(10 * once.makespan_s, rel=0.1)
    assert usd(often) == pytest.approx(10 * usd(once), rel=0.02)
    assert often.cpu_s == pytest.approx(10 * once.cpu_s)


def test_copies_of_an_article_do_not_find_one_another_in_the_prompt_cache():
    case = CASES["latency"]

    once = play(a_sample(), case.settings, case.simulation, ARTICLES)
    often = play(a_sample(), case.settings, case.simulation, 20 * ARTICLES)

    assert [usage.cached_tokens / usage.prompt_tokens for usage in often.usage.values()] == pytest.approx(
        [usage.cached_tokens / usage.prompt_tokens for usage in once.usage.values()], abs=0.03
    )


def test_copies_of_an_article_have_chances_of_their_own():
    case = CASES["calls in flight"]
    one = replace(a_sample(), articles=a_sample().articles[:1])

    seen = [play(one, case.settings, case.simulation, number) for number in (1, 40)]

    assert seen[1].makespan_s < 40 * seen[0].makespan_s
    times = Counter(round(moment.in_flight, 1) for moments in seen[1].moments.values() for moment in moments)
    assert len(times) > 3


def test_the_same_arguments_bring_the_same_result():
    case = replace(CASES["rpm"], faults=TROUBLES)

    one, other = (play(a_sample(), case.settings, case.simulation, 50) for _ in range(2))

    assert replace(one, peak_bytes=0) == replace(other, peak_bytes=0)


def test_an_outline_passes_no_limit_of_what_may_be_spent():
    settings = load(**KNOBS, **MONEY)

    seen = play(a_sample(), settings, CASES["latency"].simulation, 1_000)

    assert seen.stopped is not None
    assert "max_cost_usd" in seen.stopped
    assert 0.05 < usd(seen) <= MONEY["max_cost_usd"]
    assert seen.articles < 1_000


def test_moments_account_for_every_call():
    case = CASES["rpm"]

    seen = play(a_sample(), case.settings, case.simulation, 200)

    for model, moments in seen.moments.items():
        assert sum(moment.sent for moment in moments) == seen.models[model].sent
        assert sum(moment.duration_s for moment in moments) == pytest.approx(seen.makespan_s, rel=0.01)


def test_who_looks_on_can_end_it():
    class Enough(Exception):
        pass

    def watch(_played_s: float, calls: int) -> None:
        if calls > 50:
            raise Enough

    with pytest.raises(ExceptionGroup) as raised:
        play(a_sample(), CASES["rpm"].settings, CASES["rpm"].simulation, 500, watch=watch)

    assert raised.group_contains(Enough)


# ------------------------------------------------------------------------------------------------ shapes, forms


def test_shapes_say_what_each_article_asks_for_and_what_came_of_it():
    shapes = a_sample()

    assert len(shapes.articles) == ARTICLES
    asks = [
        ask for article in shapes.articles for cell in (article.classification, *article.records) for ask in cell.asks
    ]
    assert shapes.calls == len(asks)
    assert {ask.request.id for ask in asks} == {None}
    assert {article.shared for article in shapes.articles} == {True, False}
    assert shapes.cpu_s > 0


def test_shapes_are_of_a_provider_where_nothing_goes_wrong_and_of_a_run_without_limits_of_money():
    settings = load(**KNOBS, **MONEY)
    simulation = Simulation(models={"*": Model()}, faults=(Fault("500", rate=1.0),), outages=(Outage(0, 100),))

    shapes = shapes_of(some_articles(4), settings, simulation)

    assert len(shapes.articles) == 4
    assert shapes.calls > 12


def test_a_form_that_the_provider_refuses_is_changed_in_outline_too():
    settings = load(**KNOBS, models={"gpt-6-luna": {"cap_parameter": "max_tokens"}})
    case = CASES["latency"]

    seen = play(a_sample(), settings, case.simulation, ARTICLES)

    assert seen.provider.total.outcomes["invalid_request"] == seen.models["gpt-6-luna"].changed > 0
    assert seen.records == play(a_sample(), case.settings, case.simulation, ARTICLES).records


def test_a_cell_that_could_not_be_asked_for_counts_as_failed():
    nothing = ArticleShape(CellShape((), "over_tpm"), ())
    case = CASES["rpm"]

    seen = play(Shapes((nothing,), calls=1, cpu_s=0.0), case.settings, case.simulation, 3)

    assert (seen.failures, seen.records, sent(seen)) == (3, 0, 0)


@pytest.mark.parametrize("act", ["shapes", "play"])
def test_batches_have_no_outline(act):
    settings, simulation = load(batch=True), Simulation()

    with pytest.raises(SettingsError, match="Batches are rehearsed by the whole pipeline alone"):
        if act == "shapes":
            shapes_of(some_articles(1), settings, simulation)
        else:
            play(a_sample(), settings, simulation, 5)


def test_an_empty_sample_is_refused():
    with pytest.raises(SettingsError, match="without articles"):
        play(Shapes((), calls=0, cpu_s=0.0), CASES["rpm"].settings, Simulation(), 5)


def test_a_provider_without_a_cache_has_none_in_outline_either():
    case = replace(CASES["latency"], model=Model(latency=LATENCY, cache=PromptCache(rule="none")))

    seen = play(a_sample(), case.settings, case.simulation, ARTICLES)

    assert sum(usage.cached_tokens for usage in seen.usage.values()) == 0


# ---------------------------------------------------------------------------------------------------------- dealing


@given(st.integers(1, 60), st.integers(0, 600), st.integers(0, 5))
def test_each_article_of_a_sample_stands_for_as_many_as_the_others(sample, articles, seed):
    counts = Counter(dealt(sample, articles, seed))

    assert counts.total() == articles
    assert all(0 <= one < sample for one in counts)
    if articles >= sample:
        assert max(counts.values()) - min(counts[one] for one in range(sample)) <= 1


@given(st.integers(1, 60))
def test_as_many_articles_as_the_sample_has_are_the_sample(sample):
    assert list(dealt(sample, sample, seed=1)) == list(range(sample))


def test_the_order_of_a_sorted_source_stays_and_copies_are_apart():
    order = list(dealt(50, 5_000, seed=2))

    first, last = order[:500], order[-500:]
    assert max(first) < 25 <= min(last)
    assert sum(one == other for one, other in pairwise(order)) < 0.3 * len(order)
