"""What one batch comes to, request by request: an answer, a failure, a place in the next batch; and the bill."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ...errors import RequestFailed, RunStopped
from ...logs import get_logger
from ...types import Completion, LostCall, Usage, Worst
from ..budget import NOTHING, Spending
from ..client import HttpReply
from ..diagnosis import of_reply
from ..failures import Failure
from ..lane import Shared
from ..pricing import cost
from ..reply import Circumstances, UnreadableReply, decode
from .book import BatchBook
from .judging import FRUITLESS, fruitless, verdict
from .lane import TIER, BatchLane
from .parked import Held, OpenBatch

log = get_logger()


@dataclass(frozen=True, slots=True)
class Scene:
    """What all batches of an engine have in common."""

    book: BatchBook
    shared: Shared
    where: dict[str, OpenBatch]
    """Which batch a request is in, by its id."""


@dataclass(slots=True)
class Harvest:
    """Deals with the requests of one batch, each once."""

    scene: Scene
    lane: BatchLane
    batch: OpenBatch
    refused: bool = False
    """There is no room for it at present: that it brings nothing says nothing."""
    _lost: dict[str, tuple[Held, LostCall]] = field(default_factory=dict)
    """By request; booked when all else is: a batch that is collected twice must not lose anything twice."""
    _again: list[Held] = field(default_factory=list)
    _decided: bool = False
    """A request was refused for what it is, so the provider works."""
    _stop: RunStopped | None = None

    def completion(self, held: Held, reply: HttpReply) -> Completion | Failure:
        """Return what a reply is; it is named by batch and request, by which a later process knows it again."""
        structure = held.asked.structure
        if reply.status < 300:
            around = Circumstances(self._name_of(held))
            price = self.lane.known.spec.price
            try:
                found = decode(
                    reply.body, model=self.lane.model, structure=structure, price=price, around=around, tier=TIER
                )
                return found if any(found.usage) else replace(found, worst=self._worst(held))
            except UnreadableReply:
                pass
        return of_reply(reply, None if structure == "decisions" else structure)

    def hand_over(self, held: Held, completion: Completion) -> None:
        """Give a reply to whoever waits for it, or else keep it."""
        price, worst = self.lane.known.spec.price, held.asked.worst
        usd = completion.cost_usd if completion.cost_usd is not None else (worst.usd if price else NOTHING.usd)
        self._close(held, Spending(usd, _tokens(completion.usage) or worst.tokens, 1))
        self.batch.succeeded += 1
        self.lane.known.tally.completed += 1
        self.lane.known.tally.billed(completion.usage)
        self.lane.known.tally.batched_tokens += _tokens(completion.usage)
        if completion.structure is not None:
            self.lane.known.form.shape.observe(completion)
        if held.parked is None:
            self.scene.book.adopt(self.batch.name, held.asked.id, completion)
        else:
            held.parked.settle(completion)

    def fail(self, held: Held, failure: Failure) -> None:
        """Do what the failure table says of a request that has failed."""
        if failure.maybe_paid:
            self.lose(held, "bad_body" if failure.kind == "unreadable" else failure.kind, failure)
        parked, lane = held.parked, self.lane
        if parked is None:
            self.put_off(held)
            return
        call = lane.call_of(parked, self.batch.family or lane.known.form.family, held.asked.structure)
        found = verdict(
            parked, call, failure, lane.known.form, self.scene.shared.policy, others=self.batch.succeeded > 0
        )
        self._stop = self._stop or found.stop
        if found.failed is None:
            self.put_off(held)
        else:
            self.give_up(held, found.failed)

    def give_up(self, held: Held, error: RequestFailed) -> None:
        """Let a request fail."""
        self.lane.known.tally.given_up += 1
        self._decided |= error.final or error.own
        self._close(held, NOTHING)
        if held.parked is not None:
            held.parked.settle(error)

    def lose(self, held: Held, reason: str, failure: Failure | None = None) -> None:
        """Note that a request may have been billed for nothing."""
        price, bill = self.lane.known.spec.price, failure.billed if failure else None
        name = self._name_of(held)
        if bill is not None:
            usd = cost(bill.usage, price, tier=TIER) if price else None
            lost = LostCall(self.lane.model, reason, bill.usage, usd, usd, _tokens(bill.usage), TIER, name)
        else:
            worst = self._worst(held)
            lost = LostCall(self.lane.model, reason, None, None, worst.usd, worst.tokens, TIER, name)
        self.lane.known.tally.maybe_paid += 1
        self._lost[held.asked.id] = (held, lost)

    def put_off(self, held: Held) -> None:
        """Let a request go into another batch, once this one is closed."""
        self._again.append(held)
        self.batch.held.pop(held.asked.id, None)

    def end(self, status: str, *, ended: bool = True) -> None:
        """Put the end of the batch on record, between two awaits with all that it has lost, and let others follow.

        One that has not `ended` at the provider says nothing about others.

        Raises:
            RunStopped: what it has come to says that no other will fare better.
        """
        for held, lost in self._lost.values():
            if held.parked is None or held.parked.done:
                self.scene.book.lose(self.batch.name, held.asked.id, lost)
            elif held.parked.caller.lost is not None:
                held.parked.caller.lost(lost)
        self.scene.book.end(self.batch.name, status)
        for held in self._again:
            self._close(held, NOTHING)
            if held.parked is not None:
                self.lane.park(held.parked)
        self.lane.ended(self.batch, refused=self.refused)
        log.info("batch_ended", batch=self.batch.submission.batch, status=status, replies=self.batch.succeeded)
        if ended:
            self._judge(status)

    def _name_of(self, held: Held) -> str:
        return f"{self.batch.submission.batch}:{held.asked.id}"

    def _worst(self, held: Held) -> Worst:
        """Return the most that a request can have come to."""
        worst = held.asked.worst
        return Worst(worst.usd if self.lane.known.spec.price else None, worst.tokens)

    def _close(self, held: Held, spent: Spending) -> None:
        """Let a request be no part of its batch any more."""
        self.batch.held.pop(held.asked.id, None)
        self.scene.where.pop(held.asked.id, None)
        if (booked := self._lost.get(held.asked.id)) is not None:
            lost = booked[1]
            self.lane.known.tally.billed(lost.usage or Usage())
            self.lane.known.tally.batched_tokens += _tokens(lost.usage or Usage())
            usd = held.asked.worst.usd if lost.worst_usd is None else lost.worst_usd
            spent = Spending(usd, lost.worst_tokens, 1)
        self.scene.shared.budget.settle(self.lane.model, held.asked.worst, spent)

    def _judge(self, status: str) -> None:
        brought = self.batch.succeeded > 0 or self._decided
        self.lane.fruitless = 0 if brought else self.lane.fruitless + (not self.refused)
        if self._stop is not None:
            raise self._stop
        if self.lane.fruitless >= FRUITLESS:
            raise fruitless(self.lane.model, status)


def _tokens(usage: Usage) -> int:
    return usage.prompt_tokens + usage.completion_tokens
