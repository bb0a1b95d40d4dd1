"""Numbers of settings: in their range, and ones that can be counted with."""

from __future__ import annotations

from ..errors import SettingsError

_MOST = 1e15
"""More than any rate or time; with numbers above it, clocks and sums of floats go wrong."""


def positive(where: str, **values: float | None) -> None:
    """Let through numbers above 0.

    Raises:
        SettingsError: one is not; it is named.
    """
    for name, value in values.items():
        if value is not None and not 0 < value <= _MOST:
            raise SettingsError(f"Simulator: {where}: {name} must be above 0{_not(value)}.")


def not_negative(where: str, **values: float | None) -> None:
    """Let through numbers from 0 on.

    Raises:
        SettingsError: one is not; it is named.
    """
    for name, value in values.items():
        if value is not None and not 0 <= value <= _MOST:
            raise SettingsError(f"Simulator: {where}: {name} must be 0 or more{_not(value)}.")


def shares(where: str, **values: float) -> None:
    """Let through numbers from 0 to 1.

    Raises:
        SettingsError: one is not; it is named.
    """
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise SettingsError(f"Simulator: {where}: {name} must be from 0 to 1, not {value:g}.")


def spread(where: str, name: str, p99: float | None, median: float) -> None:
    """Let through a percentile that a lognormal distribution with this median can have.

    Raises:
        SettingsError: it is below the median, or the median is 0.
    """
    if p99 is not None and (p99 < median or p99 > 0 == median):
        raise SettingsError(f"Simulator: {where}: {name}, {p99:g}, needs a median above 0 that it is not below.")


def _not(value: float) -> str:
    return f" and at most {_MOST:g}, not {value:g}" if not value <= _MOST else f", not {value:g}"
