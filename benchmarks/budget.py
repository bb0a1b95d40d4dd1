"""Is a limit ever passed with hundreds of calls in flight, how much of it stays unspent, and what does keeping it cost?

Requests shaped like those of the main job, a quarter of them for gpt-6-sol and the rest for gpt-6-luna, meet the
simulated provider in process, in virtual time: latency lognormal, 2 s in the median and 12 s at the 99th percentile to
the first token, then 10 ms a token. "faults" spoils or loses one call in eight. Limits are half of what all requests
come to, unless said otherwise. What is spent is read from the server's own bill, at fixed prices. Compared are

    reserved   as qloragen does: what a call can never come to more than is set aside before it
    checked    calls are made as long as what was billed so far is below the limit

Columns: the limit, what was spent, by how much it was passed, and what stayed unspent, in % of the limit ("of that
lost": set aside for calls that may have been billed, and brought no reply); the most calls that were in flight; the
seconds of the run ("s"), and those in which a run without a limit has spent as much ("s free"); and the seconds from
the first call that had to wait for room to the end ("drained s").

Run: python benchmarks/budget.py [--short] [--requests N] [--in-flight N] [--json FILE].
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import anyio
import harness
from price_list import PRICES

from qloragen.engine import Bounds, Budget, Engine, ModelSpec, RequestFailed, Spending, cost, family
from qloragen.engine.budget import NOTHING, Look
from qloragen.errors import BudgetReached
from qloragen.simulator import Answer, Fault, Latency, Model, Plan, Provider, SimulatedClient, Simulation
from qloragen.testing import VirtualLoop
from qloragen.types import Message, Request

SOL, LUNA = "gpt-6-sol", "gpt-6-luna"
CAP_TOKENS = 700
FAULTS = tuple(
    Fault(kind, rate=0.015)
    for kind in (
        "rate_limited",
        "500",
        "503",
        "reset_after_headers",
        "truncated_body",
        "hang",
        "length",
        "missing_usage",
    )
)


class Billing(Provider):
    """Adds up what is due for each model, delivered or not, and remembers when."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        behaviour = Model(latency=Latency(median_s=2.0, p99_s=12.0, token_s=0.01))
        super().__init__(Simulation(models={"*": behaviour}, faults=faults, seed=5), answers=_answer)
        self.due: dict[str, Spending] = {}
        self.steps: list[tuple[float, Mapping[str, Spending]]] = []

    def arrive(self, *arrival: Any, **named: Any) -> Plan:
        plan = super().arrive(*arrival, **named)
        if plan.usage is not None and plan.model is not None:
            usd = cost(plan.usage, PRICES[plan.model], tier=plan.service)
            one = Spending(usd, plan.usage.prompt_tokens + plan.usage.completion_tokens, 1)
            self.due = {**self.due, plan.model: self.due.get(plan.model, NOTHING).plus(one)}
            self.steps.append((anyio.current_time() + plan.last_s, self.due))
        return plan


class Watched(Budget):
    """Knows when the first call had to wait."""

    waited_at_s: float | None = None

    def reserve(self, model: str, worst: Spending, look: Look) -> bool:
        got = super().reserve(model, worst, look)
        if not got and self.waited_at_s is None:
            self.waited_at_s = asyncio.get_running_loop().time()
        return got


class Checked(Budget):
    """Sets nothing aside, so that a limit counts only once it is passed."""

    def reserve(self, model: str, worst: Spending, look: Look) -> bool:
        del worst
        return super().reserve(model, NOTHING, look)

    def settle(self, model: str, worst: Spending, spent: Spending) -> None:
        del worst
        super().settle(model, NOTHING, spent)


@dataclass(frozen=True)
class Ran:
    """One run."""

    seconds: float
    drained_s: float
    peak: int
    due: Mapping[str, Spending]
    booked: Spending
    """What the engine has counted."""
    steps: Sequence[tuple[float, Mapping[str, Spending]]]


def _answer(body: Mapping[str, object]) -> Answer:
    random = Random(str(body["messages"]))  # noqa: S311 - text
    return Answer("word " * round(random.lognormvariate(4.5, 0.5)))


