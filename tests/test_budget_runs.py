"""Limits of money, tokens and calls over whole runs: hundreds of calls in flight, held against the server's bill."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random

import anyio
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.engine import Bounds, Budget, Engine, HttpReply, ModelSpec, Price, Spending, cost, family, lookup
from qloragen.errors import BudgetReached, RequestFailed
from qloragen.simulator import (
    Answer,
    Fault,
    Flex,
    Latency,
    Model,
    Plan,
    PromptCache,
    Provider,
    SimulatedClient,
    Simulation,
)
from qloragen.simulator.settings import CacheRule
from qloragen.testing import VirtualLoop
from qloragen.types import Completion, Message, Request, Usage

STRONG, CHEAP = "gpt-6-sol", "gpt-6-luna"
IN_FLIGHT = 500
PASSING = (
    *("rate_limited", "slow_down", "408", "500", "502", "503", "reset_before_headers", "reset_after_headers"),
    *("truncated_body", "never_ends", "hang", "html_page", "error_inside_200", "length", "missing_usage", "refusal"),
)
FAULTS = tuple(Fault(kind, rate=0.01) for kind in PASSING)


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


class Billing(Provider):
    """A provider that adds up what is due for the calls that it bills, delivered or not, by the price list."""

    def __init__(self, simulation: Simulation, *, answers: Callable[[Mapping[str, object]], Answer]) -> None:
        super().__init__(simulation, answers=answers)
        self.due: defaultdict[str, Spending] = defaultdict(Spending)

    def arrive(self, *arrival, **named) -> Plan:
        plan = super().arrive(*arrival, **named)
        if plan.usage is not None and plan.model is not None:
            usd = cost(plan.usage, price_of(plan.model), tier=plan.service)
            tokens = plan.usage.prompt_tokens + plan.usage.completion_tokens
            self.due[plan.model] = self.due[plan.model].plus(Spending(usd, tokens, 1))
        return plan

    @property
    def bill(self) -> Spending:
        """What is due in all; the tokens are those of the statistics."""
        whole = self.due[STRONG].plus(self.due[CHEAP])
        billed = self.statistics.total.billed
        assert whole.tokens == billed.prompt_tokens + billed.completion_tokens
        return whole


def price_of(model: str) -> Price:
    price = lookup(model)
    assert price is not None
    return price


def long_answer(body: Mapping[str, object]) -> Answer:
    """Return a text that is as often as not longer than the cap; of stories always."""
    random = Random(str(body["messages"]))  # noqa: S311 - text
    return Answer("word " * (9_000 if "story" in str(body) else round(random.lognormvariate(5.0, 1.0))))


@dataclass(frozen=True)
class Surroundings:
    """What a run meets."""

    faults: tuple[Fault, ...] = ()
    cache: CacheRule = "by_name"
    flex: Flex = field(default_factory=Flex)
    tier: str | None = None
    """What every request asks for."""

    def provider(self) -> Billing:
        behaviour = Model(
            latency=Latency(median_s=2.0, p99_s=12.0, token_s=0.01), cache=PromptCache(self.cache), flex=self.flex
        )
        return Billing(Simulation(models={"*": behaviour}, faults=self.faults, seed=11), answers=long_answer)


def engine_for(
    provider: Provider, budget: Budget, tier: str | None = None, client: SimulatedClient | None = None
) -> Engine:
    specs = [
        ModelSpec(
            name,
            replace(family(name), service_tier=tier),
            price=price_of(name),
            rpm=10**9,
            tpm=10**12,
            max_concurrency=IN_FLIGHT // 2,
        )
        for name in (STRONG, CHEAP)
    ]
    return Engine(client or SimulatedClient(provider), specs, budget=budget, random=Random(7))  # noqa: S311 - jitter


def requests(count: int) -> list[Request]:
    """Return requests of which one in four is for the dear model; every text is shared by four."""
    random = Random(3)  # noqa: S311 - text
    words = ("compaction", "memtable", "SSTable", "ring", "a")
    texts = [" ".join(random.choices(words, k=random.randint(60, 900))) for _ in range(0, count, 4)]
    return [_request(number, texts[number // 4], random.choice((50, 200, 700))) for number in range(count)]


def _request(number: int, text: str, cap: int) -> Request:
    messages = (Message("user", text, shared=len(text)), Message("user", f"Part {number}."))
    return Request(CHEAP if number % 4 else STRONG, messages, cap, cache_key=str(number // 4))


@dataclass
class Ran:
    """What a run came to."""

    completions: dict[str, Completion] = field(default_factory=dict)
    """By the last text of the request."""
    reached: BudgetReached | None = None


async def ran(engine: Engine, asked: Iterable[Request]) -> Ran:
    found = Ran()
    try:
        async with engine.map(asked, at_once=2 * IN_FLIGHT) as outcomes:
            async for request, outcome in outcomes:
                if not isinstance(outcome, RequestFailed):
                    found.completions[request.messages[-1].text] = outcome
    except BudgetReached as reached:
        found.reached = reached
    return found


LIMITS = {
    "dollars": (Bounds(max_cost_usd=Decimal("0.3")), {}),
    "tokens": (Bounds(max_tokens=400_000), {}),
    "calls": (Bounds(max_calls=600), {}),
    "dollars of one": (Bounds(), {STRONG: Bounds(max_cost_usd=Decimal("0.3"))}),
    "tokens of one": (Bounds(), {CHEAP: Bounds(max_tokens=300_000)}),
    "calls of one": (Bounds(), {STRONG: Bounds(max_calls=150)}),
    "all": (
        Bounds(Decimal("0.3"), 300_000, 900),
        {STRONG: Bounds(Decimal("0.28"), 90_000, 120), CHEAP: Bounds(max_calls=500)},
    ),
}
"""For all models, and for some; all requests of `requests(1_000)` come to $0.81 and 750,000 tokens."""
PLAIN = Surroundings()
SURROUNDINGS = {
    "faults": Surroundings(FAULTS),
    "no cache": Surroundings(cache="none"),
    "flex": Surroundings(flex=Flex(unavailable=0.1, downgraded=0.3), tier="flex"),
    "priority and faults": Surroundings(FAULTS, tier="priority"),
}
CASES = [(limit, "plain") for limit in LIMITS] + [
    (limit, around) for around in SURROUNDINGS for limit in ("dollars", "all")
]


@pytest.mark.parametrize(("limit", "around"), CASES)
async def test_no_limit_is_passed_by_anything_that_the_server_bills(limit, around):
    bounds, own = LIMITS[limit]
    surroundings = SURROUNDINGS.get(around, PLAIN)
    provider = surroundings.provider()
    engine = engine_for(provider, Budget(bounds, own=own), surroundings.tier)

    found = await ran(engine, requests(1_000))

    bill = provider.bill
    assert found.reached is not None
    assert engine.stopped is found.reached
    assert bounds.passed_by(bill) is None
    assert all(own[model].passed_by(provider.due[model]) is None for model in own)
    assert engine.reserved_usd == 0
    assert engine.spent_usd >= bill.usd
    if not surroundings.faults:
        assert engine.spent_usd == bill.usd
        assert len(found.completions) == bill.calls  # what was in flight was finished, and is there


async def test_a_limit_that_is_raised_goes_on_where_it_stopped_and_pays_for_nothing_twice():
    provider = PLAIN.provider()
    asked = requests(400)
    done: dict[str, Completion] = {}
    spent: dict[str, Spending] = {}
    reasons = []

    for limit in ("0.1", "0.2", "100"):
        engine = engine_for(provider, Budget(Bounds(Decimal(limit)), spent=spent))
        found = await ran(engine, [request for request in asked if request.messages[-1].text not in done])
        done |= found.completions
        spent = {model: provider.due[model] for model in (STRONG, CHEAP)}
        reasons.append(found.reached)
        assert provider.bill.usd <= Decimal(limit)

    assert [reason is None for reason in reasons] == [False, False, True]
    assert len(done) == provider.bill.calls == 400


async def test_with_all_calls_in_flight_a_limit_is_used_up_but_for_less_than_the_worst_case_of_one_call():
    limit, provider, asked = Decimal("4.2"), PLAIN.provider(), requests(6_000)
    engine = engine_for(provider, Budget(Bounds(limit)))

    found = await ran(engine, asked)

    largest = max(len(request.messages[0].text.encode()) for request in asked) + 2_000
    worst = cost(Usage(largest, cache_write_tokens=largest, completion_tokens=700), price_of(STRONG))
    assert found.reached is not None
    assert provider.statistics.total.peak > 0.9 * IN_FLIGHT
    assert 0 <= limit - provider.bill.usd < worst


class Configured(SimulatedClient):
    """Calls of an account whose project has every call that asks for no tier served as priority, at twice the price."""

    async def post(self, body: bytes, *, timeout_s: float) -> HttpReply:
        return await super().post(orjson.dumps({**orjson.loads(body), "service_tier": "priority"}), timeout_s=timeout_s)


async def test_a_limit_holds_although_the_account_has_all_calls_served_at_a_dearer_tier():
    """Of replies that come up to their caps, where what is reserved is hardly more than what is due."""
    limit, provider = Decimal("0.25"), PLAIN.provider()
    engine = engine_for(provider, Budget(Bounds(limit)), client=Configured(provider))
    asked = [Request(CHEAP, (Message("user", f"{number}. Tell me a long story."),), 3_000) for number in range(300)]

    found = await ran(engine, asked)

    assert found.reached is not None
    assert set(provider.statistics.services) == {"priority"}
    assert engine.spent_usd == provider.bill.usd <= limit


class Ramped(SimulatedClient):
    """Calls of such an account at its ramp limit: after the first one, five are served as usual, and then none."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider)
        self.calls = 0

    async def post(self, body: bytes, *, timeout_s: float) -> HttpReply:
        self.calls += 1
        tier = "default" if 2 <= self.calls <= 6 else "priority"
        return await super().post(orjson.dumps({**orjson.loads(body), "service_tier": tier}), timeout_s=timeout_s)


