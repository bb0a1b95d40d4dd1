"""Estimates of prompt tokens that calibrate themselves."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.engine.tokens import Densities, Estimator, Makeup, makeup

VOCABULARY = (0.2, 1.2, 0.5, 0.25)
"""Tokens a byte that a made-up tokenizer has for each class."""


def bodies(count: int, seed: int = 1) -> list[Makeup]:
    """Return bodies of prose, code and Chinese, by turns."""
    random = Random(seed)  # noqa: S311 - a fixed seed
    mixtures = ((0.85, 0.01, 0.13, 0.01), (0.7, 0.04, 0.26, 0.0), (0.3, 0.02, 0.1, 0.58))
    sizes = [random.randint(2_000, 40_000) for _ in range(count)]
    return [
        Makeup(*(int(size * share * random.uniform(0.8, 1.2)) for share in mixtures[number % 3]))
        for number, size in enumerate(sizes)
    ]


def tokens(body: Makeup, scale: float = 1.0) -> int:
    return round(scale * sum(weight * count for weight, count in zip(VOCABULARY, body, strict=True)))


def errors(estimator: Estimator, taught: list[Makeup], scale: float = 1.0) -> list[float]:
    """Teach the bodies one after the other; return the relative error of each estimate made before."""
    found = []
    for body in taught:
        estimated, actual = estimator.estimate(body), tokens(body, scale)
        found.append(abs(estimated - actual) / actual)
        estimator.learn(body, estimated=estimated, actual=actual)
    return found


def test_bytes_are_counted_by_class():
    assert makeup("Port 9042: 中é\n".encode()) == Makeup(letters=6, digits=4, signs=2, beyond=5)


@given(st.binary())
def test_every_byte_is_in_one_class(body):
    assert sum(makeup(body)) == len(body)


def test_before_any_reply_estimates_are_near_four_bytes_a_token():
    body = makeup(
        b"Replica 3 of the ring answers reads at consistency level ONE, and repairs what is out of date. " * 40
    )

    assert Estimator().estimate(body) == pytest.approx(sum(body) / 4, rel=0.25)
    assert Estimator().estimate(4_000) == pytest.approx(1_000, rel=0.1)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_the_first_reply_sets_the_scale(scale):
    found = errors(Estimator(), bodies(4)[::3], scale)

    assert found[1] < 0.1


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_prose_code_and_chinese_in_one_run_are_told_apart(scale):
    found = errors(Estimator(), bodies(300), scale)

    assert max(found[10:100]) < 0.1
    assert max(found[100:]) < 0.02


def test_a_model_that_changes_is_followed():
    estimator = Estimator()
    errors(estimator, bodies(5_000))

    found = errors(estimator, bodies(2_000, seed=2), scale=1.3)

    assert max(found[1_000:]) < 0.05


def test_what_one_request_had_tells_of_the_next_about_the_same_text():
    estimator = Estimator()
    errors(estimator, bodies(50))
    body = bodies(1, seed=3)[0]
    dense = 1.4 * tokens(body)

    estimator.learn(body, estimated=estimator.estimate(body, "article"), actual=round(dense), key="article")

    assert estimator.estimate(body, "article") == pytest.approx(dense, rel=0.01)
    assert estimator.estimate(body, "another") == pytest.approx(tokens(body), rel=0.1)


def test_what_one_model_had_tells_of_the_next_model():
    densities = Densities()
    strong, cheap = Estimator(densities), Estimator(densities)
    errors(strong, bodies(100))
    errors(cheap, bodies(100), scale=1.3)
    body = bodies(1, seed=3)[0]

    strong.learn(body, estimated=strong.estimate(body), actual=round(1.2 * tokens(body)), key="article")

    assert cheap.estimate(body, "article") == pytest.approx(1.3 * 1.2 * tokens(body), rel=0.05)


def test_of_many_texts_those_used_last_are_remembered():
    densities = Densities()
    for number in range(4_096):
        densities.learn(f"{number}", 2.0)
    assert densities.factor("0") == 2.0

    densities.learn("new", 2.0)

    assert densities.factor("0") == 2.0
    assert densities.factor("1") == 1.0


def test_a_reply_without_usage_teaches_nothing():
    estimator = Estimator()
    before = estimator.estimate(10_000)

    estimator.learn(10_000, estimated=before, actual=0)

    assert estimator.estimate(10_000) == before
    assert estimator.mean_error is None
    assert estimator.underestimate_p95 is None


def test_the_errors_are_counted():
    estimator = Estimator()
    for number in range(1, 101):
        estimator.learn(4_000, estimated=1_000, actual=1_000 + 2 * number)

    assert estimator.calls == 100
    assert estimator.mean_error == pytest.approx(sum(2 * n / (1_000 + 2 * n) for n in range(1, 101)) / 100)
    assert estimator.underestimate_p95 == pytest.approx(0.19)


def test_old_errors_are_forgotten_but_for_the_mean():
    estimator = Estimator()
    for actual in [2_000] * 100 + [1_000] * 600:
        estimator.learn(4_000, estimated=1_000, actual=actual)

    assert estimator.underestimate_p95 == 0
    assert estimator.mean_error == pytest.approx(50 / 700)


def test_the_margin_narrows_when_estimates_are_good():
    estimator = Estimator()
    assert estimator.margin == 1.25
    errors(estimator, bodies(99))
    assert estimator.margin == 1.25

    errors(estimator, bodies(600, seed=2))

    assert 1.05 <= estimator.margin < 1.1


def test_the_margin_never_widens_beyond_the_start():
    estimator = Estimator()
    for _ in range(200):
        estimator.learn(4_000, estimated=1_000, actual=3_000)

    assert estimator.margin == 1.25


counts = st.integers(0, 100_000)


@given(st.lists(st.tuples(st.builds(Makeup, counts, counts, counts, counts), st.integers(0, 1_000_000)), max_size=60))
def test_whatever_is_learned_an_estimate_is_a_token_at_least(replies):
    estimator = Estimator()
    for body, actual in replies:
        estimated = estimator.estimate(body, "key")
        assert estimated >= 1
        estimator.learn(body, estimated=estimated, actual=actual, key="key")
