"""An observer of your own, here for costs. Run: python examples/observer.py ARTICLES RUN_DIRECTORY

It hears of each article, cell, call and bill while a run is made, and about every second sees the session as a whole.
What it does must be short, for it is called between calls; OpenTelemetry's is `telemetry=True`, and needs no code.
"""

# ruff: noqa: ARG002 - an observer hears more than this one has a use for

import asyncio
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import qloragen
from qloragen.observing import Article, Cell, Completion, Request, Usage, View


class Costs:
    """Adds up what each type of instruction costs, and notices slow replies."""

    def __init__(self) -> None:
        self.usd: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.slowest_s = 0.0

    @contextmanager
    def article(self, article: Article) -> Iterator[None]:
        """Be there while an article is worked on."""
        yield

    def finished(self, article: Article) -> None:
        """Hear that nothing of it is left to do."""

    @contextmanager
    def cell(self, cell: Cell) -> Iterator[None]:
        """Be there while a classification or a record is made."""
        yield

    def attempt(self, request: Request, *, number: int, waited_s: float) -> "Costs":
        """Be there while a call is made."""
        return self

    def answered(self, completion: Completion) -> None:
        """Hear that it has brought a reply."""
        self.slowest_s = max(self.slowest_s, completion.latency_s)

    def failed(self, reason: str, status: int | None) -> None:
        """Hear that it has brought none."""

    def billed(self, cell: Cell, usage: Usage, cost_usd: Decimal | None) -> None:
        """Hear of everything that comes onto the bill."""
        self.usd[cell.type_slug or cell.stage] += cost_usd or 0

    def settled(self, cell: Cell, reason: str | None) -> None:
        """Hear what a cell has come to."""

    def seen(self, view: View) -> None:
        """May be left out. See the session as a whole."""
        print(f"{view.finished_articles} articles, {view.made} records, {view.in_flight} calls in flight")


async def main(articles: str, folder: str) -> None:
    costs = Costs()
    async with qloragen.Session(out=folder, observer=costs) as session:
        await session.process(articles)
    for name, usd in sorted(costs.usd.items(), key=lambda item: -item[1]):
        print(f"{name:24} ${usd:.6f}")
    print(f"{'slowest reply':24} {costs.slowest_s:.2f} s")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
