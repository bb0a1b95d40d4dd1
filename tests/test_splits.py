"""Proportions as they are written, and what a name's hash makes of them."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.dataset.splits import TEST, TRAIN, VALIDATION, Proportions, proportions_of, split_of
from qloragen.export import ExportError

GROUPS = 20_000


@st.composite
def proportions(draw: st.DrawFn) -> Proportions:
    """Draw some of which every split gets a share, in hundredths of a percent."""
    train = draw(st.integers(1, 9_998))
    validation = draw(st.integers(1, 9_999 - train))
    return Proportions(*(Fraction(part, 10_000) for part in (train, validation, 10_000 - train - validation)))


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("90/5/5", ("9/10", "1/20", "1/20")),
        ("0.8/0.1/0.1", ("4/5", "1/10", "1/10")),
        (" 80 / 10 / 10 ", ("4/5", "1/10", "1/10")),
        ("90%/5%/5%", ("9/10", "1/20", "1/20")),
        ("33.3/33.3/33.4", ("333/1000", "333/1000", "334/1000")),
        ("90/10/0", ("9/10", "1/10", "0")),
        ("train=0.9,test=0.1", ("9/10", "0", "1/10")),
        ("test=5, val=5, train=90", ("9/10", "1/20", "1/20")),
    ],
)
def test_proportions_are_read_exactly_as_they_are_written(text, shares):
    found = proportions_of(text)

    assert tuple(found.shares.values()) == tuple(Fraction(share) for share in shares)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("90/10", "has 2 shares, not 3"),
        ("80/10/5", "adds up to 95"),
        ("0.9/0.1/0.1", "adds up to 1.1"),
        ("train=0.9,tset=0.1", "names 'tset'"),
        ("train=0.5,train=0.5", "names a split twice"),
        ("train=,test=1", "holds what is no share"),
        ("-90/95/95", "holds what is no share"),
        ("1e2/0/0", "holds what is no share"),
        ("٩٠/5/5", "holds what is no share"),
        ("0/50/50", "has no train"),
        ("100/0/0", "has no other split"),
        ("", "has 1 shares, not 3"),
    ],
)
def test_what_is_no_proportions_is_refused_with_how_to_write_them(text, said):
    with pytest.raises(ExportError, match=f"{said}.*such as 90/5/5 or train=0.9,test=0.1"):
        proportions_of(text)


@given(proportions())
def test_proportions_are_written_as_they_are_read(wanted):
    assert proportions_of(str(wanted)) == wanted


def test_splits_that_get_nothing_are_not_named():
    assert proportions_of("train=0.9,test=0.1").names == (TRAIN, TEST)
    assert proportions_of("90/10/0").names == (TRAIN, VALIDATION)


@pytest.mark.parametrize(
    ("text", "seed", "letters"),
    [
        ("80/10/10", 0, "arrrrrarrrrrrarrrrrrrarreareerrarerrrrrr"),
        ("80/10/10", 1, "arrrrrrrrrrrrrrrrarrrrarrrrrrrrrerrerrrr"),
        ("34/33/33", 0, "aeraeaarreeeraeaaeeeeaereaaeeararerrerae"),
    ],
)
def test_names_go_where_they_have_always_gone(text, seed, letters):
    """In every version of Python and qloragen: a model must not be trained on what it was tested with last year."""
    wanted = proportions_of(text)

    found = [split_of(f"article-{number}", wanted, seed) for number in range(len(letters))]

    assert found == [{"r": TRAIN, "a": VALIDATION, "e": TEST}[letter] for letter in letters]


@pytest.mark.parametrize("text", ["90/5/5", "80/10/10", "34/33/33", "99/0.5/0.5", "train=70,test=30"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_split_gets_its_share_of_many_groups(text, seed):
    wanted = proportions_of(text)

    counts = Counter(split_of(f"docs/{number}.md", wanted, seed) for number in range(GROUPS))

    for name, share in wanted.shares.items():
        spread = (GROUPS * share * (1 - share)) ** 0.5
        assert abs(counts[name] - GROUPS * share) <= 4 * spread


@given(st.text(), st.integers(), proportions(), st.integers(1, 99))
def test_what_is_in_test_is_there_however_the_rest_is_shared(name, seed, one, percent):
    validation = (1 - one.test) * Fraction(percent, 100)
    other = Proportions(1 - one.test - validation, validation, one.test)

    assert (split_of(name, one, seed) == TEST) == (split_of(name, other, seed) == TEST)


@given(st.text(), st.integers(), proportions(), st.integers(1, 99))
def test_what_is_in_validation_is_there_however_the_rest_is_shared(name, seed, one, percent):
    test = (1 - one.validation) * Fraction(percent, 100)
    other = Proportions(1 - one.validation - test, one.validation, test)

    assert (split_of(name, one, seed) == VALIDATION) == (split_of(name, other, seed) == VALIDATION)


@given(st.text(), proportions(), st.integers(1, 100))
def test_what_is_in_test_stays_there_when_test_becomes_larger(name, one, percent):
    more = one.train * Fraction(percent, 101)
    larger = Proportions(one.train - more, one.validation, one.test + more)

    before, after = split_of(name, one), split_of(name, larger)

    assert before == after or (before, after) == (TRAIN, TEST)


def test_another_seed_draws_anew():
    wanted = proportions_of("50/0/50")

    drawn = [[split_of(f"a{number}", wanted, seed) for number in range(1_000)] for seed in (0, 1)]

    alike = sum(one == other for one, other in zip(*drawn, strict=True))
    assert 400 < alike < 600
