"""How many connections the system lets one process hold."""

from __future__ import annotations

from collections.abc import Callable

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

_WISHED = (65_536, 10_240)
"""Limits to try; macOS refuses an endless one, and by default more than 10,240."""


def allow_many_files() -> None:
    """Raise the soft limit on open files, as each connection is one; where that is refused, it stays as it is."""
    if resource is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wished = tuple(wish if hard == resource.RLIM_INFINITY else min(wish, hard) for wish in _WISHED)
        raise_limit(resource.getrlimit(resource.RLIMIT_NOFILE)[0], wished, _set)


def raise_limit(soft: int, wished: tuple[int, ...], set_limit: Callable[[int], None]) -> None:
    """Set the first of the `wished` limits that is above `soft` and that the system lets through."""
    for wish in wished:
        if 0 <= soft < wish:
            try:
                set_limit(wish)
            except (ValueError, OSError):
                continue
            return


def _set(limit: int) -> None:
    assert resource is not None
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
