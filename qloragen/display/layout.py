"""Lays facts out in rows of a given width."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from ..logs import escape
from .facts import Fact, Gauges
from .figures import percent

WIDEST = 100
"""Bars and remarks that are further apart are not read together."""
_NARROW = 64
"""Below so many columns, labels and figures are short ones."""
_LONGEST_BAR, _LEAST_BAR = 40, 3
_LONGEST_REMARK = 30
"""Beside a bar, as far as bars make room for it."""
_LONGEST_NAME, _LONGEST_NARROW_NAME = 24, 10
"""Of a model whose bars stand in the same row."""
_PERCENT = len("100 %")


class Marks(NamedTuple):
    """Characters to draw with."""

    full: str
    empty: str
    more: str
    """Stands for what is cut off."""


_UNICODE, _ASCII = Marks("━", "─", "…"), Marks("#", "-", "~")


class Place(NamedTuple):
    """Where rows are shown: a terminal's size in cells, and whether it shows more than ASCII."""

    columns: int
    lines: int
    unicode: bool = True

    @property
    def width(self) -> int:
        """Cells that a row may take: a terminal's last column stays free."""
        return max(1, min(self.columns - 1, WIDEST))

    @property
    def narrow(self) -> bool:
        """Whether there is little room from left to right."""
        return self.width < _NARROW

    @property
    def marks(self) -> Marks:
        """What to draw with."""
        return _UNICODE if self.unicode else _ASCII

    def shown(self, text: str) -> str:
        """Return a foreign text as it can be shown: on one line, with nothing that a terminal could obey."""
        text = escape(text)
        return text if self.unicode else text.encode("ascii", "backslashreplace").decode("ascii")


def title(name: str, asides: Sequence[str], place: Place) -> Text:
    """Return a rule with a name in it to the left, and to the right the first of `asides` for which there is room."""
    width, rule, shown = place.width, place.marks.empty, place.shown(name)
    fitting = (f" {aside} {rule}{rule}" for aside in asides if cell_len(shown) + len(aside) + 8 <= width)
    aside = next(fitting, "")
    head = _cut(f"{rule}{rule} {shown} ", width - len(aside), place)
    fill = rule * (width - cell_len(head) - len(aside))
    return Text.assemble((head, "bold"), (fill, "dim"), (aside, "dim"))


def sentence(text: str, style: str, place: Place, most_rows: int = 1) -> list[Text]:
    """Return a text in as many rows as it takes, at most so many."""
    rows = textwrap.wrap(place.shown(text), place.width)
    if len(rows) > most_rows:
        rows[most_rows - 1 :] = [" ".join(rows[most_rows - 1 :])]
    return [Text(_cut(row, place.width, place), style) for row in rows]


def table(facts: Sequence[Fact], place: Place) -> list[Text]:
    """Return a row for each fact, with labels, figures and bars below one another."""
    labels = [_label(fact, place) for fact in facts]
    figures = [fact.brief if place.narrow else fact.figures for fact in facts]
    first, second = max(map(len, labels), default=0), max(map(len, figures), default=0)
    bar = place.width - first - second - 4 - 1 - _PERCENT - _remarks_beside_bars(facts, place)
    bar = 0 if bar < _LEAST_BAR else min(bar, _LONGEST_BAR)
    rows = []
    for fact, label, figure in zip(facts, labels, figures, strict=True):
        row = Text.assemble((f"{label:<{first}}", "dim"), f"  {figure:>{second}}  ")
        note = place.shown(fact.note)
        if fact.share is None:
            row.append(note, fact.tone)
        else:
            row.append_text(_bar(fact.share, bar, fact.tone, place)).append(f" {percent(fact.share):>{_PERCENT}}")
            row.append("" if place.narrow else f"  {note}", "dim")
        rows.append(_fitted(row, place))
    return rows


def gauge_rows(models: Sequence[Gauges], place: Place) -> list[Text]:
    """Return a row for each model, with a small bar for each of its limits."""
    most = _LONGEST_NARROW_NAME if place.narrow else _LONGEST_NAME
    name = min(max((cell_len(place.shown(one.model)) for one in models), default=0), most)
    calls = 0 if place.narrow else max((len(one.calls) for one in models), default=0)
    return [_gauge_row(one, name, calls, place) for one in models]


def _gauge_row(model: Gauges, name: int, calls: int, place: Place) -> Text:
    row = Text(set_cell_size(_cut(place.shown(model.model), name, place), name), "dim")
    if calls:
        row.append(f"  {model.calls:>{calls}} in flight", "not dim")
    between = 1 if place.narrow else 2
    each = (place.width - row.cell_len) // len(model.facts)
    for fact in model.facts:
        row.append(f"{'':{between}}{fact.short_label} ", "dim")
        bar = min(each - between - len(fact.short_label) - 2 - _PERCENT, _LONGEST_BAR // 2)
        if fact.share is None or bar < _LEAST_BAR:
            row.append(fact.brief, "not dim")
        else:
            row.append_text(_bar(fact.share, bar, fact.tone, place)).append(f" {percent(fact.share):>{_PERCENT}}")
    return _fitted(row, place)


def _label(fact: Fact, place: Place) -> str:
    return f"{'  ' if fact.model else ''}{fact.short_label if place.narrow else fact.label}"


def _remarks_beside_bars(facts: Iterable[Fact], place: Place) -> int:
    longest = max((len(fact.note) + 2 for fact in facts if fact.share is not None and fact.note), default=0)
    return 0 if place.narrow else min(longest, _LONGEST_REMARK)


def _bar(share: float, length: int, tone: str, place: Place) -> Text:
    full = length if share >= 1 else min(max(0, length - 1), round(share * length))
    return Text.assemble((place.marks.full * full, tone), (place.marks.empty * (length - full), "dim"))


def _fitted(row: Text, place: Place) -> Text:
    """Return a row without blanks at its end, cut where the place ends."""
    row.rstrip()
    if row.cell_len > place.width:
        row.truncate(place.width - 1, overflow="crop")
        row.append(place.marks.more)
    return row


def _cut(text: str, width: int, place: Place) -> str:
    if cell_len(text) <= width:
        return text
    return f"{set_cell_size(text, width - 1)}{place.marks.more}" if width > 0 else ""
