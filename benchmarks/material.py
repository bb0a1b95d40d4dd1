"""What a run is made of, in likely sizes: articles, their replies and records of 2 kB, the same ones every time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

import orjson

from qloragen.types import Article, Cell, Record, Reply, Stage, Usage, digest

RECORDS_PER_ARTICLE = 4
SLUGS = ("summary", "question", "concept", "procedure")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
USAGE = Usage(1800, 1536, 0, 190, 0)
COST_USD = Decimal("0.00024150")
_ARTICLE_CHARS, _INPUT_CHARS, _OUTPUT_CHARS, _INSTRUCTION_CHARS = 2_000, 760, 560, 110
_WORDS = ("replica", "node", "repair", "commit", "tombstone", "of", "the", "reads", "compaction", "is", "when", "level")
_TEXT = " ".join(random.Random(4).choices(_WORDS, k=200_000))  # noqa: S311 - prose, not secrets


class Answered(NamedTuple):
    """A generation with its paid reply and the record that was made of it."""

    reply: Reply
    record: Record


class Story(NamedTuple):
    """An article, and all that became of it."""

    article: Article
    classified: Reply
    generated: list[Answered]


def stories(records: int, *, first: int = 0) -> Iterator[Story]:
    """Yield articles, from number `first`, with at least so many records in all."""
    for number in range(first, first + _articles(records)):
        article = Article(f"article-{number}", _prose(number, 0, _ARTICLE_CHARS), f"Article {number}")
        cell = _cell(article, "classify", None)
        classified = _reply(cell, {"content": "1, 2, 3, 4"})
        yield Story(article, classified, [answered(article, kind) for kind in range(RECORDS_PER_ARTICLE)])


def answered(article: Article, kind: int) -> Answered:
    """Return what the article's generation number `kind` came to."""
    cell = _cell(article, "generate", kind)
    number = int(article.id.rpartition("-")[2])
    instruction = _prose(number, 2 * kind + 1, _INSTRUCTION_CHARS)
    output = _prose(number, 2 * kind + 2, _OUTPUT_CHARS)
    arguments = orjson.dumps({"instruction": instruction, "evidence": [3, 4], "output": output}).decode()
    call = {"id": f"call_{cell.key[:24]}", "type": "function", "function": {"name": "save", "arguments": arguments}}
    reply = _reply(cell, {"content": None, "tool_calls": [call]})
    return Answered(reply, _record(article, cell, (instruction, article.content[:_INPUT_CHARS], output)))


def cell_keys(records: int) -> Iterator[str]:
    """Yield the keys of the generations of `stories`, in their order."""
    for number in range(_articles(records)):
        for kind in range(RECORDS_PER_ARTICLE):
            yield _key(f"article-{number}", "generate", kind)


def _articles(records: int) -> int:
    return -(records // -RECORDS_PER_ARTICLE)


def _key(article_id: str, stage: Stage, kind: int | None) -> str:
    return digest(f"{stage}\n{article_id}\n{kind}")


def _cell(article: Article, stage: Stage, kind: int | None) -> Cell:
    return Cell(
        key=_key(article.id, stage, kind),
        stage=stage,
        content_hash=article.content_hash,
        format=article.format,
        article_id=article.id,
        model="gpt-5-mini-2026-08-07",
        prompt_fingerprint="1f0e3dad99908345f7439f8ffabdffc4",
        type=None if kind is None else kind + 1,
        type_slug=None if kind is None else SLUGS[kind],
        input_mode=None if kind is None else "evidence",
    )


def _reply(cell: Cell, message: dict[str, object]) -> Reply:
    body = {
        "id": f"chatcmpl-{cell.key[:29]}",
        "object": "chat.completion",
        "created": int(NOON.timestamp()),
        "model": cell.model,
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": USAGE.prompt_tokens,
            "completion_tokens": USAGE.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": USAGE.cached_tokens},
        },
        "service_tier": "default",
    }
    return Reply(
        cell=cell,
        structure="tools",
        finish_reason="stop",
        usage=USAGE,
        cost_usd=COST_USD,
        request_id=f"req_{cell.key}",
        latency_s=2.417,
        time=NOON,
        body=orjson.dumps(body).decode(),
    )


def _record(article: Article, cell: Cell, texts: tuple[str, str, str]) -> Record:
    assert cell.type is not None
    assert cell.type_slug is not None
    instruction, given, output = texts
    return Record(
        id=cell.key,
        article_id=article.id,
        type=cell.type,
        type_slug=cell.type_slug,
        instruction=instruction,
        input=given,
        output=output,
        content_hash=article.content_hash,
        title=article.title,
        url=article.url,
        model=cell.model,
        prompt_fingerprint=cell.prompt_fingerprint,
        input_mode="evidence",
        finish_reason="stop",
        usage=USAGE,
        cost_usd=COST_USD,
        time=NOON,
    )


def _prose(number: int, part: int, chars: int) -> str:
    at = (number * 131 + part * 7919) % (len(_TEXT) - chars)
    return f"{number}.{part} {_TEXT[at : at + chars]}"
