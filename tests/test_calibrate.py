"""Thresholds that are measured: the arithmetic of agreement, and the command that pays for a sample."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import qloragen
from qloragen import BudgetReached, SetupError, acalibrate
from qloragen.assembly import job_of
from qloragen.domain.calibration import GRID, Judged, Score, best_by_type, best_for_all, best_threshold, fit, scores
from qloragen.domain.classifiers import SUBSTANCE, Chances, Thresholds
from qloragen.packs import load_pack
from qloragen.settings import load
from qloragen.simulator import Call, Effect

from .simulated import Simulated
from .test_classifier_runs import paid
from .test_cli import qloragen as command
from .test_main_job import articles

PACK = load_pack()
SLUGS = [kind.slug for kind in PACK.types if not kind.always]
NUMBERS = [kind.number for kind in PACK.types if not kind.always]

PAIRS = st.lists(st.tuples(st.floats(0, 1), st.booleans()))
JUDGED = st.lists(
    st.builds(
        Judged,
        st.builds(Chances, st.floats(0, 1), st.fixed_dictionaries({slug: st.floats(0, 1) for slug in SLUGS})),
        st.sets(st.sampled_from(NUMBERS)).map(lambda numbers: tuple(sorted(numbers))),
    ),
    min_size=1,
    max_size=12,
)


def f1_at(pairs: list[tuple[float, bool]], threshold: float) -> float:
    """As the textbook has it."""
    both = sum(probability >= threshold and listed for probability, listed in pairs)
    wrong = sum((probability >= threshold) != listed for probability, listed in pairs)
    return 2 * both / (2 * both + wrong) if both + wrong else 1.0


@given(PAIRS)
def test_no_threshold_of_the_grid_agrees_better_than_the_one_that_is_chosen(pairs):
    best = best_threshold(pairs)

    assert best in GRID
    assert f1_at(pairs, best) == pytest.approx(max(f1_at(pairs, threshold) for threshold in GRID))


@given(st.sets(st.floats(0.1, 0.4)), st.sets(st.floats(0.6, 0.9), min_size=1))
def test_what_can_be_told_apart_is_told_apart_without_a_mistake(no, yes):
    pairs = [(probability, True) for probability in yes] + [(probability, False) for probability in no]

    assert f1_at(pairs, best_threshold(pairs)) == 1


def test_of_thresholds_that_agree_alike_the_middle_of_the_gap_is_chosen():
    assert best_threshold([(0.2, False), (0.6, True)]) == pytest.approx(0.41, abs=0.011)
    assert best_threshold([]) == 0.5


@given(JUDGED, st.floats(0, 1))
def test_counts_add_up_to_what_each_side_gives(judged, threshold):
    found = scores(judged, PACK, Thresholds(threshold))

    total = Score(*map(sum, zip(*found.values(), strict=True)))
    assert total.both + total.only_listed == sum(len(one.numbers) for one in judged)
    assert list(found) == SLUGS
    assert all(0 <= part <= 1 for score in found.values() for part in (score.precision, score.recall, score.f1))
    assert min(total.precision, total.recall) - 1e-9 <= total.f1 <= max(total.precision, total.recall) + 1e-9


@given(JUDGED)
def test_more_is_found_and_more_of_it_is_wrong_as_the_threshold_falls(judged):
    rows = fit(judged, PACK).rows

    assert all(low.types_per_article >= high.types_per_article for low, high in pairwise(rows))
    assert all(low.score.recall >= high.score.recall for low, high in pairwise(rows))


@given(JUDGED)
def test_the_best_threshold_for_all_is_at_least_as_good_as_any_row(judged):
    fitted = fit(judged, PACK)

    assert all(fitted.best.score.f1 >= row.score.f1 - 1e-9 for row in fitted.rows)
    assert fitted.best.threshold == best_for_all(judged, PACK).usual


def judged_article(chance: float, numbers: tuple[int, ...], slug: str = "caveats", substance: float = 0.9) -> Judged:
    return Judged(Chances(substance, dict.fromkeys(SLUGS, 0.01) | {slug: chance}), numbers)


def test_a_type_gets_its_own_threshold_only_where_it_occurs_often_enough():
    often = [judged_article(0.25, (3,)) for _ in range(5)] + [judged_article(0.15, ()) for _ in range(5)]
    seldom = [judged_article(0.95, (5,), "feature"), judged_article(0.7, (), "feature")]

    found = best_by_type([*often, *seldom], PACK)

    assert found.of == {"caveats": pytest.approx(0.2, abs=0.05)}
    assert found["feature"] == found.usual


def test_an_article_with_nothing_to_learn_has_no_type_at_any_threshold():
    empty = [judged_article(0.9, (), substance=0.2) for _ in range(4)]

    assert all(row.types_per_article == 0 for row in fit(empty, PACK).rows)
    assert fit([*empty, judged_article(0.3, (3,))], PACK).best.score == Score(both=1)


def test_thresholds_by_type_are_set_only_if_they_hold_where_they_were_not_chosen():
    shifted = [
        one
        for one in (
            judged_article(0.3, (3,)),
            judged_article(0.1, ()),
            judged_article(0.9, (5,), "feature"),
            judged_article(0.6, (), "feature"),
        )
        for _ in range(20)
    ]
    alike = [one for one in (judged_article(0.6, (3,)), judged_article(0.2, ())) for _ in range(20)]

    assert set(fit(shifted, PACK).thresholds.of) == {"caveats", "feature"}
    assert fit(alike, PACK).thresholds.of == {}


# ------------------------------------------------------------------------------------------------------- the command


def number_in(text: str) -> int:
    return int(text.partition("Article ")[2].partition("\n")[0])


def judge(text: str, question: Mapping[str, object]) -> list[float]:
    """Find caveats in articles with even numbers, more or less surely."""
    number = number_in(text)
    match question.get("name"):
        case "something_to_learn":
            return [0.95]
        case "caveats":
            return [0.3 + number / 100 if number % 2 == 0 else 0.1]
    return [0.02]


def listed(prompt: str) -> str:
    number = number_in(prompt)
    return "1, 2, 3" if number % 2 == 0 else "1, 2"


async def test_a_sample_is_judged_both_ways_and_paid_for_once(tmp_path):
    async with Simulated(classify=listed, decide=judge) as server:
        first = await acalibrate(articles(30), tmp_path / "run", sample=20, base_url=server.base_url)
        calls = paid(server)
        again = await acalibrate(articles(30), tmp_path / "run", sample=20, base_url=server.base_url)
        more = await acalibrate(articles(30), tmp_path / "run", sample=25, base_url=server.base_url)

    assert calls == {("classify", "gpt-6-luna"): 20, ("classify", "gpt-6-sol"): 20}
    assert (first.fit.articles, again, more.fit.articles) == (20, first, 25)
    assert len(server.calls) == 2 * 25
    assert isinstance(first.setting, float)
    assert 0.1 < first.setting <= 0.3
    assert first.fit.best.score.f1 == 1
    assert first.line == f"decision_threshold = {first.setting:g}"
    assert "best for each type" in str(first)


async def test_what_both_ways_cost_is_told_apart_and_adds_up(tmp_path):
    async with Simulated(classify=listed, decide=judge) as server:
        found = await acalibrate(articles(10), tmp_path / "run", sample=10, base_url=server.base_url)

    numbers, decisions = (cost for cost in found.usd_per_1000.values() if cost is not None)
    assert found.cost_usd == (numbers + decisions) / 100
    assert numbers > 10 * decisions


async def test_replies_that_nobody_can_read_are_left_out_of_the_comparison(tmp_path):
    def fault(call: Call) -> Effect | None:
        broken = call.kind == "classify" and "Article 3" in call.prompt and "questions" in call.body
        return Effect(edit=lambda reply: {**reply, "answers": []}) if broken else None

    async with Simulated(classify=listed, decide=judge, faults=fault) as server:
        found = await acalibrate(articles(6), tmp_path / "run", base_url=server.base_url)

    assert found.fit.articles == 5


async def test_the_spending_limit_stops_it_and_what_is_paid_for_is_kept(tmp_path):
    async with Simulated(classify=listed, decide=judge) as server:
        with pytest.raises(BudgetReached):
            await acalibrate(articles(20), tmp_path / "run", base_url=server.base_url, max_cost_usd=0.01)
        stopped = len(server.calls)
        found = await acalibrate(articles(20), tmp_path / "run", base_url=server.base_url, max_cost_usd=1)

    assert stopped < 40
    assert found.fit.articles == 20
    assert len(server.calls) == 40


async def test_what_is_classified_counts_as_that_and_not_as_paid_in_vain(tmp_path):
    async with Simulated(classify=listed, decide=judge) as server:
        await acalibrate(articles(6), tmp_path / "run", base_url=server.base_url)
        summary = qloragen.summary(tmp_path / "run")
        since = len(server.calls)
        found = qloragen.reparse(tmp_path / "run")
        await acalibrate(articles(6), tmp_path / "run", base_url=server.base_url)

    assert (summary.classified, summary.records, summary.waste) == (6, 0, {})
    assert found.reclassified == 0
    assert len(server.calls) == since


async def test_a_cascade_goes_on_with_what_a_calibration_has_paid_for(tmp_path):
    async with Simulated(classify=listed, decide=judge) as server:
        await acalibrate(articles(6), tmp_path / "run", base_url=server.base_url)
        since = len(server.calls)
        await qloragen.agenerate(articles(6), tmp_path / "run", base_url=server.base_url, classifier="cascade")

    assert set(paid(server, since)) == {("generate", "gpt-6-luna")}


@pytest.mark.parametrize("answer", ["1, 2", "0"])
async def test_the_directory_of_another_run_is_left_alone(tmp_path, answer):
    async with Simulated(classify=lambda _: answer) as server:
        await qloragen.agenerate(articles(2), tmp_path / "run", base_url=server.base_url)
        since = len(server.calls)
        with pytest.raises(SetupError, match="directory of another run"):
            await acalibrate(articles(2), tmp_path / "run", base_url=server.base_url)

    assert len(server.calls) == since


async def test_a_model_on_this_machine_is_nothing_to_compare_with(tmp_path):
    with pytest.raises(SetupError, match="judges no statements"):
        await acalibrate(articles(2), tmp_path / "run", local=True)
    with pytest.raises(SetupError, match="judges no statements"):
        await qloragen.agenerate(articles(2), tmp_path / "run", local=True, classifier="decisions")


async def test_a_sample_needs_an_article(tmp_path):
    with pytest.raises(SetupError, match="1 article or more"):
        await acalibrate(articles(3), tmp_path / "run", sample=0, base_url="http://127.0.0.1:1/v1")
    async with Simulated() as server:
        with pytest.raises(SetupError, match="nothing to compare"):
            await acalibrate([], tmp_path / "run", base_url=server.base_url)


def test_the_line_can_be_used_as_it_is(tmp_path, monkeypatch):
    table = {"default": 0.41, "caveats": 0.2, SUBSTANCE: 0.6}
    monkeypatch.chdir(tmp_path)
    parts = ", ".join(f"{name} = {value}" for name, value in table.items())
    (tmp_path / "qloragen.toml").write_text(f"decision_threshold = {{ {parts} }}\nclassifier = 'decisions'\n")

    classifier = job_of(load()).classifier

    assert classifier.reading == "0.41, caveats 0.2, something_to_learn 0.6"


def test_the_command_prints_tables_or_json(tmp_path, serve, source):
    server = serve()
    arguments = ("calibrate", source, "--out", tmp_path / "run", "--sample", "6", "--base-url", server.base_url)

    text, found = command(*arguments), command(*arguments, "--json")

    assert (text.returncode, found.returncode) == (0, 0)
    assert "6 articles classified both ways" in text.stdout
    assert "decision_threshold = " in text.stdout
    assert orjson.loads(found.stdout)["articles"] == 6
    assert len(server.calls) == 12
