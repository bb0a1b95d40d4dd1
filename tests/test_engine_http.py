"""The whole engine over real HTTP on loopback."""

from __future__ import annotations

import traceback

import orjson
import pytest

from qloragen.engine import Engine, ModelSpec, RetryPolicy, connect, family
from qloragen.errors import QloragenError
from qloragen.simulator import Effect, Wire, error
from qloragen.types import Function, Message, Request
from tests.simulated import Simulated

KEY = "canary-key-0123456789"
QUICK = RetryPolicy(base_s=0.001, cap_s=0.01, timeout_s=5)


def connected(server: Simulated):
    return connect(base_url=server.base_url, api_key=KEY, max_connections=8, timeout_s=5)


FUNCTION = Function(
    "record",
    "Write it down.",
    {
        "type": "object",
        "properties": {"instruction": {"type": "string", "maxLength": 60}, "output": {"type": "string"}},
        "required": ["instruction", "output"],
        "additionalProperties": False,
    },
)

FAULTS: dict[str, Effect] = {
    "429": error(429, code="rate_limit_exceeded", headers={"retry-after-ms": "5"}),
    "500": error(500),
    "html": Effect(raw=b"<html>busy</html>"),
    "gateway": Effect(status=502, raw=b"<html>bad gateway</html>"),
    "reset": Effect(wire=Wire.RESET_BEFORE_HEADERS),
    "truncated": Effect(wire=Wire.TRUNCATED),
    "error in a 200": Effect(raw=b'{"error": {"code": 503, "message": "busy"}}'),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_one_passing_fault_in_three_loses_nothing(fault):
    async with (
        Simulated(faults=lambda call: fault if call.index % 3 == 0 else None) as server,
        connected(server) as client,
    ):
        engine = Engine(client, [ModelSpec("m", family("m"), max_concurrency=4)], retry=QUICK)
        texts = [(await engine.complete(Request("m", (Message("user", f"question {n}"),), 10))).text for n in range(12)]

    assert texts == ["1, 2, 6"] * 12


@pytest.mark.parametrize("structure", ["tools", "json_schema", "json_object"])
async def test_each_form_of_answer_works_over_http(structure):
    async with Simulated() as server, connected(server) as client:
        engine = Engine(client, [ModelSpec("m", family("m"), structure=structure)], retry=QUICK)
        completion = await engine.complete(Request("m", (Message("user", "write"),), 400, FUNCTION))

    answer = orjson.loads(completion.arguments or "")
    assert set(answer) == {"instruction", "output"}
    assert len(answer["instruction"]) <= 60
    assert completion.structure == structure


async def test_prose_in_place_of_a_call_steps_the_form_down_over_http():
    def no_tools(call):
        return Effect(prose="I would rather chat.") if "tools" in call.body else None

    async with Simulated(faults=no_tools) as server, connected(server) as client:
        engine = Engine(client, [ModelSpec("m", family("m"))], retry=QUICK)
        request = Request("m", (Message("user", "write"),), 100, FUNCTION)
        first, second = await engine.complete(request), await engine.complete(request)

    assert (first.arguments, first.text) == (None, "I would rather chat.")
    assert second.structure == "json_schema"
    assert second.arguments is not None


async def test_the_engine_s_bill_is_the_servers_bill():
    async with (
        Simulated(faults={2: error(500), 5: Effect(wire=Wire.RESET_BEFORE_HEADERS)}) as server,
        connected(server) as client,
    ):
        engine = Engine(client, [ModelSpec("m", family("m"))], retry=QUICK)
        usages = [
            (await engine.complete(Request("m", (Message("user", "word " * 3_000 + str(n)),), 10))).usage
            for n in range(8)
        ]

    assert server.billed("m") == {
        "prompt_tokens": sum(usage.prompt_tokens for usage in usages),
        "cached_tokens": sum(usage.cached_tokens for usage in usages),
        "completion_tokens": sum(usage.completion_tokens for usage in usages),
    }
    assert sum(usage.cached_tokens for usage in usages) > 0


@pytest.mark.parametrize(
    "fault",
    [Effect(wire=Wire.RESET_BEFORE_HEADERS), error(401, message=f"Incorrect key: {KEY}"), Effect(wire=Wire.TRUNCATED)],
)
async def test_the_key_is_in_no_exception_text(fault):
    async with Simulated(faults=lambda _call: fault) as server, connected(server) as client:
        engine = Engine(client, [ModelSpec("m", family("m"))], retry=QUICK)
        with pytest.raises(QloragenError) as caught:
            await engine.complete(Request("m", (Message("user", "hello"),), 10))

    assert KEY not in "".join(traceback.format_exception(caught.value))
