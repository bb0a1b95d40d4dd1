"""What a terminal of any size shows of a run: the more room there is, the more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from rich.text import Text

from ..view import View
from ..watching.words import state
from ..words import duration
from .facts import Weight, calls_fact, gauges, model_facts, model_line, run_facts
from .figures import eta_s
from .layout import Place, gauge_rows, sentence, table, title

_MOST_OF_TERMINAL = 2 / 3
"""What a panel with every detail may take; a brief one may take all but a line."""
_STATE_ROWS, _SHORT_STATE_ROWS = 3, 2
"""What the state may take, and what on a terminal of `_SHORT_LINES` or less."""
_SHORT_LINES = 16


class Piece(NamedTuple):
    """A row, and how much it matters."""

    weight: Weight
    row: Text


def panel(view: View, name: str, place: Place, hint: str = "") -> list[Text]:
    """Return the rows of a panel: none wider than the place, and one less than it has lines, but always one.

    `name` says whose run it is; `hint` is what a person can do about a stop that waits.
    """
    pieces = [*_pieces(view, name, place, hint, _detailed)]
    if len(pieces) > place.lines * _MOST_OF_TERMINAL:
        pieces = [*_pieces(view, name, place, hint, _brief)]
    room = max(1, place.lines - 1)
    kept = sorted(range(len(pieces)), key=lambda number: pieces[number].weight)[:room]
    return [pieces[number].row for number in sorted(kept)]


def _pieces(
    view: View, name: str, place: Place, hint: str, body: Callable[[View, Place], Iterator[Piece]]
) -> Iterator[Piece]:
    left_s = eta_s(view)
    took, left = duration(round(view.elapsed_s)), "" if left_s is None else f"ETA {duration(round(left_s))}"
    yield Piece(Weight.TITLE, title(name, [f"{took}, {left}", left] if left else [took], place))
    yield from body(view, place)
    said = state(view)
    waits = view.stopping is not None and view.in_flight
    most = _STATE_ROWS if place.lines > _SHORT_LINES else _SHORT_STATE_ROWS
    for row in sentence(f"{said} ({hint})" if waits and hint else said, _tone(view), place, most):
        yield Piece(Weight.STATE, row)


def _detailed(view: View, place: Place) -> Iterator[Piece]:
    """Yield rows with a bar for each limit of each model."""
    run, models = [*run_facts(view)], {name: [*model_facts(model)] for name, model in view.models.items()}
    rows = iter(table([*run, *(fact for own in models.values() for fact in own)], place))
    yield from (Piece(fact.weight, next(rows)) for fact in run)
    for name, own in models.items():
        yield from (Piece(Weight.GAUGES, row) for row in sentence(model_line(name, view.models[name]), "", place))
        yield from (Piece(fact.weight, next(rows)) for fact in own)


def _brief(view: View, place: Place) -> Iterator[Piece]:
    """Yield rows of which each model has one."""
    facts = [*run_facts(view), *([calls_fact(view)] if place.narrow else [])]
    yield from (Piece(fact.weight, row) for fact, row in zip(facts, table(facts, place), strict=True))
    rows = gauge_rows([gauges(name, model) for name, model in view.models.items()], place)
    yield from (Piece(Weight.GAUGES, row) for row in rows)


def _tone(view: View) -> str:
    if view.stopping is not None:
        return "bold red"
    return "bold yellow" if any(model.pause for model in view.models.values()) else "bold"