async def test_a_limit_holds_although_the_account_has_some_calls_served_at_a_cheaper_tier():
    limit, provider = Decimal("0.25"), PLAIN.provider()
    engine = engine_for(provider, Budget(Bounds(limit)), client=Ramped(provider))
    asked = [Request(CHEAP, (Message("user", f"{number}. Tell me a long story."),), 3_000) for number in range(300)]
    for request in asked[:6]:
        await engine.complete(request)

    found = await ran(engine, asked[6:])

    assert found.reached is not None
    assert set(provider.statistics.services) == {"default", "priority"}
    assert engine.spent_usd == provider.bill.usd <= limit


async def test_what_is_left_is_used_also_by_a_model_that_waits_for_its_rate_limit():
    """Nothing is in flight between its calls, and the dear model's next call does not fit any more."""
    provider = PLAIN.provider()
    specs = [
        ModelSpec(STRONG, family(STRONG), price=price_of(STRONG), rpm=10**9, tpm=10**12),
        ModelSpec(CHEAP, family(CHEAP), price=price_of(CHEAP), rpm=2, tpm=10**12),
    ]
    engine = Engine(SimulatedClient(provider), specs, budget=Budget(Bounds(Decimal("0.05"))))

    found = await ran(engine, requests(60))

    assert found.reached is not None
    assert "call to gpt-6-sol could cost" in str(found.reached)
    assert provider.due[CHEAP].calls == 45


