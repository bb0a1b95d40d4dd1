"""What an estimate is made of: expectations, sizes, sums, prices and time, by hand-computed values and invariants."""

from dataclasses import replace
from decimal import Decimal
from itertools import product
from math import isclose
from random import Random
from statistics import fmean, pvariance

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.assembly import job_of, specs_of
from qloragen.domain.prior import Range
from qloragen.engine.models import family
from qloragen.engine.pricing import Price
from qloragen.engine.spec import ModelSpec
from qloragen.engine.tokens import Estimator
from qloragen.errors import PackError, SettingsError
from qloragen.estimation.expected import ENDS, Bounded, Sampled, expected, mean, ratio, share
from qloragen.estimation.loads import Kind, Load, cached, is_long
from qloragen.estimation.modes import CHEAPEST, CHOSEN, Mode, modes
from qloragen.estimation.outlook import Outlook
from qloragen.estimation.pace import latencies, pace
from qloragen.estimation.rows import Prepared, rows_of
from qloragen.estimation.sizes import Ruler, Sizes
from qloragen.estimation.text import usd
from qloragen.packs import default_folder, load_pack
from qloragen.pipeline.job import OpenArticle
from qloragen.settings import load
from qloragen.types import Article

SOL, LUNA = "gpt-6-sol", "gpt-6-luna"
HALF = Price(Decimal(1), Decimal(5), Decimal("0.1"), Decimal("1.25"))
PRICE = Price(Decimal(2), Decimal(10), Decimal("0.2"), Decimal("2.5"), tiers={"batch": HALF, "flex": HALF})
EXPLICIT, AUTOMATIC, NONE = family(LUNA), family("gpt-4o"), family("some-model")
ASKS, MOST_ASKS = 1.02, 1.4
"""Replies that the default pack expects for a record: likely, and at most."""
WORDS = "A replica answers reads and repairs what it finds out of date. "


def an_article(sentences: int = 100, name: str = "a") -> Article:
    return Article(name, f"# {name}\n\n" + "\n\n".join(f"{WORDS}It is number {n}." for n in range(sentences)))


def counted(*articles, batch=False, known=None, sampled=None, **knobs):
    """Return the outlook of one mode after some articles."""
    chosen = load(**knobs)
    job = job_of(chosen)
    specs = [replace(spec, price=PRICE) for spec in specs_of(chosen)]
    outlook = Outlook(job, specs, expected(job.pack, sampled, chosen.max_types), known, batch=batch)
    for article in articles:
        opened = OpenArticle(article)
        outlook.add(opened, Sizes(opened, Estimator()))
    return Prepared(modes(chosen, ())[0], specs, outlook)


# ---------------------------------------------------------------------------------------------------------- expected


def test_the_prior_of_the_default_pack_is_what_is_expected_without_a_sample():
    known = expected(load_pack(), None, None)

    assert [known.ends[end].types for end in ENDS] == [4.8, 5.8, 6.8]
    assert known.ends["likely"].record_tokens == {"evidence": 129, "written": 251}
    assert known.basis == (
        'the prior of the pack "default": 5.8 types per article (4.8 to 6.8), 3.4 of short ones (1.0 to 6.8)'
    )
    assert known.latency_s == {}


def test_no_more_types_are_expected_than_may_be_taken():
    known = expected(load_pack(), None, 2)

    assert [known.ends[end].types for end in ENDS] == pytest.approx([2, 2, 2])
    assert known.basis.endswith("; at most 2 of each are taken")


def test_a_bound_takes_something_off_even_where_the_mean_is_below_it():
    by_chance = Random(1)  # noqa: S311 - no secret
    found = [2 + sum(by_chance.random() < 3.8 / 12 for _ in range(12)) for _ in range(20_000)]

    for most in (3, 5, 6, 8):
        bounded, left = Bounded(load_pack(), most), [min(one, most) for one in found]
        assert bounded.mean(5.8) == pytest.approx(fmean(left), abs=0.03)
        assert bounded.variance(5.8) == pytest.approx(pvariance(left), abs=0.08)
    assert Bounded(load_pack(), None).mean(5.8) == 5.8
    assert Bounded(load_pack(), 1).mean(1.0) == 0.5  # one of two types that always apply: half are no articles


