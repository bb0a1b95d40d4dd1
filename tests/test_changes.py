"""Changed circumstances: what still holds is kept, what would be paid for again is counted, and asked about first."""

import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

import qloragen
from qloragen import ChangesNotAccepted, Session

from .simulated import Simulated
from .test_main_job import PROMPTS, article, articles, lines_of

ASK_ALWAYS: dict[str, Any] = {"confirm_above_usd": 0}


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PROMPTS, tmp_path / "pack"))


def edit(pack: Path, slug: str) -> None:
    """Change the prompt of one type."""
    file = pack / "pack.toml"
    head, mark, rest = file.read_text().partition(f'slug = "{slug}"')
    file.write_text(head + mark + rest.replace('guidance = """', 'guidance = """Be brief. ', 1))


def file_of(tmp_path: Path, rows: list[dict[str, str]]) -> Path:
    file = tmp_path / "articles.jsonl"
    file.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return file


def kinds(server: Simulated, since: int = 0) -> Counter[str]:
    return Counter(str(call.kind) for call in server.calls[since:])


CHANGES = {
    "generate model": ({"generate_model": "gpt-5.4-mini"}, "generate model gpt-6-luna -> gpt-5.4-mini", (0, 12)),
    "classify model": ({"classify_model": "gpt-5.4"}, "classify model gpt-6-sol -> gpt-5.4", (4, 0)),
    "temperature": ({"temperature": 0.7}, "temperature unset -> 0.7", (4, 12)),
    "parameters": ({"models": {"gpt-6-luna": {"parameters": {"seed": 7}}}}, "parameters of gpt-6-luna", (0, 12)),
    "input": ({"input": "written"}, "input mode evidence -> written", (0, 12)),
    "classifier": ({"classifier": "json"}, "classifier numbers -> json", (4, 0)),
    "outline": ({"classify_reads": "outline"}, "classifier numbers -> numbers of outlines", (4, 0)),
}


@pytest.mark.parametrize(("knobs", "cause", "calls"), CHANGES.values(), ids=CHANGES)
async def test_a_change_is_refused_before_any_call_and_once_accepted_costs_only_itself(tmp_path, knobs, cause, calls):
    async with Simulated() as server:
        options: dict[str, Any] = {"base_url": server.base_url, **ASK_ALWAYS}
        await qloragen.agenerate(articles(4), tmp_path / "run", **options)
        before, manifest = len(server.calls), (tmp_path / "run/run.json").read_bytes()

        with pytest.raises(ChangesNotAccepted, match=cause):
            await qloragen.agenerate(articles(4), tmp_path / "run", **options, **knobs)
        refused, unchanged = len(server.calls), (tmp_path / "run/run.json").read_bytes()
        await qloragen.agenerate(articles(4), tmp_path / "run", **options, **knobs, accept_changes=True)
        await qloragen.agenerate(articles(4), tmp_path / "run", **options, **knobs)

    assert (refused, unchanged) == (before, manifest)
    after = kinds(server, before)
    assert len(server.calls) - before == sum(calls)
    assert after["generate"] >= calls[1]


async def test_a_change_that_costs_less_than_the_limit_goes_on_and_is_logged(tmp_path, pack, caplog):
    async with Simulated() as server:
        await qloragen.agenerate(articles(4), tmp_path / "run", base_url=server.base_url, pack=pack)
        before = len(server.calls)
        edit(pack, "concept")
        await qloragen.agenerate(articles(4), tmp_path / "run", base_url=server.base_url, pack=pack)

    (changed,) = [vars(record)["changes"] for record in caplog.records if record.getMessage() == "run_changed"]
    assert [(change["cause"], change["records"]) for change in changed] == [("prompt of type concept", 4)]
    assert kinds(server, before) == {"generate": 4}


async def test_a_plan_says_what_a_change_costs_and_is_right(tmp_path):
    async with Simulated() as server:
        knobs: dict[str, Any] = {"base_url": server.base_url, "generate_model": "gpt-5.4-mini"}
        await qloragen.agenerate(articles(4), tmp_path / "run", base_url=server.base_url)
        async with Session(tmp_path / "run", **knobs) as session:
            plan = await session.plan([*articles(4), article(7)])
            cost_before = session.cost_usd
            session.accept_changes()
            await session.process([*articles(4), article(7)])
            assert session.cost_usd is not None
            assert cost_before is not None
            cost_usd = session.cost_usd - cost_before

    (change,) = plan.changes
    assert (change.cause, change.records) == ("generate model gpt-6-luna -> gpt-5.4-mini", 12)
    assert (plan.finished, plan.classifications, plan.generations, plan.foreseen) == (0, 1, 12, 3)
    assert plan.cost_usd is not None
    assert abs(plan.cost_usd - cost_usd) < cost_usd / 4


