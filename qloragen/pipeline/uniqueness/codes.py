"""What can be found out about a record by comparing it with others."""

from __future__ import annotations

from typing import NamedTuple

from ...thresholds import Action, Thresholds

TWIN = "twin"
ALIKE = "alike"
EXACT = "exact_duplicate"
NEAR = "near_duplicate"


class Known(NamedTuple):
    """A finding, and what is done about it unless `Thresholds.actions` says otherwise."""

    code: str
    meaning: str
    """One line for people."""
    action: Action


CODES: tuple[Known, ...] = (
    Known(TWIN, "Another record of the article asks or answers nearly the same.", "reject"),
    Known(EXACT, "Another record of the run has the same instruction and output.", "reject"),
    Known(NEAR, "Another record of the run says nearly the same.", "reject"),
    Known(ALIKE, "Another record of the article asks much the same.", "flag"),
)
"""In the order in which they are looked for."""

_USUAL = {known.code: known.action for known in CODES}


def action_of(thresholds: Thresholds, code: str) -> Action:
    """Return what is done about a finding."""
    return thresholds.actions.get(code, _USUAL[code])
