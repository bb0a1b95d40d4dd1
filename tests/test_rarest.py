"""What is like something that is held out is found by rare hashes: all of it, and without looking at all the rest."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.dataset.rarest import Rarest
from qloragen.dataset.splits import SPLITS, TEST, TRAIN, VALIDATION

HASHES = st.frozensets(st.integers(0, 11).map(lambda number: number * 0x15555555), max_size=12)
HELD_OUT = st.lists(st.tuples(st.sampled_from((VALIDATION, TEST)), HASHES), max_size=12)
SIMILARITIES = (0.52, 0.62, 0.8, 1.0)


def index(held_out, similarity):
    kept = Rarest(similarity, 64)
    for number, (split, hashes) in enumerate(held_out):
        kept.add(split, str(number), hashes)
    return kept


@given(HELD_OUT, st.sampled_from(SPLITS), HASHES, st.sampled_from(SIMILARITIES))
def test_what_is_found_is_what_comparing_with_all_would_find(held_out, split, hashes, similarity):
    expected = {
        (later, str(number), len(hashes & other) / len(hashes | other))
        for number, (later, other) in enumerate(held_out)
        if SPLITS.index(later) > SPLITS.index(split) and len(hashes & other) >= similarity * len(hashes | other) > 0
    }

    found = [*index(held_out, similarity).like(split, hashes)]

    assert set(found) == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_texts_of_many_sizes_are_found_from_just_so_much_on(similarity):
    random = Random(1)  # noqa: S311 - a fixed seed
    drawn = [random.getrandbits(32) for _ in range(1_000)]
    held_out = [(TEST, frozenset(drawn[:size])) for size in range(100, 1_001, 9)]
    expected = {str(n) for n, (_, other) in enumerate(held_out) if similarity <= len(other) / 505 <= 1 / similarity}

    found = index(held_out, similarity).like(TRAIN, frozenset(drawn[:505]))

    assert {alike.id for alike in found} == expected


def test_what_all_have_in_common_makes_no_two_be_looked_at():
    random = Random(2)  # noqa: S311 - a fixed seed
    common = [random.getrandbits(32) for _ in range(70)]
    pages = [frozenset([*common, *(random.getrandbits(32) for _ in range(30))]) for _ in range(300)]
    kept = index([(TEST, one) for one in pages[:150]], 0.62)

    found = [alike for one in pages[150:] for alike in kept.like(TRAIN, one)]

    assert found == []
    assert kept.pairs == 0
