"""Views of runs, as displays get them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from qloragen.view import Allowance, ModelView, Spent, View

from .values import NOON


def a_model(**changes: object) -> ModelView:
    fields: dict[str, object] = {
        "in_flight": 12,
        "max_in_flight": 64,
        "waiting": 3,
        "sent": 1234,
        "completed": 1200,
        "rate_limited": 0,
        "no_capacity": 0,
        "retried": 0,
        "given_up": 0,
        "requests_per_minute": 123.0,
        "tokens_per_minute": 190_123.0,
        "rpm": 500,
        "tpm": 200_000,
        "bound": "TPM",
    }
    return ModelView(**{**fields, **changes})  # type: ignore[arg-type] # any field may be changed


def a_view(**changes: object) -> View:
    fields: dict[str, object] = {
        "run": "4f3a",
        "makes": "records",
        "started": NOON,
        "time": NOON + timedelta(seconds=751),
        "elapsed_s": 751.0,
        "articles": 1300,
        "finished_articles": 1234,
        "expected_articles": 5000,
        "made": 7345,
        "rejections": {"copy": 4, "ungrounded": 8},
        "models": {"gpt-6-luna": a_model()},
        "calls": 9000,
        "cost_usd": Decimal("1.2345"),
        "prompt_tokens": 1_500_000,
        "cached_tokens": 1_200_000,
        "completion_tokens": 300_000,
        "eta_s": 2290.0,
    }
    return View(**{**fields, **changes})  # type: ignore[arg-type] # any field may be changed


def an_allowance(most_usd: str, spent_usd: str, reserved_usd: str = "0") -> Allowance:
    return Allowance(Decimal(most_usd), spent=Spent(Decimal(spent_usd)), reserved=Spent(Decimal(reserved_usd)))


BUSY = a_view(
    failures={"timeout": 1}, skips={"duplicate": 2}, rejected_before=2, allowance=an_allowance("5", "1.2345", "0.12")
)
"""A run of which there is much to be seen."""
