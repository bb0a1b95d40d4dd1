"""A run as it goes, in spans: what was sent, billed and in flight in each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn, Protocol

import anyio

from ..engine.statistics import ModelStatistics
from .observed import Moment

Look = Callable[[], Mapping[str, ModelStatistics]]
"""Returns the counts of each model at this moment."""

Watch = Callable[[float, int], None]
"""Told from time to time how many seconds of a run have been played, and how many calls; what it raises ends that."""

_FIRST_SPAN_S = 1.0
_LOOKS = 8
"""So often is a span looked at: what is in flight is the mean of what was seen."""
_PATIENCE_S = 30 * 86_400.0
"""Nothing takes so long at a provider: batches have a day."""


class Onlooker(Protocol):
    """Is told how a rehearsal goes."""

    def stage(self, what: str) -> None:
        """What follows, in words."""
        ...

    def watch(self, played_s: float, calls: int) -> None:
        """See `Watch`."""
        ...


class Nobody:
    """An onlooker who is not there."""

    def stage(self, what: str) -> None:
        """Let it come."""

    def watch(self, played_s: float, calls: int) -> None:
        """Let it be played."""


NOBODY = Nobody()


def nobody_watches(_played_s: float, _calls: int) -> None:
    """Let a run be played to its end."""


@dataclass(slots=True)
class _Span:
    """What has come to one model within a span; sums."""

    sent: int = 0
    limit_tokens: int = 0
    in_flight: float = 0.0
    looks: int = 0

    def add(self, other: _Span) -> None:
        self.sent += other.sent
        self.limit_tokens += other.limit_tokens
        self.in_flight += other.in_flight
        self.looks += other.looks


class Recorder:
    """Looks at the counts of an engine from time to time, and keeps what they have come to in at most `most` spans.

    Spans are of one length; when there are too many, two become one, so that memory and work stay flat however long the
    run is.
    """

    def __init__(self, look: Look, watch: Watch = nobody_watches, *, most: int = 120) -> None:
        self._look = look
        self._watch = watch
        self._most = most
        self._span_s = _FIRST_SPAN_S
        self._spans: list[dict[str, _Span]] = []
        self._last: dict[str, tuple[int, int]] = {}
        """Calls sent and tokens billed, by model, as seen last."""
        self._began_s = self._seen_s = 0.0
        self._changed_s = 0.0

    async def keep(self) -> NoReturn:
        """Look on until cancelled.

        Raises:
            RuntimeError: For a month nothing has happened: everybody waits for something that will never be.
        """
        self.begin()
        while True:
            await anyio.sleep(self._span_s / _LOOKS)
            self._note()
            self._watch(anyio.current_time() - self._began_s, sum(sent for sent, _ in self._last.values()))
            if anyio.current_time() - self._changed_s > _PATIENCE_S:
                raise RuntimeError("deadlock: in a month of virtual time no call was sent or answered")

    def begin(self) -> None:
        """Count from this moment on."""
        self._began_s = self._changed_s = anyio.current_time()
        self._seen_s = 0.0
        self._last = {model: _counts(seen) for model, seen in self._look().items()}

    def moments(self) -> Mapping[str, tuple[Moment, ...]]:
        """Look for a last time, and return the spans of each model, from the first moment of looking on."""
        ended_s = anyio.current_time() - self._began_s
        self._note()
        models = {model: None for spans in self._spans for model in spans}
        return {model: tuple(self._moments_of(model, ended_s)) for model in models}

    def _moments_of(self, model: str, ended_s: float) -> list[Moment]:
        moments = []
        for number, spans in enumerate(self._spans):
            start_s = number * self._span_s
            length_s = min(self._span_s, ended_s - start_s)
            span = spans.get(model) or _Span()
            mean = span.in_flight / span.looks if span.looks else 0.0
            if length_s > 0:
                moments.append(Moment(start_s, length_s, span.sent, span.limit_tokens, mean))
        return moments

    def _note(self) -> None:
        """Put what has come since the last look into the span that is now; a part of it, by the time, into the one
        before, where that has ended since."""
        now_s = anyio.current_time()
        part = self._part_of_last(now_s - self._began_s)
        for model, seen in self._look().items():
            counts, (sent, tokens) = _counts(seen), self._last.get(model, (0, 0))
            if counts != (sent, tokens):
                self._last[model], self._changed_s = counts, now_s
            more = _Span(round(part * (counts[0] - sent)), round(part * (counts[1] - tokens)), seen.in_flight, 1)
            before = _Span(counts[0] - sent - more.sent, counts[1] - tokens - more.limit_tokens)
            self._spans[-1].setdefault(model, _Span()).add(more)
            if part < 1:
                self._spans[-2].setdefault(model, _Span()).add(before)

    def _part_of_last(self, at_s: float) -> float:
        """Go on to a moment, and return which part of the time since the last look the last span has of it."""
        seen_s, self._seen_s = self._seen_s, at_s
        while at_s >= self._span_s * self._most:
            self._spans = [_merged(self._spans[at : at + 2]) for at in range(0, len(self._spans), 2)]
            self._span_s *= 2
        number = int(at_s / self._span_s)
        while len(self._spans) <= number:
            self._spans.append({})
        since_s = at_s - number * self._span_s
        return since_s / (at_s - seen_s) if number and since_s < at_s - seen_s else 1.0


def _counts(seen: ModelStatistics) -> tuple[int, int]:
    return seen.sent, seen.prompt_tokens + seen.completion_tokens


def _merged(spans: list[dict[str, _Span]]) -> dict[str, _Span]:
    whole: dict[str, _Span] = {}
    for span in spans:
        for model, found in span.items():
            whole.setdefault(model, _Span()).add(found)
    return whole