def test_short_articles_are_expected_to_support_fewer_types_unless_a_sample_says_better():
    sampled = Sampled(20, Range(4, 5, 6), None, {}, None, None, None, None, {})

    prior, seen = expected(load_pack(), None, None), expected(load_pack(), sampled, None)

    assert [prior.types(end, 1_000) for end in ENDS] == [1, 3.4, 6.8]
    assert [prior.types(end, 4_000) for end in ENDS] == [4.8, 5.8, 6.8]
    assert prior.types("likely", 2_500) == pytest.approx(4.6)
    assert [seen.types(end, 10) for end in ENDS] == [4, 5, 6]


def test_a_sample_takes_the_place_of_the_prior_as_far_as_it_goes():
    sampled = Sampled(
        20, Range(4, 5, 6), None, {"evidence": Range(90, 100, 110)}, None, None, None, None, {"classify": 2}
    )

    known = expected(load_pack(), sampled, None)

    assert known.ends["likely"].types == 5
    assert known.ends["likely"].record_tokens == {"evidence": 100, "written": 251}
    assert known.ends["likely"].types_tokens == 14
    assert known.basis == "20 articles that this run has paid for: 5.0 types per article (4.0 to 6.0)"
    assert known.latency_s == {"classify": 2}


def test_a_pack_without_a_prior_is_told_what_it_lacks():
    with pytest.raises(SettingsError, match=r'The pack "default" does not say .* a table \[prior\]'):
        expected(replace(load_pack(), prior=None), None, None)


def test_the_mean_of_a_sample_has_two_standard_errors_to_each_side():
    found = mean([4, 5, 6, 5])

    # The deviation is sqrt(2/3), the standard error half of that.
    assert found.likely == 5
    assert isclose(found.high - 5, (2 / 3) ** 0.5)
    assert isclose(5 - found.low, (2 / 3) ** 0.5)


def test_a_mean_of_values_that_are_all_alike_is_still_not_certain():
    assert mean([5, 5, 5, 5]) == Range(4.5, 5, 5.5)
    assert mean([5]) == Range(2.5, 5, 7.5)


@given(st.integers(1, 200).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_a_share_is_between_its_bounds(pair):
    found = share(*pair)

    assert 0 <= found.low <= found.likely <= found.high <= 1
    assert found.likely == pair[0] / pair[1]


@given(st.lists(st.tuples(st.floats(1, 1e6), st.floats(1, 1e6)), min_size=1, max_size=50))
def test_a_ratio_is_that_of_the_sums_and_is_never_certain(pairs):
    found = ratio(pairs)

    assert isclose(found.likely, sum(first for first, _ in pairs) / sum(second for _, second in pairs))
    assert found.low < found.likely < found.high


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("low = 4.8", "low = 5.9", "prior.types_per_article must have low <= likely <= high"),
        ("low = 4.8", "low = -1", "prior.types_per_article.low must be 0 or more"),
        ("low = 4.8", 'low = "5"', "prior.types_per_article.low must be a number"),
    ],
)
def test_a_mistake_in_a_prior_is_named(tmp_path, old, new, said):
    for file in default_folder().iterdir():
        text = file.read_text("utf-8")
        (tmp_path / file.name).write_text(text.replace(old, new, 1) if file.name == "pack.toml" else text, "utf-8")

    with pytest.raises(PackError, match=said):
        load_pack(tmp_path)


# ------------------------------------------------------------------------------------------------------------- loads


def test_an_explicit_cache_is_written_once_and_read_by_all_others():
    assert cached(2_000, 5, 1.0, EXPLICIT, PRICE) == (4 * 2_000, 2_000)


def test_an_automatic_cache_is_read_in_steps_and_costs_nothing_to_write():
    assert cached(2_000, 5, 1.0, AUTOMATIC, PRICE) == (4 * 1_920, 0)


