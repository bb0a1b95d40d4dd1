"""Calls that follow another one go before those that wait, so that their prefix is still in the cache; virtual time."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.engine import Engine, ModelSpec, family
from qloragen.engine.gate import Cause
from qloragen.simulator import Latency, Limits, Model, Provider, SimulatedClient, Simulation
from qloragen.testing import VirtualLoop
from qloragen.types import Message, Request, Usage

from .test_admission import Door, a_call


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


class Line:
    """Requests that wait at a door, and the order in which they were let in."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.order: list[str] = []

    async def wait(self, name: str, tokens: int = 1, *, again: bool = False, follows: bool = False) -> None:
        ticket = await self.door.admission.admit(lambda _earlier: a_call(tokens), again=again, follows=follows)
        self.order.append(name)
        await anyio.sleep(1)
        self.door.admission.give_back(ticket)


async def test_followers_go_before_those_who_wait_and_after_those_who_come_back():
    line = Line(Door(slots=1))

    async with anyio.create_task_group() as tasks:
        for name, place in (
            ("at work", {}),
            ("head", {}),
            ("waits", {}),
            ("follows", {"follows": True}),
            ("follows too", {"follows": True}),
            ("comes back", {"again": True}),
        ):
            tasks.start_soon(partial(line.wait, name, **place))
            await anyio.sleep(0.01)

    assert line.order == ["at work", "head", "comes back", "follows", "follows too", "waits"]


async def test_in_an_outage_who_has_not_failed_goes_first_and_followers_before_the_others():
    line = Line(Door(slots=1))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(line.wait, "at work")
        await anyio.sleep(0.01)
        tasks.start_soon(partial(line.wait, "comes back", again=True))
        tasks.start_soon(line.wait, "waits")
        tasks.start_soon(partial(line.wait, "follows", follows=True))
        await anyio.sleep(0.01)
        line.door.recovery.gate.shut(Cause.OUTAGE, anyio.current_time(), 0.1, why="HTTP 503")

    assert line.order == ["at work", "follows", "waits", "comes back"]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 3_000), st.integers(0, 13)), min_size=1, max_size=12), st.integers(1, 4))
async def test_whoever_waits_is_let_in_in_order_of_arrival_however_big_and_however_many_follow_others(articles, slots):
    line = Line(Door(6_000, 60_000, slots=slots))

    async def article(number: int, tokens: int, followers: int) -> None:
        await line.wait(f"{number}", tokens)
        async with anyio.create_task_group() as siblings:
            for one in range(followers):
                siblings.start_soon(partial(line.wait, f"{number} follows {one}", tokens, follows=True))

    async with anyio.create_task_group() as tasks:
        for number, (tokens, followers) in enumerate(articles):
            tasks.start_soon(article, number, tokens, followers)

    leaders = [int(name) for name in line.order if "follows" not in name]
    assert leaders == list(range(len(articles)))
    assert len(line.order) == sum(1 + followers for _, followers in articles)


async def test_a_follower_that_leaves_the_queue_is_forgotten():
    line = Line(Door(slots=1))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(line.wait, "at work")
        tasks.start_soon(line.wait, "head")
        await anyio.sleep(0.01)
        for _ in range(1_000):
            with anyio.move_on_after(0):
                await line.wait("left", follows=True)
        queued = int(repr(line.door.admission).rpartition("queued ")[2].removesuffix("]>"))

    assert queued < 200
    assert line.order == ["at work", "head"]


MODEL = "gpt-4o-mini"
ARTICLES, FOLLOWERS = 60, 3


async def _billed(*, follows: bool) -> Usage:
    """Return the bill of articles whose first calls alone take ten minutes; prefixes are forgotten after five."""
    behaviour = Model(limits=Limits(rpm=10_000, tpm=20_000, burst_s=60), latency=Latency(median_s=1))
    provider = Provider(Simulation(models={MODEL: behaviour}))
    engine = Engine(SimulatedClient(provider), [ModelSpec(MODEL, family(MODEL), rpm=10_000, tpm=20_000)])

    async def article(number: int) -> None:
        text = f"{number}. " + "Hints are replayed when the node is back. " * 300
        first = Request(MODEL, (Message("user", text, len(text)),), 50, cache_key=str(number))
        await engine.complete(first)
        async with anyio.create_task_group() as siblings:
            for one in range(FOLLOWERS):
                messages = (Message("user", f"{text} {one}", len(text)),)
                siblings.start_soon(engine.complete, replace(first, messages=messages, follows=follows))

    async with anyio.create_task_group() as articles:
        for number in range(ARTICLES):
            articles.start_soon(article, number)
    return provider.statistics.total.billed


async def test_in_a_queue_that_is_longer_than_the_cache_remembers_only_followers_that_go_first_find_their_prefix():
    first, in_turn = await _billed(follows=True), await _billed(follows=False)

    assert first.prompt_tokens == in_turn.prompt_tokens
    assert first.cached_tokens > 0.7 * first.prompt_tokens  # 3 of 4 calls
    assert in_turn.cached_tokens < 0.5 * in_turn.prompt_tokens  # the first of them, too, finds nothing any more
