"""Calls that were or may have been billed and brought no reply: the caller is told of each, at once."""

from __future__ import annotations

from decimal import Decimal

import anyio
import orjson
import pytest

from qloragen.engine import HttpReply, LostCall, Price, cost
from qloragen.engine.client import ConnectionLost
from qloragen.engine.reply import billed
from qloragen.errors import RequestFailed
from qloragen.testing import ScriptedClient, VirtualLoop, refusal, reply
from qloragen.types import Usage

from .engines import engine_for, in_turn, request_for, spec

FLEX = Price(prompt=Decimal(2), completion=Decimal(10))
PRICE = Price(prompt=Decimal(5), completion=Decimal(20), cached=Decimal(1), tiers={"flex": FLEX})
BILL = {"prompt_tokens": 1000, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 900}}


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


def unusable(**fields: object) -> HttpReply:
    """Return a reply with status 200 that is no chat completion."""
    return HttpReply(200, orjson.dumps(fields))


async def lost_calls(*answers, price=PRICE) -> list[LostCall]:
    """Return what a caller is told when these answers come before a good one."""
    told: list[LostCall] = []
    engine = engine_for(ScriptedClient(in_turn(*answers, reply())), spec(price=price))
    await engine.complete(request_for(), lost=told.append)
    assert engine.spent_usd >= sum(one.worst_usd or 0 for one in told)
    return told


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (ConnectionLost("reset"), "connection"),
        (ConnectionLost("slow", timed_out=True), "timeout"),
        (HttpReply(200, b"<html>"), "bad_body"),
        (unusable(object="chat.completion"), "bad_body"),
    ],
)
async def test_a_call_that_may_have_been_billed_is_told_with_its_worst_case(answer, reason):
    (lost,) = await lost_calls(answer)

    assert (lost.model, lost.reason, lost.usage, lost.cost_usd, lost.tier) == ("m", reason, None, None, None)
    assert lost.worst_usd
    assert lost.worst_usd >= cost(Usage(completion_tokens=50), PRICE)
    assert lost.worst_tokens > 50


@pytest.mark.parametrize("answer", [ConnectionLost("no way there", maybe_paid=False), refusal(500), refusal(429)])
async def test_a_call_that_was_certainly_not_billed_is_not_told(answer):
    assert await lost_calls(answer) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"object": "chat.completion", "usage": BILL, "service_tier": "flex"},
        {"choices": [], "error": {"message": "It broke.", "code": 503}, "usage": BILL, "service_tier": "flex"},
    ],
)
async def test_a_body_that_cannot_be_used_but_states_its_bill_is_billed_exactly(fields):
    (lost,) = await lost_calls(unusable(**fields))

    usage = Usage(1000, 900, 0, 7, 0)
    assert (lost.usage, lost.tier, lost.worst_tokens) == (usage, "flex", 1007)
    assert lost.cost_usd == lost.worst_usd == cost(usage, PRICE, tier="flex")


async def test_without_a_price_nobody_knows_the_worst():
    (lost,) = await lost_calls(ConnectionLost("reset"), price=None)

    assert (lost.cost_usd, lost.worst_usd) == (None, None)


async def test_each_attempt_is_told_also_when_the_request_fails_in_the_end():
    told: list[LostCall] = []
    engine = engine_for(ScriptedClient(lambda _: ConnectionLost("slow", timed_out=True)), spec(price=PRICE))

    with pytest.raises(RequestFailed):
        await engine.complete(request_for(), lost=told.append)

    assert len(told) == engine.statistics["m"].sent > 1


async def test_a_call_that_is_cancelled_is_told_before_the_cancellation_goes_on():
    told: list[LostCall] = []
    engine = engine_for(ScriptedClient(lambda _: reply(), latency_s=60), spec(price=PRICE))

    with anyio.move_on_after(5):
        await engine.complete(request_for(), lost=told.append)

    assert [one.reason for one in told] == ["cancelled"]


def test_bills_are_read_from_bodies_of_both_endpoints():
    assert billed(orjson.dumps({"usage": {"input_tokens": 9, "output_tokens": 0}})) == (Usage(9), None)
    assert billed(b"<html>") is None
    assert billed(orjson.dumps({"usage": {"prompt_tokens": 0}})) is None
    assert billed(orjson.dumps({"usage": None})) is None
