"""Stand-ins for tests, ours and our users': virtual time, and a provider in memory. Public."""

from ..engine.client import ConnectionLost, HttpReply
from .client import Answer, Body, ScriptedCall, ScriptedClient, refusal, reply
from .loop import VirtualLoop, run_virtually, wait_for_threads

__all__ = [
    "Answer",
    "Body",
    "ConnectionLost",
    "HttpReply",
    "ScriptedCall",
    "ScriptedClient",
    "VirtualLoop",
    "refusal",
    "reply",
    "run_virtually",
    "wait_for_threads",
]
