"""Types in balance: as many as the ratio allows, and always the same ones."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.dataset.balance import caps_of
from qloragen.export import Example, ExportError

counts = st.dictionaries(st.sampled_from(["concept", "summary", "code", "steps"]), st.integers(1, 60), min_size=1)
ratios = st.one_of(st.integers(1, 20), st.floats(1, 20))


def of(wanted: dict[str, int]) -> list[Example]:
    """Return so many examples of each type."""
    return [
        Example(instruction="", input="", output="", id=f"{slug} {number}", type_slug=slug)
        for slug, count in wanted.items()
        for number in range(count)
    ]


@given(counts, ratios)
def test_no_type_has_more_than_the_ratio_times_the_rarest_and_each_as_many_as_it_may(wanted, ratio):
    examples = of(wanted)

    caps = caps_of(examples, ratio)

    kept = Counter(example.type_slug for example in examples if caps.takes(example))
    rarest = min(wanted.values())
    assert kept == {slug: min(count, int(ratio * rarest)) for slug, count in wanted.items()}
    assert min(kept.values()) == rarest
    assert caps.left_out == len(examples) - kept.total()


@given(counts, ratios, ratios)
def test_what_a_lower_ratio_keeps_a_higher_one_keeps_too(wanted, one, other):
    examples = of(wanted)
    lower, higher = caps_of(examples, min(one, other)), caps_of(examples, max(one, other))

    assert all(higher.takes(example) for example in examples if lower.takes(example))


@given(counts, st.randoms(use_true_random=False))
def test_which_ones_stay_does_not_depend_on_their_order(wanted, random):
    examples = of(wanted)
    caps = caps_of(examples, 1)
    random.shuffle(examples)

    assert caps_of(examples, 1) == caps


def test_decimals_are_taken_as_they_are_written():
    caps = caps_of(of({"concept": 10, "summary": 50}), 2.3)

    assert caps.most == 23


def test_of_no_examples_none_stays():
    caps = caps_of([], 1)

    assert (caps.left_out, caps.takes(of({"concept": 1})[0])) == (0, False)


@pytest.mark.parametrize("ratio", [0.99, 0, -1, float("nan"), float("inf")])
def test_a_ratio_below_one_is_refused(ratio):
    with pytest.raises(ExportError, match="has to be 1 or more"):
        caps_of(of({"concept": 1}), ratio)
