"""What stands in place of what in two sentences: the same as the standard library finds."""

from __future__ import annotations

from difflib import SequenceMatcher

from hypothesis import given
from hypothesis import strategies as st

from qloragen.domain.checks.gaps import gaps

KEYS = st.lists(st.sampled_from("abcdef"), max_size=12)


@given(KEYS, KEYS)
def test_gaps_are_what_difflib_calls_replaced(one: list[str], other: list[str]) -> None:
    codes = SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    assert list(gaps(one, other)) == [tuple(places) for what, *places in codes if what == "replace"]


def test_a_word_in_place_of_another_is_a_gap() -> None:
    assert list(gaps(["kept", "in", "kafka", "for", "ever"], ["kept", "in", "redis", "for", "ever"])) == [(2, 3, 2, 3)]
