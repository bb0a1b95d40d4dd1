"""What an engine has counted of one model, as those who look on get it."""

from __future__ import annotations

from qloragen.engine.bound import Bound
from qloragen.engine.statistics import ModelStatistics


def lane_statistics(**changes: object) -> ModelStatistics:
    """Return the counts of a model that was never called, with some of them changed."""
    fields: dict[str, object] = {
        "waiting": 0,
        "in_flight": 0,
        "keeping": 0,
        "max_in_flight": 8,
        "sent": 0,
        "completed": 0,
        "rate_limited": 0,
        "no_capacity": 0,
        "retried": 0,
        "changed": 0,
        "given_up": 0,
        "maybe_paid": 0,
        "rpm": None,
        "tpm": None,
        "pause": None,
        "prompt_token_error": None,
        "structure": "tools",
        "bound": Bound.IDLE,
        "bound_s": dict.fromkeys(Bound, 0.0),
        "prompt_tokens": 0,
        "cached_tokens": 0,
        "completion_tokens": 0,
        "batched": 0,
        "batched_tokens": 0,
    }
    return ModelStatistics(**{**fields, **changes})  # type: ignore[arg-type] # any field may be changed
