"""Classifiers of the caller's own that do what they must not: one sentence, no traceback of ours, and no reply lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from qloragen import ClassifierFailed, Session, SettingsError, SetupError, acalibrate
from qloragen.classifiers import Cascade, Decisions, Numbers
from qloragen.domain.classifiers import Subject
from qloragen.domain.pack import Pack
from qloragen.settings import load
from qloragen.types import Completion, Invalid, Message, Request

from .simulated import Simulated
from .test_classifier_runs import paid
from .test_main_job import articles

Read = Callable[[Sequence[Completion]], Any]


def is_about_caveats(_: Sequence[Completion]) -> tuple[int, ...]:
    return (3,)


@dataclass(frozen=True)
class Own:
    """Asks a small model anything, and says what it is told to say."""

    name: Any = "own"
    models: Any = ("tiny",)
    most_asks: Any = 2
    reading: Any = ""
    identity: Any = "own 1"
    model: str = "tiny"
    cap: int = 5
    ask: Callable[[Subject], None] = lambda _: None
    answer: Read = is_about_caveats

    def fingerprint(self, pack: Pack) -> Any:
        del pack
        return self.identity

    def request(self, subject: Subject, replies: Sequence[Completion]) -> Request:
        del replies
        self.ask(subject)
        return Request(self.model, (Message("user", subject.text),), max_completion_tokens=self.cap)

    def read(self, pack: Pack, replies: Sequence[Completion]) -> tuple[int, ...] | Invalid:
        del pack
        found: tuple[int, ...] | Invalid = self.answer(replies)
        return found


async def worked(server: Simulated, folder: Any, classifier: Any, **knobs: Any) -> None:
    async with Session(folder, base_url=server.base_url, classifier=classifier, **knobs) as session:
        await session.process(articles(4))


@pytest.mark.parametrize(
    ("classifier", "said"),
    [
        (Own(name=""), "its name is wrong"),
        (Own(models=()), "its models is wrong"),
        (Own(models="tiny"), "its models is wrong"),
        (Own(most_asks=0), "its most_asks is wrong"),
        (Own(reading=None), "its reading is wrong"),
        (Own(identity=""), "its fingerprint is wrong"),
        (Own(identity=None), "its fingerprint is wrong"),
        (object(), "'object' cannot be used: AttributeError"),
        (Cascade(Decisions("gpt-6-luna"), Decisions("gpt-6-luna")), "must not ask for decisions"),
    ],
)
async def test_what_is_no_classifier_is_refused_before_anything_is_opened(tmp_path, classifier, said):
    async with Simulated() as server:
        with pytest.raises(SetupError, match=said):
            await worked(server, tmp_path / "run", classifier)

    assert server.calls == []
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("classifier", "said"),
    [(Own(model="other"), "model 'other' is not among its models"), (Own(cap=0), "max_completion_tokens must be 1 or")],
)
async def test_a_call_that_cannot_be_sent_is_said_before_anything_is_sent(tmp_path, classifier, said):
    async with Simulated() as server:
        with pytest.raises(ClassifierFailed, match=said):
            await worked(server, tmp_path / "run", classifier)

    assert server.calls == []


def divide(_: object) -> Any:
    return 1 // 0


def divide_at_article_3(subject: Subject) -> None:
    if "Article 3" in subject.text:
        divide(subject)


@pytest.mark.parametrize(
    ("classifier", "said"),
    [
        (Own(ask=divide_at_article_3), "request of the classifier 'own' has failed: ZeroDivisionError"),
        (Own(answer=divide), "read of the classifier 'own' has failed: ZeroDivisionError"),
        (Own(answer=lambda _: (3, 99)), "99 is the number of no type"),
        (Own(answer=lambda _: ("3",)), "'3' is the number of no type"),
        (Own(answer=lambda _: None), "read of the classifier 'own' has failed: TypeError"),
    ],
)
async def test_an_error_of_a_classifier_stops_the_run_and_what_is_in_flight_is_kept(tmp_path, classifier, said):
    async with Simulated(delay_s=0.05) as server:
        with pytest.raises(ClassifierFailed, match=said):
            await worked(server, tmp_path / "run", classifier)
        classified = paid(server)["classify", "tiny"]
        since = len(server.calls)
        await worked(server, tmp_path / "run", Own())

    assert classified
    assert paid(server, since)["classify", "tiny"] == 4 - classified, "no reply was lost, and none is bought again"


async def test_numbers_may_come_as_a_list(tmp_path):
    async with Simulated() as server:
        await worked(server, tmp_path / "run", Own(answer=lambda _: [3]))
        await worked(server, tmp_path / "run", Own())

    assert paid(server) == {("classify", "tiny"): 4, ("generate", "gpt-6-luna"): 12}


@pytest.mark.parametrize("classifier", [Decisions("gpt-5.4"), Cascade(Decisions("gpt-5.4"), Numbers("gpt-6-sol"))])
async def test_a_model_that_judges_no_statements_is_said_before_anything_is_sent(tmp_path, classifier):
    async with Simulated() as server:
        with pytest.raises(SettingsError, match=r"gpt-5\.4 is not known to judge predicates"):
            await worked(server, tmp_path / "run", classifier)
        with pytest.raises(SettingsError, match=r"gpt-5\.4 is not known to judge predicates"):
            await acalibrate(articles(2), tmp_path / "run", base_url=server.base_url, decide_model="gpt-5.4")

    assert server.calls == []


async def test_settings_of_a_classifier_that_is_not_used_stand_in_nobodys_way(tmp_path):
    async with (
        Simulated() as server,
        Session(tmp_path / "run", base_url=server.base_url, classifier=Own(), decide_model="gpt-5.4") as session,
    ):
        await session.process(articles(1))

    assert paid(server)["classify", "tiny"] == 1


def test_a_classifier_by_name_is_not_dropped_in_favour_of_whole_settings(tmp_path):
    with pytest.raises(SettingsError, match=r"\(classifier\), not both"):
        Session(tmp_path, classifier="decisions", settings=load())

    assert Session(tmp_path, classifier="decisions").settings.classifier == "decisions"


async def test_what_sends_an_article_on_to_another_model_is_no_waste(tmp_path):
    words = iter([Invalid("unsure", "Ask somebody else.", passes_on=True), (3,)])
    async with (
        Simulated() as server,
        Session(tmp_path / "run", base_url=server.base_url, classifier=Own(answer=lambda _: next(words))) as session,
    ):
        await session.process(articles(1))
        summary = session.summary

    assert paid(server)["classify", "tiny"] == 2
    assert summary.waste == {}
