"""What of a run is judged: drawn by rank, taken article by article, and few bytes a record."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.judging.drawing import Task
from qloragen.judging.places import Place, Places
from qloragen.judging.planning import Left, Wish, part_of

RANKS = st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=60)


def places_of(ranks: list[int], articles: list[int] | None = None) -> Places:
    places = Places()
    for number, rank in enumerate(ranks):
        at = articles[number] if articles else number // 3
        places.add(Place(at, 100 * number, rank, rank.to_bytes(16)))
    return places


@given(RANKS, st.integers(1, 70))
def test_a_sample_has_the_lowest_ranks_and_each_larger_one_has_it_in_it(ranks, size):
    places = places_of(ranks)

    small, large = ({*Wish(sample=count).chosen(places)} for count in (size, size + 1))

    assert {places[number].rank for number in small} == {*sorted(ranks)[:size]}
    assert small <= large
    assert [place.rank for place in places.first(size)] == sorted(ranks)[:size]


@given(RANKS, st.randoms(use_true_random=False), st.integers(1, 70))
def test_what_is_chosen_is_in_the_order_of_articles_and_then_of_the_sink(ranks, random, limit):
    places = places_of(ranks, [random.randrange(2**40) if random.random() < 0.5 else 7 for _ in ranks])

    chosen = [places[number] for number in Wish(limit=limit).chosen(places)]

    assert chosen == sorted(places[number] for number in range(len(ranks)))[:limit]


@given(RANKS, st.lists(st.integers(0, 25), max_size=12))
def test_all_that_is_left_comes_once_with_its_article(ranks, articles_of_controls):
    places = places_of(ranks)
    controls = [Task(Place(at, 0, 0, bytes(16))) for at in sorted(articles_of_controls)]
    left = Left(places, Wish().chosen(places), controls)

    bundles = list(left)

    assert left.articles() == len(bundles)
    assert all(one < other for (one, _), (other, _) in pairwise(bundles))
    assert all(task.place.article_at == at for at, tasks in bundles for task in tasks)
    assert sum(len(tasks) for _, tasks in bundles) == len(ranks) + len(controls)


@pytest.mark.parametrize(
    ("share", "whole", "part"), [(0.07, 100, 7), (0.1, 30, 3), (0.1, 31, 4), (0.5, 1, 1), (1e-9, 10, 1)]
)
def test_a_share_is_rounded_up_but_not_beyond_what_it_is(share, whole, part):
    assert part_of(share, whole) == part


def test_choosing_takes_few_bytes_a_record():
    count = 50_000
    random = Random(5)  # noqa: S311 - nothing secret
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        places = Places()
        for number in range(count):
            places.add(Place(random.randrange(2**36), 2_000 * number, random.getrandbits(64), bytes(16)))
        left = Left(places, Wish(sample=0.9).chosen(places), ())
        now, most = (size - before for size in tracemalloc.get_traced_memory())
    finally:
        tracemalloc.stop()

    assert len(left.records) == 45_000
    assert now <= 60 * count
    assert most <= 110 * count
