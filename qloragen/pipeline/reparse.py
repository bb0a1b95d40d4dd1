"""Today's parser and checks, applied to yesterday's paid replies, for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ..store.run import Run
from ..types import InstructionType, Invalid, Record, Rejection, Reply
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
    """Rebuild the sink of `run` from the replies in its journal; makes no call.

    Raises:
        StorageFailed: A file cannot be written; the old sink is still there.
    """
    result = Reparsed()
    unsettled: dict[str, _Cell] = {}
    before = set(run.state.records)
    settled = before | set(run.state.rejections)
    run.replace_records(_records(run, job, unsettled, result))
    after = set(run.state.records)
    result.records, result.gained, result.lost = len(after), len(after - before), len(before - after)
    for key, cell in unsettled.items():
        # A cell that was never settled may be asked again; one that was stays paid for and given up.
        if key in settled and cell.invalid and cell.invalid is not _OBSOLETE:
            run.add_rejection(Rejection(cell.replies[-1].cell, cell.invalid.reason, cell.invalid.detail))
    return result


def _records(run: Run, job: Job, unsettled: dict[str, _Cell], result: Reparsed) -> Iterator[Record]:
    done: set[str] = set()
    for reply in run.all_replies():
        result.replies += 1
        key = reply.cell.key
        if key in done:
            continue
        cell = unsettled.setdefault(key, _Cell())
        cell.replies.append(replace(reply, body=""))
        if reply.cell.stage == "classify":
            cell.invalid = _reclassify(run, job, reply, [*cell.replies[:-1], reply], result)
        elif isinstance(answer := _regenerate(run, job, reply, cell.replies, result), Record):
            yield answer
        else:
            cell.invalid = answer
        if cell.invalid is None:
            done.add(key)
            del unsettled[key]


def _reclassify(run: Run, job: Job, reply: Reply, replies: list[Reply], result: Reparsed) -> Invalid | None:
    if reply.cell.prompt_fingerprint != job.classification_fingerprint:
        return _OBSOLETE
    numbers = job.read_classification(replies)
    if isinstance(numbers, Invalid):
        return numbers
    if run.state.types.get(reply.cell.key) != numbers:
        run.add_types(reply.cell, numbers)
        result.reclassified += 1
    return None


def _regenerate(run: Run, job: Job, reply: Reply, replies: list[Reply], result: Reparsed) -> Record | Invalid:
    kind = _type_of(run, job, reply)
    if kind is None:
        if reply.cell.key not in run.state.records:
            return _OBSOLETE
        result.kept += 1
        return run.record(reply.cell.key)
    opened = OpenArticle(run.article(reply.cell))
    draft = job.read_generation(opened, kind, reply)
    return draft if isinstance(draft, Invalid) else record_of(opened.article, kind, draft, replies)


def _type_of(run: Run, job: Job, reply: Reply) -> InstructionType | None:
    """Return the type that a reply is read as; None when its prompt has changed, or its article is lost.

    Replies to other prompts are left alone: the numbers in them may stand for other paragraphs than today's.
    """
    cell = reply.cell
    if (cell.content_hash, cell.format) not in run.state.articles:
        return None
    return next(
        (
            kind
            for kind in job.pack.types
            if kind.slug == cell.type_slug and cell.prompt_fingerprint == job.fingerprint(kind, cell.input_mode)
        ),
        None,
    )