async def test_a_changed_text_is_asked_about_and_the_other_articles_are_kept(tmp_path):
    edited = [article(0), article(1, "More."), *articles(4)[2:]]
    async with Simulated() as server:
        options: dict[str, Any] = {"base_url": server.base_url, **ASK_ALWAYS}
        await qloragen.agenerate(articles(4), tmp_path / "run", **options)
        before = len(server.calls)

        with pytest.raises(ChangesNotAccepted, match="article text"):
            await qloragen.agenerate(file_of(tmp_path, edited), tmp_path / "run", **options)
        refused = len(server.calls)
        await qloragen.agenerate(edited, tmp_path / "run", **options, accept_changes=True)

    assert refused == before
    assert kinds(server, before) == {"classify": 1, "generate": 3}


async def test_more_articles_and_unfinished_ones_are_never_asked_about(tmp_path):
    async with Simulated() as server:
        options: dict[str, Any] = {"base_url": server.base_url, **ASK_ALWAYS}
        await qloragen.agenerate(articles(2), tmp_path / "run", **options)
        await qloragen.agenerate(articles(6), tmp_path / "run", **options)

    assert len(server.calls) == 6 * 4


async def test_new_work_at_an_unknown_price_is_not_asked_about_but_a_change_is(tmp_path):
    async with Simulated() as server:
        known: dict[str, Any] = {"base_url": server.base_url, "classify_model": "a", "confirm_above_usd": 1_000_000}
        await qloragen.agenerate(articles(2), tmp_path / "run", **known, generate_model="b")
        await qloragen.agenerate(articles(3), tmp_path / "run", **known, generate_model="b")
        before = len(server.calls)

        with pytest.raises(ChangesNotAccepted, match="at a cost that is not known"):
            await qloragen.agenerate(articles(3), tmp_path / "run", **known, generate_model="c")

    assert len(server.calls) == before == 3 * 4


async def test_a_source_that_can_be_read_once_is_asked_about_by_what_can_have_changed_at_most(tmp_path):
    async with Simulated() as server:
        options: dict[str, Any] = {"base_url": server.base_url, **ASK_ALWAYS}
        changed = {**options, "generate_model": "gpt-5.4-mini"}
        await qloragen.agenerate(articles(4), tmp_path / "run", **options)
        before = len(server.calls)

        with pytest.raises(ChangesNotAccepted, match="up to 12 records"):
            await qloragen.agenerate((one for one in articles(2)), tmp_path / "run", **changed)
        refused = len(server.calls)
        await qloragen.agenerate((one for one in articles(2)), tmp_path / "run", **changed, accept_changes=True)
        await qloragen.agenerate((one for one in articles(3)), tmp_path / "run", **changed)

    assert refused == before
    assert kinds(server, before) == {"generate": 9}


async def test_what_has_passed_once_is_not_judged_again_in_the_same_session(tmp_path, caplog):
    async with Simulated() as server:
        await qloragen.agenerate(articles(2), tmp_path / "run", base_url=server.base_url)
        async with Session(tmp_path / "run", base_url=server.base_url, temperature=0.7) as session:
            for count in (2, 3):
                await session.process(iter(articles(count)))

    assert [record.getMessage() for record in caplog.records].count("run_changed") == 1


async def test_a_stream_is_asked_about_before_its_first_record(tmp_path):
    async with Simulated() as server:
        options: dict[str, Any] = {"base_url": server.base_url, **ASK_ALWAYS}
        await qloragen.agenerate(articles(2), tmp_path / "run", **options)
        before = len(server.calls)
        async with Session(tmp_path / "run", **options, temperature=0.7) as session:
            with pytest.raises(ChangesNotAccepted):
                await anext(session.stream(articles(2)))

    assert len(server.calls) == before


async def test_a_session_that_was_refused_leaves_no_trace_in_what_the_run_was_worked_under(tmp_path):
    async with Simulated() as server:
        options: dict[str, Any] = {"base_url": server.base_url, **ASK_ALWAYS}
        await qloragen.agenerate(articles(2), tmp_path / "run", **options)

        for _ in range(2):
            with pytest.raises(ChangesNotAccepted):
                await qloragen.agenerate(iter(articles(2)), tmp_path / "run", **options, temperature=0.7)

    assert len(circumstances(tmp_path)) == 1


