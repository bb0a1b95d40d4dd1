"""What a peer is asked to do and what it hands back; standard library only, for peers live in several environments."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from math import exp, log
from random import Random
from typing import Any

Body = dict[str, Any]
"""A chat request as JSON data: `model`, `messages`, `max_completion_tokens`."""

_CHARACTERS_PER_TOKEN = 4
_SPREAD = 2.5
"""`high` of a size distribution lies so many standard deviations above its median (on the logarithmic scale)."""

_WORDS = (
    "the node Replica ring, answers reads: N3 and 4 writes. repairs tokens; keyspace (table) schema quorum latency 95 "
    "% commit-log of"
)
"""In random order they have 4.2 bytes a token, as prose has."""


@dataclass(frozen=True)
class Job:
    """Requests to make, and how hard the server may be used."""

    base_url: str
    """With `/v1`, without a slash at the end."""
    requests: int
    in_flight: int
    prompt_tokens: tuple[int, int, int] = (1500, 1500, 1500)
    """Median, least, most; lognormal between them. Four characters make a token."""
    cap_tokens: int = 300
    """Completion cap of each request."""
    rpm: int | None = None
    """Limits that the peer is told; None where it is told nothing."""
    tpm: int | None = None
    model: str = "gpt-4.1-mini"
    warm_up: int = 0
    """Requests made before the measurement starts, so that connections are open and late imports done."""
    timeout_s: float = 600.0
    seed: int = 1
    core: int | None = None
    """The core that the peer's process is pinned to."""

    def bodies(self) -> tuple[list[Body], list[Body]]:
        """Return the requests of the warm-up and those that are measured; no two are the same."""
        every = self._endless()
        return list(islice(every, self.warm_up)), list(islice(every, self.requests))

    def _endless(self) -> Iterator[Body]:
        random = Random(self.seed)  # noqa: S311 - sizes, not secrets
        words = _WORDS.split()
        text = " ".join(random.choice(words) for _ in range(20_000))
        for number in count():
            size = _CHARACTERS_PER_TOKEN * self._size(random)
            start = random.randrange(len(text) - 1)
            head = f"Request {number} of seed {self.seed}: summarise. "
            filler = text[start:] + text * (size // len(text) + 1)
            yield {
                "model": self.model,
                "messages": [{"role": "user", "content": (head + filler)[:size]}],
                "max_completion_tokens": self.cap_tokens,
            }

    def _size(self, random: Random) -> int:
        median, least, most = self.prompt_tokens
        sigma = log(most / median) / _SPREAD
        return min(most, max(least, round(median * exp(random.gauss(0, sigma)))))


def tokens(body: Body) -> int:
    """Return what a server charges for a request before it is answered: estimated prompt plus completion cap."""
    characters = sum(len(message["content"]) for message in body["messages"])
    return int(-(-characters // _CHARACTERS_PER_TOKEN) + body["max_completion_tokens"])


@dataclass
class Calls:
    """What became of the requests."""

    ok: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    """Requests without an answer, by the name of the error."""
    latencies_s: list[float] = field(default_factory=list)
    """Of each request, from when the peer took it up until it was answered or lost."""


Send = Callable[[Body], Awaitable[object]]
"""Makes one call; raises if it has no answer."""

Run = Callable[[Sequence[Body]], Awaitable[Calls]]
"""Makes all calls, as a user of the peer would."""


async def pooled(send: Send, bodies: Sequence[Body], in_flight: int, losses: tuple[type[Exception], ...]) -> Calls:
    """Make all calls with `in_flight` workers; an error of one of the kinds `losses` loses its request."""
    calls, waiting = Calls(), iter(bodies)

    async def work() -> None:
        for body in waiting:
            await _one(send, body, calls, losses)

    await asyncio.gather(*(work() for _ in range(min(in_flight, len(bodies)))))
    return calls


async def spawned(send: Send, bodies: Sequence[Body], in_flight: int, losses: tuple[type[Exception], ...]) -> Calls:
    """Make all calls with a task for each, held back by a semaphore: the usual recipe."""
    calls, slots = Calls(), asyncio.Semaphore(in_flight)

    async def work(body: Body) -> None:
        async with slots:
            await _one(send, body, calls, losses)

    await asyncio.gather(*(work(body) for body in bodies))
    return calls


async def _one(send: Send, body: Body, calls: Calls, losses: tuple[type[Exception], ...]) -> None:
    started = time.perf_counter()
    try:
        await send(body)
        calls.ok += 1
    except losses as error:
        calls.lost[type(error).__name__] += 1
    calls.latencies_s.append(time.perf_counter() - started)


def settle(core: int | None) -> None:
    """Keep this process on one core, and let it open as many sockets as the system allows."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
