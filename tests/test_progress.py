"""What people see of a run while it goes on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import anyio
import pytest

from qloragen.engine import Cause, Pause
from qloragen.engine.batches.dispatch import BatchProgress
from qloragen.errors import AccessDenied, Interrupted
from qloragen.pipeline.tally import Tally
from qloragen.progress import Progress, shown
from qloragen.store.ledger import Bill
from qloragen.testing import VirtualLoop

from .values import NOON


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


@dataclass
class SessionAtWork:
    """As much of a session as is shown."""

    tally: Tally = field(default_factory=Tally)
    pauses: dict[str, Pause] = field(default_factory=dict)
    calls_in_flight: int = 3
    bill: Bill = field(default_factory=lambda: Bill(10, cost_usd=Decimal("0.5")))
    stopped: Exception | None = None
    batches: tuple[BatchProgress, ...] = ()


def progress_of(session: Any, total: int | None = None) -> Progress:
    return Progress(session, total)


async def test_the_line_shows_counts_costs_and_the_time_that_is_left():
    progress = progress_of(SessionAtWork(Tally(finished_articles=10, records=40, rejected=Counter(too_short=2))), 100)
    await anyio.sleep(60)

    assert progress.line() == (
        "articles 10/100 · records 40 · rejected 2 · in flight 3 · $0.5000 · 40.0 records/min · ETA 9 min 00 s"
    )


async def test_what_is_known_of_the_cost_is_shown_also_when_a_reply_does_not_say_what_it_is_billed_for():
    progress = progress_of(SessionAtWork(bill=Bill(10, cost_usd=Decimal("0.5"), unpriced_calls=1)))

    assert "· more than $0.5000 ·" in progress.line()
    assert progress.fields()["cost_usd"] == "> 0.5000"


async def test_batches_are_shown_with_where_they_are_and_how_far():
    batches = (
        BatchProgress("b1", "m", "in_progress", 120, 300, NOON),
        BatchProgress("b2", "m", "in_progress", 0, 40, NOON),
        BatchProgress(None, "n", "submitting", 0, 10, NOON),
    )
    progress = progress_of(SessionAtWork(batches=batches))

    assert "· batches 2 in progress, 1 submitting: 120/350" in progress.line()
    told: Any = progress.fields()["batches"]
    assert [batch["status"] for batch in told] == ["in_progress", "in_progress", "submitting"]


@pytest.mark.parametrize(
    ("pause", "words"),
    [
        (Pause(Cause.OUTAGE, "HTTP 503", 7.6), "paused: m: outage (HTTP 503), next probe in 8 s"),
        (Pause(Cause.OUTAGE, "HTTP 503", None), "paused: m: outage (HTTP 503), a probe is under way"),
        (Pause(Cause.HELD, "disk full", None), "paused: disk full"),
        (Pause(Cause.NO_CAPACITY, "x", 9.0), "paused: m: no capacity at the flex tier, next probe in 9 s"),
        (Pause(Cause.RATE_LIMITED, "HTTP 429", 2.0), "paused: m: rate limit, next probe in 2 s"),
        (Pause(Cause.OUTAGE, "bad \x1b[31m", 1.0), "paused: m: outage (bad \\x1b[31m), next probe in 1 s"),
    ],
)
async def test_a_model_that_waits_is_shown_with_its_reason(pause, words):
    progress = progress_of(SessionAtWork(pauses={"m": pause}))

    assert words in progress.line()
    assert progress.fields()["paused"] == {"m": pause.cause.value}


async def test_a_run_that_stops_shows_what_it_waits_for_and_for_how_long():
    session = SessionAtWork(stopped=Interrupted("Stopped", finish_by_s=anyio.current_time() + 60))
    progress = progress_of(session)
    await anyio.sleep(2)

    assert progress.line().endswith(
        " · stopping: 3 calls in flight are finished first (up to 58 s; Ctrl-C again leaves at once)"
    )

    session.calls_in_flight = 1
    session.stopped = AccessDenied("The key is wrong.")
    assert progress.line().endswith(" · stopping: 1 call in flight is finished first")

    session.calls_in_flight = 0
    assert progress.line().endswith(" · stopping")


async def test_without_a_terminal_a_log_event_says_once_what_the_end_waits_for_and_for_how_long(caplog):
    session = SessionAtWork()
    async with shown(progress_of(session), None):
        await anyio.sleep(1)
        session.stopped = Interrupted("Stopped", finish_by_s=anyio.current_time() + 60)
        await anyio.sleep(20)

    (said,) = [vars(record) for record in caplog.records if record.getMessage() == "run_finishing"]
    assert (said["calls_in_flight"], said["cancelled_in_s"]) == (3, 60)


async def test_nothing_is_logged_of_an_end_that_waits_for_nothing(caplog):
    session = SessionAtWork(calls_in_flight=0)
    async with shown(progress_of(session), None):
        session.stopped = AccessDenied("The key is wrong.")
        await anyio.sleep(20)

    assert "run_finishing" not in caplog.text
