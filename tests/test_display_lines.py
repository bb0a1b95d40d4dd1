"""What is said of a run where there is no terminal to draw on, and when."""

from __future__ import annotations

import io
import logging
import signal
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import anyio
import pytest

from qloragen.display.lines import EVERY_S, Due, last_line, line
from qloragen.display.screen import Paper
from qloragen.display.showing import Events, Lines, display_of, said_on
from qloragen.display.showing import shown as shown_in_real_time
from qloragen.settings import load
from qloragen.testing import VirtualLoop, wait_for_threads
from qloragen.view import Paused, View

from .values import NOON
from .views import a_model, a_view, an_allowance

OUTAGE = {"m": a_model(pause=Paused("outage", "HTTP 503", 8.0))}
REFUSED = {"m": a_model(pause=Paused("rate_limited", "HTTP 429", 2.0))}


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


@asynccontextmanager
async def shown(look, display):
    await wait_for_threads()
    async with shown_in_real_time(look, display) as tasks:
        yield tasks


class Run:
    """A run that is seen in the time of the event loop."""

    def __init__(self, **changes: object) -> None:
        self.changes = changes
        self._started_s = anyio.current_time()

    def view(self) -> View:
        elapsed_s = anyio.current_time() - self._started_s
        return a_view(elapsed_s=elapsed_s, time=NOON + timedelta(seconds=elapsed_s), **self.changes)


def times_of(paper: io.StringIO) -> list[str]:
    return [line.split("T")[1].split("Z")[0] for line in paper.getvalue().splitlines()]


def test_a_line_says_all_that_a_panel_does():
    view = a_view(failures={"timeout": 1}, allowance=an_allowance("5", "1.2345"))

    assert line(view) == (
        "articles 1,234 of 5,000 | records 7,345 (586.8/min) | rejected 12 (8 ungrounded, 4 copy) | "
        "failed 1 (1 timeout) | gpt-6-luna: 12 in flight, 123 of 500 requests/min, 190k of 200k tokens/min | "
        "$1.23 of $5.00 | cached 80 % | ETA 38 min 10 s | waits for the TPM of gpt-6-luna"
    )


def test_the_last_line_says_what_has_come_of_it_and_nothing_of_what_is_to_come():
    view = a_view(prompt_tokens=0, rejections={})

    assert last_line(view) == (
        "articles 1,234 of 5,000 | records 7,345 (586.8/min) | "
        "gpt-6-luna: 12 in flight, 123 of 500 requests/min, 190k of 200k tokens/min | $1.23"
    )


def test_of_a_run_that_stops_no_end_of_all_is_foretold():
    assert line(a_view(stopping="Stopped by SIGINT.")).endswith("| cached 80 % | stopping: finishes 12 calls")


def test_a_line_leaves_out_what_is_not_there_and_escapes_what_a_terminal_would_obey():
    model = a_model(rpm=None, tpm=None, bound="idle", waiting=0, in_flight=1)
    view = a_view(
        expected_articles=None, eta_s=None, made=0, rejections={"\x1b[2J": 1}, prompt_tokens=0, models={"m\n": model}
    )

    assert line(view) == (
        r"articles 1,234 | records 0 | rejected 1 (1 \x1b[2J) | m\n: 1 in flight, 123 requests/min, 190k tokens/min | "
        "$1.23 | waits for replies to 1 call"
    )


async def test_lines_come_soon_then_every_half_minute_and_at_the_end():
    paper = io.StringIO()
    run = Run()
    async with shown(run.view, Lines(Paper(paper))):
        await anyio.sleep(70)

    assert times_of(paper) == ["12:00:03", "12:00:33", "12:01:03", "12:01:10"]


async def test_an_outage_is_told_at_once_and_so_is_its_end_but_not_each_wait_for_a_limit():
    paper = io.StringIO()
    run = Run()
    async with shown(run.view, Lines(Paper(paper))):
        await anyio.sleep(10.5)
        run.changes = {"models": REFUSED}
        await anyio.sleep(5)
        run.changes = {"models": OUTAGE}
        await anyio.sleep(8)
        run.changes = {}
        await anyio.sleep(2)

    assert times_of(paper) == ["12:00:03", "12:00:16", "12:00:24", "12:00:25"]
    assert "paused: the provider answers HTTP 503, next probe in 8 s" in paper.getvalue().splitlines()[1]


