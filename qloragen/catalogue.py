"""Every check of records by its code: what it means, what is done about it, and which thresholds decide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import NamedTuple

from .domain.checks import CHECKS
from .errors import SettingsError
from .pipeline.uniqueness import CODES
from .thresholds import Action, Thresholds

_OF_DUPLICATES: Mapping[str, tuple[str, ...]] = {
    "twin": ("twin_instruction",),
    "alike": ("alike",),
    "near_duplicate": ("near_duplicate",),
}


class Listed(NamedTuple):
    """A check as it stands under some settings."""

    code: str
    action: Action
    """What is done about a finding."""
    usual: Action
    """What would be done without `checks.actions`."""
    meaning: str
    thresholds: Mapping[str, int | float]
    """Those that decide, with their values."""


def listed(thresholds: Thresholds) -> tuple[Listed, ...]:
    """Return every check, in the order in which they are made.

    Raises:
        SettingsError: `thresholds` has an action for a code that no check has.
    """
    refuse_unknown_codes(thresholds)
    values = thresholds.model_dump(exclude={"actions"})
    return tuple(
        Listed(code, thresholds.actions.get(code, usual), usual, meaning, {name: values[name] for name in names})
        for code, usual, meaning, names in _all()
    )


def refuse_unknown_codes(thresholds: Thresholds) -> None:
    """Check the codes that actions are given for.

    Raises:
        SettingsError: No check has such a code.
    """
    known = [code for code, *_ in _all()]
    for code in thresholds.actions:
        if code not in known:
            close = get_close_matches(code, known, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise SettingsError(
                f"checks.actions has {code!r}, which is no check; {hint}`qloragen checks` explains them: "
                f"{', '.join(known)}."
            )


def _all() -> Iterator[tuple[str, Action, str, tuple[str, ...]]]:
    for check in CHECKS:
        yield check.code, check.action, check.meaning, check.thresholds
    for known in CODES:
        yield known.code, known.action, known.meaning, _OF_DUPLICATES.get(known.code, ())
