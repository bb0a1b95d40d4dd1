"""What a judge has said for people, in words and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..domain.judging.agreement import Agreement
from ..shares import interval
from ..words import table

_SAID: Mapping[str, str] = {
    "stands_alone": "instruction stands alone",
    "answerable": "answerable from the input",
    "supported": "every claim supported",
    "answers": "answers what was asked",
    "fits": "fits its type",
}


def questions(yes: Mapping[str, int], records: int) -> str:
    """Return how many of so many records each question was answered with yes of."""
    rows = [(said(name), *row(count, records)) for name, count in yes.items()]
    return table([("question", "yes", "95 % interval"), *rows])


def said(question: str) -> str:
    """Return what a yes to a question says."""
    return _SAID.get(question, question)


def controls(agreement: Agreement) -> str:
    """Return what a judge has said of controls, and how far that agrees with what is known of them."""
    return "\n".join(_controls(agreement))


def _controls(agreement: Agreement) -> Iterator[str]:
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


def row(count: int, of: int) -> tuple[str, str]:
    """Return a share in words, and its 95 % interval."""
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
