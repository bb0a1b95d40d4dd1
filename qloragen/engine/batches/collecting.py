"""From a batch that has ended to the answers of those who wait: file by file, and each reply once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice

import anyio

from ...errors import RequestFailed, RunStopped
from ...logs import get_logger
from ...types import Completion, LostCall, ReplyForm, Usage, Worst
from ..budget import NOTHING, Spending
from ..call import Call
from ..client import HttpReply
from ..diagnosis import of_reply
from ..failures import Failure
from ..lane import Shared
from ..pricing import cost
from ..reply import Circumstances, UnreadableReply, decode
from .api import Batch, BatchApi, Gone, LineFault
from .book import BatchBook
from .judging import FRUITLESS, fruitless, verdict
from .lane import TIER, BatchLane
from .parked import Held, OpenBatch, Parked
from .results import Result, results

_AT_ONCE = 200
"""Replies that are handed to those who wait, before the next ones are read."""
_TOO_MANY_TOKENS = "token_limit_exceeded"
_GONE = "results_gone"

log = get_logger()


@dataclass(slots=True)
class _Harvest:
    """What one batch has come to, as far as it is known."""

    batch: OpenBatch
    lost: list[tuple[Held, LostCall]] = field(default_factory=list)
    """Booked when all else is: a batch that is collected twice must not lose anything twice."""
    again: list[Held] = field(default_factory=list)
    stop: RunStopped | None = None
    refused: bool = False
    """There is no room for it at present."""


class Collector:
    """Takes what batches have brought, one batch at a time: their files may be large."""

    def __init__(self, api: BatchApi, book: BatchBook, shared: Shared, where: dict[str, OpenBatch]) -> None:
        """`where` says which batch a request is in, by its id."""
        self._api = api
        self._book = book
        self._shared = shared
        self._where = where
        self._turn = anyio.Lock()

    async def collect(self, lane: BatchLane, batch: OpenBatch, shown: Batch) -> None:
        """Give all that came of a batch that has ended to those who wait for it; what is missing waits for another.

        Raises:
            RunStopped: it cannot be had or kept; the batch stays open.
        """
        async with self._turn:
            harvest = _Harvest(batch)
            gone = False
            for file_id in filter(None, (shown.output_file, shown.error_file)):
                gone |= not await self._take_file(lane, harvest, file_id)
            self._take_faults(lane, harvest, shown)
            self._take_rest(lane, harvest, shown, gone=gone)
            await self._book.kept()
            self._end(lane, harvest, shown.status)

    def forsake(self, lane: BatchLane, batch: OpenBatch, status: str) -> None:
        """Close a batch that never came to be, or that nobody knows any more; whoever waits goes into another.

        It may have been billed if it is `gone`.
        """
        harvest = _Harvest(batch)
        for held in list(batch.held.values()):
            if status == "gone":
                self._lose(lane, harvest, held, _GONE)
            self._again(harvest, held)
        self._end(lane, harvest, status)

    # ---------------------------------------------------------------------------------------------------- the lines

    async def _take_file(self, lane: BatchLane, harvest: _Harvest, file_id: str) -> bool:
        """Take the lines of a file; returns whether there is such a file."""
        try:
            content = await self._api.content(file_id)
        except Gone as error:
            log.warning("batch_results_gone", batch=harvest.batch.submission.batch, file=file_id, error=str(error))
            return False
        lines = results(content)
        while chunk := list(islice(lines, _AT_ONCE)):
            await self._take(lane, harvest, chunk)
        return True

    async def _take(self, lane: BatchLane, harvest: _Harvest, chunk: list[Result | None]) -> None:
        batch, handed = harvest.batch, list[tuple[Parked, Completion]]()
        for result in chunk:
            held = batch.held.get(result.id) if result else None
            if result is None or held is None:
                self._log_unknown(batch, result)
                continue
            outcome = self._read(lane, batch, held, result)
            if isinstance(outcome, Completion):
                self._hand_over(lane, harvest, held, outcome)
                if held.parked is not None:
                    handed.append((held.parked, outcome))
            elif result.undone:
                self._again(harvest, held)
            else:
                self._fail(lane, harvest, held, outcome)
        await self._kept(batch, handed)

    def _log_unknown(self, batch: OpenBatch, result: Result | None) -> None:
        if result is None:
            log.warning("batch_line_unreadable", batch=batch.submission.batch)
        elif result.id not in batch.submission.answered and result.id not in batch.order:
            log.warning("batch_line_unknown", batch=batch.submission.batch, custom_id=result.id[:64])

    def _read(self, lane: BatchLane, batch: OpenBatch, held: Held, result: Result) -> Completion | Failure:
        if isinstance(result.outcome, Failure):
            return result.outcome
        reply, structure = result.outcome, held.asked.structure
        if reply.status < 300 and (found := _decoded(lane, batch, held, reply, structure)) is not None:
            return found
        return of_reply(reply, None if structure == "decisions" else structure)

    def _hand_over(self, lane: BatchLane, harvest: _Harvest, held: Held, completion: Completion) -> None:
        tokens, price, worst = _tokens(completion.usage), lane.known.spec.price, held.asked.worst
        usd = completion.cost_usd if completion.cost_usd is not None else (worst.usd if price else NOTHING.usd)
        self._close(lane, harvest, held, Spending(usd, tokens or worst.tokens, 1))
        harvest.batch.succeeded += 1
        lane.known.tally.completed += 1
        if completion.structure is not None:
            lane.known.form.shape.observe(completion)
        if held.parked is None:
            self._book.adopt(harvest.batch.name, held.asked.id, completion)
        else:
            held.parked.settle(completion)

    async def _kept(self, batch: OpenBatch, handed: list[tuple[Parked, Completion]]) -> None:
        """Return when replies have been kept by those who waited for them, or adopted if they have left."""
        for parked, completion in handed:
            await parked.done.wait()
            if parked.failed:
                raise parked.failed.with_traceback(None)
            if not parked.taken:
                self._book.adopt(batch.name, parked.id, completion)

    # ------------------------------------------------------------------------------------------------- what failed

    def _fail(self, lane: BatchLane, harvest: _Harvest, held: Held, failure: Failure) -> None:
        if failure.maybe_paid:
            self._lose(lane, harvest, held, failure.kind, failure)
        parked = held.parked
        if parked is None:
            self._again(harvest, held)
            return
        found = verdict(
            parked,
            self._call(lane, harvest.batch, held),
            failure,
            lane.known.form,
            self._shared.policy,
            others=harvest.batch.succeeded > 0,
        )
        harvest.stop = harvest.stop or found.stop
        if found.failed is None:
            self._again(harvest, held)
            return
        lane.known.tally.given_up += 1
        self._close(lane, harvest, held, NOTHING)
        parked.settle(found.failed)

    def _take_faults(self, lane: BatchLane, harvest: _Harvest, shown: Batch) -> None:
        """Take what the provider says of the lines of a file that it has refused."""
        batch = harvest.batch
        if shown.status != "failed":
            return
        if any(fault.code == _TOO_MANY_TOKENS for fault in shown.faults):
            harvest.refused = True
            if not lane.too_many_tokens(batch):
                self._give_up_all(lane, harvest, shown.faults[0])
            return
        for fault in shown.faults:
            held = batch.held.get(_id_of(fault, batch) or "")
            if held is not None:
                self._fail(lane, harvest, held, _failure(fault))

    def _give_up_all(self, lane: BatchLane, harvest: _Harvest, fault: LineFault) -> None:
        for held in list(harvest.batch.held.values()):
            self._close(lane, harvest, held, NOTHING)
            if held.parked is not None:
                message = f"{lane.model}: it alone has more prompt tokens than may be enqueued ({fault.message})."
                held.parked.settle(RequestFailed(message, reason="over_enqueued_tokens", final=False))

    def _take_rest(self, lane: BatchLane, harvest: _Harvest, shown: Batch, *, gone: bool) -> None:
        """Deal with requests of which there is not a word."""
        silent = list(harvest.batch.held.values())
        if silent:
            log.warning("batch_incomplete", batch=shown.id, status=shown.status, missing=len(silent))
        for held in silent:
            if gone or shown.status == "completed":
                self._lose(lane, harvest, held, _GONE if gone else "no_result")
            self._again(harvest, held)

    def _lose(
        self, lane: BatchLane, harvest: _Harvest, held: Held, reason: str, failure: Failure | None = None
    ) -> None:
        price, worst, bill = lane.known.spec.price, held.asked.worst, failure.billed if failure else None
        reason = "bad_body" if reason == "unreadable" else reason
        if bill is not None:
            usd = cost(bill.usage, price, tier=TIER) if price else None
            lost = LostCall(lane.model, reason, bill.usage, usd, usd, _tokens(bill.usage), TIER)
        else:
            lost = LostCall(lane.model, reason, None, None, worst.usd if price else None, worst.tokens, TIER)
        lane.known.tally.maybe_paid += 1
        harvest.lost.append((held, lost))

    def _again(self, harvest: _Harvest, held: Held) -> None:
        harvest.again.append(held)
        harvest.batch.held.pop(held.asked.id, None)

    def _close(self, lane: BatchLane, harvest: _Harvest, held: Held, spent: Spending) -> None:
        """Let a request be no part of its batch any more."""
        harvest.batch.held.pop(held.asked.id, None)
        self._where.pop(held.asked.id, None)
        lost = next((lost for other, lost in harvest.lost if other is held), None)
        if lost is not None:
            spent = _spent(lost, held)
        self._shared.budget.settle(lane.model, held.asked.worst, spent)

    def _call(self, lane: BatchLane, batch: OpenBatch, held: Held) -> Call:
        assert held.parked is not None
        return lane.call_of(held.parked, batch.family or lane.known.form.family, held.asked.structure)

    # --------------------------------------------------------------------------------------------------- the end

    def _end(self, lane: BatchLane, harvest: _Harvest, status: str) -> None:
        """Put the end of a batch on record, between two awaits with all that it has lost, and let others follow."""
        batch = harvest.batch
        for held, lost in harvest.lost:
            if held.parked is None or held.parked.done.is_set():
                self._book.lose(batch.name, held.asked.id, lost)
            elif held.parked.caller.lost is not None:
                held.parked.caller.lost(lost)
        self._book.end(batch.name, status)
        for held in harvest.again:
            self._close(lane, harvest, held, NOTHING)
            if held.parked is not None:
                lane.park(held.parked)
        lane.ended(batch)
        log.info("batch_ended", batch=batch.submission.batch, status=status, replies=batch.succeeded)
        self._judge(lane, harvest, status)

    def _judge(self, lane: BatchLane, harvest: _Harvest, status: str) -> None:
        lane.fruitless = 0 if harvest.batch.succeeded else lane.fruitless + (not harvest.refused)
        if harvest.stop is not None:
            raise harvest.stop
        if lane.fruitless >= FRUITLESS:
            raise fruitless(lane.model, status)


def _decoded(
    lane: BatchLane, batch: OpenBatch, held: Held, reply: HttpReply, structure: ReplyForm | None
) -> Completion | None:
    """Return the completion of a result; its request is named by batch and id, by which it is known again."""
    around = Circumstances(f"{batch.submission.batch}:{held.asked.id}")
    try:
        found = decode(
            reply.body, model=lane.model, structure=structure, price=lane.known.spec.price, around=around, tier=TIER
        )
    except UnreadableReply:
        return None
    worst = held.asked.worst
    known = worst.usd if lane.known.spec.price else None
    return found if any(found.usage) else replace(found, worst=Worst(known, worst.tokens))


def _id_of(fault: LineFault, batch: OpenBatch) -> str | None:
    """Return which request a fault is about; of a batch of an earlier process that is not known."""
    if batch.family is None or fault.line is None or not 1 <= fault.line <= len(batch.order):
        return None
    return batch.order[fault.line - 1]


def _failure(fault: LineFault) -> Failure:
    status = 404 if fault.code == "model_not_found" else 400
    return Failure("http", status, code=fault.code or None, parameter=fault.parameter, message=fault.message)


def _spent(lost: LostCall, held: Held) -> Spending:
    return Spending(held.asked.worst.usd if lost.worst_usd is None else lost.worst_usd, lost.worst_tokens, 1)


def _tokens(usage: Usage) -> int:
    return usage.prompt_tokens + usage.completion_tokens
