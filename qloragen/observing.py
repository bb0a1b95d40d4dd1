"""What may look on while a run is made: a seam for traces and metrics. Public.

    async with Session(out="runs/a", observer=mine) as session:
        ...

`mine` is any object with the methods of `Observer`, and where it likes that of `Watcher`; `examples/observer.py` is a
whole program. OpenTelemetry's is there already: the setting `telemetry`. Without an observer all this costs one
comparison for each call.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Protocol, runtime_checkable

from .types import Article, Cell, Completion, Request, Usage
from .view import Allowance, BatchView, ModelView, Paused, Spent, View

__all__ = [
    "Allowance",
    "Article",
    "AttemptObserver",
    "BatchView",
    "Cell",
    "Completion",
    "ModelView",
    "Observer",
    "Paused",
    "Request",
    "Spent",
    "Usage",
    "View",
    "Watcher",
]


class AttemptObserver(Protocol):
    """Looks on while one call is made; exactly one of its methods is called, once."""

    def answered(self, completion: Completion) -> None:
        """The call has brought a paid reply."""
        ...

    def failed(self, reason: str, status: int | None) -> None:
        """The call has brought none: the code of the failure, and the HTTP status where there was a response."""
        ...


class Observer(Protocol):
    """Looks on while a run is made. It is called on the event loop, must not block, and what it raises is its fault."""

    def article(self, article: Article) -> AbstractContextManager[None]:
        """Be there while an article is worked on; what is heard meanwhile in the same context is about it."""
        ...

    def finished(self, article: Article) -> None:
        """Hear, before the article is left, that nothing of it is left to do now; else it was left unfinished."""
        ...

    def cell(self, cell: Cell) -> AbstractContextManager[None]:
        """Be there while a cell is worked on; calls that are made meanwhile in the same context are for it."""
        ...

    def attempt(self, request: Request, *, number: int, waited_s: float) -> AttemptObserver:
        """Be there while a call is made: attempt `number` (from 1), sent after it waited so long for admission."""
        ...

    def billed(self, cell: Cell, usage: Usage, cost_usd: Decimal | None) -> None:
        """Hear of everything that comes onto the bill, once: replies of calls and of batches, those that were found at
        the provider, and lost ones that are known to be billed. The cost is None where no price is known."""
        ...

    def settled(self, cell: Cell, reason: str | None) -> None:
        """Hear what a cell has come to: a result (None), or why it was given up."""
        ...


@runtime_checkable
class Watcher(Protocol):
    """An observer that wants to see the session as a whole as well."""

    def seen(self, view: View) -> None:
        """Hear what there is to see: when the session is opened, every second or so, and when it has ended. Called on
        the event loop."""
        ...
