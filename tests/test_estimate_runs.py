"""Estimates of whole sources: no call without a sample, nothing paid for twice with one, and what is said."""

from decimal import Decimal
from pathlib import Path

import orjson
import pytest

import qloragen
from qloragen import Session, SetupError, SourceError, aestimate
from qloragen.cli import main
from qloragen.estimation.sample import drawn
from qloragen.simulator import Effect, Latency, Model, Provider, SimulatedClient, Simulation
from qloragen.sources import Options, read
from qloragen.store.run import open_run
from qloragen.testing import ScriptedClient, VirtualLoop, wait_for_threads
from qloragen.types import Article, LostCall

from .values import NOON, a_cell

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "articles"


@pytest.fixture
def no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def a_source(count: int) -> list[Article]:
    return [
        Article(
            f"a{n}",
            f"# Article {n}\n\n" + "\n\n".join(f"Node {n} repairs replica {part}. " * 8 for part in range(n + 2)),
        )
        for n in range(count)
    ]


NEARLY_ALIKE = tuple(
    Article(
        name,
        "# Repair\n\n" + "\n\n".join(f"Node {n} repairs what replica {n * n} holds. " * 4 for n in range(40)) + end,
    )
    for name, end in (("first", ""), ("second", "\n\nThat is all."))
)


def fail(_body):
    raise AssertionError("a call was made")


# --------------------------------------------------------------------------------------------------- without a sample


async def test_an_estimate_makes_no_call(no_key):
    client = ScriptedClient(fail)

    found = await aestimate(EXAMPLES, client=client)

    assert client.calls == []
    assert found.articles == 7
    assert found.cost_usd is not None
    assert found.cost_usd.low < found.cost_usd.likely < found.cost_usd.high
    assert found.basis.startswith("the prior of the pack")


async def test_the_modes_stand_side_by_side_and_what_is_set_comes_first(no_key):
    found = await aestimate(EXAMPLES, compare_models=["gpt-5.4-mini"])

    cost = {mode.name: mode.cost_usd.likely for mode in found.modes if mode.cost_usd}
    assert next(iter(cost)) == "as set"
    assert cost["--batch"] < cost["as set"]
    assert cost["--flex"] * 2 == pytest.approx(cost["as set"], rel=Decimal("0.01"))
    assert cost["--input written"] > cost["as set"]
    assert cost["no prompt cache"] > cost["as set"]
    assert cost["--classifier decisions"] < cost["--classifier cascade"] < cost["as set"]
    assert "--generate-model gpt-5.4-mini" in cost
    cheapest = [name for name in cost if name.startswith("cheapest together")]
    assert cost[cheapest[0]] == min(cost.values())


async def test_skips_are_counted_and_duplicates_are_not_paid_for(no_key):
    article = a_source(1)[0]

    found = await aestimate([article, article.content, "too short"])

    assert found.articles == 1
    assert found.skips == {"duplicate": 1, "too_short": 1}


async def test_a_limit_is_a_limit(no_key):
    assert (await aestimate(a_source(5), limit=2)).articles == 2


async def test_a_source_without_an_article_is_said_to_have_none(no_key):
    with pytest.raises(SetupError, match=r"There is no article in the source \(1 too_short\): nothing to estimate"):
        await aestimate(["too short"])


async def test_a_source_that_is_not_there_is_an_error(no_key, tmp_path):
    with pytest.raises(SourceError, match="does not exist"):
        await aestimate(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"sample": 2}, "it needs a run directory"),
        ({"sample": 0, "out": "x"}, "1 article or more"),
        ({"local": True}, "costs nothing"),
    ],
)
async def test_what_cannot_be_estimated_is_said_in_a_sentence(no_key, wish, said):
    with pytest.raises(SetupError, match=said):
        await aestimate(EXAMPLES, **wish)


async def test_a_source_that_can_be_read_once_has_no_sample(no_key, tmp_path):
    with pytest.raises(SetupError, match="can be read twice"):
        await aestimate(iter(a_source(2)), sample=1, out=tmp_path / "run")


