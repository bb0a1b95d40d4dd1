"""Plays in a thread, for a task that may be cancelled meanwhile: then the playing ends soon as well."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import anyio.from_thread
import anyio.to_thread

from .timeline import Onlooker

Value = TypeVar("Value")


async def in_thread(act: Callable[[Onlooker], Value], onlooker: Onlooker) -> Value:
    """Return what `act` comes to in a thread in which no event loop runs; it is given who looks on there.

    When this is cancelled, what `act` tells the onlooker raises an error, which is to end it.
    """
    return await anyio.to_thread.run_sync(_done, act, _Host(onlooker))


class _LeftError(Exception):
    """Nobody waits for the rehearsal any more."""


@dataclass(frozen=True, slots=True)
class _Host:
    """The task that a thread of anyio works for, and who looks on there."""

    onlooker: Onlooker

    def stage(self, what: str) -> None:
        """Say it, if anybody still waits for it."""
        _stay()
        self.onlooker.stage(what)

    def watch(self, played_s: float, calls: int) -> None:
        """End the playing when nobody waits for it, by an error that passes through the loop of the playing."""
        _stay()
        self.onlooker.watch(played_s, calls)


def _stay() -> None:
    try:
        anyio.from_thread.check_cancelled()
    except asyncio.CancelledError as cancelled:
        raise _LeftError from cancelled


def _done(act: Callable[[Onlooker], Value], host: _Host) -> Value:
    found: list[Value] = []
    try:
        found.append(act(host))
    except* _LeftError:
        found.clear()
    if not found:
        anyio.from_thread.check_cancelled()  # what is raised in the clause above would be wrapped in a group
        raise AssertionError("unreachable")
    return found[0]
