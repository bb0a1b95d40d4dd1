"""The engine against the simulated provider, whole runs in virtual time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from heapq import heapreplace
from math import inf
from operator import itemgetter
from random import Random
from typing import Any

import anyio
import pytest

from qloragen.engine import Engine, ModelSpec, ModelStatistics, Price, family
from qloragen.errors import AccessDenied, ModelNotFound, QuotaExhausted, RequestFailed, RunStopped
from qloragen.simulator import (
    KINDS,
    Capacity,
    Fault,
    Latency,
    Limits,
    Model,
    Outage,
    Provider,
    SimulatedClient,
    Simulation,
    Statistics,
)
from qloragen.testing import VirtualLoop
from qloragen.types import Completion, Function, Message, Request

NAME = "gpt-4.1-mini"
FUNCTION = Function(
    "save",
    "Save it.",
    {
        "type": "object",
        "properties": {"text": {"type": "string", "maxLength": 200}},
        "required": ["text"],
        "additionalProperties": False,
    },
)
QUICK = Latency(median_s=0.5, p99_s=3.0)


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


@dataclass
class Seen:
    """What came of a run."""

    seconds: float
    outcomes: list[tuple[int, Completion | RequestFailed]]
    """The request's number, and what came of it."""
    engine: ModelStatistics
    server: Statistics

    @property
    def completions(self) -> list[tuple[int, Completion]]:
        return [(number, outcome) for number, outcome in self.outcomes if isinstance(outcome, Completion)]

    @property
    def completed(self) -> int:
        return len(self.completions)


def request_for(text: str, *, cap: int = 200, function: Function | None = None, **fields: Any) -> Request:
    return Request(NAME, (Message("system", "Answer."), Message("user", text)), cap, function, **fields)


def words(count: int, seed: int) -> str:
    random = Random(seed)  # noqa: S311 - text
    vocabulary = ("compaction", "memtable", "SSTable", "node", "ring", "token", "repair", "read", "write", "hint", "a")
    return f"{seed}. " + " ".join(random.choices(vocabulary, k=count))


async def seen(
    requests: Iterable[Request],
    behaviour: Model,
    *,
    in_flight: int = 256,
    faults: tuple[Fault, ...] = (),
    outages: tuple[Outage, ...] = (),
    **spec: Any,
) -> Seen:
    provider = Provider(Simulation(models={"*": behaviour}, faults=faults, outages=outages, seed=5))
    fields: dict[str, Any] = {"price": Price(Decimal("0.4"), Decimal("1.6")), "max_concurrency": in_flight, **spec}
    engine = Engine(SimulatedClient(provider), [ModelSpec(NAME, family(NAME), **fields)], random=Random(7))  # noqa: S311
    begin_s, outcomes = anyio.current_time(), []
    async with engine.map(requests, at_once=2 * in_flight) as results:
        async for request, outcome in results:
            outcomes.append((int(request.messages[-1].text.split(".")[0]), outcome))
    return Seen(anyio.current_time() - begin_s, outcomes, engine.statistics[NAME], provider.statistics)


# --------------------------------------------------------------------------------------------- the table of failures

PASSING = {
    **dict.fromkeys(("408", "409", "500", "502", "503", "529", "html_error"), 2),
    **dict.fromkeys(("reset_before_headers", "reset_after_headers", "truncated_body", "never_ends", "hang"), 2),
    **dict.fromkeys(("html_page", "error_inside_200"), 2),
    **dict.fromkeys(("rate_limited", "rate_limited_tokens", "slow_down", "flex_unavailable"), 2),
    **dict.fromkeys(("unsupported_parameter", "invalid_schema"), 2),
    "slow_trickle": 1,
}
"""Kind to the calls that the answer takes when the first one meets the fault."""
STOPPING: dict[str, type[RunStopped]] = {
    "insufficient_quota": QuotaExhausted,
    "unauthorized": AccessDenied,
    "forbidden": AccessDenied,
    "model_not_found": ModelNotFound,
}
GIVEN_UP = {"bad_request": False, "context_length": False, "content_policy": True}
"""Kind to whether it is final."""
PAID = {
    "length",
    "content_filter",
    "refusal",
    "empty_choices",
    "null_content",
    "missing_usage",
    "invalid_arguments",
    "wrong_schema_arguments",
    "duplicated_tool_calls",
    "prose_instead_of_call",
}
"""Odd replies that are completions like any other, for whoever asked to judge."""


