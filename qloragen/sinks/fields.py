"""A record as a flat row, for tables and whatever else takes names with plain values."""

from __future__ import annotations

from datetime import UTC

import orjson

from ..types import Record

Value = str | int | float | None


def fields_of(record: Record) -> dict[str, Value]:
    """Return what a record says, by name, in a fixed order: as in `records.jsonl`, but flat.

    The counts in `usage` and the measures in `quality` stand for themselves (`prompt_tokens`, `grounded`). `flags` is a
    JSON array, `cost_usd` a decimal number as text (None: unknown), `time` in ISO 8601, in UTC, to the microsecond.
    """
    grounded, supported, flags = record.quality
    return {
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
        **record.usage._asdict(),
        "cost_usd": None if record.cost_usd is None else f"{record.cost_usd:f}",
        "time": record.time.astimezone(UTC).isoformat(timespec="microseconds"),
        "grounded": grounded,
        "supported": supported,
        "flags": orjson.dumps(flags).decode(),
    }
