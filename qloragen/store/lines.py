"""The lines of a run's files: values to JSON and back.

Every journal line is an object whose `kind` says what it holds:

| kind | written | holds |
|---|---|---|
| `article` | before an article's first call | the cleaned text and its provenance |
| `reply` | as soon as a paid reply has arrived, before anything is made of it | cell, raw body, usage, cost |
| `types` | when a classification reply has been read | the numbers it comes to |
| `rejection` | when a cell is given up for good | reason and detail |
| `failure` | when a cell is given up for now; a later run asks again | reason and detail |
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from ..types import Article, Cell, Format, InputMode, Record, Rejection, Reply, Stage, Structure, Usage


class _Line(BaseModel):
    # Lines of newer versions may say more.
    model_config = ConfigDict(extra="ignore", frozen=True)


class _UsageLine(_Line):
    prompt_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    completion_tokens: int
    reasoning_tokens: int


class _CellLine(_Line):
    cell: str
    stage: Stage
    content_hash: str
    format: Format
    article_id: str
    model: str
    prompt_fingerprint: str
    type: int | None
    type_slug: str | None
    input_mode: InputMode | None


class ArticleLine(_Line):
    """An article as its models read it."""

    kind: Literal["article"]
    content_hash: str
    id: str
    title: str | None
    url: str | None
    format: Format
    content: str


class ReplyLine(_CellLine):
    """A paid reply."""

    kind: Literal["reply"]
    structure: Structure | None
    finish_reason: str
    usage: _UsageLine
    cost_usd: Decimal | None
    request_id: str | None
    latency_s: float
    time: datetime
    body: str


class TypesLine(_Line):
    """What a classification came to."""

    kind: Literal["types"]
    cell: str
    types: tuple[int, ...]


class RejectionLine(_CellLine):
    """A cell that is given up: for good (`rejection`) or until the next run (`failure`)."""

    kind: Literal["rejection", "failure"]
    reason: str
    detail: str


class RecordLine(_Line):
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
    usage: _UsageLine
    cost_usd: Decimal | None
    time: datetime


JournalLine = ArticleLine | ReplyLine | TypesLine | RejectionLine
_JOURNAL_LINE: TypeAdapter[JournalLine] = TypeAdapter(Annotated[JournalLine, Field(discriminator="kind")])


def parse_journal_line(line: bytes) -> JournalLine:
    """Return what a journal line says; raises pydantic's ValidationError when it is damaged."""
    return _JOURNAL_LINE.validate_json(line)


def article_line(article: Article) -> bytes:
    """Return the journal line of `article`."""
    return _dump(
        {
            "kind": "article",
            "content_hash": article.content_hash,
            "id": article.id,
            "title": article.title,
            "url": article.url,
            "format": article.format,
            "content": article.content,
        }
    )


def reply_line(reply: Reply) -> bytes:
    """Return the journal line of `reply`."""
    return _dump(
        {
            "kind": "reply",
            **_cell_fields(reply.cell),
            "structure": reply.structure,
            "finish_reason": reply.finish_reason,
            "usage": reply.usage._asdict(),
            "cost_usd": _usd(reply.cost_usd),
            "request_id": reply.request_id,
            "latency_s": round(reply.latency_s, 3),
            "time": reply.time,
            "body": reply.body,
        }
    )


def types_line(cell: Cell, types: tuple[int, ...]) -> bytes:
    """Return the journal line that says what the classification `cell` came to."""
    return _dump({"kind": "types", **_cell_fields(cell), "types": types})


def rejection_line(rejection: Rejection, *, kind: Literal["rejection", "failure"]) -> bytes:
    """Return the journal line of a cell that is given up for good or for now."""
    return _dump({"kind": kind, **_cell_fields(rejection.cell), "reason": rejection.reason, "detail": rejection.detail})


def record_line(record: Record) -> bytes:
    """Return the sink line of `record`: the three Alpaca fields at top level, then the provenance."""
    return _dump(
        {
            "id": record.id,
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
            "cost_usd": _usd(record.cost_usd),
            "time": record.time,
        }
    )


def article_of(line: ArticleLine) -> Article:
    """Return the article that a line holds."""
    return Article(line.id, line.content, line.title, line.url, line.format)


def reply_of(line: ReplyLine) -> Reply:
    """Return the reply that a line holds."""
    return Reply(
        cell=cell_of(line),
        structure=line.structure,
        finish_reason=line.finish_reason,
        usage=usage_of(line.usage),
        cost_usd=line.cost_usd,
        request_id=line.request_id,
        latency_s=line.latency_s,
        time=line.time,
        body=line.body,
    )


def rejection_of(line: RejectionLine) -> Rejection:
    """Return what a line says about a cell that is given up."""
    return Rejection(cell_of(line), line.reason, line.detail)


def cell_of(line: _CellLine) -> Cell:
    """Return the cell that a line is about."""
    return Cell(
        key=line.cell,
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


def record_of(line: RecordLine) -> Record:
    """Return the record that a sink line holds."""
    fields = {name: getattr(line, name) for name in RecordLine.model_fields}
    return Record(**{**fields, "usage": usage_of(line.usage)})


def usage_of(line: _UsageLine) -> Usage:
    """Return the token counts that a line holds."""
    return Usage(**line.model_dump())


def _cell_fields(cell: Cell) -> dict[str, object]:
    return {
        "cell": cell.key,
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


def _usd(cost: Decimal | None) -> str | None:
    # Plain digits: str() would write 1E-7 for a tenth of a micro-dollar.
    return None if cost is None else format(cost, "f")


def _dump(line: dict[str, object]) -> bytes:
    return orjson.dumps(line, option=orjson.OPT_UTC_Z)
