"""Times and sums of money, as people read them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from qloragen.costs import money
from qloragen.words import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0 s"),
        (8, "8 s"),
        (8.34, "8.3 s"),
        (9.96, "10 s"),
        (59.7, "1 min 00 s"),
        (130, "2 min 10 s"),
        (3_900, "1 h 05 min"),
        (90_000, "1 d 01 h"),
    ],
)
def test_a_time_is_said_in_two_units_at_most(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("usd", "unpriced_calls", "words"),
    [
        ("5012.404", 0, "$5,012.40"),
        ("0.01234", 0, "$0.0123"),
        ("0", 0, "$0.00"),
        ("2.5", 1, "more than $2.5000"),
        ("0", 1, "unknown cost"),
    ],
)
def test_money_is_said_in_cents_unless_it_is_less_than_a_dollar(usd, unpriced_calls, words):
    assert money(Decimal(usd), unpriced_calls) == words
