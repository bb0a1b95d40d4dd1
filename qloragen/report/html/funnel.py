"""The funnel: from pieces of the source to accepted records, and where the others were lost."""

from __future__ import annotations

from collections.abc import Iterable

from ..values import Step
from .bars import Part, bar
from .elements import Html, element, together
from .figures import count, worded
from .tables import Column, lines, muted, section, table


def funnel(steps: tuple[Step, ...]) -> Html:
    """Return the funnel as a table with a bar for each step, all on one scale."""
    wrong = [step.name for step in steps if not _adds_up(step)]
    said = (
        f"✗ The sums do not agree at {', '.join(wrong)}."
        if wrong
        else "✓ The sums agree: what went into each step is what went on plus what ended there."
    )
    largest = max((step.count for step in steps), default=0)
    columns = (
        Column("Step"),
        Column("", "wide"),
        Column("In", "n"),
        Column("On", "n"),
        Column("Lost", "n"),
        Column("Where and why"),
    )
    grid = table("Funnel", columns, (_row(step, largest) for step in steps))
    return section("Funnel", grid, said=said)


def _adds_up(step: Step) -> bool:
    return step.count == step.onward + sum(step.lost.values())


def _row(step: Step, largest: int) -> tuple[str, ...]:
    lost = sum(step.lost.values())
    name = worded(step.name)
    said = f"{name}: {count(step.count)} in, {count(step.onward)} went on, {count(lost)} were lost"
    parts = [Part(f"{count(step.onward)} went on", "good", step.onward / max(largest, 1))]
    parts += [
        Part(f"{count(many)} {worded(why)}", "bad", many / max(largest, 1)) for why, many in _ordered(step.lost.items())
    ]
    return (
        together([name, *([element("div", step.meaning, class_="muted")] if step.meaning else [])]),
        bar(said, parts),
        count(step.count),
        count(step.onward),
        count(lost) if lost else muted("0"),
        lines(
            [
                *(_reason("−", worded(why), many) for why, many in _ordered(step.lost.items())),
                *(_reason("·", worded(what), many) for what, many in _ordered(step.notes.items())),
            ]
        ),
    )


def _ordered(parts: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    return sorted((part for part in parts if part[1]), key=lambda part: -part[1])


def _reason(sign: str, name: str, many: int) -> Html:
    return element(
        "span", element("b", f"{sign} {count(many)}"), f" {name}", class_="reason" if sign == "−" else "note"
    )
