"""What a run does at the moment, and what it waits for, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..engine.bound import Bound
from ..engine.gate import Cause
from ..logs import escape
from ..view import BatchView, ModelView, Paused, View
from ..words import counted, duration

_MOST_WHY_CHARS = 80
"""Of what a server says of its trouble."""
_MOST_NAMES = 3
"""Of models that wait for the same."""
_WAITS: dict[str, str] = {
    Bound.RPM: "waits for the RPM of {}",
    Bound.TPM: "waits for the TPM of {}",
    Bound.BUDGET: "waits for what calls in flight leave of the budget for {}",
    Bound.CAPACITY: "waits for room at the flex tier of {}",
}


def state(view: View) -> str:
    """Return what the run does or waits for, on one line, for instance `paused: the provider answers HTTP 503, next
    probe in 8 s`; foreign texts in it are escaped."""
    if view.ended:
        return "ended"
    if view.stopping is not None:
        return _stopping(view)
    said = [*_pauses(view), *_batches(view.batches), *_waits(view)]
    if said:
        return "; ".join(dict.fromkeys(said))
    if view.in_flight:
        return f"waits for replies to {counted(view.in_flight, 'call')}"
    if view.sinks and view.articles and view.articles == view.finished_articles:
        return _sinks(view)
    return "at work" if view.articles else "begins"


def _stopping(view: View) -> str:
    if not view.in_flight:
        return _sinks(view) if view.sinks else "stopping"
    most = "" if view.leaves_in_s is None else f", at most {duration(round(view.leaves_in_s))} more"
    return f"stopping: finishes {counted(view.in_flight, 'call')}{most}"


def _pauses(view: View) -> Iterator[str]:
    for name, model in view.models.items():
        if model.pause is not None:
            whose = f"{escape(name)}: " if len(view.models) > 1 and model.pause.cause != Cause.HELD else ""
            yield f"paused: {whose}{_why(model.pause)}"


def _why(pause: Paused) -> str:
    probe = _probe(pause)
    match pause.cause:
        case Cause.RATE_LIMITED:
            return f"the rate limit is reached{probe}"
        case Cause.NO_CAPACITY:
            return f"the flex tier has no room{probe}"
        case Cause.OUTAGE if pause.why.startswith("HTTP "):
            # What the server says besides comes last, where it is cut off first.
            status, _, more = pause.why.partition(", ")
            return f"the provider answers {escape(status)}{probe}" + (f" ({_short(more)})" if more else "")
        case Cause.OUTAGE:
            return f"the provider does not answer{probe} ({_short(pause.why)})"
        case _:
            return f"{_short(pause.why)}{probe}"


def _short(why: str) -> str:
    why = escape(why)
    return why if len(why) <= _MOST_WHY_CHARS else f"{why[: _MOST_WHY_CHARS - 3]}..."


def _probe(pause: Paused) -> str:
    if pause.cause == Cause.HELD:
        return ""
    if pause.probe_in_s is None:
        return ", a probe is under way"
    return f", next probe in {duration(round(pause.probe_in_s))}"


def _batches(batches: tuple[BatchView, ...]) -> Iterator[str]:
    for number, batch in enumerate(batches, 1):
        which = f"batch {number} of {len(batches)}" if len(batches) > 1 else "the batch"
        match batch.status:
            case "submitting" | "collecting":
                yield f"{batch.status} {which} ({counted(batch.total, 'request')})"
            case status:
                yield f"waits for {which} ({escape(status).replace('_', ' ')}, {batch.done} of {batch.total} done)"


def _waits(view: View) -> Iterator[str]:
    waiting = {name: model for name, model in view.models.items() if model.pause is None and model.waiting}
    for bound, wait in _WAITS.items():
        if names := [escape(name) for name, model in waiting.items() if model.bound == bound]:
            yield wait.format(_all_of(names))
    yield from (_full(name, model) for name, model in waiting.items() if model.bound == Bound.CONCURRENCY)


def _all_of(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    shown = [*names[:_MOST_NAMES], f"{more} more"] if more > 0 else names
    return " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)


def _full(name: str, model: ModelView) -> str:
    if model.in_flight < model.max_in_flight:  # at the beginning, and after an outage
        return f"begins with a few of the {model.max_in_flight} calls in flight that {escape(name)} may have"
    return f"as many calls in flight as {escape(name)} may have ({model.max_in_flight})"


def _sinks(view: View) -> str:
    behind = ", ".join(f"{counted(count, 'record')} to {escape(name)}" for name, count in view.sinks.items())
    return f"brings {behind}"
