"""A terminal as a person sees it: what was written to it, drawn on a screen, and a pseudo-terminal to write to."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from rich.cells import cell_len

from qloragen.simulator import Call, Effect, Script

_CODE = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])")
_KNOWN = "AJKm"


class Drawn:
    """A screen with what has scrolled off it. It knows the few codes that qloragen sends, and is strict with others."""

    def __init__(self, columns: int, lines: int, *, reflows: bool = True) -> None:
        """`reflows`: whether lines are broken anew when the screen gets another width, as most terminals do."""
        self.columns, self.lines = columns, lines
        self._reflows = reflows
        self._rows: list[list[str]] = [[]]
        """All rows since the beginning, a cell each; a wide character has an empty one after it."""
        self._wrapped: list[bool] = [False]
        """Of each row, whether it goes on in the next one."""
        self._row = self._column = 0

    @property
    def text(self) -> list[str]:
        """All rows, those included that have scrolled off."""
        return ["".join(row).rstrip() for row in self._rows]

    @property
    def seen(self) -> list[str]:
        """The rows that are on the screen."""
        return self.text[self._top :]

    @property
    def cursor(self) -> tuple[int, int]:
        """Row, counted from the beginning of all, and column."""
        return self._row, self._column

    @property
    def _top(self) -> int:
        return max(0, len(self._rows) - self.lines)

    def feed(self, text: str) -> None:
        """Take in what was written."""
        at = 0
        while at < len(text):
            code = _CODE.match(text, at)
            if code:
                self._obey(code[1], code[2])
                at = code.end()
            else:
                self._take(text[at])
                at += 1

    def print(self, text: str) -> None:
        """Take in what a program writes, which a terminal's line discipline changes on its way."""
        self.feed(text.replace("\n", "\r\n"))

    def resize(self, columns: int, lines: int) -> None:
        """Become of another size; the cursor stays with the character that it stood behind."""
        self.lines = lines
        if columns == self.columns:
            return
        self.columns = columns
        if self._reflows:
            self._break_anew()
        else:
            self._rows = [row[:columns] for row in self._rows]
            self._column = min(self._column, columns - 1)

    def _take(self, character: str) -> None:
        match character:
            case "\r":
                self._column = 0
            case "\n":
                self._down(wrapped=False)
            case _ if character.isprintable():
                self._put(character)
            case _:
                raise AssertionError(f"a terminal would obey {character!r}")

    def _put(self, character: str) -> None:
        width = cell_len(character)
        if self._column + width > self.columns:
            self._down(wrapped=True)
            self._column = 0
        row = self._rows[self._row]
        row += [" "] * (self._column + width - len(row))
        row[self._column : self._column + width] = [character, *[""] * (width - 1)]
        self._column += width

    def _down(self, *, wrapped: bool) -> None:
        self._wrapped[self._row] = wrapped
        self._row += 1
        if self._row == len(self._rows):
            self._rows.append([])
            self._wrapped.append(False)

    def _obey(self, parameters: str, letter: str) -> None:
        assert letter in _KNOWN, f"{parameters}{letter}"
        match letter, parameters:
            case "A", _:
                self._row = max(self._top, self._row - int(parameters or 1))
            case "K", "":
                del self._rows[self._row][self._column :]
                self._wrapped[self._row] = False
            case "J", "":
                del self._rows[self._row][self._column :]
                del self._rows[self._row + 1 :], self._wrapped[self._row + 1 :]
                self._wrapped[self._row] = False
            case "m", _:
                pass
            case _:
                raise AssertionError(f"{parameters}{letter} is not known here")

    def _break_anew(self) -> None:
        rows: list[list[str]] = []
        wrapped: list[bool] = []
        row, column = self._row, self._column
        line: list[str] = []
        for number, cells in enumerate(self._rows):
            if number == self._row:
                place = len(line) + self._column
                row, column = len(rows) + max(0, place - 1) // self.columns, 0
                column = place - (row - len(rows)) * self.columns
            line += cells
            if not self._wrapped[number]:
                pieces = [line[at : at + self.columns] for at in range(0, len(line), self.columns)] or [[]]
                rows += pieces
                wrapped += [True] * (len(pieces) - 1) + [False]
                line = []
        self._rows, self._wrapped, self._row, self._column = rows, wrapped, row, column


def answering_two(waiting: threading.Event) -> Script:
    """Return what lets a server answer two calls and all others wait; `waiting` is set when two of those are there."""

    def effect(call: Call) -> Effect:
        if call.index == 3:
            waiting.set()
        return Effect(delay_s=0 if call.index < 2 else 3600)

    return effect


def cut(written: bytes, encoding: str = "utf-8") -> tuple[str, bytes]:
    """Return what can be shown, and the rest: where a block ends, a character or a code may be cut in two."""
    whole = len(written)
    if (start := written.rfind(b"\x1b")) >= 0 and not re.match(rb"\x1b\[[?0-9;]*[A-Za-z]", written[start:]):
        whole = start
    text = written[:whole].decode(encoding, "ignore")
    return text, written[len(text.encode(encoding)) :]


class Seat:
    """A person's place at a terminal in which a command runs."""

    def __init__(self, terminal: int, process: subprocess.Popen[bytes], screen: Drawn) -> None:
        self.process = process
        self.screen = screen
        self.written = b""
        """All that the command has written."""
        self._terminal = terminal
        self._left = b""

    def until(self, seen: Callable[[Drawn], bool], timeout_s: float = 30.0) -> None:
        """Look at the screen until it shows what is wanted."""
        while not seen(self.screen):
            assert select.select([self._terminal], [], [], timeout_s)[0], "\n".join(self.screen.text)
            if not self._read():
                raise AssertionError("the command has ended:\n" + "\n".join(self.screen.text))

    def to_the_end(self) -> int:
        """Read until the command has ended; returns its exit code."""
        while self._read():
            pass
        return self.process.wait(timeout=30)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._terminal, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Pull at the corner of the window."""
        _set_size(self._terminal, columns, lines)
        self.screen.resize(columns, lines)

    def _read(self) -> bool:
        try:
            block = os.read(self._terminal, 65536)
        except OSError:
            return False
        self.written += block
        text, self._left = cut(self._left + block)
        self.screen.feed(text)
        return bool(block)


@contextmanager
def seated(
    command: Sequence[str],
    *,
    columns: int = 80,
    lines: int = 24,
    environment: Mapping[str, str] | None = None,
    stdout: BinaryIO | None = None,
) -> Iterator[Seat]:
    """Run a command in a terminal of its own within the block; `stdout` may be something else."""
    terminal, side = pty.openpty()
    _set_size(terminal, columns, lines)
    process = subprocess.Popen(
        command,
        stdin=side,
        stdout=side if stdout is None else stdout,
        stderr=side,
        env={**os.environ, "TERM": "xterm-256color", **(environment or {})},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - it has no other threads yet
    )
    os.close(side)
    seat = Seat(terminal, process, Drawn(columns, lines))
    try:
        yield seat
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def _set_size(terminal: int, columns: int, lines: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
