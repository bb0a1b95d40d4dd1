"""What happens in a run, and when: told to an observer, and in every log event what it is about.

The context of log events is bound in the run's own tasks only, so whoever embeds the library finds none of it
in theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ..errors import BudgetReached, Interrupted, RunStopped
from ..logs import about, get_logger
from ..observing import Observer
from ..types import Article, Cell, Usage

log = get_logger()


def named(run: str | None) -> AbstractContextManager[None]:
    """Name a run in all log events of the block, and of tasks that begin in it."""
    return nullcontext() if run is None else about(run=run)


@dataclass(frozen=True, slots=True)
class Chronicle:
    """The clock of one session's work, and who looks on."""

    now: Callable[[], datetime]
    """The time of day (UTC)."""
    run: str | None = None
    """The name of the run; None where it has none."""
    observer: Observer | None = None

    def naming(self) -> AbstractContextManager[None]:
        """Name the run in all log events of the block, and of tasks that begin in it."""
        return named(self.run)

    @contextmanager
    def article(self, article: Article) -> Iterator[None]:
        """Let the log and the observer know that what happens in the block is about an article."""
        with about(article=article.id):
            if self.observer is None:
                yield
            else:
                with self.observer.article(article):
                    yield

    def finished(self, article: Article) -> None:
        """Let the log and the observer know that nothing of the article whose block this is in is left to do now."""
        log.debug("article_finished")
        if self.observer is not None:
            self.observer.finished(article)

    @contextmanager
    def cell(self, cell: Cell) -> Iterator[None]:
        """Let the log and the observer know that what happens in the block is about a cell."""
        with about(stage=cell.stage, **({"type": cell.type_slug} if cell.type_slug else {})):
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

    def stopping(self, reason: RunStopped) -> None:
        """Let the log know why the run takes no more work: an error, unless that is what somebody has asked for."""
        with self.naming():  # anybody may stop a run, in a task of their own
            if isinstance(reason, Interrupted | BudgetReached):
                log.warning("run_stopping", reason=type(reason).__name__, why=str(reason))
            else:
                log.error("run_stopping", reason=type(reason).__name__, why=str(reason))
