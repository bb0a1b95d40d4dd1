"""Runs in which models say the same twice: asked again with what there is, then refused, in every life of a run."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import orjson
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import qloragen
from qloragen import Article, Interrupted, Session
from qloragen.assembly import job_of
from qloragen.domain.checks import BY_CODE
from qloragen.pipeline.job import OpenArticle, record_of
from qloragen.pipeline.reparse import reparse
from qloragen.pipeline.uniqueness import Loading, Unique
from qloragen.settings import load
from qloragen.simulator import Effect
from qloragen.store.lines import rejection_of
from qloragen.store.run import open_run, read_records
from qloragen.testing import ScriptedClient, reply, run_virtually
from qloragen.thresholds import Thresholds
from qloragen.types import Rejection

from .batch_lives import Lives, bill_of, provider_of
from .test_main_job import lines_of
from .test_uniqueness import prose
from .values import a_reply
from .virtual import Life

TYPES = {"Summarise a section": 1, "Place in the wider field": 2}
"""Those that always apply, by what their prompts have."""


@pytest.fixture(autouse=True)
def as_usual(monkeypatch):
    monkeypatch.delenv("QLORAGEN_CHECKS")


def article(name: str, words: int = 120) -> dict[str, str]:
    return {"id": name, "content": f"# The {name} of a node\n\n{prose(sum(map(ord, name)), words)}."}


def said(instruction: str, output: str) -> str:
    return orjson.dumps({"instruction": instruction, "evidence": [1], "output": output}).decode()


def asked(body):
    """Return the prompt, and the article's name and the type's number of a generation; None for a classification."""
    prompt = "\n".join(
        part if isinstance(part := message["content"], str) else "".join(piece["text"] for piece in part)
        for message in body["messages"]
    )
    if "tools" not in body and "response_format" not in body:
        return prompt, None
    name = re.findall(r"# The (\w+) of a node", prompt)[0]
    return prompt, (name, next(number for text, number in TYPES.items() if f"\n{text}. " in prompt))


class Models:
    """Answer each generation with what `answers` has for its article and type, in turn; the last answer stays."""

    def __init__(self, answers):
        self.prompts: dict[tuple[str, int], list[str]] = {}
        self._answers = answers

    def __call__(self, body):
        prompt, about = asked(body)
        if about is None:
            return reply("1")
        told = self.prompts.setdefault(about, [])
        told.append(prompt)
        answers = self._answers.get(about) or [said(f"How is the {about[0]} of part {about[1]} kept?", own(*about))]
        return reply(arguments=answers[min(len(told), len(answers)) - 1])


def own(name: str, number: int) -> str:
    """Return what is said of an article for a type alone: words of the article, so that it is supported."""
    words = article(name)["content"].split()[6:]
    return " ".join(words[20 * number : 20 * number + 40])


async def work(folder, models, *articles, **knobs):
    client = ScriptedClient(models, latency_s=knobs.pop("latency_s", 1.0))
    async with Session(folder, client=client, accept_changes=True, **{**LENIENT, **knobs}) as session:
        await session.process(list(articles))
        return session.summary


LENIENT: dict[str, Any] = {"checks": {"actions": dict.fromkeys(BY_CODE, "off")}}
"""What is wrong with a record by itself is the matter of other tests."""


def rejections(folder):
    lines = (folder / "journal.jsonl").read_bytes().splitlines()
    return [rejection_of(line) for line in lines if orjson.loads(line)["t"] == "rejection"]


def sink(folder):
    return (folder / "records.jsonl").read_bytes()


# ------------------------------------------------------------------------------------------------------- in a session


def test_what_another_article_has_said_is_asked_for_again_with_its_instruction_and_then_refused(tmp_path):
    copied = [said("How is the commitlog of part 1 kept?", own("commitlog", 1))]
    models = Models({("hints", 1): copied})

    summary = run_virtually(work(tmp_path / "run", models, article("commitlog"), article("hints"), open_articles=1))

    assert (summary.records, summary.rejections) == (3, {"exact_duplicate": 1})
    first, second = models.prompts["hints", 1]
    assert "How is the commitlog of part 1 kept?" not in first
    assert "How is the commitlog of part 1 kept?" in second
    (refused,) = rejections(tmp_path / "run")
    assert "How is the commitlog of part 1 kept?" in refused.detail


def test_a_second_answer_that_says_something_new_is_taken(tmp_path):
    near = said("What of hints?", f"{own('commitlog', 1)} indeed")
    models = Models({("hints", 1): [near, said("What of hints?", own("hints", 1))]})

    summary = run_virtually(work(tmp_path / "run", models, article("commitlog"), article("hints"), open_articles=1))

    assert (summary.records, summary.rejections) == (4, {})
    record = next(one for one in read_records(tmp_path / "run") if one.instruction == "What of hints?")
    assert record.output == own("hints", 1)
    waste = {
        reason
        for bill in lines_of(tmp_path / "run/journal.jsonl")
        for reason in str(bill.get("refused", "")).split("'")
    }
    assert "near_duplicate" in waste


@pytest.mark.parametrize("asks", [1, 2, 4])
def test_a_record_is_asked_for_as_often_as_is_set(tmp_path, asks):
    models = Models({("hints", 1): ["{}"]})

    summary = run_virtually(work(tmp_path / "run", models, article("hints"), record_asks=asks))

    assert len(models.prompts["hints", 1]) == asks
    assert (summary.records, summary.rejections) == (1, {"schema": 1})


def test_all_that_is_wrong_with_a_record_is_in_the_log_and_in_the_journal(tmp_path, caplog):
    models = Models(
        {("hints", 1): [said("<TODO>", "According to the article, a hint is kept for three hours <TODO>.")]}
    )
    strict = {"actions": {**LENIENT["checks"]["actions"], "placeholder": "reject", "article_talk": "reject"}}

    with caplog.at_level("DEBUG", "qloragen"):
        run_virtually(work(tmp_path / "run", models, article("hints"), checks=strict, record_asks=1))

    (refused,) = rejections(tmp_path / "run")
    (logged,) = (vars(line) for line in caplog.records if line.message == "cell_rejected")
    assert {refused.reason, *refused.also} == {"placeholder", "article_talk"}
    assert (logged["reason"], tuple(logged["also"])) == (refused.reason, refused.also)


def test_of_two_twins_that_arrive_together_one_is_taken(tmp_path):
    same = said("How is a hint kept?", own("hints", 1))
    models = Models({("hints", 1): [same], ("hints", 2): [same]})

    summary = run_virtually(work(tmp_path / "run", models, article("hints")))

    assert (summary.records, summary.rejections) == (1, {"twin": 1})
    (again,) = (prompts[1] for prompts in models.prompts.values() if len(prompts) == 2)
    assert again.count("How is a hint kept?") == 2  # among what is wrong, and among what there is


def test_followers_are_told_what_the_first_has_asked(tmp_path):
    models = Models({})

    run_virtually(work(tmp_path / "run", models, article("hints", 3_000)))

    (leader,), (follower,) = models.prompts["hints", 1], models.prompts["hints", 2]
    assert "How is the hints of part 1 kept?" not in leader
    assert "\n- How is the hints of part 1 kept?\n" in follower
    article_end = follower.index("</article-")
    assert follower[:article_end] == leader[:article_end]


# ------------------------------------------------------------------------------------------------- over several lives


def test_a_later_session_knows_the_records_of_earlier_ones(tmp_path):
    models = Models({("hints", 1): [said("How is the commitlog of part 1 kept?", own("commitlog", 1))]})
    run_virtually(work(tmp_path / "run", models, article("commitlog")))

    summary = run_virtually(work(tmp_path / "run", models, article("commitlog"), article("hints")))

    assert (summary.records, summary.rejections) == (3, {"exact_duplicate": 1})


def test_twins_are_found_where_an_earlier_session_has_made_half_of_an_article(tmp_path):
    same = said("How is a hint kept?", own("hints", 1))
    models = Models({("hints", 1): [same], ("hints", 2): [same]})
    run_virtually(work(tmp_path / "run", models, article("hints"), max_types=1))

    summary = run_virtually(work(tmp_path / "run", models, article("hints")))

    assert (summary.records, summary.rejections) == (1, {"twin": 1})
    assert "- How is a hint kept?" in models.prompts["hints", 2][0]


def test_records_of_an_earlier_model_do_not_count(tmp_path):
    models = Models({})
    run_virtually(work(tmp_path / "run", models, article("hints")))

    summary = run_virtually(work(tmp_path / "run", models, article("hints"), generate_model="gpt-5.4-mini"))

    assert (summary.records, summary.rejections) == (4, {})


def test_the_record_of_a_text_that_was_changed_takes_the_place_of_the_one_before(tmp_path):
    first = article("hints")
    models = Models({})
    run_virtually(work(tmp_path / "run", models, first))

    changed = {**first, "content": f"{first['content']} And so on."}
    summary = run_virtually(work(tmp_path / "run", models, changed))

    assert (summary.records, summary.rejections) == (4, {})


def test_a_record_may_say_what_one_of_another_type_said_of_the_text_before(tmp_path):
    """That one is made anew too, so that it is there no more."""
    first = article("hints")
    changed = {**first, "content": f"{first['content']} And so on."}
    before, after = said("How is a hint kept?", own("hints", 1)), said("How long is a hint kept?", own("hints", 2))
    models = Models({("hints", 1): [before, after], ("hints", 2): [after, before]})
    run_virtually(work(tmp_path / "run", models, first))

    summary = run_virtually(work(tmp_path / "run", models, changed))

    assert (summary.records, summary.rejections) == (4, {})


def test_who_asks_again_for_what_was_refused_for_another_has_it_made_anew(tmp_path):
    copied = said("How is the commitlog of part 1 kept?", own("commitlog", 1))
    models = Models({("hints", 1): [copied, copied, said("What of hints?", own("hints", 1))]})
    articles = article("commitlog"), article("hints")
    run_virtually(work(tmp_path / "run", models, *articles, open_articles=1))

    assert qloragen.retry(tmp_path / "run", "exact_duplicate").total() == 1
    summary = run_virtually(work(tmp_path / "run", models, *articles, open_articles=1))

    assert (summary.records, summary.rejections) == (4, {})
    assert read_again(tmp_path / "run").lost == 0


def test_nothing_is_read_where_nothing_is_missing(tmp_path):
    models = Models({})
    run_virtually(work(tmp_path / "run", models, article("hints")))

    async def without_a_sink():
        client = ScriptedClient(models)
        async with Session(tmp_path / "run", client=client, accept_changes=True, **LENIENT) as session:
            (tmp_path / "run/records.jsonl").rename(tmp_path / "elsewhere")
            await session.process([article("hints")])
            with pytest.raises(qloragen.RunStopped, match=r"records\.jsonl"):
                await session.process([article("commitlog")])

    run_virtually(without_a_sink())


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")  # a killed process ends no task
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_run_that_is_killed_again_and_again_ends_with_no_record_twice(tmp_path):
    same = said("How is a hint kept?", own("hints", 1))
    answers = {("hints", 1): [same], ("hints", 2): [same], ("commitlog", 2): [same], ("caches", 1): [same]}
    names = ("hints", "commitlog", "caches")

    async def living():
        await work(tmp_path / "run", Models(answers), *map(article, names))

    turns = Life(living).turns
    for turn in range(1, turns, max(turns // 12, 1)):
        folder = tmp_path / f"run{turn}"

        async def dying(folder=folder):
            await work(folder, Models(answers), *map(article, names))

        Life(dying, last_turn=turn)
        Life(dying)

        instructions = Counter(record.instruction for record in read_records(folder))
        assert instructions.pop("How is a hint kept?") == 1
        assert set(instructions.values()) == {1}
        assert sum(instructions.values()) + 1 + len(rejections(folder)) == 6


# --------------------------------------------------------------------------------------------------------- in batches


def twins(call):
    """Answer that an article has no type but those that all have, and every first ask for a record with the same."""
    if call.kind == "classify":
        return Effect(prose="1")
    prompt, about = asked(call.body)
    is_first = "An earlier attempt at this record was refused" not in prompt
    return Effect(arguments=said("How is a hint kept?", own("hints", 4)) if is_first else said(*alone(*about)))


def alone(name: str, number: int) -> tuple[str, str]:
    return f"How is the {name} of part {number} kept?", own(name, number)


NAMES = ("hints", "commitlog", "caches")
EACH_ALONE = Counter(alone(name, number)[0] for name in NAMES for number in TYPES.values())


def check_twins(lives):
    """Of six that say the same one is taken, and the other five say something else when they are asked again."""
    (first,) = Counter(record.instruction for record in read_records(lives.run)) - EACH_ALONE
    assert first == "How is a hint kept?"
    assert len(list(read_records(lives.run))) == 6
    assert lives.summary.rejections == {}
    assert (lives.summary.calls, lives.summary.cost_usd) == (3 + 6 + 5, bill_of(lives.provider))
    assert (lives.provider.statistics.duplicates, lives.left()) == (0, [])


def test_twins_that_come_out_of_one_batch_are_asked_for_again_in_the_next(tmp_path):
    lives = Lives(tmp_path, provider_of(script=twins), list(map(article, NAMES)), **LENIENT)

    lives.live()

    check_twins(lives)
    assert lives.asks.count("POST /batches") == 3


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")  # a killed process ends no task
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("share", [0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
def test_twins_in_batches_are_found_by_whichever_process_comes_to_collect_them(tmp_path, share):
    sources = list(map(article, NAMES))
    whole = Lives(tmp_path / "whole", provider_of(script=twins), sources, **LENIENT)
    whole.live()
    lives = Lives(tmp_path / "killed", provider_of(script=twins), sources, **LENIENT)

    assert lives.live(int(share * whole.turns))
    lives.live()

    check_twins(lives)


# -------------------------------------------------------------------------------------------------------- read again


def read_again(folder, **knobs):
    with open_run(folder) as run:
        return reparse(run, job_of(load(**{**LENIENT, **knobs})))


@pytest.mark.parametrize("late", [False, True])
def test_reading_again_changes_nothing_in_whatever_order_replies_came(tmp_path, late):
    job = job_of(load(**LENIENT))
    one = Article("a", article("hints")["content"])
    body = reply(arguments=said("How is a hint kept?", own("hints", 1))).body.decode()
    with open_run(tmp_path / "run") as run:
        cells = [job.generation(one, kind) for kind in job.applicable((1, 2), one)]
        taken, refused = reversed(cells) if late else cells
        run.add_article(one)
        run.add_types(job.classification(one), (1, 2))
        for cell in cells:
            run.add_reply(a_reply(cell, body=body))
        made = made_of(job, one, taken, body)
        run.add_record(made)
        run.add_rejection(Rejection(refused, "twin", "As another."))
    before = (tmp_path / "run/journal.jsonl").read_bytes(), sink(tmp_path / "run")

    result = read_again(tmp_path / "run")

    assert (result.records, result.gained, result.lost) == (1, 0, 0)
    assert ((tmp_path / "run/journal.jsonl").read_bytes(), sink(tmp_path / "run")) == before


def test_reading_again_by_other_thresholds_lets_in_what_was_refused(tmp_path):
    same = said("How is a hint kept?", own("hints", 1))
    models = Models({("hints", 1): [same], ("hints", 2): [same]})
    run_virtually(work(tmp_path / "run", models, article("hints")))
    lenient = {"actions": {**dict.fromkeys(BY_CODE, "off"), "twin": "off", "exact_duplicate": "flag", "alike": "off"}}

    allowed = read_again(tmp_path / "run", checks=lenient)
    flagged = [record.quality.flags for record in read_records(tmp_path / "run")]
    strict = read_again(tmp_path / "run")

    assert (allowed.records, allowed.gained) == (2, 1)
    assert flagged == [(), ("exact_duplicate",)]
    assert (strict.records, strict.lost) == (1, 1)
    assert len(rejections(tmp_path / "run")) == 2


def test_when_a_record_is_lost_the_one_that_was_refused_for_it_takes_its_place(tmp_path):
    """Also where that one's reply came first."""
    job = job_of(load(**LENIENT))
    one = Article("a", article("hints")["content"])
    good = reply(arguments=said("How is a hint kept?", own("hints", 1))).body.decode()
    bad = reply(arguments=said("How is a hint kept?", f"{own('hints', 1)} <TODO>")).body.decode()
    with open_run(tmp_path / "run") as run:
        refused, taken = (job.generation(one, kind) for kind in job.applicable((1, 2), one))
        run.add_article(one)
        run.add_reply(a_reply(refused, body=good))
        run.add_reply(a_reply(taken, body=bad))
        run.add_record(made_of(job, one, taken, bad))
        run.add_rejection(Rejection(refused, "twin", "As another."))

    result = read_again(tmp_path / "run", checks={"actions": {**LENIENT["checks"]["actions"], "placeholder": "reject"}})

    assert (result.records, result.gained, result.lost) == (1, 1, 1)
    assert [record.id for record in read_records(tmp_path / "run")] == [refused.key]
    assert [rejection.reason for rejection in rejections(tmp_path / "run")] == ["twin", "placeholder"]


