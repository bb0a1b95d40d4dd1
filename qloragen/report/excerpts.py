"""Records of a report for people at a terminal, shortened."""

from __future__ import annotations

from .layout import columns, paragraph
from .values import Report, Shown

_LINES = {"instruction": 3, "input": 5, "output": 5}
"""Most lines of each field."""
_SHOWN = 3
"""Of the worst records, and of the rejected ones for each reason; JSON and HTML have more."""


def worst(report: Report) -> str:
    """Return the worst records."""
    return "\n\n".join(_record(shown) for shown in report.worst[:_SHOWN])


def rejected(report: Report) -> str:
    """Return a few rejected records for each reason."""
    return "\n\n".join(_record(shown) for few in report.rejected.values() for shown in few[:_SHOWN])


def _record(shown: Shown) -> str:
    about = f"{shown.reason}: {shown.detail}" if shown.reason else _measured(shown)
    heading = columns([(f"  {shown.type_slug}", f"{about} [{shown.id[:12]}]")], "<")
    fields = (("instruction", shown.instruction), ("input", shown.input), ("output", shown.output))
    lines = (line for name, text in fields for line in _field(name, text))
    return "\n".join((heading, *lines))


def _measured(shown: Shown) -> str:
    shares = (("grounded", shown.grounded), ("supported", shown.supported))
    return ", ".join((*(f"{name} {share:.2f}" for name, share in shares if share is not None), *shown.flags))


def _field(name: str, text: str) -> list[str]:
    lines = list(paragraph(text, 16, _LINES[name]))
    return [f"    {name:<12}{lines[0].lstrip()}", *lines[1:]] if lines else []
