"""Batches outlive processes: whenever one is killed, the next finds them again, and nothing is paid for twice."""

from __future__ import annotations

import asyncio
import shutil
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random

import anyio
import anyio.lowlevel
import pytest

from qloragen import Session
from qloragen.engine.pricing import cost, lookup
from qloragen.simulator import Provider, SimulatedClient, Simulation
from qloragen.simulator.batch_settings import Batches
from qloragen.store.run import open_run

from .test_main_job import articles, lines_of
from .virtual import Life

BATCHES = Batches(median_s=20, p99_s=40, validating_s=2, finalizing_s=1)


pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited"),  # a killed process ends no task
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def bill_of(provider):
    """Return what all batches have cost, by the simulator's own count."""
    batches = provider.statistics.services["batch"]
    return sum((cost(counts.billed, lookup(model), tier="batch") for model, counts in batches.items()), Decimal(0))


class Lives:
    """A run directory that goes through the hands of many processes."""

    def __init__(self, folder: Path, provider: Provider, source: object, **knobs: object):
        self.provider = provider
        self.number = 0
        self.now_s = 0.0
        self._folder = folder
        self._source = source
        self._knobs = {"batch": True, "batch_poll_s": 5, "batch_gather_s": 1, "open_articles": 8} | knobs
        self.summary = None

    @property
    def run(self):
        return self._folder / str(self.number)

    def live(self, last_turn=None, client_of=SimulatedClient):
        """Let one process work; returns whether it was killed."""

        async def main():
            client = client_of(self.provider)
            async with Session(self.run, client=client, **self._knobs) as session:
                await session.process(self._source)
                return session.summary

        life = Life(main, start_s=self.now_s, last_turn=last_turn, at_death=self._bequeath)
        self.now_s = life.ended_s
        self.turns = life.turns
        if not life.killed:
            self.summary = life.result
            return False
        self.number += self.run.exists()
        return True

    def asks(self):
        """Let one process work, and return its calls to files and batches."""
        clients = []

        def client_of(provider):
            clients.append(Deadly(provider, at=0, before=True))
            return clients[0]

        self.live(client_of=client_of)
        return clients[0].asks

    def _bequeath(self):
        """What the next process finds is what was with the kernel at the moment of the kill."""
        if not self.run.exists():
            return
        # What a thread is at work on vanishes under the hands of whoever copies it.
        shutil.copytree(self.run, self._folder / str(self.number + 1), ignore=shutil.ignore_patterns("*.new", "*-shm"))


def check(lives, cells):
    provider, seen = lives.provider, lives.provider.statistics
    assert seen.duplicates == 0
    assert seen.total.calls == cells
    assert lives.summary.calls == cells
    assert lives.summary.cost_usd == bill_of(provider)
    with open_run(lives.run) as run:
        assert run.state.submissions.open() == []


@pytest.mark.parametrize("seed", range(12))
def test_processes_killed_between_any_two_awaits_pay_for_everything_once(tmp_path, seed):
    chance = Random(seed)  # noqa: S311 - replayable
    undisturbed = Lives(tmp_path / "whole", Provider(Simulation(batches=BATCHES)), articles(5))
    undisturbed.live()
    lives = Lives(tmp_path / "lives", Provider(Simulation(batches=BATCHES)), articles(5))
    kills = 0

    while lives.live(chance.randrange(3, undisturbed.turns // 2) if kills < 20 else None):
        kills += 1

    assert kills > 1
    check(lives, undisturbed.summary.calls)
    whole, found = (
        {line["id"]: line["output"] for line in lines_of(one.run / "records.jsonl")} for one in (undisturbed, lives)
    )
    assert found == whole


class Deadly(SimulatedClient):
    """Kills the process at one of its calls: before it is made, or when it was answered and nobody knows."""

    def __init__(self, provider, *, at, before):
        super().__init__(provider)
        self.asks = []
        self._at = at
        self._before = before

    async def ask(self, ask, *, timeout_s):
        self.asks.append(f"{ask.method} {ask.path}")
        deadly = len(self.asks) == self._at
        if deadly and self._before:
            await self._die()
        reply = await super().ask(ask, timeout_s=timeout_s)
        if deadly:
            await self._die()
        return reply

    async def _die(self):
        asyncio.get_running_loop().kill()
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_process_killed_at_any_call_of_the_batch_api_pays_for_everything_once(tmp_path, before):
    whole = Lives(tmp_path / "whole", Provider(Simulation(batches=BATCHES)), articles(3))
    asks = whole.asks()

    for at in range(1, len(asks) + 1):
        lives = Lives(tmp_path / str(at), Provider(Simulation(batches=BATCHES)), articles(3))
        killed = lives.live(client_of=partial(Deadly, at=at, before=before))
        lives.live()

        assert killed
        check(lives, whole.summary.calls)
    assert {"POST /files", "POST /batches", "GET /batches/batch_0"} <= set(asks)


def test_a_batch_that_arrived_unnoticed_is_found_by_its_name_and_not_made_again(tmp_path):
    lives = Lives(tmp_path, Provider(Simulation(batches=BATCHES)), articles(3))
    assert lives.live(client_of=partial(Deadly, at=2, before=False))

    with open_run(lives.run) as run:
        left = run.state.submissions.open()
    assert [(one.requests, one.batch) for one in left] == [(3, None)]
    lives.live()

    assert lives.provider.statistics.endpoints["batches"].outcomes["answered"] > 2
    assert lives.provider.statistics.services["batch"]["gpt-6-sol"].calls == 3
