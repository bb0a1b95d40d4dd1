"""Tables of a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .elements import Html, element, together


class Column(NamedTuple):
    """How one column is headed and set."""

    head: str
    look: str | None = None
    """CSS class of its cells: `n` for numbers, `wide` for bars."""
    hint: str | None = None
    """What the head means, where that does not fit into it."""


def table(caption: str, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> Html:
    """Return a table whose first column names its rows; it scrolls by itself where there is too little room."""
    heads = (element("th", one.head, scope="col", class_=one.look, title=one.hint) for one in columns)
    body = (element("tr", *_cells(columns, row)) for row in rows)
    grid = element(
        "table", element("caption", caption), element("thead", element("tr", *heads)), element("tbody", *body)
    )
    return element("div", grid, class_="table", tabindex="0", role="region", aria_label=caption)


def _cells(columns: Sequence[Column], row: Sequence[str]) -> Iterable[Html]:
    first, *others = zip(columns, row, strict=True)
    yield element("th", first[1], scope="row")
    for column, inside in others:
        yield element("td", inside, class_=column.look, data_head=column.head or None)


def anchor(title: str) -> str:
    """Return the id of the section with this title."""
    return title.lower().replace(" ", "-")


def section(title: str, *inside: str, said: str = "") -> Html:
    """Return a section of the report; `said` is a sentence below its title."""
    name = anchor(title)
    head = (element("h2", title, id=f"{name}-title"), *((element("p", said, class_="said"),) if said else ()))
    return element("section", *head, *inside, id=name, aria_labelledby=f"{name}-title")


def figure(drawing: Html, title: str, legend: Sequence[tuple[str, str]] = ()) -> Html:
    """Return a drawing below its title, with `legend`: what each look stands for."""
    keys = (element("span", element("i", class_=look), name, class_="key") for name, look in legend)
    return element("figure", element("figcaption", element("strong", title), " ", *keys), drawing)


def listed(pairs: Iterable[tuple[str, str]], look: str) -> Html:
    """Return a list of names with what belongs to each."""
    return element(
        "dl", *(element("div", element("dt", name), element("dd", said)) for name, said in pairs), class_=look
    )


def muted(text: str) -> Html:
    """Return text that matters less."""
    return element("span", text, class_="muted")


def lines(parts: Iterable[str]) -> Html:
    """Return the parts below one another."""
    return together(element("div", part) for part in parts)