async def test_run_json_remembers_every_circumstance_once_before_its_first_call(tmp_path):
    seen: list[int] = []
    async with Simulated(faults=lambda call: seen.append(len(circumstances(tmp_path)))) as server:
        options: dict[str, Any] = {"base_url": server.base_url}
        await qloragen.agenerate(articles(1), tmp_path / "run", **options)
        await qloragen.agenerate(articles(1), tmp_path / "run", **options, temperature=0.7)
        await qloragen.agenerate(articles(2), tmp_path / "run", **options)

    assert seen == [1] * 4 + [2] * 8
    assert [made["generate_parameters"] for made in circumstances(tmp_path)] == ["temperature=0.7;", ";"]


async def test_going_back_is_free_and_going_on_again_asks_for_the_rest(tmp_path):
    async with Simulated() as server:
        options: dict[str, Any] = {"base_url": server.base_url, **ASK_ALWAYS}
        await qloragen.agenerate(articles(4), tmp_path / "run", **options)
        await qloragen.agenerate(articles(1), tmp_path / "run", **options, temperature=0.7, accept_changes=True)
        before = len(server.calls)

        await qloragen.agenerate(articles(4), tmp_path / "run", **options)
        with pytest.raises(ChangesNotAccepted, match="3 classifications and about 9 records"):
            await qloragen.agenerate(articles(4), tmp_path / "run", **options, temperature=0.7)

    assert len(server.calls) == before


@pytest.mark.parametrize("left", [None, b"{", b""])
async def test_a_lost_history_makes_the_plan_vaguer_and_stops_nobody(tmp_path, left):
    async with Simulated() as server:
        options: dict[str, Any] = {"base_url": server.base_url, **ASK_ALWAYS}
        await qloragen.agenerate(articles(2), tmp_path / "run", **options)
        file = tmp_path / "run/run.json"
        file.unlink()
        if left is not None:
            file.write_bytes(left)
        async with Session(tmp_path / "run", **options, temperature=0.7) as session:
            plan = await session.plan(articles(2))
        await qloragen.agenerate(articles(2), tmp_path / "run", **options)

    assert (plan.complete, plan.changes, plan.classifications) == (False, (), 2)
    assert len(server.calls) == 2 * 4
    assert len(circumstances(tmp_path)) == 1


async def test_old_records_stay_beside_the_new_and_exports_take_the_newest(tmp_path):
    async with Simulated() as server:
        await qloragen.agenerate(articles(2), tmp_path / "run", base_url=server.base_url)
        outcome = await qloragen.agenerate(
            articles(2), tmp_path / "run", base_url=server.base_url, generate_model="gpt-5.4-mini"
        )

    models = [record["model"] for record in lines_of(tmp_path / "run/records.jsonl")]
    assert models == ["gpt-6-luna"] * 6 + ["gpt-5.4-mini"] * 6
    assert outcome.export(tmp_path / "train.jsonl").records == 6


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_changes_a_plan_foresees_every_call_and_nothing_is_asked_for_twice(tmp_path, seed):
    draw = random.Random(seed)  # noqa: S311 - the seed replays it
    made: Counter[str] = Counter()
    async with Simulated() as server:
        options: dict[str, Any] = {"base_url": server.base_url, "accept_changes": True}
        await qloragen.agenerate(articles(2), tmp_path / "run", **options)
        for _ in range(8):
            rows = [article(n, draw.choice(["", "More.", "Less."])) for n in range(draw.randint(1, 4))]
            knobs: dict[str, Any] = {
                "classify_model": draw.choice(["gpt-6-sol", "gpt-5.4"]),
                "generate_model": draw.choice(["gpt-6-luna", "gpt-5.4-mini"]),
                "temperature": draw.choice([None, 0.7]),
                "input": draw.choice(["evidence", "written"]),
            }
            before = len(server.calls)
            async with Session(tmp_path / "run", **options, **knobs) as session:
                plan = await session.plan(rows)
                await session.process(rows)
            assert plan.foreseen is not None
            assert len(server.calls) - before == plan.classifications + plan.generations + plan.foreseen, knobs
            made.update(plan.changed.cause.split(", "))

    ids = [record["id"] for record in lines_of(tmp_path / "run/records.jsonl")]
    assert len(ids) == len(set(ids))
    assert len(made) > 4, made  # or else little has changed


def circumstances(tmp_path: Path) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = orjson.loads((tmp_path / "run/run.json").read_bytes())["circumstances"]
    return made
