"""The engine's face: one request, a typed one, or a stream of them; a stop; and what there is to see."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from random import Random

import anyio

from ..errors import RequestFailed, RunStopped, SettingsError
from ..observing import Observer
from ..types import Completion, Request, Usage
from .answering import Answering, Caller, Keep, Lost
from .budget import Budget, Spending
from .client import Client
from .lane import Lane, Shared
from .mapping import mapped
from .retry import RetryPolicy
from .spec import ModelSpec
from .statistics import ModelStatistics, snapshot
from .typed import Answer, Model, answer_of, asking_for

_PATIENT = RetryPolicy()
_MOST_TURN_S = 10.0
"""So long do requests wait for the one that finds out how structured answers are asked for; it may hang."""


class Engine:
    """Answers requests within the limits of each model; one engine serves any number of concurrent callers.

    `budget` bounds what is spent, and knows what was spent before; whoever else spends of it is bounded as well.
    `observer` is told of each HTTP attempt; calls that go into batches are none.

    Raises:
        SettingsError: a limit is in US dollars, and a model has no price; or two models have one name.
    """

    def __init__(
        self,
        client: Client,
        models: Iterable[ModelSpec],
        *,
        retry: RetryPolicy = _PATIENT,
        budget: Budget | None = None,
        random: Random | None = None,
        observer: Observer | None = None,
    ) -> None:
        dice = random or Random()  # noqa: S311 - jitter, not secrets
        shared = Shared(retry, dice, budget or Budget())
        self.shared = shared
        """What engines that ask in another way have in common with this one."""
        self._budget, self._halt = shared.budget, shared.halt
        self._answering = Answering(client, shared.halt, observer)
        self._lanes: dict[str, Lane] = {}
        for spec in models:
            if spec.name in self._lanes:
                raise SettingsError(f"Model {spec.name} is given twice; give one spec for each name.")
            self._lanes[spec.name] = Lane(spec, shared)
        for name, lane in self._lanes.items():
            if lane.spec.price is None and self._budget.needs_price(name):
                raise SettingsError(
                    f"The price of model {name} is unknown, so no spending limit can be kept:"
                    " set the model's price, or drop the limit."
                )

    async def complete(self, request: Request, keep: Keep | None = None, lost: Lost | None = None) -> Completion:
        """Wait for admission, send, retry as the failure table says, and return the paid reply.

        From the moment the reply is there nothing is awaited any more, so that it cannot be lost to a cancellation;
        but for `keep(completion)`, which is awaited before the call's slot is free for another call: so never more
        replies can be lost together than calls may be in flight. `keep` should have taken hold of the reply before its
        first await, where a cancellation may reach it. How long it takes is no part of the latency. The
        `RunStopped` that it raises stops the engine. What happens to it changes nothing in what the reply has cost.

        `lost(call)` is called for every attempt that was or may have been billed and brought no reply that can be used:
        timeouts, connections that broke, bodies that nobody can read, calls that a cancellation cut off.

        A reply without a usable answer (refused, cut off, prose in place of a call) is a completion like any other.
        A cancelled caller gives back everything it had reserved.

        Raises:
            RequestFailed: this request has no answer.
            RunStopped: no request will get one any more.
        """
        lane, caller = self.lane(request.model), Caller(keep, lost)
        shape = lane.form.shape
        if request.function is None or not shape.probing:
            return await self._answering.answer(lane, request, caller)
        turn = False
        with anyio.move_on_after(_MOST_TURN_S):
            await shape.turn.acquire()
            turn = True
        try:
            if shape.probing:
                return await self._answering.answer(lane, request, caller)
        finally:
            if turn:
                shape.turn.release()
        return await self._answering.answer(lane, request, caller)

    async def ask(
        self, request: Request, model: type[Model], keep: Keep | None = None, lost: Lost | None = None
    ) -> Answer[Model]:
        """Complete `request` with an answer of the type of a pydantic model, whose schema takes the place of
        `request.function`; a reply that is not valid is an answer without a value, for it was paid for.
        `keep` and `lost` are those of `complete`.

        Raises:
            RequestFailed: this request has no answer.
            RunStopped: no request will get one any more.
        """
        return answer_of(await self.complete(asking_for(request, model), keep, lost), model)

    def worth_sharing(self, request: Request, calls: int) -> bool:
        """Tell whether `calls` requests that begin as `request` does, up to its last `Message.shared`, are cheaper if
        one is answered before the others are sent: these then find their beginning in the prompt cache.

        If not, send all at once, with `shared` 0: to write what nobody will read may cost more than not to.

        Raises:
            SettingsError: the request names an unknown model.
        """
        return self.lane(request.model).worth_sharing(request, calls)

    def map(
        self, requests: Iterable[Request] | AsyncIterable[Request], *, at_once: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[tuple[Request, Completion | RequestFailed]]]:
        """Complete any number of requests, also without end, and yield each with its outcome as it is there.

            async with engine.map(requests) as outcomes:
                async for request, outcome in outcomes:
                    ...

        `at_once` requests are worked on at a time (None: as many as may be in flight in all); no more than these and
        as many outcomes are held in memory, and no more is taken from `requests` while outcomes are left lying. Leaving
        the block early cancels what is under way. While all of them wait for one model, requests for others wait too:
        use a map for each model where that matters.

        An error of `requests`, or of the client, is raised in the loop, after the outcomes of what was under way.

        Raises, in the loop:
            RunStopped: no request will get an answer any more; every outcome there is has been yielded.
            SettingsError: a request names an unknown model.
        """
        if at_once is not None and at_once < 1:
            raise SettingsError(f"at_once is {at_once}; it must be at least 1.")
        at_once = at_once or sum(lane.spec.most_in_flight for lane in self._lanes.values())
        return mapped(self.complete, requests, at_once)

    def stop(self, reason: RunStopped) -> None:
        """Send nothing more: everyone who waits gets `reason`, calls in flight are finished. The first reason stays."""
        self._halt.stop(reason)

    def pause(self, why: str) -> None:
        """Send nothing, of no model, until `resume`: who waits goes on waiting, calls in flight are finished.

        `why` is shown in the statistics; of several pauses the last one's. A stop ends the waiting all the same.
        """
        self._halt.pause(why)

    def resume(self) -> None:
        """End the pause, however often it was asked for; the time that it took is held against nobody."""
        self._halt.resume()

    def book(self, model: str, usage: Usage, cost_usd: Decimal | None) -> None:
        """Count a reply of `model` as spent that was paid for this run elsewhere."""
        tokens = usage.prompt_tokens + usage.completion_tokens
        self._budget.book(model, Spending(cost_usd or Decimal(0), tokens, 1))

    @property
    def stopped(self) -> RunStopped | None:
        """Why nothing is sent any more; None while the engine works."""
        return self._halt.reason

    @property
    def spent_usd(self) -> Decimal:
        """What the run has cost, with the worst case of calls whose bill never came."""
        return self._budget.spent.usd

    @property
    def reserved_usd(self) -> Decimal:
        """The worst case of all calls that are being made, where anything bounds them; 0 otherwise."""
        return self._budget.reserved.usd

    @property
    def most_in_flight(self) -> int:
        """How many calls may be in flight now, of all models together."""
        return sum(lane.concurrency.limit for lane in self._lanes.values())

    @property
    def statistics(self) -> Mapping[str, ModelStatistics]:
        """Counts of each model at this moment."""
        return {name: snapshot(lane) for name, lane in self._lanes.items()}

    def lane(self, model: str) -> Lane:
        """Return what is known of a model, for engines that ask it in another way.

        Raises:
            SettingsError: it is not among the models of this engine.
        """
        try:
            return self._lanes[model]
        except KeyError:
            raise SettingsError(f"Model {model!r} is not among the models of this engine.") from None
