"""From a sample of articles to their shapes: the real pipeline plays them, and an observer notes what it asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal

from ...errors import SettingsError
from ...observing import AttemptObserver
from ...settings import Settings
from ...simulator import Simulation
from ...types import Article, Cell, Completion, Request, Usage
from .. import whole
from ..observed import Observed
from ..timeline import Watch, nobody_watches
from .shapes import ArticleShape, Ask, CellShape, Shapes

_UNBOUNDED: dict[str, object] = {"max_cost_usd": None, "max_tokens": None, "max_calls": None}


def shapes_of(
    articles: Sequence[Article], settings: Settings, simulation: Simulation, *, watch: Watch = nobody_watches
) -> Shapes:
    """Play a sample of articles with the real pipeline, and return what they ask of the models.

    The provider is that of `simulation`, but nothing goes wrong there: faults are for those who play the shapes. Nor is
    there any spending limit. It blocks, and needs a thread in which no event loop runs.

    Raises:
        SettingsError: The settings cannot be used, or ask for batches, which have no outline.
        SetupError: As for `Session`.
    """
    refuse_batches(settings)
    recording = Recording()
    smooth = replace(simulation, faults=(), outages=())
    seen = whole.play(articles, _unbounded(settings), smooth, observer=recording, watch=watch)
    return recording.shapes(seen)


def refuse_batches(settings: Settings) -> None:
    """Check that no batches are asked for: what comes of them is no matter of calls.

    Raises:
        SettingsError: They are.
    """
    if settings.batch:
        raise SettingsError("Batches are rehearsed by the whole pipeline alone: rehearse fewer articles, or no batch.")


def _unbounded(settings: Settings) -> Settings:
    models = {name: own.model_copy(update=_UNBOUNDED) for name, own in settings.models.items()}
    return settings.model_copy(update={**_UNBOUNDED, "models": models})


@dataclass(slots=True)
class _Noted:
    """What one cell has asked so far."""

    cell: Cell
    asks: list[Ask] = field(default_factory=list)
    reason: str | None = None

    def shape(self) -> CellShape:
        return CellShape(tuple(self.asks), self.reason)


class Recording:
    """An observer that notes of each article what it asks, as `Session` tells it."""

    def __init__(self) -> None:
        self._articles: dict[str, list[_Noted]] = {}
        """Cells in the order in which they were begun, by the article's id."""
        self._cells: dict[str, _Noted] = {}

    def shapes(self, seen: Observed) -> Shapes:
        """Return what was noted, where the run has come to so much in all."""
        calls = sum(model.sent for model in seen.models.values())
        return Shapes(tuple(map(_shape, filter(None, self._articles.values()))), calls, seen.cpu_s)

    @contextmanager
    def article(self, article: Article) -> Iterator[None]:
        """See `Observer`; articles keep the order in which they are taken."""
        self._articles.setdefault(article.id, [])
        yield

    def finished(self, article: Article) -> None:
        """See `Observer`."""

    @contextmanager
    def cell(self, cell: Cell) -> Iterator[None]:
        """See `Observer`."""
        if cell.key not in self._cells:
            noted = self._cells[cell.key] = _Noted(cell)
            self._articles.setdefault(cell.article_id, []).append(noted)
        yield

    def attempt(self, request: Request, *, number: int, waited_s: float) -> AttemptObserver:  # noqa: ARG002
        """See `Observer`; requests of cells are named by their cell."""
        key, _, _ = (request.id or "").rpartition("-")
        return _Attempt(self._cells[key], request)

    def billed(self, cell: Cell, usage: Usage, cost_usd: Decimal | None) -> None:
        """See `Observer`."""

    def settled(self, cell: Cell, reason: str | None) -> None:
        """See `Observer`."""
        self._cells[cell.key].reason = reason


class _Attempt:
    def __init__(self, noted: _Noted, request: Request) -> None:
        self._noted = noted
        self._request = request

    def answered(self, completion: Completion) -> None:
        """Note the call, which has a reply."""
        usage = completion.usage
        visible = usage.completion_tokens - usage.reasoning_tokens
        self._noted.asks.append(Ask(replace(self._request, id=None, follows=False), visible))

    def failed(self, reason: str, status: int | None) -> None:
        """Leave out what went wrong on the way: whoever plays the shapes meets troubles of their own."""


def _shape(cells: list[_Noted]) -> ArticleShape:
    by_stage = [[noted.shape() for noted in cells if noted.cell.stage == stage] for stage in ("classify", "generate")]
    (classification,), records = by_stage
    return ArticleShape(classification, tuple(records))
