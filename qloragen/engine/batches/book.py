"""What is written down about batches, so that no process pays for one that another has submitted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from ...types import Completion, LostCall, ReplyForm
from ..budget import Spending


class Asked(NamedTuple):
    """One request of a batch."""

    id: str
    """The request's `id`: its `custom_id` in the batch."""
    structure: ReplyForm | None
    """How a structured answer is asked for."""
    prompt_tokens: int
    """Estimated."""
    worst: Spending
    """The most that it can come to."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What is handed to the provider as one batch."""

    name: str
    """Unique for ever; the batch carries it in its metadata."""
    model: str
    requests: tuple[Asked, ...]
    """Of one that an earlier process has submitted: those whose reply, or loss, has not been written down."""
    asked: datetime
    """When it was written down, before anything was sent."""
    batch: str | None = None
    """The provider's id of it; None: not known to have arrived there."""
    answered: frozenset[str] = frozenset()
    """Ids of requests whose reply, or loss, an earlier process has written down."""


class BatchBook(Protocol):
    """Writes down what becomes of batches, and remembers it when the process is gone."""

    @property
    def run(self) -> str:
        """Names the run among all others of the account."""
        ...

    @property
    def left(self) -> int:
        """How many batches earlier processes have left behind."""
        ...

    async def open(self) -> list[Submission]:
        """Return what earlier processes have left behind."""
        ...

    async def asked(self, submission: Submission) -> None:
        """Return when it is on record that `submission` may be sent from now on."""
        ...

    async def begun(self, name: str, batch: str) -> None:
        """Return when it is on record what the provider calls a submission."""
        ...

    def adopt(self, name: str, id: str, completion: Completion) -> None:
        """Keep a reply that nobody waits for."""
        ...

    def lose(self, name: str, id: str, lost: LostCall) -> None:
        """Book a request that nobody waits for, and that may have been billed for nothing."""
        ...

    async def kept(self) -> None:
        """Return when all that was handed over is safe."""
        ...

    def end(self, name: str, status: str) -> None:
        """Put on record that nothing more comes of a submission."""
        ...

    def forget(self, id: str) -> None:
        """Take in that nobody waits for a request any more."""
        ...
