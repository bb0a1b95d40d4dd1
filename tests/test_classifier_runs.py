"""Runs with every classifier, through the simulated provider: what is asked, paid for, kept and read again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

import qloragen
from qloragen import ChangesNotAccepted, RunStopped, Session
from qloragen.domain.classifiers import SUBSTANCE, Cascade, Decisions, Numbers, Subject
from qloragen.domain.pack import Pack
from qloragen.simulator import Call, Effect
from qloragen.simulator.decision_answers import Decider
from qloragen.types import Completion, Invalid, Message, Request, digest

from .simulated import Simulated
from .test_main_job import article, articles

SURE = {SUBSTANCE: 0.97}


def judging(chances: Mapping[str, float], rest: float = 0.02) -> Decider:
    """Return a judge that finds the statements by these names so likely."""
    return lambda _text, question: [{**SURE, **chances}.get(str(question.get("name")), rest)]


def paid(server: Simulated, since: int = 0) -> Counter[tuple[str, str]]:
    return Counter((str(call.kind), call.model) for call in server.calls[since:])


def settled(folder: Path) -> list[tuple[int, ...]]:
    lines = [orjson.loads(line) for line in (folder / "journal.jsonl").read_bytes().splitlines()]
    last = {line["k"]: tuple(line["types"]) for line in lines if line["t"] == "types"}
    return list(last.values())


async def generated(server: Simulated, folder: Path, source: Sequence[Any], **knobs: Any) -> qloragen.Outcome:
    return await qloragen.agenerate(source, folder, base_url=server.base_url, **knobs)


CLASSIFY, GENERATE = ("classify", "gpt-6-luna"), ("generate", "gpt-6-luna")
STRONG = ("classify", "gpt-6-sol")


async def test_decisions_take_one_cheap_call_for_each_article_and_none_again(tmp_path):
    async with Simulated(decide=judging({"caveats": 0.8, "feature": 0.4})) as server:
        first = await generated(server, tmp_path / "run", articles(3), classifier="decisions")
        await generated(server, tmp_path / "run", articles(3), classifier="decisions")

    assert paid(server) == {CLASSIFY: 3, GENERATE: 9}
    assert {record.type for record in first.records()} == {1, 2, 3}
    assert [call.body["questions"][0]["name"] for call in server.of_kind("classify")] == [SUBSTANCE] * 3


async def test_an_error_page_is_paid_for_once_and_gives_nothing(tmp_path):
    judge = judging({SUBSTANCE: 0.1, "caveats": 0.9})
    async with Simulated(decide=judge) as server:
        outcome = await generated(server, tmp_path / "run", articles(2), classifier="decisions")
        await generated(server, tmp_path / "run", articles(2), classifier="decisions")

    assert paid(server) == {CLASSIFY: 2}
    assert outcome.summary.records == 0


async def test_an_incomplete_reply_is_asked_for_again_and_both_are_on_the_bill(tmp_path):
    effects = iter([Effect(edit=lambda reply: {**reply, "answers": reply["answers"][1:]})])

    def fault(call: Call) -> Effect | None:
        return next(effects, None) if call.kind == "classify" else None

    async with Simulated(decide=judging({"caveats": 0.9}), faults=fault) as server:
        outcome = await generated(server, tmp_path / "run", articles(1), classifier="decisions")

    assert paid(server) == {CLASSIFY: 2, GENERATE: 3}
    assert outcome.summary.calls == 5


async def test_a_classification_that_is_never_complete_is_given_up(tmp_path):
    def fault(call: Call) -> Effect | None:
        return Effect(edit=lambda reply: {**reply, "answers": []}) if call.kind == "classify" else None

    async with Simulated(faults=fault) as server:
        outcome = await generated(server, tmp_path / "run", articles(1), classifier="decisions")

    assert paid(server) == {CLASSIFY: 2}
    assert outcome.summary.rejections == {"incomplete": 1}


async def test_a_cascade_asks_the_strong_model_about_doubtful_articles_alone(tmp_path):
    def judge(text: str, question: Mapping[str, object]) -> list[float]:
        doubtful = "Article 1" in text and question.get("name") in {"caveats", "feature"}
        return [0.5 if doubtful else SURE.get(str(question.get("name")), 0.02)]

    async with Simulated(classify=lambda _: "4", decide=judge) as server:
        outcome = await generated(server, tmp_path / "run", articles(3), classifier="cascade")
        await generated(server, tmp_path / "run", articles(3), classifier="cascade")

    assert paid(server) == {CLASSIFY: 3, STRONG: 1, GENERATE: 2 + 3 + 2}
    assert Counter(record.type for record in outcome.records()) == {1: 3, 2: 3, 4: 1}
    assert outcome.summary.rejections == {}
    assert outcome.summary.waste == {}, "what the cheap model said of the doubtful article sent it on"


async def test_a_cascade_that_was_stopped_between_its_models_goes_on_with_the_strong_one(tmp_path):
    doubtful = judging({"caveats": 0.5, "feature": 0.5})

    def no_key(call: Call) -> Effect | None:
        return Effect(status=401) if call.model == "gpt-6-sol" else None

    async with Simulated(decide=doubtful, faults=no_key) as server:
        with pytest.raises(RunStopped):
            await generated(server, tmp_path / "run", articles(1), classifier="cascade")
        server.faults = None
        since = len(server.calls)
        await generated(server, tmp_path / "run", articles(1), classifier="cascade")

    assert paid(server, since) == {STRONG: 1, GENERATE: 3}


# -------------------------------------------------------------------------------------------------------- thresholds


CHANCES = {"caveats": 0.8, "feature": 0.4}


async def test_another_threshold_costs_no_classification_and_only_what_it_adds(tmp_path):
    async with Simulated(decide=judging(CHANCES)) as server:
        await generated(server, tmp_path / "run", articles(3), classifier="decisions")
        since = len(server.calls)
        outcome = await generated(server, tmp_path / "run", articles(3), classifier="decisions", decision_threshold=0.3)

    assert paid(server, since) == {GENERATE: 3}
    assert outcome.summary.records == 12
    assert settled(tmp_path / "run") == [(1, 2, 3, 5)] * 3


async def test_a_plan_knows_what_another_threshold_adds_and_looking_alone_does_no_harm(tmp_path):
    knobs: dict[str, Any] = {"classifier": "decisions"}
    async with Simulated(decide=judging(CHANCES)) as server:
        await generated(server, tmp_path / "run", articles(3), **knobs)
        since, knobs["base_url"] = len(server.calls), server.base_url

        async with Session(tmp_path / "run", decision_threshold=0.3, **knobs) as session:
            more = await session.plan(articles(3))
        async with Session(tmp_path / "run", **knobs) as session:
            same = await session.plan(articles(3))

    assert (more.generations, more.classifications, same.generations) == (3, 0, 0)
    assert len(server.calls) == since


async def test_reparse_applies_another_threshold_for_nothing_and_runs_with_it_go_on(tmp_path):
    async with Simulated(decide=judging(CHANCES)) as server:
        await generated(server, tmp_path / "run", articles(3), classifier="decisions")
        since = len(server.calls)

        found = qloragen.reparse(tmp_path / "run", decision_threshold={"feature": 0.2, "caveats": 0.9})
        again = qloragen.reparse(tmp_path / "run", decision_threshold={"feature": 0.2, "caveats": 0.9})
        types = settled(tmp_path / "run")
        await generated(server, tmp_path / "run", articles(3), classifier="decisions")

    assert (found.reclassified, again.reclassified) == (3, 0)
    assert types == [(1, 2, 5)] * 3
    assert settled(tmp_path / "run") == [(1, 2, 3)] * 3, "the session has another threshold, and reads with it"
    assert len(server.calls) == since


async def test_articles_that_another_threshold_makes_doubtful_stay_as_they_were(tmp_path):
    async with Simulated(decide=judging({"caveats": 0.75, "feature": 0.75})) as server:
        await generated(server, tmp_path / "run", articles(2), classifier="cascade")
        since = len(server.calls)

        outcome = await generated(server, tmp_path / "run", articles(2), classifier="cascade", decision_threshold=0.7)

    assert settled(tmp_path / "run") == [(1, 2, 3, 5)] * 2
    assert outcome.summary.rejections == {}
    assert len(server.calls) == since


async def test_a_crash_while_replies_are_read_again_is_made_good_by_the_next_session(tmp_path):
    knobs: dict[str, Any] = {"classifier": "decisions"}
    async with Simulated(decide=judging(CHANCES)) as server:
        await generated(server, tmp_path / "run", articles(2), **knobs)
        manifest = tmp_path / "run/run.json"
        before = orjson.loads(manifest.read_bytes())
        qloragen.reparse(tmp_path / "run", decision_threshold=0.3)
        ((fingerprint, reading),) = before["readings"].items()
        manifest.write_bytes(orjson.dumps({**before, "readings": {fingerprint: None}}))

        await generated(server, tmp_path / "run", articles(2), **knobs)

    assert reading == "0.5"
    assert settled(tmp_path / "run") == [(1, 2, 3)] * 2
    assert orjson.loads(manifest.read_bytes())["readings"] == {fingerprint: "0.5"}


# ---------------------------------------------------------------------------------------------- changes, own ones...


async def test_another_classifier_is_a_change_that_is_asked_about_first(tmp_path):
    async with Simulated() as server:
        await generated(server, tmp_path / "run", articles(3))
        since = len(server.calls)

        with pytest.raises(
            ChangesNotAccepted, match="classify model gpt-6-sol -> gpt-6-luna and classifier numbers -> decisions"
        ):
            await generated(server, tmp_path / "run", articles(3), classifier="decisions", confirm_above_usd=0)

    assert len(server.calls) == since


async def test_parameters_that_decisions_are_not_sent_change_no_classification(tmp_path):
    knobs: dict[str, Any] = {"classifier": "decisions", "max_types": 0, "confirm_above_usd": 0}
    seeded = {"gpt-6-luna": {"parameters": {"seed": 1}}}
    async with Simulated() as server:
        await generated(server, tmp_path / "run", articles(2), **knobs)
        await generated(server, tmp_path / "run", articles(2), models=seeded, temperature=0.3, **knobs)

    assert paid(server) == {CLASSIFY: 2}


@dataclass(frozen=True)
class ByTitle:
    """Asks a small model for one word, and takes what it likes."""

    name: str = "by title"
    models: tuple[str, ...] = ("tiny",)
    most_asks: int = 2
    reading: str = ""
    wording: str = "One word: is it about repair?"

    def fingerprint(self, pack: Pack) -> str:
        return digest(self.wording + pack.version)

    def request(self, subject: Subject, replies: Sequence[Completion]) -> Request:
        ask = f"{self.wording} {'Really, one word.' * len(replies)}"
        return Request("tiny", (Message("user", f"{subject.text}\n\n{ask}"),), max_completion_tokens=5)

    def read(self, pack: Pack, replies: Sequence[Completion]) -> tuple[int, ...] | Invalid:
        numbers = {kind.slug: kind.number for kind in pack.types}
        if replies[-1].text == "yes":
            return (numbers["how-to"],)
        return Invalid("unsure", "The model did not say yes.")


async def test_a_classifier_of_ones_own_takes_the_place_of_ours_and_is_part_of_the_address(tmp_path):
    words = iter(["well", "yes", "yes"])
    async with Simulated(classify=lambda _: next(words)) as server:
        for classifier in (ByTitle(), ByTitle(), ByTitle(wording="Repair, in one word?")):
            async with Session(
                tmp_path / "run", base_url=server.base_url, classifier=classifier, accept_changes=True
            ) as session:
                await session.process([article(1)])

    assert paid(server) == {("classify", "tiny"): 3, GENERATE: 3}
    assert qloragen.summary(tmp_path / "run").records == 3


async def test_parts_of_the_package_can_be_put_together_in_another_way(tmp_path):
    strict = Cascade(Decisions("gpt-6-luna"), Numbers("gpt-5.4"), band=0.5, doubts=1)
    async with (
        Simulated(decide=judging({})) as server,
        Session(tmp_path / "run", base_url=server.base_url, classifier=strict) as session,
    ):
        await session.process([article(1)])

    assert paid(server) == {CLASSIFY: 1, ("classify", "gpt-5.4"): 1, GENERATE: 3}


# ------------------------------------------------------------------------------------------------ gates and outlines


@pytest.mark.parametrize("classifier", ["numbers", "decisions", "cascade"])
async def test_a_gate_saves_the_generation_and_opening_it_costs_only_that(tmp_path, classifier):
    prose, code = article(1), article(2, "\n\n```\nnodetool repair\n```")
    async with Simulated(classify=lambda _: "1, 7", decide=judging({"code-analysis": 0.9})) as server:
        listed = {"classify_model": "gpt-6-sol", "classifier": classifier}
        await generated(server, tmp_path / "run", [prose, code], gates=True, **listed)
        since = len(server.calls)
        await generated(server, tmp_path / "run", [prose, code], gates=False, **listed)

    assert paid(server)[GENERATE] == 2 + 3 + 1
    assert paid(server, since) == {GENERATE: 1}


async def test_articles_can_be_classified_only_and_their_records_made_later(tmp_path):
    async with Simulated(classify=lambda _: "4") as server:
        await generated(server, tmp_path / "run", articles(2), max_types=0)
        first = paid(server)
        await generated(server, tmp_path / "run", articles(2))

    assert first == {STRONG: 2}
    assert paid(server) == {STRONG: 2, GENERATE: 6}


async def test_an_outline_is_read_in_the_place_of_a_long_article_and_the_whole_of_it_generates(tmp_path):
    long = {"id": "long", "content": "\n\n".join(f"## Part {n}\n\n{article(n)['content'] * 5}" for n in range(20))}
    async with Simulated() as server:
        await generated(server, tmp_path / "run", [long, article(3)], classify_reads="outline")

    sizes = {kind: [len(call.prompt) for call in server.of_kind(kind)] for kind in ("classify", "generate")}
    assert max(sizes["classify"]) < 8_000 < max(sizes["generate"])
    assert any(article(3)["content"] in call.prompt for call in server.of_kind("classify"))
