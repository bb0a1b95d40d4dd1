"""The engine alone, with no article in sight: sort support tickets, and have a second model answer the urgent ones.

Run: python examples/engine.py [BASE_URL]. Without an address a simulated provider on this machine answers; what it says
is made up, but limits, errors, prices and types are treated as with a real one.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel

from qloragen.engine import (
    Bounds,
    Budget,
    Engine,
    Message,
    Request,
    RequestFailed,
    RunStopped,
    answer_of,
    connect,
    function_for,
    known_model,
)
from qloragen.simulator import Fault, Limits, Model, Provider, Simulation, SimulatorServer

SORTER, WRITER = "gpt-6-luna", "gpt-6-sol"
COMPLAINTS = ("arrived broken", "was never delivered", "is the wrong colour", "makes a noise", "smells of smoke")


class Ticket(BaseModel):
    """How a customer's message is to be handled."""

    urgency: Literal["low", "high"]
    department: Literal["shipping", "returns", "technical"]
    summary: str


def tickets() -> Iterator[Request]:
    """Stand for a mailbox: any iterable, also an endless or an asynchronous one, taken from only as fast as needed."""
    for number in range(60):
        text = f"My order {1000 + number} {COMPLAINTS[number % len(COMPLAINTS)]}. What will you do about it?"
        yield Request(SORTER, (Message("user", text),), max_completion_tokens=200, function=function_for(Ticket))


async def urgent(engine: Engine) -> AsyncIterator[Request]:
    """Yield what is to be answered, while tickets are still being sorted."""
    async with engine.map(tickets()) as outcomes:
        async for request, outcome in outcomes:
            if isinstance(outcome, RequestFailed):
                print("left for another day:", outcome)
                continue
            ticket = answer_of(outcome, Ticket).found  # None when the model said something else, paid for all the same
            if ticket and ticket.urgency == "high":
                yield Request(WRITER, request.messages, max_completion_tokens=300)


async def main(base_url: str) -> None:
    async with connect(base_url=base_url, api_key=None, max_connections=64, timeout_s=60) as client:
        models = [known_model(SORTER), known_model(WRITER, rpm=600)]
        engine = Engine(client, models, budget=Budget(Bounds(max_cost_usd=Decimal("0.50"))))
        try:
            async with engine.map(urgent(engine)) as outcomes:
                async for _, outcome in outcomes:
                    print(outcome if isinstance(outcome, RequestFailed) else outcome.text)
        except RunStopped as reason:  # the budget is spent, the key is wrong, the provider is down for hours...
            print("stopped:", reason)
        for name, counts in engine.statistics.items():
            print(f"{name}: {counts.completed} answers, {counts.sent} calls, {counts.retried} tried again")
        print(f"spent: ${engine.spent_usd:.6f}")


@asynccontextmanager
async def provider() -> AsyncIterator[str]:
    """Yield the address that was given, or that of a simulated provider with limits and a fault in ten calls."""
    if len(sys.argv) > 1:
        yield sys.argv[1]
        return
    behaviour = Model(limits=Limits(rpm=6_000, tpm=2_000_000))
    simulation = Simulation(models={"*": behaviour}, faults=(Fault("503", 0.05), Fault("500", 0.05)))
    async with SimulatorServer(Provider(simulation)) as server:
        yield server.base_url


async def run() -> None:
    async with provider() as base_url:
        await main(base_url)


asyncio.run(run())
