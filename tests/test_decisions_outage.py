"""One end of the API is out while the other works: an outage, and no article's fault. In virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from qloragen import Session
from qloragen.simulator import Call, Effect, Latency, Model, Provider, SimulatedClient, Simulation

from .test_main_job import articles
from .virtual import Life

BEGIN_S, END_S = 30.0, 630.0


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.parametrize("status", [503, 500, 429])
def test_an_outage_of_decisions_alone_costs_no_article(tmp_path, status):
    def out(call: Call) -> Effect | None:
        decides = "questions" in call.body
        return Effect(status=status) if decides and BEGIN_S < asyncio.get_running_loop().time() < END_S else None

    latency = Latency(median_s=1.0, p99_s=4.0, token_s=0.005)
    provider = Provider(Simulation(models={"*": Model(latency=latency)}, seed=5), script=out, record=True)
    came_to = Counter[str]()

    async def main():
        async with Session(
            tmp_path / "run", client=SimulatedClient(provider), classifier="decisions", rpm=600
        ) as session:
            await session.process(articles(200))
            came_to.update(session.summary.rejections)
            came_to.update(session.summary.failures)
            came_to["classified"] = session.summary.classified

    life = Life(main)

    assert life.error is None
    assert came_to == {"classified": 200}
    assert life.ended_s > END_S
