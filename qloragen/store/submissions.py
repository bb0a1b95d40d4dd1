"""Batches that have been handed to a provider, or were about to be, and have not been collected yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from ..types import Cell, ReplyForm


@dataclass(frozen=True, slots=True)
class AskedInBatch:
    """A request that is submitted in a batch, as the journal keeps it from before that on."""

    cell: Cell
    submission: str
    """Names the batch, whether or not it has arrived at the provider."""
    request: str
    """The request's `id`."""
    structure: ReplyForm | None
    """How a structured answer is asked for."""
    prompt_tokens: int
    """Estimated."""
    worst_usd: Decimal
    """The most that it can cost; 0 where no price is known."""
    worst_tokens: int
    """The most that it can have, of prompt and completion."""
    time: datetime


class Submission(BaseModel):
    """One batch of requests, as far as the journal tells."""

    name: str
    """Unique for ever; the batch has it at the provider."""
    model: str
    at: int
    """Where in the journal its first request is."""
    end: int
    """Where its last one ends."""
    requests: int
    asked: datetime
    """When it was written down, before anything was sent."""
    batch: str | None = None
    """What the provider calls it; None: not known to have arrived there."""


class Submissions:
    """All submissions that have not ended, changed by one journal line at a time."""

    def __init__(self, known: list[Submission] | None = None) -> None:
        self._open = {one.name: one.model_copy() for one in known or ()}

    def open(self) -> list[Submission]:
        """Return copies of all of them, oldest first."""
        return [one.model_copy() for one in self._open.values()]

    def add_asked(self, name: str, model: str, asked: datetime, at: int, end: int) -> None:
        """Note a request that is to be submitted."""
        one = self._open.get(name)
        if one is None:
            self._open[name] = Submission(name=name, model=model, at=at, end=end, requests=1, asked=asked)
        else:
            one.end = end
            one.requests += 1

    def add_batch(self, name: str, batch: str) -> None:
        """Note that a submission has arrived."""
        if name in self._open:
            self._open[name].batch = batch

    def add_end(self, name: str) -> None:
        """Forget a submission: what came of it is in the journal."""
        self._open.pop(name, None)

    def apply(self, kind: str, fields: dict[str, Any], at: int, end: int) -> None:
        """Let one journal line take effect, which is at these offsets.

        Raises:
            ValueError, KeyError: It is of another program.
        """
        match kind:
            case "asked":
                asked = datetime.fromisoformat(fields["time"])
                self.add_asked(fields["submission"], fields["model"], asked, at, end)
            case "batch":
                self.add_batch(fields["submission"], fields["batch"])
            case "batch_end":
                self.add_end(fields["submission"])
