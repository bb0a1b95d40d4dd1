"""Today's parser and checks, applied to yesterday's paid replies, for nothing.

Where a reply is lost, what is left may not come to what all of them came to. So a record is left as it was unless the
replies that it was made of are all there.

Drafts are compared with the records that stand (see `uniqueness`). Of cells that would not be worked on as they were,
since models or prompts have changed, nobody knows any more which records there were beside them: what was refused as a
duplicate stays refused, and nothing else is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, get_args

from ..store.handle import Run
from ..store.money import NO_TYPES, Paid
from ..types import Article, Draft, InstructionType, Invalid, Record, Rejection, Reply, Stage, Usage
from .job import Job, OpenArticle, record_of
from .refused import beside_of, refused_of
from .rejudging import Rejudging, is_for_another

MOST_QUEUED_BYTES = 4 << 20
"""So much of what has changed is held in memory before it is written."""


@dataclass(slots=True)
class Reparsed:
    """What reading every paid reply again has changed."""

    replies: int = 0
    records: int = 0
    """Records in the sink now."""
    gained: int = 0
    """Records that were not there before."""
    lost: int = 0
    """Records that today's checks refuse; they are rejections now, and their replies stay in the journal."""
    reclassified: int = 0
    """Articles whose classification reads differently now; the next run asks for what is missing."""
    kept: int = 0
    """Records left as they were: their prompt has changed since, or the journal has lost their article or a reply."""

    def __str__(self) -> str:
        return (
            f"{self.replies} paid replies read again: {self.records} records ({self.gained} gained, {self.lost} lost, "
            f"{self.kept} kept as they were), {self.reclassified} articles classified differently"
        )


_OBSOLETE = Invalid("obsolete", "The reply answers a prompt that the pack no longer has; it is left as it was.")


class _Doubtful(NamedTuple):
    """What a cell comes to if the record that it was refused for is lost."""

    record: Record
    refused: Mapping[str, Paid]


@dataclass(slots=True)
class _Cell:
    replies: list[Reply] = field(default_factory=list)
    """Without their bodies."""
    complaints: list[Invalid] = field(default_factory=list)
    """What is wrong with each of them, up to the first that is good."""
    found: Record | None = None
    """What they come to now."""
    refused: Mapping[str, Paid] = field(default_factory=dict)
    """What was paid for the cell and is not for that."""
    doubtful: list[_Doubtful] = field(default_factory=list)
    accounted: bool = False
    """There is no record, or the replies that it was made of are all there."""

    @property
    def invalid(self) -> Invalid | None:
        """What is wrong with the last one."""
        return None if self.found or not self.complaints else self.complaints[-1]


def reparse(
    run: Run, job: Job, *, stages: Collection[Stage] = get_args(Stage), most_queued_bytes: int = MOST_QUEUED_BYTES
) -> Reparsed:
    """Read every reply in the journal of `run` again and put the outcome in the place of what is there; makes no call.

    Replies to a cell that was opened again after them are not read, nor those of other `stages`.

    Raises:
        StorageFailed: A file cannot be written; doing it again goes on.
    """
    result, rejudging = Reparsed(), Rejudging(run, job)
    replies = (reply for reply in run.replies_that_count() if reply.cell.stage in stages)
    reading = _Reading(run, job, rejudging, result, most_queued_bytes)
    cells = reading.read(replies)
    for key in sorted(cells, key=lambda key: bool(cells[key].doubtful)):  # others may be lost before these are judged
        _settle(reading, key, cells[key])
        _spill(run, most_queued_bytes)
    run.flush()
    result.records = run.state.totals.records
    return result


@dataclass(frozen=True, slots=True)
class _Reading:
    """All that reading a reply again takes."""

    run: Run
    job: Job
    rejudging: Rejudging
    result: Reparsed
    most_queued_bytes: int

    def read(self, replies: Iterable[Reply]) -> dict[str, _Cell]:
        """Keep what the replies come to now; returns the cells that have no result."""
        done: set[str] = set()
        cells: dict[str, _Cell] = {}
        for reply in replies:
            self.result.replies += 1
            key = reply.cell.key
            if key in done:
                continue
            cell = cells.setdefault(key, _Cell())
            cell.replies.append(replace(reply, body=""))
            read = _reclassify if reply.cell.stage == "classify" else _regenerate
            if read(self, cell, reply):
                done.add(key)
                del cells[key]
                _spill(self.run, self.most_queued_bytes)
        return cells


def _settle(reading: _Reading, key: str, cell: _Cell) -> None:
    """Give a cell up whose replies come to nothing now.

    One that was never settled may be asked again; one that was stays paid for and given up.
    """
    run, result = reading.run, reading.result
    standing = run.state.standing(key)
    if cell.invalid is _OBSOLETE or standing is None or not standing.settled:
        return
    if standing.kind == "record" and not cell.accounted:
        result.kept += 1
        return
    if standing.kind == "types" and run.state.totals.damaged_lines:
        return  # its second reply may be among them
    if cell.invalid is None or (standing.kind == "types" and cell.invalid.passes_on):
        return  # nobody has asked the model that could tell
    if any(_take(reading, cell, doubtful) for doubtful in cell.doubtful):
        return
    if standing.kind == "record":
        reading.rejudging.lost(run.record(key), run.article(cell.replies[-1].cell))
    result.lost += standing.kind == "record"
    refused, reason = refused_of(cell.replies, cell.complaints), cell.invalid.reason
    if (standing.kind, standing.detail) != ("rejection", reason) or not _is_booked(run, key, refused, reason):
        run.add_rejection(Rejection(cell.replies[-1].cell, reason, cell.invalid.detail, cell.invalid.also), refused)


