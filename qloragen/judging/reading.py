"""What a judge has said of the records that a run has now: from files alone, also while processes work there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from ..domain.judging.agreement import Agreement
from ..domain.judging.text import text_hash
from ..errors import SetupError
from ..export.example import chosen_lines
from ..judgement import Judgement
from ..settings import load
from ..store.files import Disk
from ..store.judgement_lines import judgement_of
from ..store.lines import record_of
from ..store.names import JUDGEMENTS, SINK
from ..store.run import read_run, reading_run
from ..store.scan import lines
from ..store.standing import Kind
from ..types import digest
from .material import holds_in
from .result import Assessment
from .values import Judged

_DISK = Disk()


def without_judgement(folder: Path, keys: Iterable[str]) -> Mapping[Kind, Counter[str]]:
    """Return of cells of judgements that have come to a `rejection` or to a `failure`, how many did for which reason.

    Raises:
        SetupError: The file of judgements cannot be read.
    """
    with reading_run(judge_folder(folder)) as state:
        found: dict[Kind, frozenset[str]] = {kind: frozenset(state.keys(kind)) for kind in _WITHOUT}
        reasons: dict[Kind, Counter[str]] = {kind: Counter() for kind in _WITHOUT}
        if any(found.values()):
            for key in keys:
                for kind in _WITHOUT:
                    if key in found[kind] and (standing := state.standing(key)):
                        reasons[kind][standing.detail] += 1
        return reasons
    raise AssertionError("unreachable")


_WITHOUT: tuple[Kind, ...] = ("rejection", "failure")


def refuse_judgements(folder: Path) -> None:
    """Refuse a directory of judgements where one of records is meant.

    Raises:
        SetupError: It is one.
    """
    if (folder / JUDGEMENTS).exists():
        of = folder.resolve().parent
        raise SetupError(f"{folder} holds what was said of the records of {of}: give that directory.")


def judge_folder(folder: Path) -> Path:
    """Return the directory in which the records of the run in `folder` are judged: a run of its own."""
    return folder / "judge"


def read_judgements(folder: str | Path, *, model: str | None = None) -> Judged | None:
    """Return what the judge that was used last (of `model`: of those with that one) has said of the records that the
    run in `folder` has now; None when nothing was judged.

    Raises:
        SetupError: A file cannot be read, or is damaged.
    """
    heard = heard_of(Path(folder), model=model)
    return assess(Path(folder), heard, load().judge_min_recall).judged if heard else None


def assess(folder: Path, heard: Heard, min_recall: float) -> Assessment:
    """Return what a judge has said of the records that the run in `folder` has now, and how far it can be believed.

    Raises:
        SetupError: A file cannot be read, or is damaged.
    """
    state = read_run(judge_folder(folder))
    yes, accepted, judged, present = Counter[str](), 0, 0, 0
    for present, place in enumerate(_present(folder), start=1):  # noqa: B007 - counts them
        passed = heard.answers.get(place)
        if passed is not None:
            judged += 1
            accepted += len(passed) == len(heard.questions)
            yes.update(passed)
    return Assessment(
        folder=folder,
        model=heard.model,
        records=judged,
        of=present,
        accepted=accepted,
        yes={question: yes[question] for question in heard.questions},
        agreement=heard.agreement,
        min_recall=min_recall,
        cost_usd=state.ledger.total().total_usd,
    )


Place = int
"""Stands for a record's id and the hash of its three fields; 128 bits, half of what two strings would take."""


@dataclass(slots=True)
class Heard:
    """Everything that one judge has said."""

    id: str
    model: str
    questions: tuple[str, ...] = ()
    answers: dict[Place, frozenset[str]] = field(default_factory=dict)
    """Record to the questions that were answered with yes, by the newest judgement of its text."""
    agreement: Agreement = field(default_factory=Agreement)
    _sets: dict[frozenset[str], frozenset[str]] = field(default_factory=dict)

    def add(self, judgement: Judgement) -> None:
        """Take in a judgement."""
        if judgement.control is not None:
            self.agreement.add(judgement.control, planted=judgement.planted, accepted=judgement.accepted)
            return
        self.questions = tuple(judgement.verdicts)
        yes = frozenset(name for name, verdict in judgement.verdicts.items() if verdict.yes)
        # Few different sets come up, and one of each is enough.
        self.answers[place_of(judgement.record, judgement.text_hash)] = self._sets.setdefault(yes, yes)


def heard_of(folder: Path, *, model: str | None = None, judge: str | None = None) -> Heard | None:
    """Return what the judge has said that was used last, of those with the `model` or the id if one is given; None
    when nobody has judged.

    Raises:
        SetupError: The file of judgements cannot be read, or is damaged.
    """
    judges: dict[str, Heard] = {}
    last: Heard | None = None
    for judgement in judgements_in(folder):
        if model in (None, judgement.model) and judge in (None, judgement.judge):
            last = judges.setdefault(judgement.judge, Heard(judgement.judge, judgement.model))
            last.add(judgement)
    return last


def judgements_in(folder: Path) -> Iterator[Judgement]:
    """Yield all judgements of the records of the run in `folder`, in the order in which they were made.

    Raises:
        SetupError: The file cannot be read, or is damaged.
    """
    place = judge_folder(folder)
    if not (place / JUDGEMENTS).exists():
        return
    try:
        with (place / JUDGEMENTS).open("rb") as sink:
            for _, line, ended in lines(_DISK, sink.fileno()):
                if ended:
                    yield judgement_of(line)
    except ValidationError as error:
        raise SetupError(
            f"{place / JUDGEMENTS} has a line that is no judgement: `qloragen rebuild {place}` writes it anew."
        ) from error
    except OSError as error:
        raise SetupError(f"{place / JUDGEMENTS} cannot be read ({error.strerror}).") from error


def _present(folder: Path) -> Iterator[Place]:
    """Yield the records that an export of the run would take.

    Raises:
        SetupError: There are none, or the file is damaged.
    """
    try:
        with (folder / SINK).open("rb") as sink:
            for line in chosen_lines(sink, holds_in(folder)):
                record = record_of(line.text)
                yield place_of(record.id, text_hash(record.instruction, record.input, record.output))
    except (OSError, ValidationError) as error:
        raise SetupError(f"{folder / SINK} cannot be read, or has a line that is no record.") from error


def place_of(record: str, hashed: str) -> Place:
    """Return the place of a record, by its id and the hash of its fields."""
    return int(digest(f"{record}\n{hashed}"), 16)
