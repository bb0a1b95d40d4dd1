"""From a batch that has ended to the answers of those who wait: file by file, and each reply once."""

from __future__ import annotations

from itertools import islice

import anyio

from ...errors import RequestFailed
from ...logs import get_logger
from ...types import Completion
from ..failures import Failure
from .api import Batch, BatchApi, Gone, LineFault
from .harvest import Harvest, Scene
from .lane import BatchLane
from .parked import OpenBatch, Parked
from .results import Result, results

_AT_ONCE = 200
"""Replies that are handed to those who wait, before the next ones are read."""
_TOO_MANY_TOKENS = "token_limit_exceeded"
_GONE = "results_gone"

log = get_logger()


class Collector:
    """Takes what batches have brought, one batch at a time: their files may be large."""

    def __init__(self, api: BatchApi, scene: Scene) -> None:
        self._api = api
        self._scene = scene
        self._turn = anyio.Lock()

    async def collect(self, lane: BatchLane, batch: OpenBatch, shown: Batch) -> None:
        """Give all that came of a batch that has ended to those who wait for it; what is missing waits for another.

        Raises:
            RunStopped: it cannot be had or kept, and the batch stays open; or no other will fare better.
        """
        async with self._turn:
            harvest, gone = Harvest(self._scene, lane, batch), False
            for file_id in filter(None, (shown.output_file, shown.error_file)):
                gone |= not await self._take_file(harvest, file_id)
            if shown.status == "failed":
                _take_faults(harvest, shown)
            _take_rest(harvest, shown, gone=gone)
            await self._scene.book.kept()
            harvest.end(shown.status)

    async def finished(self) -> None:
        """Return when nothing is being collected."""
        async with self._turn:
            return

    def forsake(self, lane: BatchLane, batch: OpenBatch, status: str) -> None:
        """Close a batch that never came to be, or that nobody knows any more; whoever waits goes into another.

        It may have been billed if it is `gone`.
        """
        harvest = Harvest(self._scene, lane, batch)
        for held in list(batch.held.values()):
            if status == "gone":
                harvest.lose(held, _GONE)
            harvest.put_off(held)
        harvest.end(status, ended=False)

    async def _take_file(self, harvest: Harvest, file_id: str) -> bool:
        """Take the lines of a file; returns whether there is such a file."""
        try:
            content = await self._api.content(file_id)
        except Gone as error:
            log.warning("batch_results_gone", batch=harvest.batch.submission.batch, file=file_id, error=str(error))
            return False
        lines = results(content)
        while chunk := list(islice(lines, _AT_ONCE)):
            await self._kept(harvest.batch, _take(harvest, chunk))
        return True

    async def _kept(self, batch: OpenBatch, handed: list[tuple[Parked, Completion]]) -> None:
        """Return when replies have been kept by those who waited for them, or adopted if they have left."""
        for parked, completion in handed:
            await parked.left()
            if parked.failed:
                raise parked.failed.with_traceback(None)
            if not parked.taken:
                self._scene.book.adopt(batch.name, parked.id, completion)


def _take(harvest: Harvest, chunk: list[Result | None]) -> list[tuple[Parked, Completion]]:
    """Deal with some lines; returns the replies that somebody waits for."""
    handed: list[tuple[Parked, Completion]] = []
    for result in chunk:
        held = harvest.batch.held.get(result.id) if result else None
        if result is None or held is None:
            _log_unknown(harvest.batch, result)
            continue
        found = result.outcome
        outcome = found if isinstance(found, Failure) else harvest.completion(held, found)
        if isinstance(outcome, Completion):
            harvest.hand_over(held, outcome)
            handed += [(held.parked, outcome)] if held.parked is not None else []
        elif result.undone:
            harvest.put_off(held)
        else:
            harvest.fail(held, outcome)
    return handed


def _log_unknown(batch: OpenBatch, result: Result | None) -> None:
    if result is None:
        log.warning("batch_line_unreadable", batch=batch.submission.batch)
    elif result.id not in batch.submission.answered and result.id not in batch.order:
        log.warning("batch_line_unknown", batch=batch.submission.batch, custom_id=result.id[:64])


def _take_faults(harvest: Harvest, shown: Batch) -> None:
    """Take what the provider says of the lines of a file that it has refused."""
    batch = harvest.batch
    too_many = next((fault for fault in shown.faults if fault.code == _TOO_MANY_TOKENS), None)
    if too_many is not None:
        harvest.refused = True
        if not harvest.lane.too_many_tokens(batch):
            _give_up_all(harvest, too_many)
        return
    for fault in shown.faults:
        held = batch.held.get(_id_of(fault, batch) or "")
        if held is not None:
            harvest.fail(held, _failure(fault))


def _give_up_all(harvest: Harvest, fault: LineFault) -> None:
    message = f"{harvest.lane.model}: it alone has more prompt tokens than may be enqueued ({fault.message})."
    for held in list(harvest.batch.held.values()):
        harvest.give_up(held, RequestFailed(message, reason="over_enqueued_tokens", final=False))


def _take_rest(harvest: Harvest, shown: Batch, *, gone: bool) -> None:
    """Deal with requests of which there is not a word."""
    silent = list(harvest.batch.held.values())
    if silent:
        log.warning("batch_incomplete", batch=shown.id, status=shown.status, missing=len(silent))
    for held in silent:
        if gone or shown.status == "completed":
            harvest.lose(held, _GONE if gone else "no_result")
        harvest.put_off(held)


def _id_of(fault: LineFault, batch: OpenBatch) -> str | None:
    """Return which request a fault is about; of a batch of an earlier process that is not known."""
    if batch.family is None or fault.line is None or not 1 <= fault.line <= len(batch.order):
        return None
    return batch.order[fault.line - 1]


def _failure(fault: LineFault) -> Failure:
    status = 404 if fault.code == "model_not_found" else 400
    return Failure("http", status, code=fault.code or None, parameter=fault.parameter, message=fault.message)
