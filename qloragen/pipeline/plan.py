"""What a run would have to pay for, before it does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from ..store.state import State
from ..types import Article, Skip
from .job import Job


@dataclass(slots=True)
class Plan:
    """The cells that a source still needs."""

    articles: int = 0
    finished: int = 0
    """Articles for which nothing is left to ask."""
    classifications: int = 0
    """Articles to classify; how many records each needs is known only afterwards."""
    generations: int = 0
    """Records to make for articles that are classified already."""
    skipped: int = 0

    def __str__(self) -> str:
        known = f"{self.classifications} to classify (and then to generate for), {self.generations} records to make"
        return f"{self.articles} articles, {self.finished} finished; {known}"


async def make_plan(items: AsyncIterator[Article | Skip], job: Job, state: State) -> Plan:
    """Read the whole of `items` and count what is missing in `state`. Makes no call."""
    plan = Plan()
    async for item in items:
        if isinstance(item, Skip):
            plan.skipped += 1
        else:
            _count(item, job, state, plan)
    return plan


def _count(article: Article, job: Job, state: State, plan: Plan) -> None:
    plan.articles += 1
    cell = job.classification(article)
    if not state.settled(cell.key):
        plan.classifications += 1
        return
    types = job.applicable(state.types.get(cell.key, ()))
    missing = sum(not state.settled(job.generation(article, kind).key) for kind in types)
    plan.generations += missing
    plan.finished += not missing
