"""What a plan finds new, changed and finished, and what it says that costs."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import orjson
import pytest
from pydantic import TypeAdapter

from qloragen.domain.classifiers import Cascade, Decisions, Numbers, Thresholds
from qloragen.engine.pricing import Price
from qloragen.packs import load_pack
from qloragen.pipeline.circumstances import Circumstances, circumstances_of, grown
from qloragen.pipeline.job import Job
from qloragen.pipeline.plan import Change, Plan, about_usd
from qloragen.pipeline.rates import Rates
from qloragen.pipeline.survey import Past, make_plan, plan_unread
from qloragen.store.ledger import Account, Bill
from qloragen.types import Article, Skip, SkipReason, Stage, Usage

PACK = load_pack(None, {})
JOB = Job(pack=PACK, classifier=Numbers("sol"), generate_model="luna")
TYPES = (1, 2, 6)
"""Two that always apply, and `concept`."""
CENT = Decimal("0.01")
BILLS = {
    Account("sol", "classify", None): Bill(10, Usage(5_000, 0, 0, 50), 10 * CENT),
    Account("luna", "generate", "concept"): Bill(10, Usage(9_000, 0, 0, 1_000), 20 * CENT),
    Account("luna", "generate", "section-summary"): Bill(10, Usage(9_000, 0, 0, 1_000), 30 * CENT),
    Account("luna", "generate", "wider-field"): Bill(10, Usage(9_000, 0, 0, 1_000), 40 * CENT),
}
PRICES = {model: Price(Decimal(1), Decimal(1)) for model in ("sol", "luna", "mini")}
RECORDS = {"concept": 10, "section-summary": 10, "wider-field": 10}
RATES = Rates(BILLS, PRICES, {"classify": 10, "generate": 30})


@dataclass
class Done:
    """A run's state, as much of it as a plan looks up."""

    cells: set[str] = field(default_factory=set)
    types: dict[str, tuple[int, ...]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def settled(self, key: str) -> bool:
        return key in self.cells or key in self.types

    def types_of(self, key: str) -> tuple[int, ...] | None:
        return self.types.get(key)

    def text_of(self, article_id: str) -> str | None:
        return self.texts.get(article_id)

    def work(self, job: Job, articles: Iterable[Article], types: tuple[int, ...] = TYPES) -> None:
        for article in articles:
            self.texts[article.id] = article.content_hash
            self.types[job.classification(article).key] = types
            self.cells.update(job.generation(article, kind).key for kind in job.applicable(types, article))


def article(number: int, text: str = "") -> Article:
    return Article(f"a{number}", f"Article {number}. {text}")


ARTICLES = [article(number) for number in range(10)]


def past(*history: Job, rates: Rates = RATES, complete: bool = True) -> Past:
    return Past([circumstances_of(job) for job in history], complete, 10, RECORDS, rates)


async def plan_of(items: Iterable[Article | Skip], job: Job, done: Done, earlier: Past | None = None) -> Plan:
    async def each() -> AsyncIterator[Article | Skip]:
        for item in items:
            yield item

    return await make_plan(each(), job, done, earlier or past(JOB))


def done(job: Job = JOB, articles: Iterable[Article] = ARTICLES) -> Done:
    made = Done()
    made.work(job, articles)
    return made


def with_pack(text: str = "", *, slug: str = "concept", every: bool = False) -> Job:
    """Return the job with more guidance for one type, or with another system prompt for all."""
    types = tuple(replace(kind, guidance=kind.guidance + text) if kind.slug == slug else kind for kind in PACK.types)
    generate = replace(PACK.generate, system=PACK.generate.system + text) if every else PACK.generate
    return replace(JOB, pack=replace(PACK, types=PACK.types if every else types, generate=generate))


# ------------------------------------------------------------------------------------------------ the addresses


@pytest.mark.parametrize("mode", ["evidence", "written"])
def test_circumstances_give_every_cell_the_address_that_the_job_gives_it(mode):
    job = replace(JOB, input_mode=mode, temperature=0.3, parameters={"luna": '{"seed":7}', "sol": "{}"})
    now = circumstances_of(job)

    for one in (article(1), replace(article(2), format="html")):
        classification = now.terms(None)
        assert classification is not None
        assert classification.key(one.content_hash, one.format) == job.classification(one).key
        for kind in PACK.types:
            terms = now.terms(kind.slug)
            assert terms is not None
            assert terms.key(one.content_hash, one.format) == job.generation(one, kind).key


def test_circumstances_survive_a_json_file():
    now = circumstances_of(replace(JOB, temperature=0.3))
    kind = TypeAdapter(Circumstances)

    assert kind.validate_python(orjson.loads(orjson.dumps(kind.dump_python(now, mode="json")))) == now


def test_circumstances_are_remembered_once_each_in_order_of_use():
    first, second = circumstances_of(JOB), circumstances_of(replace(JOB, generate_model="mini"))

    assert grown((), first) == (first,)
    assert grown((first,), first) == (first,)
    assert grown((first, second), first) == (second, first)


# ------------------------------------------------------------------------------------------------ what has changed


async def test_a_run_that_is_done_needs_nothing():
    plan = await plan_of(ARTICLES, JOB, done())

    assert (plan.articles, plan.finished, plan.classifications, plan.generations) == (10, 10, 0, 0)
    assert plan.cost_usd == 0
    assert plan.changes == ()
    assert str(plan) == "10 articles, 10 finished; nothing to do"


async def test_new_articles_are_new_work_and_no_change():
    new: list[Article | Skip] = [article(100), article(101), Skip("x:1", SkipReason.EMPTY)]

    plan = await plan_of([*ARTICLES, *new], JOB, done())

    assert (plan.articles, plan.finished, plan.classifications, plan.foreseen, plan.skipped) == (12, 10, 2, 6, 1)
    assert plan.cost_usd == 2 * CENT + 6 * 3 * CENT
    assert plan.changes == ()
    assert not plan.exceeds(Decimal(0))
    assert str(plan) == "12 articles, 10 finished; 2 to classify, about 6 records to make, about $0.20"


async def test_what_an_interrupted_run_has_left_is_no_change():
    half = done()
    half.cells.clear()

    plan = await plan_of(ARTICLES, JOB, half)

    assert (plan.finished, plan.classifications, plan.generations, plan.foreseen) == (0, 0, 30, 0)
    assert plan.cost_usd == 10 * (2 + 3 + 4) * CENT
    assert plan.changes == ()


async def test_another_generate_model_changes_all_records_and_no_classification():
    job = replace(JOB, generate_model="mini")
    rates = Rates(BILLS, {**PRICES, "mini": Price(Decimal(2), Decimal(10))}, {"classify": 10, "generate": 30})

    plan = await plan_of(ARTICLES, job, done(), past(JOB, rates=rates))

    # 900 prompt and 100 completion tokens each, as luna was billed for.
    cost_usd = 30 * (900 * Decimal(2) + 100 * Decimal(10)) / 1_000_000
    assert plan.changes == (Change("generate model luna -> mini", 0, 30, cost_usd),)
    assert (plan.classifications, plan.generations, plan.cost_usd) == (0, 30, cost_usd)


async def test_another_classify_model_changes_the_classifications_and_keeps_the_records():
    job = replace(JOB, classifier=Numbers("terra"))
    rates = Rates(BILLS, {**PRICES, "terra": Price(Decimal(2), Decimal(10))}, {"classify": 10, "generate": 30})

    plan = await plan_of(ARTICLES, job, done(), past(JOB, rates=rates))

    cost_usd = 10 * (500 * Decimal(2) + 5 * Decimal(10)) / 1_000_000
    assert plan.changes == (Change("classify model sol -> terra", 10, 0, cost_usd),)
    assert (plan.classifications, plan.generations, plan.foreseen) == (10, 0, 0)


async def test_records_that_were_not_made_yet_stay_new_work_when_the_classify_model_changes():
    half = done()
    half.cells.clear()

    plan = await plan_of(ARTICLES, replace(JOB, classifier=Numbers("terra")), half)

    assert [(change.classifications, change.records) for change in plan.changes] == [(10, 0)]
    assert plan.foreseen == 30


def test_a_classification_by_two_models_costs_the_calls_of_each_that_it_takes():
    bills = {
        Account("mini", "classify", None, "decisions"): Bill(10, Usage(5_000), CENT),
        Account("sol", "classify", None): Bill(4, Usage(2_000, 0, 0, 20), 4 * CENT),
    }
    decides: dict[tuple[Stage, str], str | None] = {("classify", "mini"): "decisions"}
    known, new = (Rates(found, PRICES, {"classify": 10, "generate": 0}, decides) for found in (bills, BILLS))

    assert known.classification_usd(("mini", "sol")) == CENT / 10 + 4 * CENT / 10
    assert new.classification_usd(("mini", "sol")) == Decimal(505) / 1_000_000 + CENT, (
        "each once, to be on the safe side"
    )
    assert new.classification_usd(("mini", "unheard-of")) is None
    assert new.classification_usd(("sol",)) == new.cell_usd("classify", "sol")


async def test_another_threshold_or_gate_is_no_change_and_another_classifier_is_one():
    decisions = replace(JOB, classifier=Decisions("sol"))
    stricter = replace(decisions, classifier=Decisions("sol", Thresholds(0.9)), gates=True)
    cascade = replace(JOB, classifier=Cascade(Decisions("mini"), Numbers("sol")))

    plans = [await plan_of(ARTICLES, job, done(decisions), past(decisions)) for job in (stricter, JOB, cascade)]

    causes = [[change.cause for change in plan.changes] for plan in plans]
    assert causes == [[], ["classifier decisions -> numbers"], ["classifier decisions -> cascade"]]


async def test_an_edited_type_changes_its_own_records():
    plan = await plan_of(ARTICLES, with_pack(" Be brief."), done())

    assert plan.changes == (Change("prompt of type concept", 0, 10, 10 * 2 * CENT),)


async def test_a_prompt_that_all_types_share_is_one_cause():
    plan = await plan_of(ARTICLES, with_pack(" Be brief.", every=True), done())

    assert plan.changes == (Change("prompts of all types", 0, 30, 10 * 9 * CENT),)


async def test_an_edited_classification_prompt_is_named():
    pack = replace(PACK, classify=replace(PACK.classify, system=PACK.classify.system + " Be brief."))

    plan = await plan_of(ARTICLES, replace(JOB, pack=pack), done())

    assert plan.changes == (Change("classification prompt", 10, 0, 10 * CENT),)


async def test_another_temperature_changes_everything():
    plan = await plan_of(ARTICLES, replace(JOB, temperature=0.7), done())

    assert plan.changes == (Change("temperature unset -> 0.7", 10, 30, 10 * CENT + 10 * 9 * CENT),)
    assert str(plan.changes[0]) == "temperature unset -> 0.7: 10 classifications and about 30 records, about $1.00"


async def test_other_parameters_of_a_model_are_named_without_their_values():
    plan = await plan_of(ARTICLES, replace(JOB, parameters={"luna": '{"token":"secret"}'}), done())

    assert [change.cause for change in plan.changes] == ["parameters of luna"]


async def test_another_input_mode_is_one_cause_though_it_has_a_prompt_of_its_own():
    plan = await plan_of(ARTICLES, replace(JOB, input_mode="written"), done())

    assert [(change.cause, change.records) for change in plan.changes] == [("input mode evidence -> written", 30)]


async def test_all_that_has_changed_for_a_cell_is_named():
    plan = await plan_of(ARTICLES, replace(with_pack(" Be brief."), generate_model="mini"), done())

    assert {change.cause: change.records for change in plan.changes} == {
        "generate model luna -> mini": 20,
        "generate model luna -> mini and prompt of type concept": 10,
    }


async def test_other_text_under_a_known_id_changes_the_cells_that_the_old_text_has():
    plan = await plan_of([article(0, "More."), *ARTICLES[1:]], JOB, done())

    assert plan.changes == (Change("article text", 1, 3, (1 + 2 + 3 + 4) * CENT),)
    assert plan.finished == 9


async def test_other_text_is_noticed_under_another_model_too():
    job = replace(JOB, generate_model="mini", classifier=Numbers("terra"))

    plan = await plan_of([article(0, "More.")], job, done())

    assert [(change.cause, change.classifications, change.records) for change in plan.changes] == [
        ("article text", 1, 3)
    ]


async def test_an_article_that_goes_back_to_an_earlier_text_costs_nothing():
    made = done(articles=[article(0)])
    made.work(JOB, [article(0, "More.")])

    plan = await plan_of([article(0)], JOB, made)

    assert (plan.finished, plan.changes) == (1, ())


async def test_a_new_text_that_was_begun_is_asked_about_no_more():
    made = done()
    newer = article(0, "More.")
    made.texts[newer.id] = newer.content_hash
    made.types[JOB.classification(newer).key] = TYPES

    plan = await plan_of([newer], JOB, made)

    assert (plan.generations, plan.changes) == (3, ())


@pytest.mark.parametrize(("before", "after"), [("a0", "a0#part-2"), ("a0#part-1", "a0")])
async def test_an_article_that_is_parted_otherwise_has_changed(before, after):
    made = done(articles=[Article(before, "A long text.")])

    plan = await plan_of([Article(after, "A part of it.")], JOB, made)

    assert [(change.cause, change.classifications) for change in plan.changes] == [("article text", 1)]


async def test_another_markup_changes_what_the_numbers_of_paragraphs_mean():
    plan = await plan_of([replace(article(0), format="html")], JOB, done())

    assert [(change.cause, change.records) for change in plan.changes] == [
        ("markup of the article markdown -> html", 3)
    ]
    assert plan.classifications == 0


async def test_of_several_earlier_circumstances_the_newest_that_has_the_cell_is_named():
    middle, now = replace(JOB, generate_model="mini"), replace(JOB, generate_model="nano")
    made = done()
    made.work(middle, ARTICLES[:4])

    plan = await plan_of(ARTICLES, now, made, past(JOB, middle))

    assert {change.cause: change.records for change in plan.changes} == {
        "generate model mini -> nano": 12,
        "generate model luna -> nano": 18,
    }


async def test_what_is_made_already_under_the_new_circumstances_is_kept():
    job = replace(JOB, generate_model="mini")
    made = done()
    made.work(job, ARTICLES[:7])

    plan = await plan_of(ARTICLES, job, made, past(JOB, job))

    assert (plan.finished, plan.generations) == (7, 9)
    assert [change.records for change in plan.changes] == [9]


async def test_going_back_to_earlier_circumstances_costs_nothing():
    other = replace(JOB, generate_model="mini", temperature=0.7)
    made = done()
    made.work(other, ARTICLES)

    plan = await plan_of(ARTICLES, JOB, made, past(JOB, other))

    assert (plan.finished, plan.changes) == (10, ())


async def test_a_classification_that_was_given_up_counts_and_says_nothing_about_records():
    made = done()
    given_up = article(100)
    made.texts[given_up.id] = given_up.content_hash
    made.cells.add(JOB.classification(given_up).key)

    kept = await plan_of([given_up], JOB, made)
    again = await plan_of([*ARTICLES, given_up], replace(JOB, classifier=Numbers("terra")), made)

    assert kept.finished == 1
    assert [(change.classifications, change.records) for change in again.changes] == [(11, 3)]  # 3 on the average


async def test_without_a_history_changes_pass_for_new_work_and_the_plan_says_so():
    plan = await plan_of(ARTICLES, replace(JOB, generate_model="mini"), done(), past(complete=False))

    assert (plan.generations, plan.changes, plan.complete) == (30, (), False)


async def test_a_changed_text_is_found_without_a_history():
    plan = await plan_of([article(0, "More.")], JOB, done(), past(complete=False))

    assert [change.cause for change in plan.changes] == ["article text"]


async def test_a_type_that_is_new_in_the_pack_is_new_work():
    types = tuple(replace(kind, slug="idea") if kind.slug == "concept" else kind for kind in PACK.types)

    plan = await plan_of(ARTICLES, replace(JOB, pack=replace(PACK, types=types)), done())

    assert plan.generations == 10
    assert not any("idea" in change.cause for change in plan.changes)


# ------------------------------------------------------------------------------------------------ unread sources


def test_of_an_unread_source_everything_that_was_never_made_so_can_have_changed():
    plan = plan_unread(replace(with_pack(" Be brief."), classifier=Numbers("terra"), temperature=0.0), past(JOB))

    assert plan.unread
    assert sum(change.classifications for change in plan.changes) == 10
    assert sum(change.records for change in plan.changes) == 30


def test_of_an_unread_source_nothing_is_asked_about_circumstances_that_were_worked_under_before():
    other = replace(JOB, generate_model="mini")

    assert plan_unread(JOB, past(JOB, other)).changes == ()
    assert plan_unread(other, past(other, JOB)).changes == ()
    assert [change.records for change in plan_unread(with_pack("!"), past(JOB)).changes] == [10]


# ------------------------------------------------------------------------------------------------ dollars


def test_a_cell_costs_what_its_calls_cost_repeated_ones_included():
    rates = Rates(BILLS, PRICES, {"classify": 5, "generate": 20})

    assert rates.cell_usd("classify", "sol") == 2 * CENT
    assert rates.cell_usd("generate", "luna", "concept") == Decimal("1.5") * 2 * CENT
    assert rates.cell_usd("generate", "luna") == Decimal("1.5") * 3 * CENT


def test_a_classification_by_one_model_costs_one_call_in_a_run_that_took_two_of_several():
    bills = {**BILLS, Account("mini", "classify", None, "decisions"): Bill(10, Usage(5_000), CENT)}

    assert Rates(bills, PRICES, {"classify": 10}).classification_usd(("sol",)) == CENT


def test_cells_that_were_given_up_do_not_make_the_others_dear_without_bound():
    rates = Rates(BILLS, PRICES, {"classify": 1, "generate": 1})

    assert rates.cell_usd("classify", "sol") == 2 * CENT
    assert rates.cell_usd("generate", "luna", "concept") == 2 * 2 * CENT
    thrice = Rates(BILLS, PRICES, {"classify": 1, "generate": 1}, record_asks=3)
    assert thrice.cell_usd("generate", "luna", "concept") == 3 * 2 * CENT


def test_a_type_without_bills_costs_what_the_others_of_the_model_do():
    assert RATES.cell_usd("generate", "luna", "caveats") == 3 * CENT


def test_what_was_paid_at_another_tier_says_how_many_tokens_and_not_how_much():
    """A run that was begun in batches, by decisions or at the flex tier says too little of what comes at another."""
    bills = {
        Account("luna", "generate", "concept", "batch"): Bill(10, Usage(9_000, 0, 0, 1_000), CENT),
        Account("luna", "classify", None, "decisions"): Bill(10, Usage(5_000), CENT),
    }
    halved = Price(Decimal(1), Decimal(1))
    price = Price(Decimal(2), Decimal(10), tiers={"batch": Price(Decimal(1), Decimal(5)), "flex": halved})
    settled: dict[Stage, int] = {"classify": 10, "generate": 10}

    def costs(tier: str | None, price: Price | None = price) -> list[Decimal | None]:
        tiers: dict[tuple[Stage, str], str | None] = {("generate", "luna"): tier, ("classify", "luna"): tier}
        rates = Rates(bills, {"luna": price}, settled, tiers)
        return [rates.cell_usd("generate", "luna", "concept"), rates.cell_usd("classify", "luna")]

    millionth = Decimal("0.000001")
    assert costs(None) == [(900 * 2 + 100 * 10) * millionth, 500 * 2 * millionth]
    assert costs("flex") == [1000 * millionth, 500 * millionth]
    assert costs("batch") == [CENT / 10, 500 * millionth]
    assert costs("decisions")[1] == CENT / 10
    assert costs(None, None) == [CENT / 10, CENT / 10], "better than nothing"


def test_whatever_the_account_makes_of_calls_they_are_alike():
    bills = {Account("luna", "generate", None, tier): Bill(1, Usage(9), CENT) for tier in (None, "default", "priority")}

    assert Rates(bills, {}, {"generate": 3}).cell_usd("generate", "luna") == CENT


def test_who_asks_for_a_dearer_tier_pays_more_than_before():
    bills = {Account("luna", "generate", "concept", "default"): Bill(1, Usage(500), CENT)}
    price = Price(CENT, CENT, tiers={"priority": Price(Decimal(2), Decimal(2))})

    rates = Rates(bills, {"luna": price}, {"generate": 1}, {("generate", "luna"): "priority"})

    assert rates.cell_usd("generate", "luna", "concept") == Decimal("0.001")


def test_what_is_billed_counts_more_than_the_price_list_and_nothing_billed_is_nothing():
    free = {Account("luna", "generate", "concept"): Bill(10, Usage(9_000, 0, 0, 1_000), Decimal(0))}

    assert Rates(free, {"luna": None}, {"generate": 10}).cell_usd("generate", "luna", "concept") == 0


@pytest.mark.parametrize(
    ("bills", "prices"),
    [
        (BILLS, {"mini": None}),
        (BILLS, {}),
        ({}, {"mini": Price(Decimal(1), Decimal(1))}),
        ({Account("mini", "generate", "concept"): Bill(2, Usage(10, 0, 0, 1), Decimal(0), 2)}, {"mini": None}),
    ],
)
def test_a_cost_that_nobody_knows_is_not_zero(bills, prices):
    assert Rates(bills, prices, {"generate": 30}).cell_usd("generate", "mini", "concept") is None


def test_bills_without_a_price_are_priced_by_their_tokens_once_the_price_is_known():
    bills = {Account("mini", "generate", "concept"): Bill(2, Usage(2_000, 0, 0, 200), Decimal(0), 2)}

    rates = Rates(bills, {"mini": Price(Decimal(1), Decimal(10))}, {"generate": 2})

    assert rates.cell_usd("generate", "mini", "concept") == Decimal("0.002")


async def test_a_change_at_an_unknown_cost_is_always_asked_about_and_new_work_never():
    unpriced = Rates(BILLS, {}, {"classify": 10, "generate": 30})
    job = replace(JOB, generate_model="mini")

    changed = await plan_of(ARTICLES, job, done(), past(JOB, rates=unpriced))
    new = await plan_of([article(100)], job, Done(), past(rates=unpriced))

    assert changed.changed.cost_usd is None
    assert changed.exceeds(Decimal(1_000_000))
    assert new.cost_usd is None
    assert not new.exceeds(Decimal(0))
    assert "not known" in str(new)


async def test_changes_are_asked_about_above_the_limit_only():
    plan = await plan_of(ARTICLES, replace(JOB, temperature=0.7), done())

    assert plan.changed.cost_usd == 1
    assert not plan.exceeds(Decimal(1))
    assert plan.exceeds(Decimal("0.99"))


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan(1, 0, 0, 1, 0, 0, Decimal(1)), "1 article, 0 finished; 1 record to make, about $1.00"),
        (Plan(7, 0, 7, 0, 0, 0, Decimal(1)), "7 articles, 0 finished; 7 to classify, about $1.00"),
        (Plan(7, 0, 7, 0, 9, 0, None), "7 to classify, about 9 records to make, at a cost that is not known"),
        (
            Plan(7, 0, 7, 2, None, 0, None, first=True),
            "7 to classify and then to generate for, 2 records to make, at a",
        ),
        (
            Plan(7, 0, 7, 0, None, 0, None, first=True),
            "for, at a cost that cannot be estimated before the first record",
        ),
    ],
)
def test_a_plan_in_words_says_nothing_of_what_there_is_not(plan, words):
    assert words in str(plan)


