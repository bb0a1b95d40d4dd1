"""One model's lane through the engine: everything that is known of the model, and its counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import anyio

from ..errors import RequestFailed, SettingsError
from ..types import Completion, Request, Usage
from .admission import Admission, Ticket
from .body import cap_tokens
from .budget import Budget
from .call import Call
from .capacity import FLEX
from .caps import Caps
from .client import HttpReply
from .concurrency import AutoConcurrency, FixedConcurrency
from .effort import Effort
from .failures import Action, Failure, Row, is_for_the_rate
from .form import Form
from .halt import Halt
from .limits import Limits
from .patience import FLEX_FLOOR_S, FLEX_S, Patience
from .pricing import Price, ceiling
from .recovery import Recovery
from .reply import Read, decode
from .retry import RetryPolicy
from .sharing import pays, prefix_bytes
from .spec import ModelSpec
from .tokens import Densities, Estimator, makeup
from .writing import Write, write


@dataclass(slots=True)
class Tally:
    """Counts since the engine was made."""

    sent: int = 0
    batched: int = 0
    """Those that went into batches, where no limit of a minute is kept."""
    completed: int = 0
    rate_limited: int = 0
    no_capacity: int = 0
    retried: int = 0
    changed: int = 0
    given_up: int = 0
    maybe_paid: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    batched_tokens: int = 0
    """Prompt and completion of replies that came in batches."""

    def billed(self, usage: Usage) -> None:
        """Count what a reply was billed for."""
        self.prompt_tokens += usage.prompt_tokens
        self.cached_tokens += usage.cached_tokens
        self.completion_tokens += usage.completion_tokens


@dataclass(frozen=True, slots=True)
class Shared:
    """What all lanes of an engine have in common."""

    policy: RetryPolicy
    random: Random
    budget: Budget
    halt: Halt = field(default_factory=Halt)
    densities: Densities = field(default_factory=Densities)


class Lane:
    """State of one model; changes only between awaits."""

    def __init__(self, spec: ModelSpec, shared: Shared) -> None:
        policy = shared.policy
        self.spec = spec
        self.form, self._form_of_decisions = Form(spec), Form(spec)
        self.limits = Limits(spec.rpm, spec.tpm)
        self.concurrency = (
            AutoConcurrency(spec.auto_maximum)
            if spec.max_concurrency == "auto"
            else FixedConcurrency(spec.max_concurrency)
        )
        self.recovery = Recovery(spec.name, policy, shared.random)
        self.admission = Admission(
            self.recovery,
            self.concurrency,
            self.limits,
            model=spec.name,
            price=spec.price,
            budget=shared.budget,
            halt=shared.halt,
        )
        self.write: Write = write
        """Whoever sends the same requests again and again may put something here that remembers their bodies."""
        self.read: Read = decode
        """Whoever knows what replies say may put something here that reads of them what else there is."""
        self.estimator = Estimator(shared.densities)
        self.caps = Caps()
        self._patience = _patience(spec, policy)
        self._patience_for_decisions = Patience(spec.timeout_s or policy.timeout_s)
        self.tally = Tally()
        self.account_tier: str | None = "priority"
        """What the account makes of calls that ask for no tier: the dearest, until replies have said."""
        self._tier_is_said = False
        self.halt = shared.halt
        self.halt.resumed.append(self._resumed)

    def prepare(self, request: Request, effort: Effort, earlier: Call | None) -> Call:
        """Put a request into the form that the model is known to take; an `earlier` one is kept while it is good.

        Raises:
            RequestFailed: it cannot be sent at all.
        """
        form = self._form_of(request)
        if earlier is not None and form.is_of(earlier):
            return earlier
        if request.max_completion_tokens < 1 and not request.predicates:
            raise RequestFailed(
                f"{self.spec.name}: max_completion_tokens is {request.max_completion_tokens}; it must be at least 1.",
                reason="bad_request",
                final=True,
            )
        family = form.family
        structure = form.structure_for(structured=request.function is not None)
        cap = 0 if request.predicates else self._cap(request)
        try:
            body, made_up = self.write(request, family, structure, cap)
        except TypeError:
            raise RequestFailed(
                f"{self.spec.name}: a text of the request is not valid Unicode.", reason="unencodable", final=True
            ) from None
        tokens = self.estimator
        estimated = tokens.estimate(made_up, request.about or request.cache_key)
        call = Call(request, body, made_up, family, structure, estimated, tokens.margin, cap, self.account_tier)
        self._refuse_above_the_limit(call)
        self._refuse_above_its_cost(call, effort)
        return call

    def worth_sharing(self, request: Request, calls: int) -> bool:
        """Tell whether it pays that one of `calls` requests that begin alike goes ahead; see `Engine.worth_sharing`."""
        if request.predicates:
            return False  # what decisions are about has no place for breakpoints
        family = self.form.family
        try:
            prefix = prefix_bytes(request, family, self.form.structure_for(structured=request.function is not None))
        except TypeError:
            return False  # it cannot be sent, as `prepare` says
        tokens = self.estimator.estimate(makeup(prefix), request.about or request.cache_key) if prefix else 0
        return pays(tokens, calls, family, self.spec.price)

    def patience(self, call: Call) -> Patience:
        """Return what says how long a call may take; decisions generate nothing, so they take another time."""
        return self._patience_for_decisions if call.request.predicates else self._patience

    def heard(self, reply: HttpReply, failure: Failure | None, ticket: Ticket, now_s: float) -> None:
        """Learn what the headers of any reply, good or not, say of the limits."""
        refused = failure is not None and is_for_the_rate(failure)
        wait_s = self.limits.learn(reply.headers, ticket.share, refused=refused)
        if wait_s > 0:
            self.recovery.hold(now_s, wait_s)
        self.admission.scouting.heard(self.admission.unanswered, now_s, told=self.limits.told)

    def succeeded(self, ticket: Ticket, completion: Completion, effort: Effort, now_s: float) -> None:
        """Learn from a good reply."""
        call, usage = ticket.call, completion.usage
        self.tally.completed += 1
        self.tally.billed(usage)
        if call.leaves_tier_to_account:
            self._served_as(completion.tier)
        probe = self.recovery.gate.is_probe(ticket.pass_)
        self.recovery.succeeded(
            sent_at_s=ticket.sent_at_s,
            probe=probe,
            limit=self.concurrency.limit,
            failures=effort.count,
            decides=bool(call.request.predicates),
        )
        if call.tier == FLEX:
            self.recovery.capacity.answered(ticket.sent_at_s)
        self.patience(call).learn(completion.latency_s)
        self.concurrency.answered(now_s, completion.latency_s, usage.completion_tokens, self.admission.in_flight)
        self.estimator.learn(
            call.makeup,
            estimated=call.prompt_tokens,
            actual=usage.prompt_tokens,
            key=call.about,
        )
        self.caps.learn(
            call.request.group, call.cap_tokens, usage.completion_tokens, cut_off=completion.finish_reason == "length"
        )
        if any(usage):
            self.limits.settle(ticket.share, usage.prompt_tokens + usage.completion_tokens)
        if call.structure is not None:
            self.form.shape.observe(completion)

    def failed(self, ticket: Ticket, failure: Failure, effort: Effort, now_s: float) -> Row:
        """Learn from a failure; returns the row of the failure table that holds."""
        row = self._form_of(ticket.call.request).verdict(ticket.call, failure)
        self._ended(ticket, failure, row)
        match row.action:
            case Action.WAIT:
                self._refused_for_the_rate(ticket, now_s)
            case Action.DEFER:
                self.tally.no_capacity += 1
            case Action.RETRY:
                self.concurrency.failed(now_s)
            case Action.CHANGE:
                self.tally.changed += 1
                effort.changes += 1
        return row

    def _served_as(self, tier: str | None) -> None:
        """Learn what the account makes of a call: the dearest that was seen, for at times there is no room in that."""
        if self._tier_is_said and tier == self.account_tier:
            return
        price = self.spec.price
        if not self._tier_is_said or price is None or _dearer(tier, self.account_tier, price):
            self.account_tier = tier
        self._tier_is_said = True

    def _ended(self, ticket: Ticket, failure: Failure, row: Row) -> None:
        if ticket.call.tier == FLEX and row.action is not Action.DEFER:
            self.recovery.capacity.left(ticket.sent_at_s)
        if failure.kind == "timeout":
            self.patience(ticket.call).timed_out()
        if failure.kind == "connection" and not failure.maybe_paid:
            self.limits.give_back(ticket.share)

    def _form_of(self, request: Request) -> Form:
        """Return the form of calls to the same end: what one refuses, the other may need."""
        return self._form_of_decisions if request.predicates else self.form

    def _resumed(self, paused_s: float) -> None:
        now_s = anyio.current_time()
        self.recovery.resumed(now_s, paused_s)
        self.concurrency.interrupted(now_s)

    def _refused_for_the_rate(self, ticket: Ticket, now_s: float) -> None:
        self.tally.rate_limited += 1
        self.limits.refund(ticket.share)
        if self.admission.scouting.refused() and not self.limits.told:
            self.recovery.ramp.halve(self.admission.unanswered)
        if ticket.sent_at_s < self.recovery.gate.shut_at_s:
            return
        self.limits.refused()
        self.concurrency.failed(now_s)

    def _cap(self, request: Request) -> int:
        """Return the completion tokens to allow: what the kind of request needs, where a limit is charged with it."""
        whole = cap_tokens(request, self.form.family)
        return self.caps.cap(request.group, whole) if self.limits.tpm is not None else whole

    def _refuse_above_the_limit(self, call: Call) -> None:
        tpm = self.limits.tpm
        if tpm is not None and call.tokens > tpm:
            raise RequestFailed(
                f"{self.spec.name}: a request of about {call.tokens} tokens (completion cap included) exceeds the limit"
                f" of {tpm} tokens per minute; split the article or raise the limit.",
                reason="over_tpm",
                final=False,
            )

    def _refuse_above_its_cost(self, call: Call, effort: Effort) -> None:
        most_usd = call.request.max_cost_usd
        if most_usd is not None and self.spec.price is None:
            raise SettingsError(
                f"The price of model {self.spec.name} is unknown, so the cost of a request cannot be bounded:"
                " set the model's price, or leave max_cost_usd out."
            )
        if most_usd is not None and effort.lost_usd + call.worst_usd(self.spec.price) > most_usd:
            raise RequestFailed(
                f"{self.spec.name}: one more attempt could bring the cost of this request above ${most_usd:f}.",
                reason="request_cost",
                final=False,
            )


def _dearer(tier: str | None, other: str | None, price: Price) -> bool:
    return any(ceiling(*tokens, price, tier=tier) > ceiling(*tokens, price, tier=other) for tokens in ((1, 0), (0, 1)))


def _patience(spec: ModelSpec, policy: RetryPolicy) -> Patience:
    if spec.family.service_tier != FLEX:
        return Patience(spec.timeout_s or policy.timeout_s)
    ceiling_s = spec.timeout_s or max(policy.timeout_s, FLEX_S)
    return Patience(ceiling_s, min(ceiling_s, FLEX_FLOOR_S))
