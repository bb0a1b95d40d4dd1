"""The simulator as most tests want it: over HTTP, every call kept, and a classification of the test's own choice.

async with Simulated(classify=lambda _: "1, 2") as server:
    ...                       # talk to server.base_url with any key
    assert len(server.calls) == 3
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from qloragen.simulator import Answer, Call, Effect, Provider, Script, SimulatorServer
from qloragen.simulator.answers import answer
from qloragen.simulator.calls import scripted
from qloragen.simulator.decision_answers import Decider, decide


class Simulated:
    """A server whose calls without a structured answer are answered with `classify(prompt)`, and all others as usual.

    Each reply takes `delay_s` seconds; this and `faults` may be changed while it runs.
    """

    def __init__(
        self,
        *,
        classify: Callable[[str], str] = lambda _prompt: "1, 2, 6",
        decide: Decider = decide,
        faults: Script | None = None,
        delay_s: float = 0.0,
    ) -> None:
        self.faults = faults
        self.delay_s = delay_s
        self._classify = classify
        self._provider = Provider(script=self._effect, answers=self._answer, decide=decide, record=True)
        self._server = SimulatorServer(self._provider)

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.__aexit__(kind, error, trace)

    @property
    def base_url(self) -> str:
        return self._server.base_url

    @property
    def calls(self) -> list[Call]:
        return self._provider.calls

    @property
    def peak(self) -> int:
        """The most calls that were in flight together."""
        return self._provider.statistics.total.peak

    @property
    def in_flight(self) -> int:
        return self._provider.statistics.total.in_flight

    def of_kind(self, kind: str) -> list[Call]:
        """Return the calls of one kind, in order of arrival."""
        return [call for call in self.calls if call.kind == kind]

    def billed(self, model: str | None = None) -> dict[str, int]:
        """Return the sum of prompt, cached and completion tokens of all replies (of one model) that arrived."""
        bills = [call.usage for call in self.calls if call.usage is not None and model in (None, call.model)]
        return {
            "prompt_tokens": sum(bill["prompt_tokens"] for bill in bills),
            "cached_tokens": sum(bill["prompt_tokens_details"]["cached_tokens"] for bill in bills),
            "completion_tokens": sum(bill["completion_tokens"] for bill in bills),
        }

    def _effect(self, call: Call) -> Effect:
        fault = scripted(self.faults, call)
        effect = Effect() if fault is None else fault.does
        return replace(effect, delay_s=effect.delay_s + self.delay_s)

    def _answer(self, body: Mapping[str, Any]) -> Answer:
        if "tools" in body or "response_format" in body:
            return answer(body)
        return Answer(self._classify(Call(0, dict(body), {}, 0.0).prompt))
