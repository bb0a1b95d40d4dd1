"""The requests for one model that wait for a batch, and how they are put into files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import anyio
import anyio.lowlevel

from ...errors import RequestFailed
from ...types import ReplyForm, Request, Structure
from ..body import cap_tokens, encode
from ..budget import Budget
from ..call import Call
from ..lane import Lane
from ..models import Family
from ..tokens import makeup
from .book import Asked
from .parcel import USUAL, Parcel, Room, line_bytes, line_of
from .parked import OpenBatch, Parked

TIER = "batch"
_LONGEST = 60
"""So many times `gather_s` does the first request wait for others that keep coming."""
_PAUSE_EVERY = 100
"""Lines after which other tasks get their turn."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How requests are put into batches."""

    gather_s: float = 10.0
    """A file is closed when nothing has come for it for so long, or when it is full."""
    poll_s: float = 60.0
    """Between two looks at a batch."""
    enqueued_tokens: Callable[[str], int | None] = lambda _: None
    """Most prompt tokens of a model in batches that have not ended, by its name; None: as many as it takes."""
    room: Room = USUAL
    submit: bool = True
    """Else no batch is made: those that are open are collected, and all else is asked for at once."""
    forgo: bool = False
    """A batch that the provider does not know any more is taken for lost, and what it held is asked for again."""


