"""An assessment for people: as text and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ..shares import interval
from ..words import counted, table

if TYPE_CHECKING:
    from .result import Assessment

_SAID: Mapping[str, str] = {
    "stands_alone": "instruction stands alone",
    "answerable": "answerable from the input",
    "supported": "every claim supported",
    "answers": "answers what was asked",
    "fits": "fits its type",
}


def parts_of(found: Assessment) -> Iterator[str]:
    """Yield what an assessment says, in paragraphs and tables."""
    yield "\n".join(_head(found))
    rows = [(said(name), *_row(count, found.records)) for name, count in found.yes.items()]
    yield table([("question", "yes", "95 % interval"), *rows])
    yield "\n".join(_controls(found))
    yield found.verdict


def said(question: str) -> str:
    """Return what a yes to a question says."""
    return _SAID.get(question, question)


def _head(found: Assessment) -> Iterator[str]:
    share, bounds = _row(found.accepted, found.records)
    yield f"{found.records} of {counted(found.of, 'record')} judged by {found.model}"
    yield f"accepted: {found.accepted}, {share} ({bounds})"
    if found.rejected:
        listed = ", ".join(f"{count} {reason}" for reason, count in found.rejected.items())
        yield f"judgements given up, which could not be used: {sum(found.rejected.values())} ({listed})"
    if found.failed:
        yield f"judgements that failed for now: {found.failed}; the same command asks again"
    cost = "not known" if found.cost_usd is None else f"${found.cost_usd:.4f}"
    yield f"cost of all judging here: {cost}"


def _controls(found: Assessment) -> Iterator[str]:
    agreement = found.agreement
    if not agreement.controls:
        yield "no controls, so nobody knows how good this judge is"
        return
    rows = [(kind, str(of), str(agreement.caught[kind])) for kind, of in sorted(agreement.planted.items())]
    whole = ("all planted", str(agreement.planted.total()), str(agreement.caught.total()))
    good = ("good ones", str(agreement.good), f"{agreement.good - agreement.passed} wrongly")
    yield table([("controls", "judged", "refused"), *rows, whole, good])
    low, high = interval(agreement.caught.total(), agreement.planted.total())
    recall = f"recall {_told(agreement.recall)} (95 % interval {percent(low)} to {percent(high)})"
    kappa = "not known" if agreement.kappa is None else f"{agreement.kappa:.2f}"
    yield f"{recall}, precision {_told(agreement.precision)}, kappa {kappa}"


def _row(count: int, of: int) -> tuple[str, str]:
    low, high = interval(count, of)
    return _told(rate(count, of)), f"{percent(low)} to {percent(high)}"


def rate(count: int, of: int) -> float | None:
    """Return a share; None of nothing."""
    return count / of if of else None


def _told(share: float | None) -> str:
    return "not known" if share is None else percent(share)


def percent(share: float) -> str:
    """Return a share in words."""
    return f"{100 * share:.1f} %"
