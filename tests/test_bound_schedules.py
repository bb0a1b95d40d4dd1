"""Whoever waits is woken in time: in runs drawn at random, looking again never finds anybody who could be sent."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.engine import Engine
from qloragen.engine.spec import ModelSpec
from qloragen.testing import Answer, Body, ScriptedClient, refusal, reply, run_virtually
from tests.engines import engine_for, outcomes, request_for, spec
from tests.test_engine_flex import NO_ROOM


class Schedule:
    """Thirty requests at random times, some of which leave early, to a provider that fails at random."""

    def __init__(self, model: ModelSpec, dice: Random, *, failing: float, spread_s: float) -> None:
        self.found: list[float] = []
        """When somebody was found who could be sent."""
        self._dice = dice
        self._failing = failing
        self._spread_s = spread_s
        self._model = model

    async def play(self) -> None:
        client = ScriptedClient(self._answer, latency_s=lambda _body: self._dice.uniform(0.1, 9))
        engine = engine_for(client, self._model)
        async with anyio.create_task_group() as looking:
            looking.start_soon(self._look, engine)
            async with anyio.create_task_group() as asking:
                for _ in range(30):
                    asking.start_soon(self._ask, engine)
            looking.cancel_scope.cancel()

    def _answer(self, _body: Body) -> Answer:
        if self._dice.random() < self._failing:
            return self._dice.choice([refusal(503), refusal(429, headers={"retry-after": "5"}), NO_ROOM])
        return reply(usage=(self._dice.randint(10, 900), self._dice.randint(1, 90)))

    async def _ask(self, engine: Engine) -> None:
        request = request_for(text="x" * self._dice.choice([5, 500, 6_000]), cap=self._dice.choice([10, 200, 2_500]))
        await anyio.sleep(self._dice.uniform(0, self._spread_s))
        with anyio.move_on_after(self._dice.choice([20, 10**6])):
            await outcomes(engine, [request])

    async def _look(self, engine: Engine) -> None:
        admission = engine.lane("m").admission
        while True:
            await anyio.sleep(self._dice.uniform(0, 3))
            before = admission.in_flight
            admission.look()
            if admission.in_flight != before:
                self.found.append(anyio.current_time())


@settings(max_examples=60, deadline=None)
@given(
    rpm=st.sampled_from([20, 60, 600]),
    tpm=st.sampled_from([3_000, 20_000]),
    slots=st.sampled_from([1, 5, "auto"]),
    tier=st.sampled_from([None, "flex"]),
    failing=st.sampled_from([0, 0.1, 0.4]),
    spread_s=st.sampled_from([0, 60]),
    seed=st.integers(0, 10**6),
)
def test_looking_again_finds_nobody_who_could_be_sent(rpm, tpm, slots, tier, failing, spread_s, seed):
    family = replace(spec().family, service_tier=tier)
    model = replace(spec(rpm=rpm, tpm=tpm, max_concurrency=slots), family=family)
    schedule = Schedule(model, Random(seed), failing=failing, spread_s=spread_s)  # noqa: S311 - a test's dice

    run_virtually(schedule.play())

    assert schedule.found == []