class Packed:
    """The requests of one file."""

    def __init__(self, room: Room, family: Family) -> None:
        self.family = family
        self.parcel = Parcel(room)
        self.asked: list[Asked] = []
        self.parked: list[Parked] = []
        self.prompt_tokens = 0

    def add(self, parked: Parked, asked: Asked, size: int) -> None:
        """Take one more, whose line has so many bytes."""
        self.parcel.add(size)
        self.asked.append(asked)
        self.parked.append(parked)
        self.prompt_tokens += asked.prompt_tokens

    def leave_out(self) -> list[Asked]:
        """Take out those whose callers have left, and return them."""
        left = [asked for parked, asked in zip(self.parked, self.asked, strict=True) if parked.done]
        if left:
            there = [(parked, asked) for parked, asked in zip(self.parked, self.asked, strict=True) if not parked.done]
            self.parked, self.asked = [parked for parked, _ in there], [asked for _, asked in there]
            self.prompt_tokens -= sum(asked.prompt_tokens for asked in left)
        return left

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of the file, each made again when its turn comes: held together they are a file twice."""
        for parked, asked in zip(self.parked, self.asked, strict=True):
            assert asked.structure != "decisions"
            yield line_of(parked.id, _encoded(parked.request, self.family, asked.structure))


class BatchLane:
    """One model's requests that are in no batch, and its batches that have not ended."""

    def __init__(self, lane: Lane, terms: Terms, budget: Budget) -> None:
        self.model = lane.spec.name
        self.known = lane
        self.open: list[OpenBatch] = []
        self.fruitless = 0
        """Batches in a row that brought nothing."""
        self.probing = anyio.Lock()
        """Held by whoever finds out, with a call of its own, how structured answers are asked for."""
        self._terms = terms
        self._budget = budget
        self._queue: deque[Parked] = deque()
        self._bytes = 0
        """Of the texts in the queue."""
        self._news = anyio.Event()
        self._most_tokens = terms.enqueued_tokens(self.model)
        self._full = False
        """The provider has refused a batch because of those that are open."""

    def park(self, parked: Parked) -> None:
        """Let a request wait for the next file; where no more are made, its caller has to ask in another way."""
        if self._terms.submit:
            self._queue.append(parked)
            self._bytes += _bytes(parked.request)
            self.wake()
        else:
            parked.settle(None)

    def wake(self) -> None:
        """Look again at what can be sent."""
        self._news.set()

    async def gather(self) -> None:
        """Return when a file is full, or when nothing has come for a while and there is something, or after a while
        however slowly requests come."""
        while not self._queue:
            await self._changed()
        room = self._terms.room
        with anyio.move_on_after(_LONGEST * self._terms.gather_s):
            while len(self._queue) < room.requests and self._bytes < room.bytes:
                with anyio.move_on_after(self._terms.gather_s) as quiet:
                    await self._changed()
                if quiet.cancelled_caught:
                    return

    async def pack(self) -> Packed | None:
        """Return a file as large as limits and money allow; None where nothing is left to be sent.

        Raises:
            RunStopped: the spending limit is reached.
        """
        while not (packed := await self._packed()).asked:
            if not self._queue:
                return None
            await self._changed()
        return packed

    def call_of(self, parked: Parked, family: Family, structure: ReplyForm | None) -> Call:
        """Return what was sent for a request in a form that may not be today's.

        Raises:
            RequestFailed: it cannot be sent at all.
        """
        assert structure != "decisions"
        request, known = parked.request, self.known
        if request.max_completion_tokens < 1:
            raise _refused(
                f"max_completion_tokens is {request.max_completion_tokens}; it must be at least 1", self.model
            )
        try:
            body = _encoded(request, family, structure)
        except TypeError:
            raise _refused("a text of the request is not valid Unicode", self.model, "unencodable") from None
        made_up = makeup(body)
        estimated = known.estimator.estimate(made_up, request.about or request.cache_key)
        cap = cap_tokens(request, family)
        return Call(request, body, made_up, family, structure, estimated, known.estimator.margin, cap, served_as=TIER)

    def ended(self, batch: OpenBatch, *, refused: bool = False) -> None:
        """Make room for others, which one that was `refused` for want of room does not."""
        self.open.remove(batch)
        self._full = self._full and refused and bool(self.open)
        self.wake()

    def too_many_tokens(self, batch: OpenBatch) -> bool:
        """Learn that the provider has refused a batch for its tokens; returns whether it can ever be sent."""
        self._full = any(other is not batch for other in self.open)
        if self._full:
            return True
        self._most_tokens = min(self._most_tokens or batch.prompt_tokens, batch.prompt_tokens) // 2
        return len(batch.submission.requests) > 1

    # ------------------------------------------------------------------------------------------------- the inside

    async def _changed(self) -> None:
        self._news = anyio.Event()
        await self._news.wait()

    async def _packed(self) -> Packed:
        packed = Packed(self._terms.room, self.known.form.family)
        while self._queue and not self._full:
            parked = self._queue[0]
            if not parked.done and not self._put(packed, parked):
                return packed
            self._queue.popleft()
            self._bytes -= _bytes(parked.request)
            if len(packed.asked) % _PAUSE_EVERY == _PAUSE_EVERY - 1:
                await anyio.lowlevel.checkpoint()
        self._budget.leave(self.wake)
        return packed

    def _put(self, packed: Packed, parked: Parked) -> bool:
        """Put a request into a file, or fail it; returns whether it is dealt with."""
        structure = self.known.form.structure_for(structured=parked.request.function is not None)
        try:
            call = self.call_of(parked, packed.family, structure)
            _refuse_above_its_cost(call, self.known)
        except RequestFailed as error:
            parked.settle(error)
            return True
        size = line_bytes(parked.id, call.body)
        tokens = int(call.prompt_tokens * call.margin)
        if not packed.parcel.takes(size) or not self._has_room(packed, tokens):
            self._budget.leave(self.wake)  # who could not go in any case keeps nobody from the money
            return False
        worst = call.bound(self.known.spec.price)
        if not self._budget.reserve(self.model, worst, self.wake):
            return False
        packed.add(parked, Asked(parked.id, structure, tokens, worst), size)
        return True

    def _has_room(self, packed: Packed, tokens: int) -> bool:
        if self._most_tokens is None:
            return True
        enqueued = packed.prompt_tokens + sum(batch.prompt_tokens for batch in self.open)
        return not enqueued or enqueued + tokens <= self._most_tokens


def _encoded(request: Request, family: Family, structure: Structure | None) -> bytes:
    """Return the body that asks for a request in a batch; raises TypeError as `encode` does."""
    return encode(_plain(request), _in_batches(family), structure)


def _bytes(request: Request) -> int:
    """Return about how many bytes a request has."""
    return sum(len(message.head) + len(message.text) for message in request.messages)


def _plain(request: Request) -> Request:
    """Leave out what is for single calls: prompts of batches are not cached, and their replies are kept anyway."""
    messages = tuple(replace(message, shared=0) for message in request.messages)
    return replace(request, messages=messages, cache_key=None, metadata=None)


def _in_batches(family: Family) -> Family:
    return family if family.service_tier is None else replace(family, service_tier=None)


def _refused(what: str, model: str, reason: str = "bad_request") -> RequestFailed:
    return RequestFailed(f"{model}: {what}.", reason=reason, final=True)


def _refuse_above_its_cost(call: Call, lane: Lane) -> None:
    most_usd = call.request.max_cost_usd
    if most_usd is not None and call.worst_usd(lane.spec.price) > most_usd:
        raise RequestFailed(
            f"{lane.spec.name}: one more attempt could bring the cost of this request above ${most_usd:f}.",
            reason="request_cost",
            final=False,
        )
