"""What may look on while a run is made: a seam for traces and metrics. Without an observer it costs one comparison."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from .types import Article, Cell, Completion, Request


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
        """Be there while an article is worked on; calls that are made meanwhile in the same context are about it."""
        ...

    def attempt(self, request: Request, *, number: int, waited_s: float) -> AttemptObserver:
        """Be there while a call is made: attempt `number` (from 1), sent after it waited so long for admission."""
        ...

    def settled(self, cell: Cell, reason: str | None) -> None:
        """Hear what a cell has come to: a result (None), or why it was given up."""
        ...
