"""Today's parser and checks, applied to yesterday's paid replies, for nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..store.handle import Run
from ..types import InstructionType, Invalid, Rejection, Reply
from .job import Job, OpenArticle, record_of


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
    """Records left as they were: their prompt has changed since, or the journal has lost their article."""

    def __str__(self) -> str:
        return (
            f"{self.replies} paid replies read again: {self.records} records ({self.gained} gained, {self.lost} lost, "
            f"{self.kept} kept as they were), {self.reclassified} articles classified differently"
        )


_OBSOLETE = Invalid("obsolete", "The reply answers a prompt that the pack no longer has; it is left as it was.")


@dataclass(slots=True)
class _Cell:
    replies: list[Reply] = field(default_factory=list)
    """Without their bodies."""
    invalid: Invalid | None = None


def reparse(run: Run, job: Job) -> Reparsed:
    """Read every reply in the journal of `run` again and put the outcome in the place of what is there; makes no call.

    Raises:
        StorageFailed: A file cannot be written; doing it again goes on.
    """
    result = Reparsed()
    unsettled = _reread(run, job, result)
    for key, cell in unsettled.items():
        # A cell that was never settled may be asked again; one that was stays paid for and given up.
        standing = run.state.standing(key)
        if cell.invalid is None or cell.invalid is _OBSOLETE or standing is None or not standing.settled:
            continue
        result.lost += standing.kind == "record"
        if (standing.kind, standing.detail) != ("rejection", cell.invalid.reason):
            run.add_rejection(Rejection(cell.replies[-1].cell, cell.invalid.reason, cell.invalid.detail))
    run.flush()
    result.records = run.state.totals.records
    return result


def _reread(run: Run, job: Job, result: Reparsed) -> dict[str, _Cell]:
    """Keep what the replies come to now; returns the cells that have no result."""
    done: set[str] = set()
    unsettled: dict[str, _Cell] = {}
    for reply in run.all_replies():
        result.replies += 1
        key = reply.cell.key
        if key in done:
            continue
        cell = unsettled.setdefault(key, _Cell())
        cell.replies.append(replace(reply, body=""))
        read = _reclassify if reply.cell.stage == "classify" else _regenerate
        cell.invalid = read(run, job, reply, [*cell.replies[:-1], reply], result)
        if cell.invalid is None:
            done.add(key)
            del unsettled[key]
    return unsettled


def _reclassify(run: Run, job: Job, reply: Reply, replies: list[Reply], result: Reparsed) -> Invalid | None:
    if reply.cell.prompt_fingerprint != job.classification_fingerprint:
        return _OBSOLETE
    numbers = job.read_classification(replies)
    if isinstance(numbers, Invalid):
        return numbers
    if run.state.types_of(reply.cell.key) != numbers:
        run.add_types(reply.cell, numbers)
        result.reclassified += 1
    return None


def _regenerate(run: Run, job: Job, reply: Reply, replies: list[Reply], result: Reparsed) -> Invalid | None:
    key = reply.cell.key
    has_one = run.state.record_offset(key) is not None
    kind, article = _type_of(job, reply), run.article(reply.cell)
    if kind is None or article is None:
        result.kept += has_one
        return None if has_one else _OBSOLETE
    draft = job.read_generation(OpenArticle(article), kind, reply)
    if isinstance(draft, Invalid):
        return draft
    record = record_of(article, kind, draft, replies)
    if not has_one or run.record(key) != record:
        run.add_record(record, revised=has_one)
        result.gained += not has_one
    return None


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