def test_a_warm_cache_is_read_by_the_first_call_too_and_only_where_it_is_used():
    assert cached(2_000, 5, 1.0, EXPLICIT, PRICE, warm=True) == (5 * 2_000, 0)
    assert cached(2_000, 1, 1.0, EXPLICIT, PRICE, warm=True) == (0, 0)


def test_calls_for_a_better_answer_read_too():
    assert cached(2_000, 5, 1.2, EXPLICIT, PRICE) == (5 * 2_000, 2_000)


@pytest.mark.parametrize(
    ("prefix", "records", "kind"), [(1_023, 5, EXPLICIT), (2_000, 1, EXPLICIT), (2_000, 0, EXPLICIT), (2_000, 5, NONE)]
)
def test_what_is_too_short_or_alone_or_has_no_cache_is_not_cached(prefix, records, kind):
    assert cached(prefix, records, 1.0, kind, PRICE) == (0, 0)


def test_nothing_is_cached_where_it_would_not_pay():
    dear = replace(PRICE, cache_write=Decimal(20))

    assert cached(2_000, 5, 1.0, EXPLICIT, dear) == (0, 0)


def test_between_two_numbers_of_records_lies_what_lies_between_their_tokens():
    assert cached(2_000, 1.5, 1.0, EXPLICIT, PRICE) == (0.5 * 2_000, 0.5 * 2_000)


def test_calls_cost_what_their_tokens_cost_at_their_tier():
    load = Load(1, 1_000_000, 600_000, 200_000, 100_000)

    # 0.2 M at 2, 0.6 M at 0.2, 0.2 M at 2.5, 0.1 M at 10 dollars a million; half of it in batches.
    assert load.usd(Kind(LUNA, "generate", None), PRICE) == Decimal("0.4") + Decimal("0.12") + Decimal("0.5") + 1
    assert load.usd(Kind(LUNA, "generate", "batch"), PRICE) == Decimal("1.01")
    assert load.usd(Kind(LUNA, "generate", "priority"), PRICE) == Decimal("2.02")
    assert load.usd(Kind(LUNA, "generate", None), None) is None


def test_many_short_prompts_are_not_billed_as_long_ones():
    cliff = replace(PRICE, long_above_tokens=10_000, long=Price(Decimal(100), Decimal(100)))
    load = Load(100, 100 * 5_000)

    assert not is_long(5_000, cliff, None)
    assert load.usd(Kind(LUNA, "classify", None), cliff) == 1
    assert is_long(10_001, cliff, None)
    assert load.usd(Kind(LUNA, "classify", None, long=True), cliff) == 50


# ------------------------------------------------------------------------------------------------------------- sizes


def test_prompts_are_those_that_the_run_would_send():
    job, specs = job_of(load()), specs_of(load())
    opened, tokens = OpenArticle(an_article()), Estimator()

    making = Ruler(job, specs).generation(opened, tokens)

    request = job.generation_request(opened, job.pack.types[0], (), shared=True)
    text = sum(len(message.whole) for message in request.messages)
    # English prose has some four letters to the token; a body has a tool and parameters besides.
    assert 0.2 * text < making.prompt_tokens < 0.3 * text + 300
    assert 0.7 * making.prompt_tokens < making.prefix_tokens < making.prompt_tokens


def test_rulers_that_measure_alike_have_one_key():
    plain, flex = (Ruler(job_of(one), specs_of(one)) for one in (load(), load(flex=True)))
    written = Ruler(job_of(load(input="written")), specs_of(load(input="written")))

    assert plain.generation_key == flex.generation_key != written.generation_key
    assert plain.classification_key == flex.classification_key == written.classification_key


def test_a_cascade_asks_two_models_and_decisions_one():
    assert [asker.decides for asker in Ruler(job_of(load()), specs_of(load())).askers] == [False]
    for classifier, decides in (("decisions", [True]), ("cascade", [True, False])):
        chosen = load(classifier=classifier)
        assert [asker.decides for asker in Ruler(job_of(chosen), specs_of(chosen)).askers] == decides


# ----------------------------------------------------------------------------------------------------------- outlook


