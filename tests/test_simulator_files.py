"""How many connections the simulator's process may hold."""

from __future__ import annotations

import pytest

from qloragen.simulator.files import raise_limit


def met(soft: int, wished: tuple[int, ...], most: int, error: type[Exception] = ValueError) -> list[int]:
    """Return what a system that lets `most` files be open was set to."""
    held: list[int] = []

    def set_limit(limit: int) -> None:
        if limit > most:
            raise error
        held.append(limit)

    raise_limit(soft, wished, set_limit)
    return held


@pytest.mark.parametrize("error", [ValueError, OSError])
def test_a_limit_that_the_system_refuses_gives_way_to_a_smaller_one(error):
    assert met(256, (65_536, 10_240), 10_240, error) == [10_240]
    assert met(256, (65_536, 10_240), 300, error) == []


def test_a_limit_is_never_lowered():
    assert met(20_000, (65_536, 10_240), 10_240) == []
    assert met(100_000, (65_536, 10_240), 10**6) == []
    assert met(-1, (65_536,), 10**6) == [], "an endless one"
