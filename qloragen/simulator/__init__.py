"""A simulated provider: an OpenAI-compatible server on loopback, to prove the engine on and to rehearse runs."""

from .answers import Answer
from .ask import Ask
from .batch_settings import Batches
from .calls import Call, Script
from .client import SimulatedClient
from .effects import Effect, Wire, error
from .faults import KINDS, Fault
from .ledger import Counts, Statistics
from .plan import Plan
from .provider import Provider
from .server import SimulatorServer
from .settings import Capacity, Flex, Latency, Limits, Model, Outage, PromptCache, Simulation

__all__ = [
    "KINDS",
    "Answer",
    "Ask",
    "Batches",
    "Call",
    "Capacity",
    "Counts",
    "Effect",
    "Fault",
    "Flex",
    "Latency",
    "Limits",
    "Model",
    "Outage",
    "Plan",
    "PromptCache",
    "Provider",
    "Script",
    "SimulatedClient",
    "Simulation",
    "SimulatorServer",
    "Statistics",
    "Wire",
    "error",
]