def test_every_kind_of_fault_has_a_policy():
    assert set(KINDS) == set(PASSING) | set(STOPPING) | set(GIVEN_UP) | PAID


async def one_call_after(kind: str) -> tuple[Completion, ModelStatistics]:
    provider = Provider(script={0: Fault(kind)})
    engine = Engine(SimulatedClient(provider), [ModelSpec(NAME, family(NAME), structure="tools")])
    request = request_for(words(50, 1), function=FUNCTION, temperature=0.0)
    return await engine.complete(request), engine.statistics[NAME]


@pytest.mark.parametrize(("kind", "calls"), PASSING.items())
async def test_a_fault_that_passes_costs_a_call_and_no_answer(kind, calls):
    if kind == "invalid_schema":
        provider = Provider(script={0: Fault(kind)})
        spec = ModelSpec("m", family("m"), structure="tools")  # a family that is sent bounds
        engine = Engine(SimulatedClient(provider), [spec])
        request = Request("m", request_for("x").messages, 50, FUNCTION)
        completion, counts = await engine.complete(request), engine.statistics["m"]
    else:
        completion, counts = await one_call_after(kind)

    assert completion.arguments is not None
    assert (completion.attempts, counts.sent) == (calls, calls)
    assert counts.pause is None or kind in {"rate_limited", "rate_limited_tokens", "slow_down", "flex_unavailable"}


@pytest.mark.parametrize(("kind", "error"), STOPPING.items())
async def test_a_fault_of_the_account_stops_everything(kind, error):
    with pytest.raises(error):
        await one_call_after(kind)


@pytest.mark.parametrize(("kind", "final"), GIVEN_UP.items())
async def test_a_fault_of_the_request_ends_the_request(kind, final):
    with pytest.raises(RequestFailed) as caught:
        await one_call_after(kind)

    assert caught.value.final is final


@pytest.mark.parametrize("kind", sorted(PAID))
async def test_an_odd_reply_is_handed_over_because_it_was_paid_for(kind):
    completion, counts = await one_call_after(kind)

    assert (completion.attempts, counts.sent, counts.completed) == (1, 1, 1)


# ------------------------------------------------------------------------------------------------- outage and storms


async def test_outage_storms_and_faults_lose_nothing_and_pay_for_nothing_twice():
    storms = tuple(Fault("rate_limited", 0.6, start_s=s, end_s=s + 5) for s in (60.0, 80.0))
    passing = tuple(Fault(kind, 0.02) for kind in PASSING if kind not in {"unsupported_parameter", "invalid_schema"})
    requests = (request_for(words(200, n)) for n in range(6_000))

    run = await seen(
        requests, Model(latency=QUICK), in_flight=64, faults=(*storms, *passing), outages=(Outage(20, 60),)
    )

    assert (run.completed, len(run.outcomes)) == (6_000, 6_000)
    assert run.server.duplicates == 0
    assert run.server.total.outcomes["outage"] < 64 + 12


async def test_the_bill_is_the_servers_bill_but_for_what_was_never_delivered():
    faults = tuple(Fault(kind, 0.05) for kind in ("500", "reset_after_headers", "truncated_body", "html_page"))

    run = await seen((request_for(words(60, n)) for n in range(400)), Model(latency=QUICK), faults=faults)

    ours = [completion.usage for _, completion in run.completions]
    billed, lost = run.server.total.billed, run.server.total.undelivered
    assert len(ours) == 400
    assert sum(usage.prompt_tokens for usage in ours) == billed.prompt_tokens - lost.prompt_tokens
    assert sum(usage.completion_tokens for usage in ours) == billed.completion_tokens - lost.completion_tokens


# ------------------------------------------------------------------------------------------------------------ limits


