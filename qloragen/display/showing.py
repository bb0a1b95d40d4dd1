"""Shows a run while it goes: on a terminal as a panel, elsewhere from time to time as a line or a log event."""

from __future__ import annotations

import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol, TextIO

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from ..background import background
from ..logs import get_logger
from ..settings import Settings
from ..view import View
from ..watching.words import state
from .layout import Place
from .lines import Due, last_line, line
from .panel import panel
from .screen import Margin, Paper, Screen, written_on

PANEL_EVERY_S = 0.5
LOOK_EVERY_S = 1.0
"""How soon a line is written when what a run waits for has changed."""

log = get_logger()


class Display(Protocol):
    """Where a run is shown."""

    every_s: float
    """How often it wants to see the run."""

    def begin(self) -> None:
        """Make room for what is shown from now on."""
        ...

    def show(self, view: View) -> None:
        """Take in what there is to see now."""
        ...

    def wake(self, number: signal.Signals) -> None:
        """Take in that the terminal has another size (SIGWINCH), or that a stopped process goes on (SIGCONT)."""
        ...

    def end(self, view: View | None) -> None:
        """Say for the last time what there is to see, if there was anything; may wait for a terminal."""
        ...


class Panel:
    """On a terminal: rows at its end, and in their place one line when all is over."""

    every_s = PANEL_EVERY_S

    def __init__(self, screen: Screen, name: str, hint: str = "") -> None:
        """`name` says whose run it is; `hint` is what a person can do about a stop that waits."""
        self._screen = screen
        self._name = name
        self._hint = hint

    def begin(self) -> None:
        """Write to the terminal in a thread from now on."""
        self._screen.open()

    def show(self, view: View) -> None:
        """Draw the panel anew, for the size that the terminal has now."""
        place = Place(*self._screen.size, self._screen.unicode)
        self._screen.show(panel(view, self._name, place, self._hint))

    def wake(self, number: signal.Signals) -> None:
        """Draw below what a shell has written in the meantime."""
        if number == signal.SIGCONT:
            self._screen.forget()

    def end(self, view: View | None) -> None:
        """Leave a line in the place of the panel."""
        self._screen.close()
        if view:
            self._screen.write(f"{last_line(view)}\n")
            self._screen.flush()


class Lines:
    """Elsewhere, for people: a line from time to time."""

    every_s = LOOK_EVERY_S

    def __init__(self, paper: Paper) -> None:
        self._paper = paper
        self._due = Due()
        self._written: View | None = None

    def begin(self) -> None:
        """Nothing needs room."""

    def show(self, view: View) -> None:
        """Write a line if one is due."""
        if self._due.now(view):
            self._written = view
            self._write(view, line(view))

    def wake(self, number: signal.Signals) -> None:
        """Lines are of any length and stay where they are."""

    def end(self, view: View | None) -> None:
        """Write the last line, unless it is there already."""
        if view and view != self._written:
            self._write(view, last_line(view))

    def _write(self, view: View, said: str) -> None:
        self._paper.write(f"{view.time:%Y-%m-%dT%H:%M:%SZ} {said}\n")
        self._paper.flush()


class Events:
    """Elsewhere, for programs: log events from time to time, and one when a stop waits."""

    every_s = LOOK_EVERY_S

    def __init__(self) -> None:
        self._due = Due()
        self._finishing = False

    def begin(self) -> None:
        """Nothing needs room."""

    def show(self, view: View) -> None:
        """Log an event if one is due."""
        if view.stopping is not None and view.in_flight and not self._finishing:
            self._finishing = True
            left = {} if view.leaves_in_s is None else {"cancelled_in_s": round(view.leaves_in_s)}
            log.warning("run_finishing", calls_in_flight=view.in_flight, **left)
        if self._due.now(view):
            log.info("progress", state=state(view), **view.as_dict())

    def wake(self, number: signal.Signals) -> None:
        """Events have no size."""

    def end(self, view: View | None) -> None:
        """Log the last event."""
        if view:
            log.info("progress", state=state(view), **view.as_dict())


def said_on(stream: TextIO, settings: Settings) -> Screen | Paper:
    """Return `stream` as what a command's log lines and everything else it says are to be written on."""
    out = written_on(stream)
    return out if isinstance(out, Screen) and settings.log_format != "json" else Margin(stream)


def display_of(out: Screen | Paper, settings: Settings, name: str) -> Display:
    """Return what shows a session's own work, whose log lines go to `out` as well."""
    if isinstance(out, Screen):
        return Panel(out, name, hint="Ctrl-C again leaves at once")
    if settings.log_format == "json" or settings.log_level in {"warning", "error"}:
        return Events()
    return Lines(out)


@asynccontextmanager
async def shown(look: Callable[[], View | None], display: Display) -> AsyncIterator[TaskGroup]:
    """Show on `display` within the block what `look` finds, if anything, and once more at the block's end.

    The task group that it yields is for work that ends with the block, as counting the source.
    """
    display.begin()
    try:
        async with background(_show, look, display) as tasks:
            if threading.current_thread() is threading.main_thread():  # no other can receive signals
                tasks.start_soon(_wake, look, display)
            yield tasks
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(display.end, look())


async def _show(look: Callable[[], View | None], display: Display) -> None:
    while True:
        _show_once(look, display)
        await anyio.sleep(display.every_s)


async def _wake(look: Callable[[], View | None], display: Display) -> None:
    with anyio.open_signal_receiver(signal.SIGCONT, signal.SIGWINCH) as signals:
        async for number in signals:
            display.wake(number)
            _show_once(look, display)


def _show_once(look: Callable[[], View | None], display: Display) -> None:
    view = look()
    if view is not None:
        display.show(view)