def test_one_article_is_one_classification_and_as_many_records_as_it_has_types():
    found = counted(an_article()).likely

    classify, generate = found[Kind(SOL, "classify", None)], found[Kind(LUNA, "generate", None)]
    assert classify.calls == 1
    assert isclose(generate.calls, 5.8 * ASKS)
    assert isclose(generate.completion_tokens, 5.8 * ASKS * 129)
    assert isclose(generate.cached_tokens, (5.8 * ASKS - 1) * generate.cache_write_tokens)


def test_no_second_asks_are_expected_where_there_will_be_none():
    once = counted(an_article(), record_asks=1).outlook.loads

    assert isclose(once["likely"][Kind(LUNA, "generate", None)].calls, 5.8)
    assert isclose(once["high"][Kind(LUNA, "generate", None)].calls, 6.8)


def test_calls_ask_for_the_whole_cap_until_it_is_known_what_replies_need():
    first = counted(an_article()).likely[Kind(LUNA, "generate", None)]
    many = counted(*[an_article()] * 200).likely[Kind(LUNA, "generate", None)]

    assert isclose(first.limit_tokens - first.prompt_tokens, 5.8 * ASKS * 700)
    # 40 records of each of 14 types are 560, in the 97th article; the others ask for three times the mean.
    assert isclose(many.limit_tokens - many.prompt_tokens, 5.8 * ASKS * (97 * 700 + 103 * 3 * 129))


def test_in_batches_nothing_is_cached_and_decisions_are_asked_at_once():
    found = counted(an_article(), batch=True, classifier="decisions").likely

    assert found.keys() == {Kind(LUNA, "classify", "decisions"), Kind(LUNA, "generate", "batch")}
    assert found[Kind(LUNA, "generate", "batch")].cached_tokens == 0


class Known:
    """A run in which `types` are what every article is classified as, the cells `done` are settled, and for those
    `answered` there are replies that nothing has come of yet."""

    def __init__(self, types, done=(), answered=()):
        self._types = types
        self._done = done
        self._answered = answered

    def replies_of(self, key):
        return (0,) if key in self._answered else ()

    def types_of(self, key):
        return self._types

    def settled(self, key):
        return key in self._done

    def text_of(self, article_id):
        return None


def test_of_a_run_that_is_there_only_what_is_missing_counts():
    article, job = an_article(), job_of(load())
    first, second, *_ = job.pack.types
    done = {job.generation(article, first).key}

    part = counted(article, known=Known((1, 2, 6), done))
    whole = counted(article, known=Known((1, 2), {*done, job.generation(article, second).key}))

    assert Kind(SOL, "classify", None) not in part.likely
    assert part.likely[Kind(LUNA, "generate", None)].calls == 2 * ASKS
    assert (part.outlook.finished, part.outlook.to_classify) == (0, 0)
    assert whole.likely == {}
    assert whole.outlook.finished == 1


def test_replies_that_are_paid_for_and_unread_are_paid_for_again_only_if_they_are_refused():
    article, job = an_article(), job_of(load())
    first, *_ = job.pack.types
    classified, made = Kind(SOL, "classify", None), Kind(LUNA, "generate", None)

    unread = counted(article, known=Known(None, answered={job.classification(article).key}))
    part = counted(article, known=Known((1, 2, 6), answered={job.generation(article, first).key}))

    assert classified not in unread.likely
    assert unread.outlook.to_classify == 1
    assert unread.outlook.loads["high"][classified].calls == 1
    assert part.likely[made].calls == 2 * ASKS
    assert part.outlook.counts["likely"].accepted == pytest.approx(3 * 0.995)
    assert part.outlook.loads["high"][made].calls == pytest.approx(3 * MOST_ASKS)


def test_an_article_without_a_type_is_finished():
    assert counted(an_article(), known=Known(())).outlook.finished == 1


@settings(max_examples=20)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=4), st.booleans())
def test_more_articles_never_cost_less(sizes, batch):
    articles = [an_article(size, f"a{n}") for n, size in enumerate(sizes)]
    fewer, more = counted(*articles[:-1], batch=batch), counted(*articles, batch=batch)

    for end in ENDS:
        before, after = fewer.cost_usd(end), more.cost_usd(end)
        assert before is not None
        assert after is not None
        assert before < after