def test_what_comes_and_goes_all_the_time_is_not_told_all_the_time():
    due = Due()

    told = [
        second
        for second in range(60)
        if due.now(a_view(elapsed_s=float(second), models=OUTAGE if second % 2 else a_view().models))
    ]

    assert len(told) <= 60 / 5
    assert all(later - earlier >= 5 for earlier, later in pairwise(told))


def test_a_run_that_is_looked_at_late_is_told_of_at_once():
    due = Due()

    assert due.now(a_view(elapsed_s=9000.0))
    assert not due.now(a_view(elapsed_s=9000.0 + EVERY_S - 1))
    assert due.now(a_view(elapsed_s=9000.0 + EVERY_S))


async def test_programs_get_the_view_as_an_event_with_the_state_in_words(caplog):
    caplog.set_level(logging.INFO, "qloragen")
    run = Run()
    async with shown(run.view, Events()):
        await anyio.sleep(4)

    first, last = [vars(record) for record in caplog.records if record.getMessage() == "progress"]
    seen = View.from_dict({name: last[name] for name in a_view().as_dict()})
    assert (round(first["elapsed_s"]), round(last["elapsed_s"])) == (3, 4)
    assert first["state"] == "waits for the TPM of gpt-6-luna"
    assert replace(seen, elapsed_s=4.0, time=NOON) == a_view(elapsed_s=4.0, time=NOON)


async def test_an_event_says_once_what_the_end_waits_for_and_for_how_long(caplog):
    run = Run()
    async with shown(run.view, Events()):
        await anyio.sleep(1)
        run.changes = {"stopping": "Stopped by SIGINT.", "leaves_in_s": 59.6}
        await anyio.sleep(20)

    (said,) = [vars(record) for record in caplog.records if record.getMessage() == "run_finishing"]
    assert (said["calls_in_flight"], said["cancelled_in_s"]) == (12, 60)


async def test_nothing_is_logged_of_an_end_that_waits_for_nothing(caplog):
    run = Run(stopping="The key is wrong.", models={"m": a_model(in_flight=0)})
    async with shown(run.view, Events()):
        await anyio.sleep(20)

    assert "run_finishing" not in caplog.text


async def test_the_last_line_is_there_also_when_the_block_ends_by_an_error():
    paper = io.StringIO()
    run = Run()

    with pytest.raises(ValueError, match="broken"):
        async with shown(run.view, Lines(Paper(paper))):
            raise ValueError("broken")

    assert times_of(paper) == ["12:00:00"]


def test_the_last_line_is_not_said_twice():
    paper = io.StringIO()
    display, view = Lines(Paper(paper)), a_view()

    display.show(view)
    display.end(view)

    assert paper.getvalue().count("\n") == 1


async def test_nothing_is_said_while_there_is_nothing_to_be_seen():
    paper = io.StringIO()
    async with shown(lambda: None, Lines(Paper(paper))):
        await anyio.sleep(100)

    assert paper.getvalue() == ""


async def test_work_in_the_background_ends_with_the_block():
    run = Run()
    async with shown(run.view, Lines(Paper(io.StringIO()))) as tasks:
        tasks.start_soon(anyio.sleep_forever)

    assert anyio.current_time() < 1


@pytest.mark.parametrize(
    ("knobs", "display"),
    [
        ({}, Lines),
        ({"log_level": "debug"}, Lines),
        ({"log_format": "json"}, Events),
        ({"log_level": "warning"}, Events),
        ({"log_level": "error"}, Events),
    ],
)
def test_the_form_and_level_of_log_lines_decide_what_is_said(knobs, display):
    settings = load(**knobs)
    paper = io.StringIO()

    assert isinstance(display_of(said_on(paper, settings), settings, "runs/a"), display)


def test_a_stream_of_ascii_gets_escapes_for_what_it_has_no_characters_for():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    display = Lines(Paper(stream))

    display.show(a_view(makes="récords"))
    display.wake(signal.SIGWINCH)

    assert rb" | r\xe9cords 7,345 (586.8/min)" in raw.getvalue()
    assert not Paper(stream).isatty()
