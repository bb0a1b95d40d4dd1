"""What `status --follow` does: shows a run that another process works at, from its files alone."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGINT

import anyio.to_thread

from ..display.following import Shown, ending, follow
from ..display.screen import Screen, written_on
from ..display.showing import Lines, Panel, shown
from ..errors import Interrupted, SettingsError, StorageFailed
from ..logs import escape
from ..loop import block_on
from ..manifest import Manifest, read_manifest
from ..signals import stop_on_signals
from ..store.lock import in_use
from ..watching.file import Glimpse
from .exits import SIGNALLED, leave_at_once


def followed(arguments: argparse.Namespace) -> int:
    """Show what goes on in a run directory until the process that works there has ended; a signal leaves quietly, and
    the process goes on.

    Raises:
        SettingsError: There is something else than a directory.
        StorageFailed: Standard output takes no more.
        BrokenPipeError: Whoever reads it has seen enough.
    """
    if arguments.folder.exists() and not arguments.folder.is_dir():
        raise SettingsError(f"{arguments.folder} is no run directory, but a file: name what --out named.")
    try:
        block_on(_print_all if arguments.json else _show_all, arguments.folder)
    except Interrupted as reason:
        return SIGNALLED + (reason.signal or SIGINT)
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = None  # Python would try once more when it ends
        raise StorageFailed(
            f"Standard output cannot be written ({error.strerror}); mend that and follow {arguments.folder} again: "
            "the run there goes on."
        ) from error
    return 0


def standing(folder: Path, manifest: Manifest) -> str:
    """Return in words how a run stands, by its `run.json`."""
    killed = manifest.running and not in_use(folder)
    status = "the process ended without a word; the same command goes on" if killed else manifest.status
    return f"{status} ({manifest.updated:%Y-%m-%d %H:%M} UTC)"


async def _show_all(folder: Path) -> None:
    out = written_on(sys.stdout)
    display = Panel(out, str(folder)) if isinstance(out, Screen) else Lines(out)

    def say(sentence: str) -> None:
        out.write(f"{escape(sentence)}\n")
        out.flush()

    seen = Shown(folder, say)
    async with stop_on_signals(0.0, leave_at_once):
        with _as_it_is():
            async with shown(lambda: seen.view, display):
                found = await follow(folder, seen)
                seen.end(found)
        manifest = await anyio.to_thread.run_sync(read_manifest, folder)
        say(f"{folder}: {standing(folder, manifest) if manifest else ending(found)}")


@contextmanager
def _as_it_is() -> Iterator[None]:
    """Let an error of the display, which is drawn by a task beside the block, pass as it is and not in a group."""
    try:
        yield
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors


async def _print_all(folder: Path) -> None:
    async with stop_on_signals(0.0, leave_at_once):
        printed = _Printed()
        printed.print(await follow(folder, printed))


class _Printed:
    """What programs see: a line of JSON for each thing that is new."""

    def __init__(self) -> None:
        self._last: Glimpse | None = None

    def wait(self, found: Glimpse) -> None:
        """Print how things stand."""
        self.print(found)

    def see(self, found: Glimpse) -> None:
        """Print what the process at work looks like."""
        self.print(found)

    def print(self, found: Glimpse) -> None:
        """Print what the files say, unless they said the same before."""
        if found != self._last:
            self._last = found
            view = None if found.view is None else found.view.as_dict()
            # Not by orjson, which refuses limits beyond 64 bits.
            print(json.dumps({"standing": found.standing, "view": view}, separators=(",", ":")), flush=True)
