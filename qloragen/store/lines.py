"""The lines of a run's files: values to JSON and back.

Every journal line is framed (see `frame`): `k` is the key of the cell that it is about, `t` says what it holds:

| t | written | holds |
|---|---|---|
| `article` | before an article's first call | the cleaned text and its provenance; `k` is the text's own key |
| `reply` | as soon as a paid reply has arrived, before anything is made of it | raw body, usage, cost |
| `lost` | when a call that was or may have been billed brings no reply that can be used | its cost, or worst case |
| `types` | when a classification reply has been read | the numbers it comes to |
| `record` | when a generation reply has been read | the record; ignored where the cell has one |
| `revised` | when reading the replies again gives another record | the record in the place of the one before |
| `judgement` | when a reply about a record has been read | the judgement; ignored where the cell has one |
| `rejection` | when a cell is given up for good | reason and detail; whether it withdraws a record |
| `failure` | when a cell is given up for now; a later run asks again | reason and detail |
| `retry` | when someone asks for a rejected cell again | nothing more |
| `asked` | before a request is handed to the provider in a batch | its name there and its submission |
| `batch` | when the provider has accepted a submission | what it calls the batch; `k` is the submission's own key |
| `batch_end` | when all that came of a batch is in the journal | how it ended; `k` is the submission's own key |
| `damaged` | when opening the run found a damaged line | where it is; `k` has no meaning |

The last line about a cell says where it stands. `types`, `record`, `revised`, `judgement` and `rejection` also say
which replies to the cell were `refused`, and why (see `bills`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ..types import (
    Article,
    Cell,
    Format,
    InputMode,
    Quality,
    Record,
    Rejection,
    Reply,
    ReplyForm,
    Stage,
    Usage,
    Worst,
    digest,
)
from .bills import refused_fields, usd_text, worst_fields
from .frame import framed, sink_line
from .money import Paid
from .submissions import AskedInBatch

Refused = Mapping[str, Paid]
"""What was paid for replies that came to nothing, by reason."""


class Line(BaseModel):
    """What all lines have in common; those of newer versions may say more."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class UsageLine(Line):
    prompt_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    completion_tokens: int
    reasoning_tokens: int


class _CellLine(Line):
    k: str
    stage: Stage
    content_hash: str
    format: Format
    article_id: str
    model: str
    prompt_fingerprint: str
    type: int | None
    type_slug: str | None
    input_mode: InputMode | None


class RejectionLine(_CellLine):
    """A cell that was given up for good."""

    t: Literal["rejection"]
    reason: str
    detail: str
    also: tuple[str, ...] = ()


class _FailureLine(_CellLine):
    time: datetime


class ArticleLine(Line):
    """An article as its models read it."""

    t: Literal["article"]
    content_hash: str
    id: str
    title: str | None
    url: str | None
    format: Format
    content: str


class ReplyLine(_CellLine):
    """A paid reply."""

    t: Literal["reply"]
    structure: ReplyForm | None
    finish_reason: str
    usage: UsageLine
    cost_usd: Decimal | None
    tier: str | None = None
    worst_usd: Decimal | None = None
    worst_tokens: int | None = None
    request_id: str | None
    latency_s: float
    time: datetime
    body: str


class AskedLine(_CellLine):
    """A request that was to go into a batch."""

    t: Literal["asked"]
    submission: str
    request: str
    structure: ReplyForm | None
    prompt_tokens: int
    worst_usd: Decimal
    worst_tokens: int
    time: datetime


class _QualityLine(Line):
    grounded: float
    supported: float
    flags: tuple[str, ...]


class RecordLine(Line):
    """One line of the sink."""

    id: str
    article_id: str
    type: int
    type_slug: str
    instruction: str
    input: str
    output: str
    content_hash: str
    title: str | None
    url: str | None
    model: str
    prompt_fingerprint: str
    input_mode: InputMode
    finish_reason: str
    usage: UsageLine
    cost_usd: Decimal | None
    time: datetime
    quality: _QualityLine | None = None
    """Lines of before there were checks that measure do not have it."""


def article_key(content_hash: str, format: Format) -> str:
    """Return the key of an article's line: its text as it is marked up, whatever it is called."""
    return digest(f"{format}\n{content_hash}")


