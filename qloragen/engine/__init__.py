"""Turns a Request into a Completion: models, limits, retries, prices. Knows nothing of articles. Public.

    async with connect(base_url=None, api_key=None, max_connections=512, timeout_s=120) as client:
        engine = Engine(client, [known_model("gpt-6-luna")])
        completion = await engine.complete(Request("gpt-6-luna", (Message("user", "Hello"),), 100))

What was received was paid for, so it is handed over whatever it says; what fails is `RequestFailed` (this request) or
`RunStopped` (everything), see `qloragen.errors`. `examples/engine.py` is a whole program.
"""

from importlib import import_module

from ..errors import RequestFailed, RunStopped
from ..types import Completion, Function, LostCall, Message, Request, Usage, Worst
from .batches.dispatch import BatchProgress
from .bound import Bound
from .budget import Bounds, Budget, Spending
from .client import Ask, Asking, Client, ConnectionLost, Deciding, HttpReply, Listing, connect
from .engine import Engine
from .gate import Cause
from .listing import Stored, StoredUnavailable, stored
from .models import Family, family, overridden
from .pricing import Price, cost, lookup
from .reply import UnreadableReply, decode
from .retry import RetryPolicy
from .spec import ModelSpec, known_model
from .statistics import ModelStatistics, Pause
from .typed import Answer, answer_of, function_for

__all__ = [
    "Answer",
    "Ask",
    "Asking",
    "BatchProgress",
    "Bound",
    "Bounds",
    "Budget",
    "Cause",
    "Client",
    "Completion",
    "ConnectionLost",
    "Deciding",
    "Engine",
    "Family",
    "FastClient",
    "Function",
    "HttpReply",
    "Listing",
    "LostCall",
    "Message",
    "ModelSpec",
    "ModelStatistics",
    "OpenAIClient",
    "Pause",
    "Price",
    "Request",
    "RequestFailed",
    "RetryPolicy",
    "RunStopped",
    "Spending",
    "Stored",
    "StoredUnavailable",
    "UnreadableReply",
    "Usage",
    "Worst",
    "answer_of",
    "connect",
    "cost",
    "decode",
    "family",
    "function_for",
    "known_model",
    "lookup",
    "overridden",
    "stored",
]

_SLOW = {"OpenAIClient": ".openai_client", "FastClient": ".fast_client"}
"""Names whose import takes OpenAI's package along: two seconds, for those who use them."""


def __getattr__(name: str) -> object:
    if name not in _SLOW:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_SLOW[name], __name__), name)
