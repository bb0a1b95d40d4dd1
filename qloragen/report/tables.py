"""The tables of a report for people at a terminal."""

from __future__ import annotations

from decimal import Decimal

from ..costs import usd_at_least
from .layout import Paint, columns, listed
from .rows import about
from .values import Goal, Report, Step


def funnel(report: Report) -> str:
    """Return the steps, each with what was lost there."""
    rows = [("", "in", "on", "")]
    rows += [(step.name, f"{step.count:,}", f"{step.onward:,}", _fate(step)) for step in report.funnel]
    return columns(rows, "<>>")


def _fate(step: Step) -> str:
    parts = sorted(step.lost.items(), key=lambda part: -part[1])
    said = [f"lost: {listed(parts)}"] if parts else []
    notes = [(name.replace("_", " "), count) for name, count in step.notes.items() if count]
    return "; ".join([*([listed(notes)] if notes else []), *said])


def quality(report: Report, paint: Paint) -> str:
    """Return the rows of the quality table, each after its verdict; `paint` colours these."""
    rows = [(verdict(row), row.name, value(row), f"{row.of:,}", row.goal, remark(row)) for row in report.quality]
    head = ("", "", "", "of", "goal", "")
    lines = columns([head, *rows], "<<>><").split("\n")
    return "\n".join(_painted(line, paint) for line in lines)


def _painted(line: str, paint: Paint) -> str:
    if line.startswith("FAIL"):
        return paint("FAIL", "fail") + line[4:]
    return paint("pass", "pass") + line[4:] if line.startswith("pass") else line


def verdict(row: Goal) -> str:
    """Return whether a row reaches its goal: `pass`, `FAIL`, `-` where that is not known; nothing without a goal."""
    if row.passed is None:
        return "-" if row.goal else ""
    return "pass" if row.passed else "FAIL"


def value(row: Goal) -> str:
    """Return what was measured, with its unit."""
    if row.value is None:
        return "unknown"
    match row.unit:
        case "share":
            return about(row.value)
        case "usd":
            return f"${row.value:.4f}"
        case "number":
            return f"{row.value:.2f}"
        case _:
            return f"{row.value:,.0f}"


def remark(row: Goal) -> str:
    """Return a row's note and the interval of its value, as far as there are any."""
    between = f"95 %: {about(row.low)} to {about(row.high)}" if row.low is not None and row.high is not None else ""
    return "; ".join(part for part in (row.note, between) if part)


def types(report: Report) -> str:
    """Return a row for each type that anything was asked of, and the names of the others; nothing without any."""
    head = ("", "type", "pairs", "accepted", "first call", "rejected", "share", "supported", "tokens", "USD", "")
    asked = [row for row in report.types if row.pairs]
    rows = [
        (
            *(str(row.number or ""), row.slug, f"{row.pairs:,}", f"{row.accepted:,}"),
            *(f"{row.first_pass:,}", f"{row.rejected:,}", about(row.share)),
            *(_or_dash(row.supported, ".2f"), _or_dash(row.tokens, ".0f"), _usd(row.cost_usd), ""),
        )
        for row in asked
    ]
    others = ", ".join(row.slug for row in report.types if not row.pairs)
    without = columns([("without any:", others)], "<") if others else ""
    return "\n".join((columns([head, *rows], "><>>>>>>>>"), without)).rstrip() if rows else ""


def lengths(report: Report) -> str:
    """Return how long fields are; nothing without records."""
    rows = [(row.field, *(f"{n:,}" for n in (row.p5, row.p50, row.p95, row.longest)), "") for row in report.lengths]
    over = (
        f"{report.over_context:,} training prompts are longer than the training's context"
        if report.over_context
        else ""
    )
    return (
        "\n".join((columns([("", "p5", "p50", "p95", "longest", ""), *rows], "<>>>>"), over)).rstrip() if rows else ""
    )


def diversity(report: Report) -> str:
    """Return how different the records are; nothing without any."""
    found = report.diversity
    if not found.records:
        return ""
    rows = [("different instructions", f"{found.unique_instructions:,} of {found.records:,}")]
    rows += [
        (f"distinct-1, -2, -3 of {name}", ", ".join(f"{share:.2f}" for share in shares))
        for name, shares in found.distinct.items()
    ]
    rows += [("entropy of the types", f"{found.entropy:.2f}")] if found.entropy is not None else []
    rows.append(("beginnings of instructions", listed(found.leading)))
    return columns(rows, "<")


def cost(report: Report) -> str:
    """Return what each model has cost, with their sum below."""
    head = ("model", "calls", "cached", "USD", "per 1,000 accepted", "")
    rows = [
        (row.model, f"{row.calls:,}", about(row.cached_share), _usd(row.cost_usd), _usd(row.per_thousand_usd), "")
        for row in report.spent
    ]
    calls = sum(row.calls for row in report.spent)
    total = ("total", f"{calls:,}", "", _usd(report.cost_usd), _usd(report.per_thousand_usd), "")
    return columns([head, *rows, total], "<>>>>") if rows else ""


def in_vain(report: Report) -> str:
    """Return what was paid for nothing, by reason."""
    rows = [
        (row.reason, f"{row.calls:,}", usd_at_least(row.cost_usd, row.unpriced_calls), "") for row in report.in_vain
    ]
    return columns([("in vain", "calls", "USD", ""), *rows], "<>>") if rows else ""


def _usd(cost: Decimal | None) -> str:
    return "unknown" if cost is None else f"{cost:.4f}"


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"
