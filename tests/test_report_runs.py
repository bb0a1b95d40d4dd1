"""The report of simulated runs: faults, sessions cut short, retries, replies read again, and what has changed since."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

import qloragen
from qloragen.pipeline.reparse import reparse
from qloragen.report.gather import gathered
from qloragen.simulator import Fault
from qloragen.store.frame import framed
from qloragen.store.run import open_run

from .reports import goals_of, sound_report, steps_of
from .simulated import Simulated
from .test_accounting_reconciled import FAULTS, UNSAID, Billing, Virtual
from .test_accounting_reparse import Lax, Strict, job
from .test_main_job import article, articles
from .test_reparse import Refusing


@pytest.mark.parametrize("seed", [1, 2])
def test_the_sums_agree_after_every_session_of_a_run_with_faults(tmp_path, seed):
    provider = Billing(*FAULTS, UNSAID, Fault("refusal", rate=0.2), seed=seed)
    run = Virtual(tmp_path / "run", provider)

    run.live(*range(8), dies_after_s=8)
    cut = sound_report(run.folder)
    run.live(*range(10), flex=True)
    sound_report(run.folder)
    qloragen.retry(run.folder)
    waiting = sound_report(run.folder)
    run.live(*range(10), generate_model="gpt-6-sol", accept_changes=True)
    changed = sound_report(run.folder)
    run.live(*range(14), batch=True, dies_after_s=100, accept_changes=True)
    sound_report(run.folder)
    run.live(*range(14), batch=True, accept_changes=True)
    whole = sound_report(run.folder)

    assert steps_of(cut)["pairs"].lost["no reply yet"] > 0
    assert steps_of(waiting)["accepted"].lost["paid, not yet read"] > 0
    assert steps_of(changed)["records"].lost["outdated"] > 0
    assert steps_of(whole)["articles"].count == 14
    assert all(steps_of(one)["parsed"].onward == steps_of(one)["accepted"].onward for one in (cut, waiting, whole))
    assert {shown.reason for few in whole.rejected.values() for shown in few} == {*whole.rejected}
    assert whole.in_vain


class FirstRefused(Refusing):
    """Refuses four calls for records, none of them for one that was asked for before."""

    def __call__(self, call):
        return None if "The field `" in call.prompt else super().__call__(call)


@pytest.fixture
async def folder(tmp_path):
    """18 records, four of which took a second reply."""
    async with Simulated(faults=FirstRefused("generate", "wrong_schema_arguments", most=4)) as server:
        await qloragen.agenerate(articles(6), tmp_path / "run", base_url=server.base_url, max_concurrency=20)
    return tmp_path / "run"


def again(kind, folder):
    with open_run(folder) as run:
        reparse(run, job(kind))


async def test_what_is_repaired_is_told_from_what_was_good_at_once(folder):
    found = sound_report(folder)

    assert steps_of(found)["accepted"].notes == {"first_pass": 14, "repaired": 4}
    assert steps_of(found)["calls"].lost == {"schema": 4}
    assert sum(row.first_pass for row in found.types) == 14
    assert goals_of(found)["form_first"] == goals_of(found)["accepted_first"] == pytest.approx(14 / 18)
    assert goals_of(found)["form_second"] == 1
    assert goals_of(found)["provenance"] == goals_of(found)["verbatim"] == 1


async def test_replies_that_are_read_again_stand_as_they_are_read_now(folder):
    before = sound_report(folder)

    await asyncio.to_thread(again, Strict, folder)
    refused = sound_report(folder)
    await asyncio.to_thread(again, Lax, folder)
    after = sound_report(folder)

    assert steps_of(refused)["accepted"].lost == {"too_strict": 18}
    assert steps_of(refused)["accepted"].onward == refused.diversity.records == 0
    assert refused.per_thousand_usd is None
    assert len(refused.rejected["too_strict"]) == 10
    assert after.funnel == before.funnel


async def test_what_was_made_by_another_model_or_of_another_text_is_not_mixed_in(folder):
    async with Simulated() as server:
        options: dict[str, Any] = {
            "base_url": server.base_url,
            "accept_changes": True,
            "generate_model": "gpt-5.4-mini",
        }
        await qloragen.agenerate([article(0, "It is new."), article(1)], folder, **options)

    found = sound_report(folder)

    assert steps_of(found)["records"].count == 18 + 6
    assert steps_of(found)["records"].lost == {"outdated": 18}
    assert steps_of(found)["articles"].lost == {"outdated": 1}
    assert steps_of(found)["pairs"].lost == {"no reply yet": 3 * 4}
    assert found.diversity.records == 6


async def test_pairs_that_were_never_asked_for_are_counted(tmp_path):
    async with Simulated() as server:
        await qloragen.agenerate(articles(4), tmp_path / "run", base_url=server.base_url, max_calls=6)

    pairs = steps_of(sound_report(tmp_path / "run"))["pairs"]

    assert pairs.lost["no reply yet"] > 0
    assert pairs.count % 3 == 0


async def test_types_that_a_gate_has_stopped_are_not_waited_for(tmp_path):
    async with Simulated(classify=lambda _: "1, 7") as server:
        await qloragen.agenerate(articles(2), tmp_path / "run", base_url=server.base_url, gates=True)

    pairs = steps_of(sound_report(tmp_path / "run"))["pairs"]

    assert (pairs.count, pairs.lost) == (4, {})


async def test_a_run_whose_pack_and_settings_are_gone_has_a_report_all_the_same(folder):
    manifest = orjson.loads((folder / "run.json").read_bytes())
    for changes in ({"pack": "/nowhere"}, {"checks": {"a_knob_of_another_version": 1}}):
        changed = {**manifest, "settings": {**manifest["settings"], **changes}}
        (folder / "run.json").write_bytes(orjson.dumps(changed))
        found = sound_report(folder)
        assert "of the run" in found.about["note"]
        assert goals_of(found)["text_defects"] is None
        assert found.diversity.records == 18

    (folder / "run.json").unlink()
    assert sound_report(folder).diversity.records == 18


async def test_a_reply_that_was_refused_is_shown_with_what_it_said(tmp_path):
    async with Simulated(classify=lambda _: "1", faults=Refusing("generate", "wrong_schema_arguments", 99)) as server:
        await qloragen.agenerate(articles(2), tmp_path / "run", base_url=server.base_url)

    found = sound_report(tmp_path / "run")

    (few,) = found.rejected.values()
    assert len(few) == 4
    assert all(shown.reason == "schema" and shown.detail and shown.title for shown in few)
    assert all(shown.instruction or shown.output for shown in few)


async def test_nothing_is_said_of_what_was_never_measured(tmp_path):
    async with Simulated(classify=lambda _: "1", faults=Refusing("generate", "wrong_schema_arguments", 5)) as server:
        await qloragen.agenerate(articles(2), tmp_path / "run", base_url=server.base_url)
    rewrite(tmp_path / "run", lambda fields: {name: fields[name] for name in fields if name != "quality"})

    with gathered(tmp_path / "run") as found:
        shown = list(found.records(found.browsing(100)))

    assert {one.reason for one in shown} == {None, "schema"}
    assert {(one.grounded, one.supported) for one in shown} == {(None, None)}
    assert all(one.supported for one in found.report.worst)


async def test_a_report_reads_what_a_newer_version_measures_besides(folder):
    rewrite(folder, lambda fields: {**fields, "quality": {**fields.get("quality", {}), "of_tomorrow": [1]}})

    assert sound_report(folder).diversity.records == 18


def rewrite(folder, change):
    """Let each line of a run's journal say what `change` makes of it."""
    fields = [orjson.loads(line) for line in (folder / "journal.jsonl").read_bytes().splitlines()]
    lines = []
    for one in fields:
        key, kind = one.pop("k"), one.pop("t")
        del one["c"]
        lines.append(framed(key, kind, change(one) if kind == "record" else one) + b"\n")
    (folder / "journal.jsonl").write_bytes(b"".join(lines))
    (folder / "index.sqlite").unlink()


