"""What becomes of calls to `/v1/batches`."""

from __future__ import annotations

import math
from collections.abc import Callable

from . import refusals
from .ask import Ask, Route
from .batch import Batch
from .batch_wish import read_batch_wish
from .batching import BatchWork
from .effects import Json
from .filing import Cabinet
from .pages import page, read_turn
from .refusals import Refusal

_QUERY = frozenset({"after", "limit"})
_LISTED, _MOST_LISTED = 20, 100


class BatchDesk:
    """Creates, shows and cancels batches."""

    def __init__(self, work: BatchWork, cabinet: Cabinet, stamp: Callable[[float], int]) -> None:
        self._work = work
        self._cabinet = cabinet
        self._stamp = stamp

    def serve(self, ask: Ask, route: Route, now_s: float) -> Json | Refusal | None:
        """Return what a call gets; None where there is nothing."""
        if route.id is not None:
            batch = self._work.get(route.id)
            return refusals.no_batch(route.id) if batch is None else self._serve_one(ask.method, route, batch, now_s)
        if ask.method == "POST":
            return self._create(ask.body, now_s)
        return self._list(ask.query, now_s) if ask.method == "GET" else None

    def _serve_one(self, method: str, route: Route, batch: Batch, now_s: float) -> Json | Refusal | None:
        match method, route.action:
            case "GET", None:
                return batch.shown(now_s, self._stamp)
            case "POST", "cancel":
                if not self._work.cancel(batch, now_s):
                    return refusals.cannot_cancel(batch.timeline.status(now_s))
                return batch.shown(now_s, self._stamp)
        return None

    def _create(self, raw: bytes, now_s: float) -> Json | Refusal:
        """Make a batch; the reply shows it before anything has happened to it."""
        wish = read_batch_wish(raw)
        if isinstance(wish, Refusal):
            return wish
        file = self._cabinet.get(wish.input_file_id, now_s)
        if file is None:
            return refusals.invalid(f"No such File object: {wish.input_file_id}", param="input_file_id")
        if file.purpose != "batch":
            message = f"The purpose of the input file must be 'batch', not '{file.purpose}'."
            return refusals.invalid(message, param="input_file_id")
        if not self._work.has_room(now_s):
            return refusals.too_many_batches()
        return self._work.create(wish, file, now_s).shown(math.nextafter(now_s, -math.inf), self._stamp)

    def _list(self, query: str, now_s: float) -> Json | Refusal:
        turn = read_turn(query, _QUERY, usual=_LISTED, most=_MOST_LISTED)
        if isinstance(turn, Refusal):
            return turn
        return page((batch.shown(now_s, self._stamp) for batch in self._work.newest_first()), turn)