@settings(deadline=None, max_examples=10)
@given(
    seed=st.integers(0, 2**32),
    limit=st.sampled_from(sorted(LIMITS)),
    around=st.sampled_from(["plain", *sorted(SURROUNDINGS)]),
)
async def test_no_limit_is_passed_and_nothing_stays_set_aside_whoever_is_cancelled_or_paused(seed, limit, around):
    dice = Random(seed)  # noqa: S311 - a schedule
    bounds, own = LIMITS[limit]
    surroundings = SURROUNDINGS.get(around, PLAIN)
    provider = surroundings.provider()
    engine = engine_for(provider, Budget(bounds, own=own), surroundings.tier)
    waits = [asyncio.ensure_future(engine.complete(request)) for request in requests(dice.choice((30, 100, 400)))]

    for _ in range(dice.randint(0, 30)):
        await asyncio.sleep(dice.choice((0.0, 0.1, 1.0, 5.0)))
        match dice.randrange(3):
            case 0:
                engine.pause("why not")
            case 1:
                engine.resume()
            case _:
                for one in dice.sample(waits, len(waits) // 10):
                    one.cancel()
    engine.resume()
    with anyio.fail_after(20_000):
        ends = await asyncio.gather(*waits, return_exceptions=True)

    assert all(isinstance(end, Completion | RequestFailed | BudgetReached | asyncio.CancelledError) for end in ends)
    assert bounds.passed_by(provider.bill) is None
    assert all(own[model].passed_by(provider.due[model]) is None for model in own)
    assert engine.reserved_usd == 0
    assert engine.spent_usd >= provider.bill.usd
    assert [one.in_flight for one in engine.statistics.values()] == [0, 0]