def _requests(count: int) -> Iterable[Request]:
    random = Random(3)  # noqa: S311 - text
    vocabulary = ("compaction", "memtable", "SSTable", "ring", "is", "a", "of", "the")
    for article in range(count // 4):
        text = " ".join(random.choices(vocabulary, k=round(min(random.lognormvariate(7.2, 0.6), 9_000))))
        for part in range(4):
            messages = (Message("system", text), Message("user", f"Part {part} of article {article}."))
            yield Request(LUNA if part else SOL, messages, CAP_TOKENS)


async def _run(budget: Budget, count: int, in_flight: int, faults: tuple[Fault, ...]) -> Ran:
    provider = Billing(faults)
    most = in_flight // 2
    specs = [
        ModelSpec(name, family(name), price=PRICES[name], rpm=10**9, tpm=10**12, max_concurrency=most)
        for name in (SOL, LUNA)
    ]
    engine = Engine(SimulatedClient(provider), specs, budget=budget, random=Random(7))  # noqa: S311 - jitter
    begun_s = anyio.current_time()
    try:
        async with engine.map(_requests(count), at_once=4 * in_flight) as outcomes:
            async for _request, outcome in outcomes:
                assert not isinstance(outcome, RequestFailed) or faults, outcome
    except BudgetReached:
        pass
    now_s = anyio.current_time()
    waited_at_s = getattr(budget, "waited_at_s", None)
    return Ran(
        now_s - begun_s,
        now_s - waited_at_s if waited_at_s is not None else 0.0,
        provider.statistics.total.peak,
        provider.due,
        budget.spent,
        provider.steps,
    )


def _ran(budget: Budget, count: int, in_flight: int, faults: tuple[Fault, ...] = ()) -> Ran:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(_run(budget, count, in_flight, faults))


@dataclass(frozen=True)
class Limit:
    """A limit: of what, of whom (None: of all), and the part of what all requests come to."""

    name: str
    part: Callable[[Spending], Decimal | int]
    model: str | None = None
    share: Decimal = Decimal("0.5")
    faults: tuple[Fault, ...] = ()

    def due(self, due: Mapping[str, Spending]) -> Decimal | int:
        """Return what is due of the kind that is limited."""
        parts = [spending for model, spending in due.items() if self.model in {None, model}]
        return sum((self.part(one) for one in parts), Decimal(0))

    def bounds(self, limit: Decimal) -> Bounds:
        """Return the limit as the engine takes it."""
        if self.name.startswith("dollars"):
            return Bounds(max_cost_usd=limit)
        return Bounds(max_tokens=int(limit)) if self.name.startswith("tokens") else Bounds(max_calls=int(limit))


LIMITS = (
    Limit("dollars", lambda one: one.usd),
    Limit("dollars, nearly all", lambda one: one.usd, share=Decimal("0.98")),
    Limit("dollars, faults", lambda one: one.usd, faults=FAULTS),
    Limit("tokens", lambda one: one.tokens),
    Limit("calls", lambda one: one.calls),
    Limit("dollars of gpt-6-sol", lambda one: one.usd, SOL),
    Limit("tokens of gpt-6-luna", lambda one: one.tokens, LUNA),
    Limit("calls of gpt-6-luna, faults", lambda one: one.calls, LUNA, faults=FAULTS),
)


def _row(limit: Limit, way: type[Budget], free: Ran, count: int, in_flight: int) -> harness.Row:
    most = round(Decimal(limit.due(free.due)) * limit.share, 4 if limit.name.startswith("dollars") else 0)
    bounds = limit.bounds(most)
    budget = way(own={limit.model: bounds}) if limit.model else way(bounds)
    found = _ran(budget, count, in_flight, limit.faults)
    spent = Decimal(limit.due(found.due))
    lost = Decimal(limit.part(found.booked) - sum(map(limit.part, found.due.values()), Decimal(0)))
    free_s = next((at_s for at_s, due in sorted(free.steps, key=_time) if limit.due(due) >= spent), free.seconds)
    return {
        "limit of": limit.name,
        "way": "reserved" if way is Watched else "checked",
        "limit": f"{most:,}",
        "spent": f"{spent:,.4f}" if limit.name.startswith("dollars") else f"{spent:,}",
        "passed by": f"{max(spent - most, Decimal(0)) / most:.1%}" if spent > most else "0",
        "unspent": f"{max(most - spent, Decimal(0)) / most:.2%}",
        "of that lost": f"{max(lost, Decimal(0)) / most:.2%}",
        "in flight": found.peak,
        "s": found.seconds,
        "s free": free_s,
        "drained s": found.drained_s,
    }


def _time(step: tuple[float, Mapping[str, Spending]]) -> float:
    return step[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--requests", type=int)
    parser.add_argument("--in-flight", type=int)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    count = options.requests or (400 if options.short else 12_000)
    in_flight = options.in_flight or (40 if options.short else 500)
    free = {faults: _ran(Budget(), count, in_flight, faults) for faults in ((), FAULTS)}
    rows = [_row(limit, way, free[limit.faults], count, in_flight) for limit in LIMITS for way in (Watched, Checked)]
    harness.show(rows)
    if options.json:
        table = {"requests": count, "in_flight": in_flight, "table": rows}
        options.json.write_text(json.dumps(table, indent=1), "utf-8")


if __name__ == "__main__":
    main()