async def test_a_model_without_a_price_is_said_to_have_none(no_key):
    found = await aestimate(EXAMPLES, classify_model="nobodys-model")

    assert found.cost_usd is None
    assert found.unknown_prices == ("nobodys-model",)
    assert "unknown: no price is known for nobodys-model" in str(found)


async def test_a_model_that_thinks_has_a_range_that_says_so(no_key):
    found = await aestimate(EXAMPLES, classify_model="gpt-6.1-sol")

    assert found.cost_usd is not None
    assert found.cost_usd.high > 2 * found.cost_usd.likely
    assert any("gpt-6.1-sol thinks before it answers" in note for note in found.notes)


async def test_a_limit_that_will_not_do_is_said_to_be_too_low(no_key):
    low, high = await aestimate(EXAMPLES, max_cost_usd="0.01"), await aestimate(EXAMPLES, max_cost_usd="1")

    assert [note[:40] for note in low.notes] == ["Of max_cost_usd ($0.01) $0.010 is left, "]
    assert high.notes == ()


async def test_limits_of_tokens_and_calls_and_of_one_model_are_looked_at_too(no_key):
    found = await aestimate(
        EXAMPLES, max_tokens=1_000, models={"gpt-6-luna": {"max_calls": 3}, "gpt-6-sol": {"max_calls": 30}}
    )

    assert [note.partition(",")[0] for note in found.notes] == [
        "Of max_tokens (1",
        "Of max_calls of gpt-6-luna (3) 3 is left",
    ]


async def test_lost_calls_count_against_a_limit_as_they_will_in_the_run(no_key, tmp_path):
    with open_run(tmp_path / "run") as run:
        run.add_lost(a_cell(), LostCall("m", "timeout", None, None, Decimal("0.995"), 900, None), NOON)

    found = await aestimate(EXAMPLES, out=tmp_path / "run", max_cost_usd="1")

    assert [note[:39] for note in found.notes] == ["Of max_cost_usd ($1) $0.0050 is left, l"]


async def test_what_other_servers_may_not_have_is_said(no_key):
    found = await aestimate(EXAMPLES, base_url="http://127.0.0.1:8000/v1")

    assert found.notes == ("Batches, the flex tier and decisions are OpenAI's: other servers may not have them.",)


def test_estimate_is_for_programs_without_an_event_loop_too(no_key):
    assert qloragen.estimate(EXAMPLES).articles == 7


# ------------------------------------------------------------------------------------------------------------ drawing


async def test_the_same_articles_are_drawn_wherever_they_stand(no_key):
    articles, options = a_source(40), Options()

    once = await drawn(read(articles), 7, 0, options)
    again = await drawn(read(articles[::-1]), 7, 0, options)
    other = await drawn(read(articles), 7, 1, options)

    assert len(once) == 7
    assert {article.id for article in once} == {article.id for article in again}
    assert {article.id for article in once} != {article.id for article in other}


async def test_no_more_are_drawn_than_there_are_and_skips_are_none(no_key):
    assert len(await drawn(read([*a_source(3), "too short"]), 7, 0, Options())) == 3


async def test_what_is_drawn_has_the_text_that_the_run_will_read(no_key):
    options = Options(max_tokens=600)
    parts = [item async for item in read(EXAMPLES, options) if isinstance(item, Article)]

    found = await drawn(read(EXAMPLES, options), len(parts), 0, options)

    assert len(found) == len(parts) > 7
    assert {article.content_hash for article in found} == {part.content_hash for part in parts}


# ----------------------------------------------------------------------------------------------------- with a sample


in_virtual_time = pytest.mark.parametrize(
    "anyio_backend", [pytest.param(("asyncio", {"loop_factory": VirtualLoop}), id="virtual")]
)


def a_provider() -> Provider:
    return Provider(Simulation(models={"*": Model(latency=Latency(median_s=2.0))}))


async def _run(source, out, provider, **knobs):
    async with Session(out, client=SimulatedClient(provider), **knobs) as session:
        await session.process(source)
        return session.summary


