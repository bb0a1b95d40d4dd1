"""What can be found out about a record by comparing it with others."""

from __future__ import annotations

from typing import NamedTuple

from ...thresholds import Action, Thresholds

TWIN = "twin"
ALIKE = "alike"
EXACT = "exact_duplicate"
NEAR = "near_duplicate"


class Comparison(NamedTuple):
    """One kind of finding, and what is done about it unless `Thresholds.actions` says otherwise."""

    code: str
    meaning: str
    """One line for people."""
    action: Action
    thresholds: tuple[str, ...] = ()
    """The fields of `Thresholds` that decide."""


COMPARISONS: tuple[Comparison, ...] = (
    Comparison(
        TWIN,
        "Another record of the article asks or answers nearly the same.",
        "reject",
        ("twin_instruction", "near_duplicate"),
    ),
    Comparison(EXACT, "Another record of the run has the same instruction and output.", "reject"),
    Comparison(NEAR, "Another record of the run says nearly the same.", "reject", ("near_duplicate",)),
    Comparison(ALIKE, "Another record of the article asks much the same.", "flag", ("alike",)),
)
"""In the order in which they are looked for."""
CODES = frozenset(comparison.code for comparison in COMPARISONS)

_USUAL = {comparison.code: comparison.action for comparison in COMPARISONS}


def action_of(thresholds: Thresholds, code: str) -> Action:
    """Return what is done about a finding."""
    return thresholds.actions.get(code, _USUAL[code])
