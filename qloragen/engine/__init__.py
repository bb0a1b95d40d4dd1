"""Turns a Request into a Completion: models, limits, retries, prices. Knows nothing of articles."""

from .client import Client, ConnectionLost, HttpReply, connect
from .engine import Engine
from .models import Family, family, overridden
from .pricing import Price, cost, lookup
from .reply import UnreadableReply, decode
from .retry import RetryPolicy
from .spec import ModelSpec
from .statistics import ModelStatistics, Pause
from .typed import Answer, function_for

__all__ = [
    "Answer",
    "Client",
    "ConnectionLost",
    "Engine",
    "Family",
    "HttpReply",
    "ModelSpec",
    "ModelStatistics",
    "Pause",
    "Price",
    "RetryPolicy",
    "UnreadableReply",
    "connect",
    "cost",
    "decode",
    "family",
    "function_for",
    "lookup",
    "overridden",
]
