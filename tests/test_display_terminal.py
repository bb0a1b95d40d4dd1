"""A run as a person at a terminal sees it: real processes in terminals of their own, real keys and signals."""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass, field

import pytest

from qloragen.simulator import error

from .screens import Drawn, Seat, answering_two, seated
from .test_cli import QLORAGEN

NONE_OF_OURS = ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "LINES")


@pytest.fixture(autouse=True)
def a_usual_terminal(monkeypatch):
    for name in NONE_OF_OURS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def stuck(serve):
    """A server that answers two calls and lets all others wait, and the event that two of those have arrived."""
    waiting = threading.Event()
    return serve(faults=answering_two(waiting)), waiting


@dataclass
class Photo:
    """A screen as it was at some moment."""

    text: list[str]
    seen: list[str] = field(default_factory=list)

    @staticmethod
    def of(screen: Drawn) -> Photo:
        return Photo(screen.text, screen.seen)

    @property
    def rules(self) -> list[int]:
        """Where panels begin."""
        return [number for number, row in enumerate(self.text) if row.startswith(("── ", "-- "))]


def generating(source, folder, server, *more):
    command = ("generate", source, "--out", folder, "--base-url", server.base_url, *more)
    return [*QLORAGEN, *map(str, command)]


def is_whole(screen: Drawn) -> bool:
    """Whether a panel is there from its rule to the state."""
    return bool(Photo.of(screen).rules) and "calls" in screen.seen[-1]


def has(text):
    return lambda screen: text in "\n".join(screen.seen)


def is_as_it_was(seat: Seat) -> bool:
    """Whether the terminal has no panel any more, the cursor stands below all, and no mode is set."""
    below = seat.screen.cursor == (len(seat.screen.text) - 1, 0)
    return below and not Photo.of(seat.screen).rules and b"\x1b[?" not in seat.written


def test_a_terminal_shows_a_panel_while_the_run_goes_on_and_a_line_when_it_is_over(tmp_path, serve, source):
    server = serve(delay_s=0.1)
    output = tmp_path / "output"
    with output.open("wb") as file, seated(generating(source, tmp_path / "run", server), stdout=file) as seat:
        seat.until(has("gpt-6-luna: "))
        photo = Photo.of(seat.screen)
        code = seat.to_the_end()

    assert (code, output.read_bytes()) == (0, b"")
    assert photo.text[photo.rules[0]].startswith(f"── {tmp_path}"[:20])
    labels = [row.split()[0] for row in photo.text[photo.rules[0] + 1 :] if row]
    assert {"articles", "records", "spent", "gpt-6-luna:", "requests/min", "tokens/min"} <= set(labels)
    assert is_as_it_was(seat)
    assert "records 24 (" in "\n".join(row for row in seat.screen.text if row.startswith("articles 8 of 8 "))
    assert "articles read        8" in seat.screen.text


def test_a_terminal_that_changes_and_a_person_who_stops_the_run(tmp_path, source, stuck):
    server, waiting = stuck
    with seated(generating(source, tmp_path / "run", server), columns=40, lines=10) as seat:
        waiting.wait()
        seat.until(is_whole)
        small = Photo.of(seat.screen)

        seat.resize(120, 30)
        seat.until(lambda screen: is_whole(screen) and has("requests/min")(screen))
        large = Photo.of(seat.screen)

        seat.process.send_signal(signal.SIGSTOP)
        seat.screen.feed("\r\n[1]+  Stopped\r\n$ fg\r\n")
        seat.process.send_signal(signal.SIGCONT)
        seat.until(lambda screen: len(Photo.of(screen).rules) == 2)
        back = Photo.of(seat.screen)

        seat.until(has("waits for replies to 12 calls"))
        seat.process.terminate()
        seat.until(has("finishes 12 calls, at most 1 min 00 s more (Ctrl-C again leaves at once)"))
        seat.type("\x03")
        code = seat.to_the_end()

    assert len(small.seen) <= 10
    assert max(map(len, small.seen)) < 40
    assert len(large.rules) == len(small.rules) == 1
    assert any("run_opened" in row for row in large.text[: large.rules[0]])
    assert back.rules[0] < back.text.index("[1]+  Stopped") < back.rules[1]
    assert code == 130
    assert "qloragen: Left at once by a second signal, SIGINT" in "\n".join(seat.screen.text)
    assert seat.screen.cursor == (len(seat.screen.text) - 1, 0)
    assert b"\x1b[?" not in seat.written


def test_an_error_leaves_a_terminal_as_it_was_and_one_without_colours_and_unicode_gets_neither(tmp_path, serve, source):
    server = serve(faults=lambda _: error(401, code="invalid_api_key"), delay_s=1)
    command = generating(source, tmp_path / "run", server)
    with seated(command, environment={"NO_COLOR": "1", "PYTHONIOENCODING": "ascii"}) as seat:
        code = seat.to_the_end()

    assert code == 5
    assert is_as_it_was(seat)
    assert "OPENAI_API_KEY" in "\n".join(seat.screen.text[-4:])
    assert seat.written.isascii()
    assert b"\x1b[3" not in seat.written
    assert b"------" in seat.written
