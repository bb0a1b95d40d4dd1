"""Who is told of each call while it is made: an observer, and the log at level debug. Nobody, as a rule."""

from __future__ import annotations

import logging

from ..logs import get_logger
from ..observing import AttemptObserver, Observer
from ..types import Completion, Request

log = get_logger()

_EVENTS = logging.getLogger("qloragen")
"""Where `log` writes; asked directly, it says at once whether anyone listens."""
_ERROR = "error"
"""The code of a call that was ended by an error of the client, or of an observer, instead of a failure."""


class Watch:
    """One call, for those who look on: they hear once what it has come to, whichever way it ends."""

    __slots__ = ("_logged", "_model", "_number", "_observer")

    def __init__(self, model: str, number: int, observer: AttemptObserver | None, *, logged: bool) -> None:
        self._model = model
        self._number = number
        self._observer = observer
        self._logged = logged

    def answered(self, completion: Completion) -> None:
        """Say that a paid reply is there."""
        if self._logged:
            _log_answered(completion)
        observer = self._end()
        if observer is not None:
            observer.answered(completion)

    def failed(self, reason: str, status: int | None, retry_in_s: float | None = None) -> None:
        """Say that there is none, and after how many seconds the request comes back; None: it does not."""
        if self._logged:
            log.debug(
                "call_failed",
                model=self._model,
                attempt=self._number,
                reason=reason,
                status=status,
                retry_in_s=None if retry_in_s is None else round(retry_in_s, 3),
            )
        observer = self._end()
        if observer is not None:
            observer.failed(reason, status)

    def close(self) -> None:
        """Say that it is over, unless what it has come to has been said."""
        if self._logged or self._observer is not None:
            self.failed(_ERROR, None)

    def _end(self) -> AttemptObserver | None:
        observer, self._observer, self._logged = self._observer, None, False
        return observer


class Onlookers:
    """Everyone who wants to be told of calls."""

    def __init__(self, observer: Observer | None) -> None:
        self._observer = observer

    def begin(self, request: Request, number: int, waited_s: float) -> Watch | None:
        """Tell them of a call that is about to be sent, the `number`-th for its request; None if nobody looks on."""
        logged = _EVENTS.isEnabledFor(logging.DEBUG)
        if self._observer is None and not logged:
            return None
        if logged:
            log.debug("call_sent", model=request.model, attempt=number, waited_s=round(waited_s, 3))
        told = self._observer.attempt(request, number=number, waited_s=waited_s) if self._observer is not None else None
        return Watch(request.model, number, told, logged=logged)


def _log_answered(completion: Completion) -> None:
    usage = completion.usage
    log.debug(
        "call_answered",
        model=completion.model,
        request_id=completion.request_id,
        latency_s=round(completion.latency_s, 3),
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        completion_tokens=usage.completion_tokens,
        finish_reason=completion.finish_reason,
    )