@pytest.mark.parametrize("known", [True, False])
async def test_a_run_at_the_limit_takes_hardly_longer_than_it_must(known):
    limits = Limits(rpm=3_000, tpm=3_000_000, burst_s=1.0)
    given: dict[str, Any] = {"rpm": 3_000, "tpm": 3_000_000} if known else {}

    run = await seen(
        (request_for(words(200, n)) for n in range(6_000)), Model(limits=limits, latency=QUICK), in_flight=512, **given
    )

    ideal_s = max((number - 50) / 50 + completion.latency_s for number, completion in run.completions)
    assert run.completed == 6_000
    assert run.seconds / ideal_s < 1.02
    assert run.engine.rate_limited <= 6


@pytest.mark.parametrize("charge", ["sum", "max"])
async def test_unknown_token_limits_are_found_and_used_whatever_the_formula(charge):
    random = Random(3)  # noqa: S311 - sizes
    sizes = [int(min(9_000, max(120, random.lognormvariate(7.2, 0.9)))) for _ in range(1_500)]
    model = Model(limits=Limits(rpm=30_000, tpm=2_000_000, charge=charge), latency=QUICK)

    run = await seen((request_for(words(size, n), cap=600) for n, size in enumerate(sizes)), model, in_flight=512)

    charged = sum(_charged(words(size, n), 600, charge) for n, size in enumerate(sizes))
    ideal_s = (charged - 2_000_000 / 60) / (2_000_000 / 60) + 0.5
    assert run.completed == 1_500
    assert run.seconds / ideal_s < 1.05
    assert run.engine.rate_limited <= 0.005 * 1_500


def _charged(text: str, cap: int, charge: str) -> float:
    prompt = (len(text) + len("Answer.")) / 4
    return prompt + cap if charge == "sum" else max(prompt, cap)


async def test_a_limit_that_the_server_does_not_announce_is_found_by_backing_off():
    limits = Limits(rpm=600, burst_s=1.0, announced=False)

    run = await seen((request_for(words(50, n)) for n in range(1_200)), Model(limits=limits, latency=QUICK))

    assert run.completed == 1_200
    assert run.seconds < 1.6 * 120
    assert run.engine.rate_limited < 0.25 * 1_200


async def test_the_cap_of_a_group_is_lowered_where_it_costs_throughput():
    limits = Limits(tpm=600_000)

    def requests(group: str | None) -> Iterator[Request]:
        return (request_for(words(300, n), cap=1_500, group=group) for n in range(1_500))

    whole = await seen(requests(None), Model(limits=limits, latency=QUICK))
    lowered = await seen(requests("a"), Model(limits=limits, latency=QUICK))

    assert lowered.seconds < 0.5 * whole.seconds
    assert sum(completion.finish_reason == "length" for _, completion in lowered.completions) <= 3


# ------------------------------------------------------------------------------------------------- many calls in flight


async def test_a_thousand_slots_are_kept_busy():
    model = Model(latency=Latency(median_s=2.0, p99_s=20.0))

    run = await seen((request_for(words(50, n)) for n in range(5_000)), model, in_flight=1_000)

    free_s = [0.0] * 1_000  # list scheduling: each call in turn takes the slot that is free first
    for _, completion in sorted(run.completions, key=itemgetter(0)):
        heapreplace(free_s, free_s[0] + completion.latency_s)
    assert run.completed == 5_000
    assert run.seconds / max(free_s) < 1.05


@pytest.mark.parametrize(("capacity", "knee"), [(Capacity(slots=16), 16), (Capacity(knee=48), 48), (Capacity(), inf)])
async def test_auto_concurrency_finds_how_much_a_server_can_do(capacity, knee):
    model = Model(capacity=capacity, latency=Latency(median_s=0.4, p99_s=1.5))

    run = await seen(
        (request_for(words(40, n)) for n in range(12_000)), model, max_concurrency="auto", auto_maximum=256
    )

    mean_s = 0.4 * 1.18  # of a lognormal distribution with that median and percentile
    best_s = 12_000 * mean_s / min(knee, 256)
    assert run.completed == 12_000
    assert run.seconds < 1.15 * best_s + 8  # which it takes to find out
    assert run.server.total.peak <= max(3 * knee, 64)