def name_key(article_id: str) -> str:
    """Return the key under which the text of an article's id is looked up; no line has it."""
    return digest(f"id\n{article_id}")


def article_line(article: Article) -> bytes:
    """Return the journal line of `article`."""
    fields: dict[str, object] = {
        "content_hash": article.content_hash,
        "id": article.id,
        "title": article.title,
        "url": article.url,
        "format": article.format,
        # A copy: a string beyond ASCII keeps its UTF-8 when it was written once, and articles stay for long.
        "content": article.content[:1] + article.content[1:],
    }
    return framed(article_key(article.content_hash, article.format), "article", fields)


def reply_line(reply: Reply, *, found: bool = False) -> bytes:
    """Return the journal line of `reply`; `found` says that it was lost on its way at first."""
    fields = {
        **cell_fields(reply.cell),
        "structure": reply.structure,
        "finish_reason": reply.finish_reason,
        "usage": reply.usage._asdict(),
        "cost_usd": usd_text(reply.cost_usd),
        "tier": reply.tier,
        "request_id": reply.request_id,
        "latency_s": round(reply.latency_s, 3),
        "time": reply.time,
        **worst_fields(reply.worst),
        **({"found": True} if found else {}),
        "body": reply.body,
    }
    return framed(reply.cell.key, "reply", fields)


def types_line(cell: Cell, types: tuple[int, ...], refused: Refused) -> bytes:
    """Return the journal line that says what the classification `cell` came to."""
    return framed(cell.key, "types", {**refused_fields(refused), **cell_fields(cell), "types": types})


def rejection_line(rejection: Rejection, refused: Refused, *, withdraws: bool = False) -> bytes:
    """Return the journal line of a cell that is given up for good; `withdraws` says that it had a record."""
    fields = {**refused_fields(refused), **_refusal_fields(rejection), **({"withdraws": True} if withdraws else {})}
    return framed(rejection.cell.key, "rejection", fields)


def rejection_of(raw: bytes) -> Rejection:
    """Return the rejection that a journal line holds; raises ValidationError when it holds none."""
    line = RejectionLine.model_validate_json(raw)
    return Rejection(_cell_of(line), line.reason, line.detail, line.also)


def failure_line(failure: Rejection, time: datetime, *, counts: bool) -> bytes:
    """Return the journal line of a cell that is given up for now; `counts` says that the fault may be its own."""
    fields = {**_refusal_fields(failure), "time": time, "counts": counts}
    return framed(failure.cell.key, "failure", fields)


def failed_at(raw: bytes) -> datetime:
    """Return when a failure's journal line was written; raises ValidationError when it does not say so."""
    return _FailureLine.model_validate_json(raw).time


def retry_line(key: str, time: datetime) -> bytes:
    """Return the journal line that opens a rejected cell again."""
    return framed(key, "retry", {"time": time})


def asked_line(asked: AskedInBatch) -> bytes:
    """Return the journal line of a request that is about to be submitted."""
    fields = {
        **cell_fields(asked.cell),
        "submission": asked.submission,
        "request": asked.request,
        "structure": asked.structure,
        "prompt_tokens": asked.prompt_tokens,
        "worst_usd": usd_text(asked.worst_usd),
        "worst_tokens": asked.worst_tokens,
        "time": asked.time,
    }
    return framed(asked.cell.key, "asked", fields)


def batch_line(submission: str, batch: str, time: datetime) -> bytes:
    """Return the journal line that says what the provider calls a submission."""
    return framed(submission_key(submission), "batch", {"submission": submission, "batch": batch, "time": time})


def batch_end_line(submission: str, status: str, time: datetime) -> bytes:
    """Return the journal line that says that nothing more comes of a submission."""
    return framed(submission_key(submission), "batch_end", {"submission": submission, "status": status, "time": time})


def submission_key(name: str) -> str:
    """Return the key of the lines about a submission."""
    return digest(f"submission\n{name}")


def damaged_line(number: int, offset: int, size: int) -> bytes:
    """Return the journal line that says that line `number` (from 1) is damaged, and that this is dealt with."""
    fields: dict[str, object] = {"line": number, "offset": offset, "size": size}
    return framed(digest(f"damaged\n{offset}"), "damaged", fields)