async def test_a_run_can_be_reported_on_while_a_process_works_in_it(tmp_path):
    async with Simulated() as server:
        async with qloragen.Session(tmp_path / "run", base_url=server.base_url) as session:
            seen = 0
            async for _ in session.stream(articles(4)):
                found = sound_report(tmp_path / "run")
                assert found.about["state"] == "a process is at work"
                assert "pieces" not in steps_of(found)
                assert found.diversity.records >= seen
                seen = found.diversity.records
        assert "pieces" in steps_of(sound_report(tmp_path / "run"))


async def test_a_report_that_is_asked_for_again_is_the_same(folder):
    first, second = qloragen.quality_report(folder), qloragen.quality_report(folder)

    assert {**first.as_dict(), "made": ""} == {**second.as_dict(), "made": ""}


async def test_records_are_handed_out_with_their_articles_and_never_more_than_wanted(folder):
    with gathered(folder) as found:
        everything = list(found.records(found.browsing(100)))
        few = list(found.records(found.browsing(5)))
        texts = {content_hash: article.content for content_hash, article in found.articles.items()}

    assert len(everything) == 18
    assert len(few) == 5
    assert {shown.id for shown in few} < {shown.id for shown in everything}
    assert all(shown.input in texts[shown.content_hash] for shown in everything)
    assert len(found.articles) == len(texts) == 6


async def test_what_a_page_holds_is_told_in_words_also_of_a_single_record(tmp_path):
    async with Simulated(classify=lambda _: "1") as server:
        await qloragen.agenerate(articles(1), tmp_path / "run", base_url=server.base_url, max_types=1)

    with gathered(tmp_path / "run") as found:
        assert found.browsing(100).said == "1 accepted record, no rejected pairs"


async def test_unknown_prices_are_said_to_be_unknown_and_fail_no_goal(tmp_path):
    async with Simulated() as server:
        models: dict[str, Any] = {"classify_model": "unheard-of", "generate_model": "unheard-of"}
        await qloragen.agenerate(articles(2), tmp_path / "run", base_url=server.base_url, **models)

    found = sound_report(tmp_path / "run")

    assert found.cost_usd is found.per_thousand_usd is None
    assert "price" not in {goal.key for goal in found.failed}
    assert orjson.loads(orjson.dumps(found.as_dict()))["cost_usd"] is None
