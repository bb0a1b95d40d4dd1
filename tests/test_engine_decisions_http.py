"""Decisions over real HTTP on loopback, through both transports."""

from __future__ import annotations

import orjson
import pytest

from qloragen.engine import Engine, connect, known_model
from qloragen.engine.client import Transport
from qloragen.simulator import Provider, Simulation, SimulatorServer
from tests.test_engine_decisions import LUNA, judging


@pytest.mark.parametrize("transport", ["openai", "aiohttp"])
async def test_decisions_arrive_over_http_and_are_billed_as_such(transport: Transport):
    provider = Provider(Simulation())

    async with (
        SimulatorServer(provider) as server,
        connect(base_url=server.base_url, api_key="k", max_connections=4, timeout_s=5, transport=transport) as client,
    ):
        completion = await Engine(client, [known_model(LUNA)]).complete(judging())

    assert [answer["name"] for answer in orjson.loads(completion.arguments or "")] == ["t1", "t2"]
    assert completion.usage.prompt_tokens == provider.statistics.services["decisions"][LUNA].billed.prompt_tokens