@pytest.mark.parametrize(
    ("cost_usd", "words"),
    [
        (None, "at a cost that is not known"),
        (Decimal(0), "about $0.00"),
        (Decimal("0.0004"), "less than $0.01"),
        (Decimal("1.844"), "about $1.84"),
    ],
)
def test_costs_in_words(cost_usd, words):
    assert about_usd(cost_usd) == words


async def test_a_refusal_says_in_one_sentence_what_how_much_and_how_to_go_on():
    plan = await plan_of(ARTICLES, replace(JOB, generate_model="mini"), done())

    assert plan.refusal(Path("runs/a")) == (
        "runs/a: 30 records would be paid for again, about $0.03, because of what has changed since "
        "(generate model luna -> mini): go on with --yes (QLORAGEN_ACCEPT_CHANGES=true, in Python "
        "accept_changes=True), or keep both apart with another --out."
    )


async def test_a_refusal_names_a_few_causes_with_their_share():
    types = tuple(replace(kind, guidance=kind.guidance + "!") if kind.number < 9 else kind for kind in PACK.types)
    made = Done()
    made.work(JOB, ARTICLES, types=tuple(range(1, 9)))

    plan = await plan_of(ARTICLES, replace(JOB, pack=replace(PACK, types=types)), made)

    assert "(prompt of type section-summary: 10 records, about $0.30; " in plan.refusal(Path("runs/a"))
    assert "3 more causes)" in plan.refusal(Path("runs/a"))


async def test_a_plan_in_a_log_has_costs_as_decimal_strings():
    plan = await plan_of([*ARTICLES, article(100)], replace(JOB, generate_model="mini"), done())

    fields = orjson.loads(orjson.dumps(plan.fields()))

    assert fields["changes"][0]["cause"] == "generate model luna -> mini"
    assert Decimal(fields["cost_usd"]) > Decimal(fields["changes"][0]["cost_usd"]) > 0
