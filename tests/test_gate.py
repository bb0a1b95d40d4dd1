"""The gate of one model and the ramp behind it: plain values, no clock."""

from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from qloragen.engine.gate import Cause, Gate
from qloragen.engine.ramp import Ramp


def shut(cause: Cause, *, until_s: float = 10.0, refusal_s: float = 0.1) -> Gate:
    gate = Gate()
    gate.shut(cause, 0.0, until_s, why="HTTP 429", refusal_s=refusal_s)
    return gate


def test_an_open_gate_lets_everyone_pass():
    gate = Gate()

    assert gate.wait_s(5) == 0
    assert not gate.let_pass(5)


def test_a_shut_gate_opens_for_one_probe_only():
    gate = shut(Cause.OUTAGE)

    assert gate.wait_s(4) == 6
    assert gate.wait_s(10) == 0
    assert gate.let_pass(10)
    assert gate.wait_s(1_000_000) == inf


def test_a_probe_after_a_429_counts_as_answered_when_it_is_not_refused_as_soon_as_others_were():
    gate = shut(Cause.RATE_LIMITED, refusal_s=0.5)
    gate.let_pass(10)

    assert gate.wait_s(11) == 1
    assert gate.wait_s(12) == 0
    assert not gate.let_pass(12)
    assert gate.cause is None


def test_a_probe_that_is_lost_makes_room_for_another_at_once():
    gate = shut(Cause.OUTAGE)
    probe = gate.let_pass(10)

    gate.probe_lost(probe, 17)

    assert gate.wait_s(17) == 0
    assert gate.let_pass(17)


def test_a_probe_of_an_earlier_episode_says_nothing_any_more():
    gate = shut(Cause.RATE_LIMITED)
    old = gate.let_pass(10)
    gate.shut(Cause.OUTAGE, 11, 10, why="HTTP 503")
    new = gate.let_pass(21)

    gate.probe_lost(old, 22)

    assert not gate.is_probe(old)
    assert gate.is_probe(new)
    assert gate.wait_s(22) == inf


def test_a_pause_can_be_extended_but_not_shortened():
    gate = shut(Cause.RATE_LIMITED, until_s=10)

    gate.extend(5)
    assert gate.wait_s(0) == 10
    gate.extend(20)
    assert gate.wait_s(0) == 20


@given(st.lists(st.tuples(st.sampled_from(["shut", "open", "pass", "lost", "extend"]), st.floats(0, 100))))
def test_no_two_probes_are_ever_under_way(steps):
    gate, now_s, probes, last = Gate(), 0.0, 0, None
    for step, seconds in steps:
        now_s += seconds
        match step:
            case "shut":
                gate.shut(Cause.OUTAGE, now_s, seconds, why="")
                probes = 0
            case "open":
                gate.open()
                probes = 0
            case "lost":
                gate.probe_lost(last, now_s)
                probes = 0
            case "extend":
                gate.extend(now_s + seconds)
            case _ if gate.wait_s(now_s) == 0:
                last = gate.let_pass(now_s)
                probes += last is not None
        assert probes <= 1


def rounds_of(ramp: Ramp, count: int) -> list[int]:
    """Return the calls in flight in each round of answers."""
    rounds = []
    for _ in range(count):
        rounds.append(round(ramp.window))
        for _ in range(round(ramp.window)):
            ramp.answered(1_000)
    return rounds


def test_after_an_outage_calls_double_with_every_round():
    ramp = Ramp()
    assert ramp.window == inf
    ramp.restart(0)

    assert rounds_of(ramp, 5) == [1, 2, 4, 8, 16]


def test_after_a_refusal_half_the_calls_go_on_and_every_round_adds_a_tenth():
    ramp = Ramp()
    ramp.halve(64)

    assert rounds_of(ramp, 4) == [32, 35, 39, 43]


def test_a_ramp_is_gone_when_it_reaches_the_ordinary_bound():
    ramp = Ramp()
    ramp.restart(0)

    for _ in range(7):
        ramp.answered(8)

    assert ramp.window == inf
