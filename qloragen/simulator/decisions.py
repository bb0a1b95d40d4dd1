"""From a request for decisions to the plan of its reply: input tokens are billed, output tokens there are none."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from ..types import Usage
from . import edits, refusals
from .decision_answers import Decider, answers_to, leave_none, refuse_all
from .effects import Effect, Json
from .plan import Plan, travel_s
from .reading import Reading
from .refusals import Refusal
from .requests import decides_by_name
from .service import Answered, answered, overlong, refused_reading, served, used
from .settings import Decides
from .wording import Worded

_EDITS: dict[Callable[[Json], Json], Callable[[Json], Json]] = {
    edits.refusal: refuse_all,
    edits.empty_choices: leave_none,
    edits.null_content: leave_none,
}
"""What faults of chat completions come to here; those that cut an answer or change its form come to nothing."""


def answer_decisions(reading: Reading, outcome: str, effect: Effect, headers: dict[str, str], decider: Decider) -> Plan:
    """Return the plan of an answer, or of a refusal by the model."""
    refusal = _refused(reading.model, reading.deployment.model.decides) or overlong(reading)
    if refusal is not None:
        return refused_reading(reading, refusal, headers)
    arrival, turn = reading.arrival, served(reading, 0)
    seconds = turn.end_s - arrival.now_s + effect.delay_s
    answered_s = arrival.now_s + seconds + travel_s(effect.wire, effect.gap_s)
    usage = used(reading, turn.start_s, answered_s)
    reply: Json = {
        "model": reading.model,
        "answers": answers_to(reading.body, decider),
        "usage": _shown(usage),
    }
    if effect.edit is not None:
        reply = _EDITS.get(effect.edit, effect.edit)(reply)
    worded = Worded(orjson.dumps(reply), reply)
    return answered(reading, Answered(outcome, effect, seconds, usage, worded), headers)


def _shown(usage: Usage) -> Json:
    details = {"cached_tokens": usage.cached_tokens, "cache_write_tokens": usage.cache_write_tokens}
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": details,
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.prompt_tokens,
    }


def _refused(model: str, decides: Decides) -> Refusal | None:
    if decides == "always" or (decides == "by_name" and decides_by_name(model)):
        return None
    message = f"The model '{model}' is not supported by the Decisions API."
    return refusals.invalid(message, param="model", code="unsupported_model")
