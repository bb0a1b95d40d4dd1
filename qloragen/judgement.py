"""What a judge says of a record, as it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from .types import Usage


class Verdict(NamedTuple):
    """A judge's answer to one question about a record."""

    yes: bool
    quote: str
    """The words of the record or its article that decided it."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge says of one record, or of a control: a record of which it is known how it should be judged."""

    id: str
    """The key of its cell."""
    record: str
    """Id of the record; of a control, that of the record that it was made from."""
    text_hash: str
    """Of the three fields as they were judged."""
    judge: str
    """Identifies the judge: its model, prompt and parameters."""
    article_id: str
    type_slug: str
    content_hash: str
    """Of the article's text."""
    model: str
    prompt_fingerprint: str
    verdicts: Mapping[str, Verdict]
    """By question, in the order in which they are asked."""
    usage: Usage
    """Summed over every reply that was paid for to get this judgement."""
    cost_usd: Decimal | None
    time: datetime
    """When the reply arrived (UTC)."""
    control: str | None = None
    """What kind of control it is; None: a record."""
    planted: bool = False
    """Whether it is a control with a defect."""

    @property
    def accepted(self) -> bool:
        """Whether every answer is yes."""
        return all(verdict.yes for verdict in self.verdicts.values())
