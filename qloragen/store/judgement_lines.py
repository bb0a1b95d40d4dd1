"""The lines of judgements: values to JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from ..judgement import Judgement, Verdict
from .bills import refused_fields, usd_text
from .frame import framed
from .lines import Line, Refused, UsageLine, usage_of


class _VerdictLine(Line):
    yes: bool
    quote: str


class JudgementLine(Line):
    """One line of the sink of a run that judges."""

    id: str
    record: str
    text_hash: str
    judge: str
    article_id: str
    type_slug: str
    content_hash: str
    model: str
    prompt_fingerprint: str
    control: str | None
    planted: bool
    verdicts: dict[str, _VerdictLine]
    usage: UsageLine
    cost_usd: Decimal | None
    time: datetime


def judgement_line(judgement: Judgement, refused: Refused = MappingProxyType({})) -> bytes:
    """Return the journal line of `judgement`."""
    fields: dict[str, object] = {
        **refused_fields(refused),
        "record": judgement.record,
        "text_hash": judgement.text_hash,
        "judge": judgement.judge,
        "article_id": judgement.article_id,
        "type_slug": judgement.type_slug,
        "content_hash": judgement.content_hash,
        "model": judgement.model,
        "prompt_fingerprint": judgement.prompt_fingerprint,
        "control": judgement.control,
        "planted": judgement.planted,
        "accepted": judgement.accepted,
        "verdicts": {name: verdict._asdict() for name, verdict in judgement.verdicts.items()},
        "usage": judgement.usage._asdict(),
        "cost_usd": usd_text(judgement.cost_usd),
        "time": judgement.time,
    }
    return framed(judgement.id, "judgement", fields)


def standing_of(judgement: Judgement) -> str:
    """Return as what a judgement is counted: `accepted`, `refused`, or `control`."""
    return _standing(judgement.control, accepted=judgement.accepted)


def judged_as(fields: Mapping[str, Any]) -> str:
    """Return as what the judgement is counted whose line has these fields."""
    return _standing(fields["control"], accepted=fields["accepted"])


def _standing(control: str | None, *, accepted: bool) -> str:
    return "control" if control is not None else "accepted" if accepted else "refused"


def judgement_of(raw: bytes) -> Judgement:
    """Return the judgement that a sink line holds; raises ValidationError when it holds none."""
    line = JudgementLine.model_validate_json(raw)
    fields = {name: getattr(line, name) for name in JudgementLine.model_fields}
    verdicts = {name: Verdict(verdict.yes, verdict.quote) for name, verdict in line.verdicts.items()}
    return Judgement(**{**fields, "verdicts": verdicts, "usage": usage_of(line.usage)})