def record_line(
    record: Record, *, kind: Literal["record", "revised"] = "record", refused: Refused = MappingProxyType({})
) -> bytes:
    """Return the journal line of `record`: the three Alpaca fields at top level, then the provenance."""
    fields: dict[str, object] = {
        **refused_fields(refused),
        "article_id": record.article_id,
        "type": record.type,
        "type_slug": record.type_slug,
        "instruction": record.instruction,
        "input": record.input,
        "output": record.output,
        "content_hash": record.content_hash,
        "title": record.title,
        "url": record.url,
        "model": record.model,
        "prompt_fingerprint": record.prompt_fingerprint,
        "input_mode": record.input_mode,
        "finish_reason": record.finish_reason,
        "usage": record.usage._asdict(),
        "cost_usd": usd_text(record.cost_usd),
        "time": record.time,
        "quality": record.quality._asdict(),
    }
    return framed(record.id, kind, fields)


def article_of(raw: bytes) -> Article:
    """Return the article that a journal line holds; raises ValidationError when it holds none."""
    line = ArticleLine.model_validate_json(raw)
    return Article(line.id, line.content, line.title, line.url, line.format)


def reply_of(raw: bytes) -> Reply:
    """Return the reply that a journal line holds; raises ValidationError when it holds none."""
    line = ReplyLine.model_validate_json(raw)
    return Reply(
        cell=_cell_of(line),
        structure=line.structure,
        finish_reason=line.finish_reason,
        usage=usage_of(line.usage),
        cost_usd=line.cost_usd,
        tier=line.tier,
        worst=None if line.worst_tokens is None else Worst(line.worst_usd, line.worst_tokens),
        request_id=line.request_id,
        latency_s=line.latency_s,
        time=line.time,
        body=line.body,
    )


def asked_of(raw: bytes) -> AskedInBatch:
    """Return the request of a batch that a journal line holds; raises ValidationError when it holds none."""
    line = AskedLine.model_validate_json(raw)
    return AskedInBatch(
        cell=_cell_of(line),
        submission=line.submission,
        request=line.request,
        structure=line.structure,
        prompt_tokens=line.prompt_tokens,
        worst_usd=line.worst_usd,
        worst_tokens=line.worst_tokens,
        time=line.time,
    )


def record_in(raw: bytes) -> Record:
    """Return the record that a journal line holds; raises ValidationError when it holds none."""
    return record_of(sink_line(raw))


def record_of(raw: bytes) -> Record:
    """Return the record that a sink line holds; raises ValidationError when it holds none."""
    line = RecordLine.model_validate_json(raw)
    fields = {name: getattr(line, name) for name in RecordLine.model_fields}
    quality = Quality(**line.quality.model_dump()) if line.quality else Quality()
    return Record(**{**fields, "usage": usage_of(line.usage), "quality": quality})


def _cell_of(line: _CellLine) -> Cell:
    return Cell(
        key=line.k,
        stage=line.stage,
        content_hash=line.content_hash,
        format=line.format,
        article_id=line.article_id,
        model=line.model,
        prompt_fingerprint=line.prompt_fingerprint,
        type=line.type,
        type_slug=line.type_slug,
        input_mode=line.input_mode,
    )


def usage_of(line: UsageLine) -> Usage:
    """Return the usage that a line says."""
    return Usage(**line.model_dump())


def _refusal_fields(rejection: Rejection) -> dict[str, object]:
    also = {"also": rejection.also} if rejection.also else {}
    return {**cell_fields(rejection.cell), "reason": rejection.reason, "detail": rejection.detail, **also}


def cell_fields(cell: Cell) -> dict[str, object]:
    """Return what a line says of the cell that it is about, its key apart."""
    return {
        "stage": cell.stage,
        "content_hash": cell.content_hash,
        "format": cell.format,
        "article_id": cell.article_id,
        "model": cell.model,
        "prompt_fingerprint": cell.prompt_fingerprint,
        "type": cell.type,
        "type_slug": cell.type_slug,
        "input_mode": cell.input_mode,
    }
