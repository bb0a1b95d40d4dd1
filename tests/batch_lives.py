"""Run directories that work in batches, in virtual time, and what the simulated provider says of that."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel

from qloragen import Session
from qloragen.background import background
from qloragen.engine.pricing import Price, cost, lookup
from qloragen.simulator import Provider, SimulatedClient, Simulation
from qloragen.simulator.batch_settings import Batches
from qloragen.store.run import open_run

from .virtual import Life, SessionLoop

QUICK = Batches(median_s=20, p99_s=40, validating_s=2, finalizing_s=1)


def provider_of(batches=QUICK, *, script=None, **simulation) -> Provider:
    """Return a provider, by whose own clock no time has passed yet."""
    return Provider(Simulation(batches=batches, **simulation), script=script)


def bill_of(provider: Provider) -> Decimal:
    """Return what all batches have cost, by the simulator's own count."""
    batches = provider.statistics.services.get("batch", {})
    return sum((cost(counts.billed, _price(model)) for model, counts in batches.items()), Decimal(0))


def _price(model: str) -> Price:
    """Return the price in batches; what long prompts cost is not asked of a sum of short ones."""
    listed = lookup(model)
    assert listed is not None
    return replace(listed.tiers["batch"], long=None)


class Lives:
    """A run directory that goes through the hands of many processes."""

    def __init__(self, folder: Path, provider: Provider, source: Any, **knobs: Any) -> None:
        self.provider = provider
        self.number = 0
        self.now_s = 0.0
        self.turns = 0
        self.summary: Any = None
        self.tally: Any = None
        self.asks: list[str] = []
        """Calls to files and batches of the last process."""
        self._folder = folder
        self._source = source
        self._knobs: dict[str, Any] = {
            "batch": True,
            "batch_poll_s": 5,
            "batch_gather_s": 1,
            "open_articles": 8,
        } | knobs

    @property
    def run(self) -> Path:
        return self._folder / str(self.number)

    def live(
        self, last_turn=None, *, at=0, before=True, beside=None, edit=None, client_of=None, source=None, **knobs
    ) -> bool:
        """Let one process work; returns whether it was killed: in that turn, or at one of its calls.

        `beside(client, session)` is run beside the work, `edit(ask, reply)` may change what calls to files and batches
        are told. What ends the work is raised.
        """

        async def main():
            client = Deadly(self.provider, at=at, before=before, edit=edit)
            self.asks = client.asks
            shown = client_of(client) if client_of else client
            async with Session(self.run, client=shown, **self._knobs | knobs) as session:
                try:
                    async with background(beside or anyio.sleep, *((client, session) if beside else (0,))):
                        await session.process(source or self._source)
                finally:
                    self.summary, self.tally = session.summary, session.tally

        life = Life(main, start_s=self.now_s, last_turn=last_turn, at_death=self._bequeath)
        self.now_s, self.turns = life.ended_s, life.turns
        self.number += life.killed and self.run.exists()
        if life.error:
            raise life.error
        return life.killed

    def check(self, cells: int) -> None:
        """Make sure that each of the cells was paid for once, and that both sides have the same bill."""
        seen = self.provider.statistics
        assert seen.duplicates == 0
        assert sum(counts.outcomes.get("answered", 0) for counts in seen.services["batch"].values()) == cells
        assert (self.summary.calls, self.summary.cost_usd) == (cells, bill_of(self.provider))
        assert self.left() == []

    def left(self):
        """Return the batches that have not been collected."""
        with open_run(self.run) as run:
            return run.state.submissions.open()

    def _bequeath(self) -> None:
        """What the next process finds is what was with the kernel at the moment of the kill."""
        if self.run.exists():
            # What a thread is at work on vanishes under the hands of whoever copies it.
            ignored = shutil.ignore_patterns("*.new", "*-shm")
            shutil.copytree(self.run, self._folder / str(self.number + 1), ignore=ignored)


class Deadly(SimulatedClient):
    """Kills the process at one of its calls, before it is made, or when it was answered and nobody knows.

    Replies may be edited on their way.
    """

    def __init__(self, provider, *, at=0, before=True, edit=None):
        super().__init__(provider)
        self.asks = []
        self._at = at
        self._before = before
        self._edit = edit or (lambda _, reply: reply)

    async def ask(self, ask, *, timeout_s):
        self.asks.append(f"{ask.method} {ask.path}")
        deadly = len(self.asks) == self._at
        if deadly and self._before:
            await _die()
        reply = await super().ask(ask, timeout_s=timeout_s)
        if deadly:
            await _die()
        return self._edit(ask, reply)


async def _die():
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SessionLoop)
    loop.kill()
    await anyio.lowlevel.checkpoint()
