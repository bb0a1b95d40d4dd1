"""One model's lane through the engine: its slots and gate, what was learned about it, and its counts."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from typing import Literal

import anyio
import orjson

from ..errors import RequestFailed, SettingsError
from ..types import Completion, Request, Structure
from .body import BREAKPOINT, cap_tokens, encode
from .failures import Action, Failure, Row, matching
from .limiter import Gate
from .models import Family, without
from .pricing import Price, ceiling
from .retry import RetryPolicy
from .structure import StructureChoice
from .tokens import Estimator

_PROMPT_MARGIN = Decimal("1.25")
"""What an estimate of prompt tokens may be wrong by, upwards, before a budget could be overshot."""

_INDISPENSABLE = frozenset({"model", "messages", "tools", "tool_choice", "response_format"})


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model of an engine: what it accepts, what it costs, and how hard it may be used."""

    name: str
    family: Family
    price: Price | None = None
    rpm: int | None = None
    """Requests per minute; None is unlimited."""
    tpm: int | None = None
    """Tokens per minute, prompt and completion; None is unlimited."""
    max_concurrency: int = 64
    structure: Structure | Literal["auto"] | None = None
    """How structured answers are asked for; None: as the family says."""

    def __post_init__(self) -> None:
        for knob, value in (("rpm", self.rpm), ("tpm", self.tpm), ("max_concurrency", self.max_concurrency)):
            if value is not None and value < 1:
                raise SettingsError(f"Model {self.name}: {knob} is {value}; it must be at least 1.")


@dataclass(frozen=True, slots=True)
class Call:
    """A request in the form in which it is sent, with what it may come to."""

    body: bytes
    family: Family
    structure: Structure | None
    prompt_tokens: int
    """Estimated."""
    cap_tokens: int
    worst_usd: Decimal

    @property
    def tokens(self) -> int:
        """What the rate limiter is charged before the reply is there."""
        return self.prompt_tokens + self.cap_tokens


@dataclass(slots=True)
class Tally:
    """Counts since the engine was made."""

    waiting: int = 0
    in_flight: int = 0
    sent: int = 0
    completed: int = 0
    rate_limited: int = 0
    retried: int = 0
    changed: int = 0
    given_up: int = 0
    maybe_paid: int = 0


class Lane:
    """State of one model; changes only between awaits."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.family = spec.family
        self.shape = StructureChoice(
            spec.structure or spec.family.structure, chosen=spec.structure not in {None, "auto"}
        )
        self.slots = anyio.Semaphore(spec.max_concurrency, fast_acquire=True)
        self.gate = Gate(spec.rpm, spec.tpm)
        self.estimator = Estimator()
        self.tally = Tally()
        self.refused_since_s: float | None = None
        """When the first 429 since the last success came."""
        self.transient_in_a_row = 0
        """Requests given up for passing reasons, with no success between."""
        self.rejected_in_a_row = 0
        """Requests given up as malformed, with no success between."""
        self._pauses_in_a_row = 0
        self._paused_at_s = float("-inf")

    def prepare(self, request: Request) -> Call:
        """Put a request into the form that the model is known to take.

        Raises:
            RequestFailed: it cannot be sent at all.
        """
        structure = self.shape.current if request.function is not None else None
        try:
            body = encode(request, self.family, structure)
        except TypeError:
            raise RequestFailed(
                f"{self.spec.name}: a text of the request is not valid Unicode.", reason="unencodable", final=True
            ) from None
        prompt_tokens = self.estimator.estimate(len(body))
        cap = cap_tokens(request, self.family)
        call = Call(body, self.family, structure, prompt_tokens, cap, self._worst_usd(prompt_tokens, cap))
        self.refuse_above(self.spec.tpm, call)
        return call

    def refuse_above(self, tpm: int | None, call: Call) -> None:
        """Refuse a call that a limit of tokens per minute can never admit.

        Raises:
            RequestFailed: the call is larger than the limit.
        """
        if tpm is not None and call.tokens > tpm:
            raise RequestFailed(
                f"{self.spec.name}: a request of about {call.tokens} tokens (completion cap included) exceeds the limit"
                f" of {tpm} tokens per minute; split the article or raise the limit.",
                reason="over_tpm",
                final=False,
            )

    def succeeded(self, call: Call, completion: Completion) -> None:
        """Learn from a reply."""
        usage = completion.usage
        self.tally.completed += 1
        self.refused_since_s, self._pauses_in_a_row = None, 0
        self.transient_in_a_row = self.rejected_in_a_row = 0
        self.estimator.learn(len(call.body), estimated=call.prompt_tokens, actual=usage.prompt_tokens)
        if any(usage):
            self.gate.settle(call.tokens, usage.prompt_tokens + usage.completion_tokens)
        if completion.structure is not None:
            self.shape.observe(completion)

    def verdict(self, call: Call, failure: Failure) -> Row:
        """Return the row of the failure table that holds, after changing how the model is asked if that can help."""
        return next(
            row for row in matching(failure) if row.action is not Action.CHANGE or self._adapt(row, call, failure)
        )

    def pause(self, failure: Failure, sent_at_s: float, policy: RetryPolicy, random: Random) -> None:
        """Shut the gate after a 429: once for all calls that were in flight together, longer only if asked to."""
        now_s = anyio.current_time()
        self.refused_since_s = now_s if self.refused_since_s is None else self.refused_since_s
        asked_s = failure.retry_after_s or 0.0
        if sent_at_s >= self._paused_at_s:
            self._paused_at_s = now_s
            self._pauses_in_a_row += 1
            asked_s = asked_s or policy.delay_s(self._pauses_in_a_row, random)
        self.gate.pause(asked_s)

    def _worst_usd(self, prompt_tokens: int, cap: int) -> Decimal:
        if self.spec.price is None:
            return Decimal(0)
        margin = int(prompt_tokens * _PROMPT_MARGIN) + 1
        return ceiling(margin, cap, self.spec.price, tier=self.family.service_tier)

    def _adapt(self, row: Row, call: Call, failure: Failure) -> bool:
        """Change the form of further calls; False if that would ask the same again."""
        if call.family is not self.family or call.structure not in {None, self.shape.current}:
            return True  # another call has been refused for it meanwhile
        match row.reason:
            case "parameter":
                return self._drop(_name(failure.parameter or ""), call)
            case "bounds":
                refused, self.family = self.family.bounds, replace(self.family, bounds=False)
                return refused
            case _:
                return self.shape.step_down()

    def _drop(self, name: str, call: Call) -> bool:
        sent = orjson.loads(call.body).keys() - _INDISPENSABLE
        if name not in sent and not (name == BREAKPOINT and BREAKPOINT.encode() in call.body):
            return False
        changed = without(self.family, name)
        self.family = changed or self.family
        return changed is not None


def _name(parameter: str) -> str:
    """Return the parameter that a path names: `tools[0].function` is `tools`, but a breakpoint is itself."""
    return BREAKPOINT if BREAKPOINT in parameter else re.split(r"[.\[]", parameter, maxsplit=1)[0]