@settings(max_examples=20)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=4), st.sampled_from(["numbers", "decisions", "cascade"]))
def test_what_is_likely_is_within_its_range(sizes, classifier):
    row, *_ = rows_of(
        [counted(*(an_article(size, f"a{n}") for n, size in enumerate(sizes)), classifier=classifier)], {}
    )

    assert row.cost_usd is not None
    assert row.usd_per_1000_records is not None
    for amount in (row.cost_usd, row.usd_per_1000_records, row.records, row.calls):
        assert amount.low <= amount.likely <= amount.high


@given(st.integers(1, 10**6), st.floats(0, 1), st.floats(0, 1), st.integers(0, 10**5))
def test_a_batch_is_never_dearer_than_the_standard_tier_for_the_same_tokens(prompt, read, written, completion):
    load = Load(1, prompt, read * prompt, (1 - read) * written * prompt, completion)

    batch, standard = (load.usd(Kind(LUNA, "generate", tier), PRICE) for tier in ("batch", None))
    assert batch is not None
    assert standard is not None
    assert batch <= standard


# -------------------------------------------------------------------------------------------------------------- rows


def test_a_price_that_is_not_known_is_no_price():
    found = counted(an_article())
    unknown = replace(found, specs=[replace(spec, price=None) for spec in found.specs])

    row, *_ = rows_of([unknown], {})

    assert row.cost_usd is None
    assert row.usd_per_1000_records is None
    assert row.calls.likely == 7
    assert [item.cost_usd for item in row.items] == [None, None]


def test_of_the_candidates_only_the_cheapest_is_shown_and_only_if_nothing_else_is_as_cheap():
    dear, cheap = counted(an_article(200)), counted(an_article(50))
    mode = replace(dear.mode, name=CHEAPEST, candidate=True)

    assert len(rows_of([dear, replace(cheap, mode=mode), replace(dear, mode=mode)], {})) == 2
    assert len(rows_of([cheap, replace(dear, mode=mode)], {})) == 1


# ------------------------------------------------------------------------------------------------------------- modes


def test_each_mode_differs_from_what_is_set_and_from_all_others():
    found = modes(load(flex=True), ("gpt-5.4-mini", LUNA))

    names = [mode.name for mode in found if not mode.candidate]
    assert names[0] == CHOSEN
    assert "standard tier" in names
    assert "--flex" not in names
    assert "--generate-model gpt-5.4-mini" in names
    assert f"--generate-model {LUNA}" not in names
    for number, mode in enumerate(found):
        assert all(mode.settings != other.settings for other in found[:number])


def test_the_cheapest_names_only_what_is_not_set_already():
    found = {mode.name for mode in modes(load(classifier="decisions", input="written"), ()) if mode.candidate}

    assert f"{CHEAPEST}: --flex --input evidence --set classify_reads=outline" in found
    assert f"{CHEAPEST}: --batch --input evidence" in found
    assert not any("--classifier decisions" in name or "--input written" in name for name in found)


def test_no_combination_of_what_is_offered_is_cheaper_than_the_cheapest():
    by_chance = Random(5)  # noqa: S311 - no secret
    rates = [(by_chance.randint(1, 50), by_chance.randint(1, 50)) for _ in range(9)]
    names = ("gpt-6-sol", "gpt-6-luna", "gpt-5.4-mini")
    prices = {}
    for name, (standard, flex, batch) in zip(names, (rates[:3], rates[3:6], rates[6:]), strict=True):
        tiers = {"flex": _rate(*flex), "batch": _rate(*batch)}
        prices[name] = {"price": {**_rate(*standard), **tiers, "decisions": _rate(*standard[::-1])}}
    chosen = load(models=prices, classifier="cascade")
    opened, tokens = OpenArticle(an_article()), Estimator()
    sizes = Sizes(opened, tokens)

    shown = rows_of([_mode(mode, opened, sizes) for mode in modes(chosen, names[2:])], {})
    cheapest_usd = min(mode.cost_usd.likely for mode in shown if mode.cost_usd)
    for service, way, classifying, read, classify, generate in product(
        ({}, {"flex": True}, {"batch": True}),
        ("evidence", "written"),
        ("numbers", "cascade", "decisions"),
        ("article", "outline"),
        names[::2],
        names[1:],
    ):
        changed = chosen.model_copy(
            update={
                **service,
                "input": way,
                "classifier": classifying,
                "classify_reads": read,
                "classify_model": classify,
                "generate_model": generate,
            }
        )
        other = _mode(Mode("other", changed), opened, sizes)
        assert cheapest_usd <= other.cost_usd("likely")