@in_virtual_time
async def test_a_sample_is_the_beginning_of_the_run_and_is_paid_for_once(tmp_path):
    await wait_for_threads()
    provider, source = a_provider(), a_source(12)

    found = await aestimate(source, out=tmp_path / "a", sample=4, client=SimulatedClient(provider))
    sampled = provider.statistics.total.calls
    going_on = await _run(source, tmp_path / "a", provider)
    at_once = await _run(source, tmp_path / "b", a_provider())

    assert (found.chosen.finished, found.chosen.to_classify) == (4, 8)
    assert found.paid_usd is not None
    assert 0 < sampled < at_once.calls == provider.statistics.total.calls
    assert provider.statistics.duplicates == 0
    assert going_on.records == at_once.records
    assert going_on.cost_usd == at_once.cost_usd


@in_virtual_time
async def test_after_a_sample_the_rest_costs_what_was_estimated(tmp_path):
    await wait_for_threads()
    provider, source = a_provider(), a_source(30)

    found = await aestimate(source, out=tmp_path, sample=10, client=SimulatedClient(provider))
    summary = await _run(source, tmp_path, provider)

    assert found.cost_usd is not None
    assert found.paid_usd is not None
    assert summary.cost_usd is not None
    whole = found.paid_usd + found.cost_usd.likely
    assert abs(whole / summary.cost_usd - 1) < Decimal("0.1")
    assert found.basis.startswith("10 articles that this run has paid for")


@in_virtual_time
async def test_of_a_finished_run_nothing_is_left_to_pay(tmp_path):
    await wait_for_threads()
    source = a_source(5)
    await _run(source, tmp_path, a_provider())

    found = await aestimate(source, out=tmp_path, client=ScriptedClient(fail))

    assert found.cost_usd is not None
    assert found.cost_usd.high == 0
    assert found.chosen.finished == 5
    assert found.chosen.records.likely == 0


@in_virtual_time
async def test_the_same_estimate_again_pays_for_no_other_sample(tmp_path):
    await wait_for_threads()
    provider, source = a_provider(), a_source(10)
    first = await aestimate(source, out=tmp_path, sample=3, client=SimulatedClient(provider))

    again = await aestimate(source, out=tmp_path, sample=3, client=ScriptedClient(fail))

    assert again.paid_usd == first.paid_usd
    assert again.cost_usd == first.cost_usd


# ------------------------------------------------------------------------------------------------- where there is a run


@in_virtual_time
async def test_articles_that_a_run_has_begun_are_counted_though_they_are_like_others(tmp_path):
    await wait_for_threads()
    first, second = NEARLY_ALIKE
    await _run([second], tmp_path, a_provider())

    found = await aestimate([first, second], out=tmp_path, near_duplicates="skip")
    alone = await aestimate([first, second], near_duplicates="skip")

    assert (found.articles, found.chosen.finished, found.skips) == (2, 1, {})
    assert (alone.articles, alone.skips) == (1, {"near_duplicate": 1})


@in_virtual_time
async def test_records_that_are_there_are_not_paid_for_again_when_articles_are_classified_anew(tmp_path):
    await wait_for_threads()
    provider, source = a_provider(), a_source(20)
    before = await _run(source, tmp_path, provider)

    found = await aestimate(source, out=tmp_path, classifier="decisions")
    after = await _run(source, tmp_path, provider, classifier="decisions", accept_changes=True)

    records, new = found.chosen.records, after.records - before.records
    assert found.chosen.to_classify == 20
    assert records.low <= new <= records.high < before.records
    assert found.cost_usd is not None
    assert found.cost_usd.low <= after.cost_usd - before.cost_usd <= found.cost_usd.high


@in_virtual_time
async def test_an_article_that_was_classified_twice_is_one_article(tmp_path):
    await wait_for_threads()
    source, client = a_source(6), SimulatedClient(a_provider())
    await aestimate(source, out=tmp_path, sample=3, client=client)

    found = await aestimate(source, out=tmp_path, sample=3, client=client, classifier="decisions", accept_changes=True)

    assert found.basis.startswith("3 articles that this run has paid for")


