"""A terminal that is drawn on: from a thread, so that nobody waits for it, and with whatever else is written there."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from rich.text import Text

from qloragen.display.screen import MOST_WAITING, Paper, Screen, written_on

from .screens import Drawn, cut, seated


@dataclass
class Terminal:
    """The two ends of a pseudo-terminal in this process, which it does not control."""

    reader: int
    stream: io.TextIOWrapper
    left: bytes = b""
    """Half of what comes next."""

    def read(self) -> str:
        """Return what has been written and not read."""
        text, self.left = cut(self.left + os.read(self.reader, 1 << 20), self.stream.encoding)
        return text


@contextmanager
def terminal(columns: int = 40, lines: int = 10, encoding: str = "utf-8") -> Iterator[Terminal]:
    reader, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    with os.fdopen(side, "w", encoding=encoding) as stream:
        yield Terminal(reader, stream)
        os.close(reader)


@pytest.fixture(autouse=True)
def a_terminal_with_colours(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def rows(*texts: str) -> list[Text]:
    return [Text(text) for text in texts]


def read_all(terminal: Terminal, screen: Drawn, last: str) -> None:
    while last not in "\n".join(screen.text):
        screen.feed(terminal.read())


def drawn_once(terminal: Terminal, screen: Screen, row: Text) -> str:
    """Return what is written when a row is drawn."""
    screen.open()
    screen.show([row])
    written = terminal.read()
    screen.close()
    terminal.read()
    return written


def test_lines_pass_above_the_rows_and_the_rows_are_gone_in_the_end():
    with terminal() as place:
        drawn, screen = Drawn(40, 10), Screen(place.stream)
        screen.open()
        screen.show(rows("one", "two"))
        read_all(place, drawn, "two")
        assert drawn.text == ["one", "two"]

        screen.write("a log line\n")
        read_all(place, drawn, "line")
        screen.show(rows("three"))
        read_all(place, drawn, "three")
        assert drawn.text == ["a log line", "three"]

        screen.close()
        screen.write("the end\n")
        screen.flush()
        read_all(place, drawn, "the end")
        assert drawn.text == ["a log line", "the end", ""]


def test_nobody_waits_for_a_terminal_that_takes_nothing():
    with terminal() as place:
        screen = Screen(place.stream)
        screen.open()

        for number in range(2000):  # a terminal's buffer holds some kilobytes
            screen.write(f"{number} {'x' * 50}\n")
            screen.show(rows(f"row {number}"))
        screen.flush()

        drawn = Drawn(40, 10)
        read_all(place, drawn, "row 1999")
        assert [line for line in drawn.text if line.startswith("1999 ")]
        screen.close()


def test_of_the_lines_that_a_terminal_does_not_take_the_latest_are_kept_and_the_others_counted():
    with terminal() as place:
        screen = Screen(place.stream)
        screen.open()
        screen.write("x" * 100_000 + "\n")
        drawn = Drawn(40, 10)
        drawn.feed(place.read())  # so that the rest of that line is what the terminal does not take

        for number in range(MOST_WAITING + 500):
            screen.write(f"line {number}\n")

        read_all(place, drawn, f"line {MOST_WAITING + 499}")
        assert "... 500 lines were not shown" in drawn.text
        assert "line 499" not in drawn.text
        assert "line 500" in drawn.text
        screen.close()


def test_a_terminal_that_is_gone_is_no_trouble():
    reader, side = pty.openpty()
    with os.fdopen(side, "wb", 0) as raw:
        screen = Screen(io.TextIOWrapper(raw, write_through=True))  # as with PYTHONUNBUFFERED: nothing is put off
        screen.open()
        os.close(reader)

        screen.show(rows("one"))
        screen.show(rows("two"))
        screen.close()
        screen.write("the end\n")
        screen.flush()


def test_the_same_rows_are_not_sent_again():
    with terminal() as place:
        screen = Screen(place.stream)
        assert "one" in drawn_once(place, screen, Text("one"))

        screen.open()
        screen.show(rows("two"))
        written = place.read()
        for _ in range(2000):
            screen.show(rows("two"))
        screen.close()

        assert (written + place.read()).count("two") == 1


def test_colours_are_for_terminals_that_are_to_have_them(monkeypatch):
    with terminal() as place:
        coloured = Screen(place.stream)
        monkeypatch.setenv("NO_COLOR", "1")
        plain = Screen(place.stream)

        assert "\x1b[32mone" in drawn_once(place, coloured, Text("one", "green"))
        assert "\x1b[32m" not in drawn_once(place, plain, Text("one", "green"))
        assert coloured.isatty()
        assert not plain.isatty()


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_on_a_terminal_that_knows_no_codes_nothing_is_drawn(monkeypatch, term):
    monkeypatch.setenv("TERM", term)
    with terminal() as place:
        assert isinstance(written_on(place.stream), Paper)


def test_what_is_no_terminal_is_paper():
    assert isinstance(written_on(io.StringIO()), Paper)
    with terminal() as place:
        assert isinstance(written_on(place.stream), Screen)


def test_a_terminal_of_another_encoding_gets_escapes_and_is_told_to_have_no_unicode():
    with terminal(encoding="latin-1") as place:
        screen = Screen(place.stream)
        screen.write("é →\n")
        screen.flush()
        screen.open()
        screen.write("→ é\n")
        screen.close()

        written = place.read()
        while "é\r\n" not in written:
            written += place.read()
        assert written == "é \\u2192\r\n\\u2192 é\r\n"
        assert not screen.unicode


JOB = """
import os, sys
from rich.text import Text
from qloragen.display.screen import Screen
if os.fork():
    os.wait()
    sys.exit()
os.setpgid(0, 0)
screen = Screen(sys.stderr)
screen.open()
for number in range(300):
    screen.show([Text(f"row {number}")])
    screen.write(f"line {number}\\n")
screen.close()
"""


def test_a_job_in_the_background_writes_its_lines_and_draws_nothing_on_the_terminal_of_another():
    with seated([sys.executable, "-c", JOB]) as seat:
        code = seat.to_the_end()

    assert code == 0
    assert [row for row in seat.screen.text if row] == [f"line {number}" for number in range(300)]
    assert b"row " not in seat.written
    assert b"\x1b" not in seat.written


@pytest.mark.parametrize(("size", "taken"), [((33, 7), (33, 7)), ((0, 0), (80, 24))])
def test_a_terminal_that_does_not_know_its_size_is_taken_for_a_usual_one(size, taken):
    with terminal(*size) as place:
        assert Screen(place.stream).size == taken
