"""The simulator as the provider of `faults`: in a thread, with one cell's fault, and an account of what was paid."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from anyio.from_thread import start_blocking_portal
from fault_cells import Asked, Cell

from qloragen.simulator import Answer, Call, Effect, Latency, Model, Provider, Simulation, SimulatorServer, Wire
from qloragen.simulator.answers import answer

_ARTICLE = re.compile(r"Article (\d+) of the ring")
_UNBILLED = frozenset({Wire.RESET_BEFORE_HEADERS, Wire.HANG, Wire.REFUSED})


def article_of(number: int) -> str:
    """Return the text of an article; every prompt about it is known by its first words."""
    sentence = f"Node {number} keeps its replicas in step with hinted handoff, read repair and nightly repair jobs. "
    return f"Article {number} of the ring\n\n{sentence * 3}\n\nIt listens on port {7000 + number}."


def output_of(number: int) -> str:
    """Return what the model writes about an article, as long as anything may be that is not cut off."""
    return (
        f"Replica {number} keeps what its neighbours missed, and hands it over when they are back. Where a hint is too "
        f"old, a read at quorum finds the difference, and what nobody reads is compared at night. So port "
        f"{7000 + number} is all that an operator of node {number} has to watch."
    )


@dataclass(frozen=True)
class Account:
    """What the provider has seen; two of them can be subtracted."""

    calls: int = 0
    """That asked for a row."""
    others: int = 0
    """That asked for the classification of an article."""
    probes: int = 0
    """That asked for nothing about any article."""
    again: int = 0
    """Replies billed to a question that had been billed before."""

    def minus(self, earlier: Account) -> Account:
        """Return what came after `earlier`."""
        return Account(
            self.calls - earlier.calls,
            self.others - earlier.others,
            self.probes - earlier.probes,
            self.again - earlier.again,
        )


class FaultyProvider:
    """Answers every question about an article alike, and does to calls what a cell says."""

    def __init__(self, cell: Cell, *, classifies: bool) -> None:
        self.base_url = ""
        self.mended = False
        """A fault of the whole provider is over."""
        self._cell = cell
        self._classifies = classifies
        self._calls: list[tuple[str, Call]] = []
        self._asked: Counter[tuple[str, int]] = Counter()
        self._billed: Counter[tuple[str, int]] = Counter()
        self._probes = 0
        self._began_s: float | None = None
        self.moved_s = monotonic()
        """When the last call came or was answered."""

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Listen on `base_url` within the block."""
        simulation = Simulation(models={"*": Model(latency=Latency(median_s=self._cell.latency_s))})
        server = SimulatorServer(Provider(simulation, script=self._strike, answers=self._answer))
        with start_blocking_portal() as portal, portal.wrap_async_context_manager(server):
            self.base_url = server.base_url
            yield

    @property
    def account(self) -> Account:
        """What was seen until now."""
        kinds = Counter(kind for kind, _ in self._calls)
        again = sum(count - 1 for count in self._billed.values())
        return Account(kinds["row"], kinds["types"], self._probes, again)

    @property
    def answered(self) -> int:
        """Questions for a row that have been answered, well or not."""
        return sum(kind == "row" and call.status == 200 for kind, call in self._calls)

    @property
    def in_flight(self) -> int:
        """Calls that were sent and not answered: now, or when their client died."""
        return sum(call.status is None for _, call in self._calls)

    def _strike(self, call: Call) -> Effect | None:
        self.moved_s = monotonic()
        found = _ARTICLE.search(call.prompt)
        if found is None:
            self._probes += 1
            return None
        kind = "types" if self._classifies and call.kind == "classify" else "row"
        effect = self._effect(kind, int(found[1]), call.started)
        self._calls.append((kind, call))
        if _is_billed(effect):
            self._billed[kind, int(found[1])] += 1
        return effect

    def _effect(self, kind: str, article: int, now_s: float) -> Effect | None:
        if self._began_s is None:
            self._began_s = now_s
        asked = Asked(article, self._asked[kind, article], self._asked.total(), now_s - self._began_s)
        self._asked[kind, article] += 1
        if self._cell.provider:
            return None if self.mended else self._cell.strikes(asked)
        return self._cell.strikes(asked) if kind == "row" else None

    def _answer(self, body: Mapping[str, Any]) -> Answer:
        found = _ARTICLE.search(json.dumps(body))
        usual = answer(body)
        if found is None:
            return usual
        text = output_of(int(found[1]))
        if usual.function is not None:
            return replace(usual, arguments=_with_output(usual.arguments, text))
        if "response_format" in body:
            return Answer(_with_output(usual.text, text))
        return Answer("1" if self._classifies else text)


def _is_billed(effect: Effect | None) -> bool:
    return effect is None or (effect.status == 200 and effect.raw is None and effect.wire not in _UNBILLED)


def _with_output(answered: str | None, text: str) -> str:
    return json.dumps({**json.loads(answered or "{}"), "output": text})