@in_virtual_time
async def test_articles_that_cannot_be_classified_need_no_records(tmp_path):
    await wait_for_threads()
    hopeless = ("# Article 1\n", "# Article 2\n")

    def script(call):
        return (
            Effect(prose="Who knows.") if call.kind == "classify" and any(h in call.prompt for h in hopeless) else None
        )

    provider = Provider(Simulation(models={"*": Model(latency=Latency(median_s=2.0))}), script=script)
    whole = await aestimate(a_source(8), out=tmp_path / "a", sample=8, client=SimulatedClient(a_provider()))

    found = await aestimate(a_source(8), out=tmp_path / "b", sample=8, client=SimulatedClient(provider))

    assert found.chosen.finished == 8
    assert found.basis.startswith("8 articles that this run has paid for")
    assert _types_said(found.basis) < _types_said(whole.basis)


def _types_said(basis):
    return float(basis.partition(": ")[2].partition(" ")[0])


@in_virtual_time
async def test_of_articles_begun_before_the_cache_may_still_be_warm(tmp_path):
    await wait_for_threads()
    provider, source = a_provider(), a_source(20)[8:]
    before = await _run(source, tmp_path, provider, max_types=2)

    found = await aestimate(source, out=tmp_path)
    after = await _run(source, tmp_path, provider)

    assert found.cost_usd is not None
    assert found.cost_usd.low <= after.cost_usd - before.cost_usd <= found.cost_usd.high


@in_virtual_time
async def test_how_much_a_model_thinks_is_learned_from_a_sample(tmp_path):
    await wait_for_threads()
    source, model = a_source(30), "gpt-6.1-sol"
    thinking = Model(latency=Latency(median_s=2.0), reasoning_tokens=700)
    provider = Provider(Simulation(models={model: thinking, "*": Model(latency=Latency(median_s=2.0))}))

    found = await aestimate(
        source,
        out=tmp_path,
        sample=10,
        client=SimulatedClient(provider),
        classify_model=model,
        compare_models=["gpt-5.4-mini"],
    )
    summary = await _run(source, tmp_path, provider, classify_model=model)

    listed = [item for mode in found.modes for item in mode.items if item.stage == "classify" and item.tier is None]
    tokens = {item.model: item.completion_tokens / item.calls for item in listed}
    assert 700 < tokens[model] < 730
    assert tokens["gpt-5.4-mini"] < 30
    assert found.notes == (
        f"The sample is the beginning of the run in {tmp_path}: what goes on there pays for none of it again.",
    )
    assert found.paid_usd is not None
    assert found.cost_usd is not None
    assert summary.cost_usd is not None
    assert abs((found.paid_usd + found.cost_usd.likely) / summary.cost_usd - 1) < Decimal("0.1")


# ------------------------------------------------------------------------------------------------------- what is said


def test_the_command_says_what_it_would_cost(no_key, capsys):
    code = main(["estimate", str(EXAMPLES), "--rpm", "500", "--tpm", "200000", "--compare-models", "gpt-5.4-mini"])

    said = capsys.readouterr().out
    assert code == 0
    assert said.startswith("7 articles\n")
    assert "gpt-6-sol, classify" in said
    assert "the limit that binds: TPM of gpt-6-luna" in said
    assert "genai-prices" in said
    assert "--generate-model gpt-5.4-mini" in said
    assert max(map(len, said.splitlines())) <= 132


def test_the_command_has_json_for_programs(no_key, capsys):
    main(["estimate", str(EXAMPLES), "--batch", "--json"])

    found = orjson.loads(capsys.readouterr().out)
    chosen = found["modes"][0]
    assert found["articles"] == 7
    assert chosen["name"] == "as set"
    assert Decimal(chosen["cost_usd"]["low"]) < Decimal(chosen["cost_usd"]["likely"])
    assert {item["tier"] for item in chosen["items"]} == {"batch"}
    assert chosen["cached_share"] == 0
    assert chosen["pace"]["batched_stages"] == 2


def test_the_commands_mistakes_are_one_sentence(no_key, capsys, tmp_path):
    assert main(["estimate", str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.count("\n") == 1

    assert main(["estimate", str(EXAMPLES), "--sample", "3"]) == 2
    assert "--out DIR" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
