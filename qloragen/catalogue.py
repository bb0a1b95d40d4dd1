"""Every check of records by its code: what it means, what is done about it, and which thresholds decide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from .domain.checks import CHECKS, Check
from .errors import SettingsError
from .pipeline.uniqueness import COMPARISONS, Comparison
from .thresholds import Action, Thresholds
from .words import closest


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
        Listed(
            one.code,
            thresholds.actions.get(one.code, one.action),
            one.action,
            one.meaning,
            {name: values[name] for name in one.thresholds},
        )
        for one in _all()
    )


def refuse_unknown_codes(thresholds: Thresholds) -> None:
    """Check the codes that actions are given for.

    Raises:
        SettingsError: No check has such a code.
    """
    known = known_codes()
    for code in thresholds.actions:
        if code not in known:
            raise SettingsError(
                f"checks.actions has {code!r}, which is no check; {closest(code, known)}`qloragen checks` explains "
                f"them: {', '.join(known)}."
            )


def known_codes() -> tuple[str, ...]:
    """Return the codes of all checks, in the order in which they are made."""
    return tuple(one.code for one in _all())


def _all() -> Iterator[Check | Comparison]:
    yield from CHECKS
    yield from COMPARISONS
