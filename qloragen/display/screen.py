"""A terminal with rows at its end that are drawn over and over, while ordinary lines pass above them.

A thread of its own writes to it: a terminal that takes nothing, as after Ctrl-S or when the connection to it is dead,
must not hold a run up. rich's own live display is not used: it leaves remains when a terminal becomes narrower, breaks
log lines where the terminal ends, hides the cursor, which stays so after a `kill -9`, and waits for the terminal.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from io import StringIO
from threading import Condition, Thread
from typing import NamedTuple, TextIO

from rich.console import Console
from rich.text import Text

from .canvas import Canvas, Row

MOST_WAITING = 10_000
"""So many lines wait for a terminal that takes nothing; older ones are dropped."""
_PATIENCE_S = 2.0
"""So long is waited for it at the end."""
_USUAL_COLUMNS, _USUAL_LINES = 80, 24


class Size(NamedTuple):
    """Of a terminal, in cells."""

    columns: int
    lines: int


class Screen:
    """One terminal. It is a stream as well, for whole lines: of log handlers, and of what is said to people."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._file = stream.fileno()
        self._console = Console(file=_Likeness(stream))
        self._canvas = Canvas()
        self._news = Condition()
        self._passing: deque[str] = deque(maxlen=MOST_WAITING)
        self._dropped = 0
        self._rows: Sequence[Row] = ()
        self._stale = False
        """Whether there is anything to be written."""
        self._open = False
        self._gone = False
        """Whether there is no terminal any more."""
        self._writer: Thread | None = None

    @property
    def size(self) -> Size:
        """How large it is now."""
        try:
            columns, lines = os.get_terminal_size(self._file)
        except OSError:
            columns = lines = 0
        return Size(columns or _USUAL_COLUMNS, lines or _USUAL_LINES)

    @property
    def unicode(self) -> bool:
        """Whether it shows more than ASCII."""
        return _encoding(self._stream).lower().startswith("utf")

    def open(self) -> None:
        """Begin to write in a thread; `close` ends that."""
        self._stream.flush()
        self._open = True
        self._writer = Thread(target=self._write_all, name="qloragen-screen", daemon=True)
        self._writer.start()

    def close(self) -> None:
        """Take the rows away; lines are written at once from now on. What was written before is there, unless the
        terminal takes nothing."""
        with self._news:
            self._rows, self._open, self._stale = (), False, True
            self._news.notify()
        if self._writer:
            self._writer.join(_PATIENCE_S)
        self._writer = None

    def show(self, rows: Sequence[Text]) -> None:
        """Put `rows` in the place of those that are there. Each is one line."""
        drawn = [Row(self._coded(row), row.cell_len) for row in rows]
        with self._news:
            if drawn != self._rows:
                self._rows, self._stale = drawn, True
                self._news.notify()

    def forget(self) -> None:
        """Leave the rows where they are, and draw others below: someone else has written since, as a shell does while
        a job is stopped."""
        with self._news:
            self._canvas.forget()
            self._stale = True
            self._news.notify()

    def write(self, text: str) -> int:
        """Write whole lines, above the rows; makes this a stream for log handlers."""
        with self._news:
            if not self._open:
                with suppress(OSError):  # the terminal is gone
                    self._stream.write(_encodable(text, self._stream))
                return len(text)
            self._dropped += len(self._passing) == MOST_WAITING
            self._passing.append(text)
            self._stale = True
            self._news.notify()
        return len(text)

    def flush(self) -> None:
        """Hand what was written to the terminal; while it is open, that happens by itself."""
        with self._news:
            if not self._open:
                with suppress(OSError):
                    self._stream.flush()

    def isatty(self) -> bool:
        """Say that colours are welcome."""
        return self._stream.isatty() and self._console.color_system is not None and not self._console.no_color

    def _coded(self, row: Text) -> str:
        with self._console.capture() as captured:
            self._console.print(row, end="", soft_wrap=True)
        return captured.get()

    def _write_all(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._stale)
                passing, rows, going_on = "".join(self._passing), self._rows, self._open
                if self._dropped:
                    passing = f"... {self._dropped} lines were not shown\n{passing}"
                self._passing.clear()
                self._dropped, self._stale = 0, False
                if not self._in_foreground():
                    # The terminal is another job's, which rows would disturb; lines pass as those of any job do.
                    self._canvas.forget()
                    rows = ()
                data = self._canvas.replaced(passing, rows, self.size.columns)
            self._put(data.encode(_encoding(self._stream), "backslashreplace"))
            if not going_on:
                return

    def _put(self, data: bytes) -> None:
        while data and not self._gone:
            try:
                data = data[os.write(self._file, data) :]
            except OSError:
                self._gone = True

    def _in_foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self._file) == os.getpgrp()
        except OSError:  # it is not the terminal that controls this process
            return True


class _Likeness(StringIO):
    """What rich takes for the terminal, for it writes there even where it only captures: who waits, or fails, is the
    thread that nobody needs."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def isatty(self) -> bool:
        """Say what the terminal says."""
        return self._stream.isatty()


class Paper:
    """A stream on which nothing can be drawn over: a file, a pipe, a terminal that knows no codes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write whole lines; makes this a stream for log handlers."""
        return self._stream.write(_encodable(text, self._stream))

    def flush(self) -> None:
        """Hand on what was written."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Say that colours are not welcome."""
        return False


class Margin(Paper):
    """Paper that is not worth a run: where its reader has gone or its disk is full, what is said there is lost."""

    def write(self, text: str) -> int:
        """Write whole lines if that can be done."""
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written if that can be done."""
        with suppress(OSError):
            super().flush()


def written_on(stream: TextIO) -> Screen | Paper:
    """Return `stream` as what it is to be written on."""
    return Screen(stream) if stream.isatty() and Console(file=stream).is_interactive else Paper(stream)


def _encoding(stream: TextIO) -> str:
    return stream.encoding or "utf-8"


def _encodable(text: str, stream: TextIO) -> str:
    """Return `text` with escapes for what the stream has no characters for, as standard error does by itself."""
    return text.encode(_encoding(stream), "backslashreplace").decode(_encoding(stream))