@cache
def usual_job():
    return job_of(load(**LENIENT))


def judging_by(actions):
    return replace(usual_job(), thresholds=Thresholds(actions={**LENIENT["checks"]["actions"], **actions}))


PHRASES = ("How is a hint kept?", "How long is a hint kept?", "Where is it that a hint is kept?", "Why do caches help?")
RECORDS = st.lists(st.tuples(st.sampled_from(PHRASES), st.integers(0, 2), st.booleans()), min_size=4, max_size=4)
"""What each asks, what it answers, and whether something was noted of it that is noted no more."""
ACTIONS = st.fixed_dictionaries(
    {
        code: st.sampled_from(["off", "flag", "reject"])
        for code in ("twin", "alike", "exact_duplicate", "near_duplicate")
    }
)


@given(RECORDS, st.permutations(range(4)), st.lists(ACTIONS, min_size=1, max_size=3))
@settings(max_examples=30, phases=[Phase.explicit, Phase.generate])
def test_reading_again_comes_to_rest_whatever_the_thresholds_were_before(written, order, settings_of_then):
    """The second time at the latest: nothing is noted any more for the sake of a record that was lost at the end."""
    job = usual_job()
    articles = [Article(name, article(name)["content"]) for name in ("hints", "caches")]
    kinds = job.applicable((1, 2), articles[0])
    with tempfile.TemporaryDirectory() as folder, open_run(Path(folder)) as run:
        cells = [job.generation(one, kind) for one in articles for kind in kinds]
        bodies = [reply(arguments=said(asks, own("hints", number))).body.decode() for asks, number, _ in written]
        for cell, body in zip(cells, bodies, strict=True):
            run.add_article(articles[cell.content_hash == articles[1].content_hash])
            run.add_reply(a_reply(cell, body=body))
        for place in order:
            one = articles[place // 2]
            record = made_of(job, one, cells[place], bodies[place])
            old = ("of_old",) if written[place][2] else ()
            run.add_record(replace(record, quality=record.quality._replace(flags=old)))
        run.flush()
        for actions in [*settings_of_then, settings_of_then[-1]]:
            reparse(run, judging_by(actions))
        end, stood = run.filing.end, sink(Path(folder))

        result = reparse(run, judging_by(settings_of_then[-1]))

        assert (run.filing.end, sink(Path(folder))) == (end, stood)
        assert (result.gained, result.lost) == (0, 0)


def test_what_was_refused_as_a_duplicate_stays_so_when_the_models_are_others(tmp_path):
    copied = said("How is the commitlog of part 1 kept?", own("commitlog", 1))
    models = Models({("hints", 1): [copied, said("What of hints?", own("hints", 1))], ("hints", 2): [copied]})
    run_virtually(work(tmp_path / "run", models, article("commitlog"), article("hints"), open_articles=1))
    before = (tmp_path / "run/journal.jsonl").read_bytes()

    result = read_again(tmp_path / "run", generate_model="gpt-5.4-mini")

    assert (result.records, result.gained, result.lost) == (3, 0, 0)
    assert (tmp_path / "run/journal.jsonl").read_bytes() == before


# --------------------------------------------------------------------------------------------------------- beginning


class Endless(Unique):
    """Has so many records to take in that nobody lives to see the end of it."""

    def load(self, wanted=lambda: True):
        while wanted():
            pass


async def test_nobody_waits_for_records_to_be_taken_in_when_the_run_stops(tmp_path):
    with open_run(tmp_path / "run") as run:
        loading = Loading(Endless(run, job_of(load())))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stop_soon, loading)
            with pytest.raises(Interrupted):
                await loading.done()


async def stop_soon(loading):
    await anyio.lowlevel.checkpoint()
    loading.give_up(Interrupted("Stopped."))


async def test_who_is_cancelled_leaves_no_thread_at_work(tmp_path):
    with open_run(tmp_path / "run") as run:
        unique = Endless(run, job_of(load()))
        with anyio.move_on_after(0.05) as scope:
            await Loading(unique).done()

    assert scope.cancelled_caught
    assert not unique.is_loaded()


def made_of(job, article, cell, body):
    kind = next(kind for kind in job.pack.types if kind.slug == cell.type_slug)
    one = a_reply(cell, body=body)
    draft = job.read_generation(OpenArticle(article), kind, one)
    return record_of(article, kind, draft, [one])
