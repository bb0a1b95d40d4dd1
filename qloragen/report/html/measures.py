"""Lengths and diversity of the records."""

from __future__ import annotations

from ..values import Diversity, Lengths, Report
from .bars import Part, Range, bar, ranges_plot
from .elements import Html, element
from .figures import count, number, share
from .plots import Mark
from .scales import doubling_marks, on_doubling
from .tables import Column, figure, listed, section, table


def lengths(report: Report) -> Html:
    """Return how long the fields are: the middle nine tenths of the records, and the median."""
    over = count(report.over_context)
    said = f"In tokens ({report.tokenizer}). Training prompts longer than the training's context: {over}."
    if not report.lengths:
        return section("Lengths", said="There are no records to measure.")
    marks = doubling_marks(min(row.p5 for row in report.lengths), max(row.p95 for row in report.lengths))
    axis = [Mark(on_doubling(mark, marks), count(mark)) for mark in marks]
    told = "; ".join(f"{row.field} {_told(row)}" for row in report.lengths)
    title = "Tokens: 5th percentile – median – 95th percentile"
    drawn = ranges_plot(title, told, [_range(row, marks) for row in report.lengths], axis)
    return section("Lengths", figure(drawn, title), said=said)


def _told(row: Lengths) -> str:
    return f"{count(row.p5)} – {count(row.p50)} – {count(row.p95)}, longest {count(row.longest)}"


def _range(row: Lengths, marks: tuple[float, ...]) -> Range:
    low, middle, high = (on_doubling(value, marks) for value in (row.p5, row.p50, row.p95))
    return Range(row.field, _told(row), low, middle, high)


def diversity(values: Diversity) -> Html:
    """Return how different the records are from one another."""
    unique = share(values.unique_instructions / values.records if values.records else None)
    facts = (
        ("unique instructions", f"{count(values.unique_instructions)} of {count(values.records)} ({unique})"),
        ("entropy of the types", number(values.entropy)),
    )
    return section(
        "Diversity",
        element("div", element("div", listed(facts, "facts"), _distinct(values)), _leading(values), class_="figures"),
        said="Distinct-n is the share of different runs of n words among all of them; entropy is 1 where all types are "
        "equally frequent.",
    )


def _distinct(values: Diversity) -> Html:
    columns = (Column("Field"), *(Column(f"Distinct-{n}", "n") for n in (1, 2, 3)))
    rows = ((field, *map(number, shares)) for field, shares in values.distinct.items())
    return table("Different runs of words, of all", columns, rows)


def _leading(values: Diversity) -> Html:
    columns = (Column("Instructions begin with"), Column("", "wide"), Column("Records", "n"))
    most = max((many for _, many in values.leading), default=1)
    rows = (
        (words, bar(f"{count(many)} begin with {words}", [Part(count(many), "plain", many / most)]), count(many))
        for words, many in values.leading
    )
    return table("The most frequent beginnings", columns, rows)
