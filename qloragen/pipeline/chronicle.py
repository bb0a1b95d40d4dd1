"""What happens in a run, and when: told to an observer, and in every log event what it is about.

The context of log events is bound in the run's own tasks only, so whoever embeds the library finds none of it
in theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from structlog.contextvars import bound_contextvars

from ..observing import Observer
from ..types import Article, Cell, Usage


@dataclass(frozen=True, slots=True)
class Chronicle:
    """The clock of one session's work, and who looks on."""

    now: Callable[[], datetime]
    """The time of day (UTC)."""
    run: str | None = None
    """The name of the run; None where it has none."""
    observer: Observer | None = None

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Name the run in all log events of the block, and of tasks that begin in it."""
        with bound_contextvars(**({} if self.run is None else {"run": self.run})):
            yield

    @contextmanager
    def article(self, article: Article) -> Iterator[None]:
        """Let the log and the observer know that what happens in the block is about an article."""
        with bound_contextvars(article=article.id):
            if self.observer is None:
                yield
            else:
                with self.observer.article(article):
                    yield

    def finished(self, article: Article) -> None:
        """Let the observer know that nothing of the article whose block this is in is left to do now."""
        if self.observer is not None:
            self.observer.finished(article)

    @contextmanager
    def cell(self, cell: Cell) -> Iterator[None]:
        """Let the log and the observer know that what happens in the block is about a cell."""
        with bound_contextvars(stage=cell.stage, **({"type": cell.type_slug} if cell.type_slug else {})):
            if self.observer is None:
                yield
            else:
                with self.observer.cell(cell):
                    yield

    def billed(self, cell: Cell, usage: Usage, cost_usd: Decimal | None) -> None:
        """Let the observer know what has come onto the bill for a cell."""
        if self.observer is not None:
            self.observer.billed(cell, usage, cost_usd)

    def settled(self, cell: Cell, reason: str | None = None) -> None:
        """Let the observer know what a cell has come to: a result, or the reason why it was given up."""
        if self.observer is not None:
            self.observer.settled(cell, reason)
