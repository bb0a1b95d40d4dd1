"""Turns a Request into a Completion: models, limits, retries, prices. Knows nothing of articles."""

from .client import Client, ConnectionLost, HttpReply, connect
from .engine import Engine
from .lane import ModelSpec
from .models import Family, family, overridden
from .pricing import Price, cost, lookup
from .reply import UnreadableReply, decode
from .retry import RetryPolicy
from .statistics import ModelStatistics

__all__ = [
    "Client",
    "ConnectionLost",
    "Engine",
    "Family",
    "HttpReply",
    "ModelSpec",
    "ModelStatistics",
    "Price",
    "RetryPolicy",
    "UnreadableReply",
    "connect",
    "cost",
    "decode",
    "family",
    "lookup",
    "overridden",
]
