"""From a call whose form is right to the plan of its reply.

In this order: limits, faults, what the model takes, context window, answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ..types import Usage
from . import refusals
from .answers import Answer
from .cache import Cached
from .calls import Call
from .deployment import Served
from .effects import WELL, Effect, Json, Wire
from .faults import Fault, struck
from .plan import Plan, travel_s
from .reading import Reading
from .refusals import Refusal, error_body
from .replies import Generated, altered, generate
from .requests import refused_by_name, structured
from .shelf import kept_form
from .tiers import refused_by_tier
from .wording import Word, Worded

_JSON, _HTML = "application/json", "text/html; charset=utf-8"
_UNBILLED = frozenset({Wire.RESET_BEFORE_HEADERS, Wire.HANG, Wire.REFUSED})

Answering = Callable[[Reading, str, Effect, dict[str, str]], Plan]
"""What answers a call: gets it with its outcome, what goes wrong with it, and the headers until now."""


def serve(
    reading: Reading,
    scripted: Fault | None,
    faults: tuple[Fault, ...],
    answering: Answering,
) -> Plan:
    """Decide what a call gets; `answering` answers those that neither a limit nor a fault keeps from their model."""
    refusal = _admit(reading)
    headers = own_headers(reading.arrival.index)
    headers.update(reading.deployment.limits.headers(reading.arrival.now_s))
    if refusal is not None:
        return refused_reading(reading, refusal, headers)
    fault = scripted or (_struck(reading, faults) if faults else None)
    if fault is None or _spared(fault.does, reading.body):
        return answering(reading, "answered", WELL, headers)
    if without_answer(fault.does):
        return _broken(reading, fault.kind, fault.does, headers)
    return answering(reading, fault.kind, fault.does, headers)


def refused(
    refusal: Refusal,
    headers: dict[str, str],
    *,
    first_s: float = 0.0,
    wire: Wire = Wire.WHOLE,
    call: Call | None = None,
    reading: Reading | None = None,
) -> Plan:
    """Return the plan of a refusal."""
    headers.update(refusal.headers)
    headers["content-type"] = _JSON
    plan = Plan(refusal.outcome, refusal.status, headers, refusal.body, first_s, wire, call=call)
    return plan if reading is None else plan._replace(model=reading.model, service=reading.service, call=reading.call)


def own_headers(index: int | str) -> dict[str, str]:
    """Return the headers of every reply."""
    return {"x-request-id": f"req_{index}", "openai-processing-ms": "0", "openai-version": "2020-10-01"}


# ------------------------------------------------------------------------------------------------------------ refusals


def _admit(reading: Reading) -> Refusal | None:
    if reading.arrival.endpoint == "batched":  # its limits are those of batches
        return None
    limits = reading.deployment.limits
    most = reading.deployment.model.capacity.concurrency
    if most is not None and reading.in_flight > most:
        limits.punish(reading.arrival.now_s)
        return refusals.too_many(most)
    rejection = limits.admit(reading.prompt.characters, reading.cap_tokens, reading.arrival.now_s)
    if rejection is None:
        return refused_by_tier(reading.body, reading.deployment.model.flex, reading.arrival.draws)
    return refusals.rate_limited(reading.model, rejection, limits.retry_after(rejection))


def refused_reading(reading: Reading, refusal: Refusal, headers: dict[str, str]) -> Plan:
    """Return the plan of a call that is refused where it is known to which model it goes."""
    seconds = reading.deployment.model.latency.refusal_s
    return refused(refusal, headers, first_s=seconds, reading=reading)


def overlong(reading: Reading) -> Refusal | None:
    """Return what is said of a prompt that does not fit into the context window with its cap."""
    limit = reading.deployment.model.context_tokens
    cap = reading.cap_tokens or 0
    if limit is None or reading.prompt.tokens + cap <= limit:
        return None
    return refusals.too_long(limit, reading.prompt.tokens, cap)


# -------------------------------------------------------------------------------------------------------------- faults


def _struck(reading: Reading, faults: tuple[Fault, ...]) -> Fault | None:
    arrival = reading.arrival
    return struck(
        faults,
        model=reading.model,
        index=arrival.index,
        now_s=arrival.now_s,
        draws=arrival.draws,
        endpoint=arrival.endpoint,
    )


def _spared(effect: Effect, body: Json) -> bool:
    """Tell whether a fault is none for this request."""
    return effect.structured and not structured(body)


def without_answer(effect: Effect) -> bool:
    """Tell whether a fault leaves a call undone."""
    return effect.status != 200 or effect.raw is not None or effect.wire in _UNBILLED


def _broken(reading: Reading, kind: str, effect: Effect, headers: dict[str, str]) -> Plan:
    """Return the plan of a call that no model answers; a client's mistake is seen soon, a server's later."""
    latency = reading.deployment.model.latency
    late = reading.deployment.first_token_s(reading.arrival.draws, reading.service)
    seconds = effect.delay_s + (latency.refusal_s if 400 <= effect.status < 500 else late)
    plan = broken(kind, effect, headers, seconds)
    return plan._replace(model=reading.model, service=reading.service, call=reading.call)


def broken(kind: str, effect: Effect, headers: dict[str, str], seconds: float) -> Plan:
    """Return the plan of a call that a fault leaves undone."""
    headers.update(effect.headers)
    headers["content-type"] = _JSON if effect.raw is None or effect.raw.startswith(b"{") else _HTML
    body = error_body(effect.error) if effect.raw is None else effect.raw
    return Plan(kind, effect.status, headers, body, seconds, effect.wire, effect.gap_s)


# -------------------------------------------------------------------------------------------------------------- answers


def answer_chat(
    reading: Reading,
    outcome: str,
    effect: Effect,
    headers: dict[str, str],
    answers: Callable[[Mapping[str, object]], Answer],
    word: Word,
) -> Plan:
    """Return the plan of a chat completion, or of a refusal by the model."""
    refusal = refused_by_name(reading.body, reading.deployment.rules) or overlong(reading)
    if refusal is not None:
        return refused_reading(reading, refusal, headers)
    generated = _generated(reading, effect, answers(reading.body))
    arrival = reading.arrival
    turn = served(reading, generated.completion_tokens)
    seconds = turn.end_s - arrival.now_s + effect.delay_s
    answered_s = arrival.now_s + seconds + travel_s(effect.wire, effect.gap_s)
    usage = used(reading, turn.start_s, answered_s, generated.completion_tokens, generated.reasoning_tokens)
    worded = word(reading, generated, usage, effect)
    plan = answered(reading, Answered(outcome, effect, seconds, usage, worded), headers)
    if worded.reply is not None and reading.body.get("store") and arrival.endpoint == "chat":
        return plan._replace(kept=kept_form(worded.reply, reading.body, f"req_{arrival.index}"))
    return plan


class Answered(NamedTuple):
    """What a model has made of a call."""

    outcome: str
    effect: Effect
    seconds: float
    usage: Usage
    worded: Worded


def answered(reading: Reading, made: Answered, headers: dict[str, str]) -> Plan:
    """Return the plan of a call that a model has answered."""
    headers.update(made.effect.headers)
    headers["openai-processing-ms"] = str(int(made.seconds * 1000))
    headers["content-type"] = _JSON
    return Plan(
        made.outcome,
        200,
        headers,
        made.worded.body,
        made.seconds,
        made.effect.wire,
        made.effect.gap_s,
        usage=made.usage,
        reply=made.worded.reply,
        model=reading.model,
        service=reading.service,
        identity=reading.arrival.identity,
        call=reading.call,
    )


def served(reading: Reading, tokens: int) -> Served:
    """Return when a call is worked on; when a request out of a batch is, the batch has decided."""
    arrival = reading.arrival
    if arrival.endpoint == "batched":
        return Served(arrival.now_s, arrival.now_s)
    return reading.deployment.serve(
        tokens, arrival.draws, reading.service, in_flight=reading.in_flight, now_s=arrival.now_s
    )


def _generated(reading: Reading, effect: Effect, answer: Answer) -> Generated:
    body = reading.body
    said = answer if effect is WELL else altered(answer, effect, structured=structured(body))
    model, cap = reading.deployment.model, reading.cap_tokens
    thinks = 0 if body.get("reasoning_effort") == "none" else model.reasoning_tokens
    return generate(said, cap_tokens=cap, reasoning_tokens=thinks, verbosity=model.verbosity, effect=effect)


def used(
    reading: Reading, start_s: float, answered_s: float, completion_tokens: int = 0, reasoning_tokens: int = 0
) -> Usage:
    """Return what a call is billed for, with what is read from the cache and written to it."""
    cache, cached = reading.deployment.cache, Cached(0, 0)
    if cache is not None and reading.arrival.endpoint != "batched":
        cached = cache.use(reading.prompt, start_s=start_s, answered_s=answered_s)
    return Usage(reading.prompt.tokens, *cached, completion_tokens, reasoning_tokens)