def _take(reading: _Reading, cell: _Cell, doubtful: _Doubtful) -> bool:
    """Put a record into the run that was refused for another one, if that one is lost by now."""
    run, record, of = reading.run, doubtful.record, cell.replies[-1].cell
    article = run.article(of)
    old = None if run.state.record_offset(record.id) is None else run.record(record.id)
    draft = Draft(record.instruction, record.input, record.output, record.quality)
    if article is None or isinstance(reading.rejudging.judge(of, article, draft, old, ()), Invalid):
        return False
    run.add_record(record, revised=old is not None, refused=doubtful.refused)
    reading.rejudging.taken(record, of, article, old)
    reading.result.gained += old is None
    return True


def _spill(run: Run, most_queued_bytes: int) -> None:
    if run.filing.end - run.filing.written > most_queued_bytes:
        run.flush_journal()


def _reclassify(reading: _Reading, cell: _Cell, reply: Reply) -> bool:
    """Read a classification; returns whether its cell is done with."""
    run, job = reading.run, reading.job
    if reply.cell.prompt_fingerprint != job.classification_fingerprint:
        cell.complaints.append(_OBSOLETE)
        return False
    numbers = job.read_classification([*cell.replies[:-1], reply])
    if isinstance(numbers, Invalid):
        cell.complaints.append(numbers)
        return False
    key = reply.cell.key
    refused = beside_of(cell.replies, cell.complaints, run.state.money_of(key).paid)
    is_new = run.state.types_of(key) != numbers
    if is_new or not _is_booked(run, key, refused, None if numbers else NO_TYPES):
        run.add_types(reply.cell, numbers, refused)
    reading.result.reclassified += is_new
    return True


def _regenerate(reading: _Reading, cell: _Cell, reply: Reply) -> bool:
    """Read a generation; returns whether its cell is done with."""
    run, job, result, key = reading.run, reading.job, reading.result, reply.cell.key
    old = None if run.state.record_offset(key) is None else run.record(key)
    kind, article = _type_of(job, reply), run.article(reply.cell)
    if kind is None or article is None:
        result.kept += old is not None
        cell.complaints.append(_OBSOLETE)
        return old is not None
    if cell.found is None:
        _read(reading, cell, article, kind, reply, old)
    cell.accounted |= old is None or _is_made_of(old, cell.replies)
    if cell.found is None or not cell.accounted:
        return False
    if cell.found != old or not _is_booked(run, key, cell.refused, None):
        run.add_record(cell.found, revised=old is not None, refused=cell.refused)
        reading.rejudging.taken(cell.found, reply.cell, article, old)
        result.gained += old is None
    return True


def _read(
    reading: _Reading, cell: _Cell, article: Article, kind: InstructionType, reply: Reply, old: Record | None
) -> None:
    """Note what the last reply to a generation comes to."""
    draft = reading.job.read_generation(OpenArticle(article), kind, reply)
    judged = (
        draft
        if isinstance(draft, Invalid)
        else reading.rejudging.judge(reply.cell, article, draft, old, cell.complaints)
    )
    refused = beside_of(cell.replies, cell.complaints, reading.run.state.money_of(reply.cell.key).paid)
    if not isinstance(judged, Invalid):
        cell.found, cell.refused = record_of(article, kind, judged, cell.replies), refused
        return
    if not isinstance(draft, Invalid) and is_for_another(judged) and reading.rejudging.is_present(reply.cell):
        cell.doubtful.append(_Doubtful(record_of(article, kind, draft, cell.replies), refused))
    cell.complaints.append(judged)


def _is_booked(run: Run, key: str, refused: Mapping[str, Paid], rest: str | None) -> bool:
    """Whether the books say already what was `refused` of what the cell has cost, and what the rest was paid for."""
    money = run.state.money_of(key)
    return money.settled(refused, rest) == money


def _is_made_of(record: Record, replies: list[Reply]) -> bool:
    """Whether these are the replies that were paid for `record`, its own the last."""
    usage = Usage(*map(sum, zip(*(reply.usage for reply in replies), strict=True)))
    return (record.time, record.usage) == (replies[-1].time, usage)


def _type_of(job: Job, reply: Reply) -> InstructionType | None:
    """Return the type that a reply is read as; None when its prompt has changed.

    Replies to other prompts are left alone: the numbers in them may stand for other paragraphs than today's.
    """
    cell = reply.cell
    return next(
        (
            kind
            for kind in job.pack.types
            if kind.slug == cell.type_slug and cell.prompt_fingerprint == job.fingerprint(kind, cell.input_mode)
        ),
        None,
    )
