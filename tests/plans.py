"""Calls to the simulated provider without a shell, and how their plans are read."""

from __future__ import annotations

from typing import Any

import orjson

from qloragen.simulator import Model, Plan, Provider, Simulation, Wire

TOOL = {
    "type": "function",
    "function": {
        "name": "record",
        "parameters": {
            "type": "object",
            "properties": {"title": {"type": "string"}, "text": {"type": "string"}},
            "required": ["title", "text"],
            "additionalProperties": False,
        },
    },
}


def body(text: str = "hello", model: str = "m", **parameters: Any) -> bytes:
    return orjson.dumps({"model": model, "messages": [{"role": "user", "content": text}], **parameters})


def provider(*, script=None, record: bool = False, faults=(), outages=(), seed: int = 0, **model: Any) -> Provider:
    simulation = Simulation(models={"*": Model(**model)}, faults=faults, outages=outages, seed=seed)
    return Provider(simulation, script=script, record=record)


def finished(provider: Provider, request: bytes, at_s: float = 0.0, headers: dict[str, str] | None = None) -> Plan:
    """Return the plan of a call that got its whole reply, if there was one."""
    plan = provider.arrive(request, headers or {}, at_s)
    provider.end(plan, at_s + plan.last_s, whole=plan.wire in {Wire.WHOLE, Wire.TRICKLE})
    return plan


def refusal(plan: Plan) -> tuple[int, str | None, str | None]:
    """Return status, code and param of an error reply in OpenAI's form."""
    told = orjson.loads(plan.body)["error"]
    assert set(told) == {"message", "type", "param", "code"}
    return plan.status, told["code"], told["param"]


def choice(plan: Plan) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(plan.body)["choices"][0]
    return found
