"""The faults of the matrix: what goes wrong with which call, the process, its files or its disk; see `faults`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from signal import SIGINT, SIGKILL, SIGTERM, Signals
from typing import NamedTuple

from qloragen.simulator import KINDS, Effect, error

POISONED = 41
"""The one article that a fault keeps to, where it keeps to one."""
API_KEY = "sk-canary-0123456789abcdef0123456789abcdef"
"""What every peer is given, and what must be found nowhere."""


class Asked(NamedTuple):
    """One call that asks for something about an article."""

    article: int
    nth: int
    """How often the same was asked before."""
    earlier: int
    """How many calls came before, for all articles."""
    now_s: float
    """Since the first of them."""


Strikes = Callable[[Asked], Effect | None]


@dataclass(frozen=True)
class Cell:
    """One fault."""

    name: str
    title: str
    strikes: Strikes = lambda _: None
    """What goes wrong with a call."""
    provider: bool = False
    """It strikes every call, those that ask for no row too, and is over before the same command is run again."""
    signal: Signals | None = None
    """Sent in the middle of the run."""
    group: bool = True
    """The signal goes to all processes of the run, as from a terminal, and not to the first alone."""
    processes: int = 1
    """So many run the same command at once."""
    damage: Callable[[bytes], bytes] | None = None
    """What becomes of the state file of the killed run."""
    disk: bool = False
    """The disk is full from the middle of the run on, until nothing moves any more."""
    latency_s: float = 0.1
    """Of each reply."""
    surrogate: bool = False
    """One article holds half of a character."""


# ------------------------------------------------------------------------------------------------- what strikes a call


def _first(times: int, every: int, kind: str | Effect) -> Strikes:
    """Strike the first `times` tries at one article in `every`."""
    effect = _effect(kind)
    return lambda asked: effect if asked.article % every == 0 and asked.nth < times else None


def _always(kind: str | Effect) -> Strikes:
    effect = _effect(kind)
    return lambda asked: effect if asked.article == POISONED else None


def _from_call(first: int, kind: str | Effect) -> Strikes:
    effect = _effect(kind)
    return lambda asked: effect if asked.earlier >= first else None


def outage(start_s: float, length_s: float) -> Strikes:
    """Strike every call within this time with 503."""
    effect = _effect("503")
    return lambda asked: effect if start_s <= asked.now_s < start_s + length_s else None


def _effect(kind: str | Effect) -> Effect:
    return KINDS[kind] if isinstance(kind, str) else kind


_HALF = Effect(kept=0.5, finish_reason="stop")
_ECHOED = error(401, f"Incorrect API key provided: {API_KEY}.", code="invalid_api_key", type="invalid_request_error")
"""Harder than OpenAI's, which shows some characters of the key only."""


# ---------------------------------------------------------------------------------------------- what strikes the state


def _tail_cut(state: bytes) -> bytes:
    return state[:-700]


def _words_changed(state: bytes) -> bytes:
    """Change a word in the text about one article wherever it stands, in JSON of any depth."""
    article = _middle(state)
    return state.replace(b"Replica %d keeps" % article, b"Replica %d loses" % article)


def _bytes_changed(state: bytes) -> bytes:
    place = state.index(b"Replica %d keeps" % _middle(state))
    return state[:place] + b"\xff\xfe" + state[place + 2 :]


def _middle(state: bytes) -> int:
    """Return an article that stands in the middle of the state."""
    return int(re.findall(rb"Replica (\d+) keeps", state[: len(state) // 2])[-1])


CELLS = (
    Cell("nothing", "nothing"),
    Cell("429", "429 on the first try, 1 of 3", _first(1, 3, "rate_limited")),
    Cell("500-twice", "500 twice, 1 of 5", _first(2, 5, "500")),
    Cell("reset", "reset on the first try, 1 of 10", _first(1, 10, "reset_before_headers")),
    Cell("half-body", "half a body, then the end, 1 of 10", _first(1, 10, "truncated_body")),
    Cell("half-json", "half a JSON answer once, 1 of 10", _first(1, 10, _HALF)),
    Cell("length", "finish_reason length, always, one", _always("length")),
    Cell("content-filter", "content_filter, always, one", _always("content_filter")),
    Cell("empty-choices", "no choices, always, one", _always("empty_choices")),
    Cell("null-content", "content null, always, one", _always("null_content")),
    Cell("html", "HTML with 200, always, one", _always("html_page")),
    Cell("hang", "no answer at all, always, one", _always("hang")),
    Cell("context-length", "400 context_length_exceeded, one", _always("context_length")),
    Cell("500", "500, always, one", _always("500")),
    Cell("quota", "insufficient_quota from call 50 on", _from_call(50, "insufficient_quota"), provider=True),
    Cell("401", "401 for all", _from_call(0, _ECHOED), provider=True),
    Cell("503", "503 for 30 s", outage(0.25, 30), provider=True),
    Cell("sigkill", "SIGKILL", signal=SIGKILL),
    Cell("sigint", "SIGINT", signal=SIGINT),
    Cell("sigterm", "SIGTERM", signal=SIGTERM, group=False),
    Cell("two", "two processes, one directory", processes=2, latency_s=1.0),
    Cell("tail", "700 bytes cut off the state", signal=SIGKILL, damage=_tail_cut),
    Cell("changed", "a word changed in the state", signal=SIGKILL, damage=_words_changed),
    Cell("not-utf8", "two bytes no UTF-8 in the state", signal=SIGKILL, damage=_bytes_changed),
    Cell("disk", "disk full for a while", disk=True),
    Cell("surrogate", "half a character in one article", surrogate=True),
)
