"""How far shares can be trusted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.shares import interval


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        (0, 10, 0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (90, 100, 0.8256, 0.9448),
        # R. G. Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (0, 0, 0, 1),
    ],
)
def test_an_interval_is_that_of_the_textbook(hits, of, low, high):
    assert interval(hits, of) == pytest.approx((low, high), abs=1e-4)


@given(hits=st.integers(0, 10**6), more=st.integers(0, 10**6))
def test_a_share_is_within_its_interval(hits, more):
    if hits + more:
        low, high = interval(hits, hits + more)
        assert 0 <= low <= hits / (hits + more) <= high <= 1


@given(hits=st.integers(0, 500), more=st.integers(0, 500))
def test_the_interval_of_the_others_is_its_mirror(hits, more):
    low, high = interval(hits, hits + more)

    assert interval(more, hits + more) == pytest.approx((1 - high, 1 - low))