def _rate(prompt, completion):
    return {"prompt": prompt, "completion": completion}


def _mode(mode, opened, sizes):
    job, specs = job_of(mode.settings), specs_of(mode.settings)
    outlook = Outlook(job, specs, expected(job.pack, None, None), None, batch=mode.settings.batch)
    outlook.add(opened, sizes)
    return Prepared(mode, specs, outlook)


# -------------------------------------------------------------------------------------------------------------- pace

ONE = {Kind(SOL, "classify", None): Load(600, limit_tokens=1_200_000), Kind(LUNA, "generate", None): Load(3_000)}


def a_spec(name=SOL, **limits):
    return ModelSpec(name, family(name), **limits)


def test_the_slowest_limit_of_the_slowest_model_binds():
    specs = [a_spec(SOL, rpm=100, tpm=100_000, max_concurrency="auto"), a_spec(LUNA, rpm=1_000, max_concurrency="auto")]

    found = pace(ONE, specs, {"classify": 1.0, "generate": 2.0})

    # 600 calls take 6 min, their tokens 12; 3,000 calls of the other model 3. One article's own calls come on top.
    assert found.binding == (SOL, "TPM")
    assert found.seconds == 12 * 60 + 1 + 2 * 2


def test_a_number_of_calls_in_flight_is_a_limit():
    specs = [a_spec(SOL, max_concurrency=10), a_spec(LUNA, max_concurrency=10)]

    found = pace(ONE, specs, {"classify": 1.0, "generate": 2.0})

    assert found.binding == (LUNA, "calls in flight")
    assert found.seconds == 600 + 1 + 2 * 2


def test_without_limits_nobody_knows_how_long_it_takes_but_what_an_hour_would_need():
    found = pace(
        ONE,
        [a_spec(SOL, max_concurrency="auto"), a_spec(LUNA, max_concurrency="auto")],
        {"classify": 1.0, "generate": 2.0},
    )

    assert (found.seconds, found.binding) == (None, None)
    assert [(need.model, need.hourly_rpm, need.hourly_tpm) for need in found.needs] == [
        (SOL, 10, 20_000),
        (LUNA, 50, 0),
    ]


def test_batches_take_up_to_a_day_for_each_stage():
    kinds = {kind._replace(tier="batch"): load for kind, load in ONE.items()}

    assert pace(kinds, [a_spec(SOL, rpm=1), a_spec(LUNA)], {}).batched_stages == 2


def test_a_call_lasts_as_long_as_in_the_sample_or_else_as_its_reply_is_long():
    kinds = {Kind(LUNA, "generate", None): Load(10, completion_tokens=1_000), Kind(SOL, "classify", None): Load(1)}

    assert latencies(kinds, {"generate": 3.3}) == {"generate": 3.3, "classify": 1.0}
    assert latencies(kinds, {}) == {"generate": 1.0 + 0.015 * 100, "classify": 1.0}


# -------------------------------------------------------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("sum_usd", "said"),
    [
        (None, "unknown"),
        ("0", "0.00"),
        ("1234.567", "1,234.57"),
        ("0.5", "0.50"),
        ("0.0123", "0.012"),
        ("0.00045", "0.00045"),
    ],
)
def test_sums_have_as_many_digits_as_mean_something(sum_usd, said):
    assert usd(None if sum_usd is None else Decimal(sum_usd)) == said
