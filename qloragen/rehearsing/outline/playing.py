"""Plays articles by their shapes: the real engine and a simulated provider, but no reading of replies, and no files."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import anyio

from ...assembly import engine_of, job_of, specs_of
from ...background import background
from ...bounds import budget_of
from ...engine.body import encode, encode_decisions
from ...engine.engine import Engine
from ...equipment import open_articles
from ...errors import SettingsError
from ...pipeline.crew import Crew
from ...pipeline.job import Job
from ...settings import Settings
from ...simulator import Provider, SimulatedClient, Simulation
from ...store.ledger import Ledger
from ...types import Request
from ..fitting import fit
from ..observed import Observed
from ..timeline import Recorder, Watch, nobody_watches
from ..whole import peak_bytes
from .bodies import Bodies
from .dealing import dealt
from .known import Known, KnownCalls
from .loop import TimerLoop
from .player import ArticlePart, CellPart, Player
from .recording import refuse_batches
from .replies import read
from .shapes import ArticleShape, CellShape, Shapes


def play(
    shapes: Shapes, settings: Settings, simulation: Simulation, articles: int, *, watch: Watch = nobody_watches
) -> Observed:
    """Play so many articles like those of the sample, and return what was seen.

    They come in the order of the sample, each as often as it stands for others; as many as the sample has are exactly
    that. `cpu_s` is what the real pipeline would have taken for so many calls, as measured with the sample. It blocks,
    and needs a thread in which no event loop runs. The same arguments bring the same result.

    Raises:
        SettingsError: The settings cannot be used, or ask for batches, which have no outline.
        SetupError: The prompt pack cannot be used, or the sample is empty.
    """
    refuse_batches(settings)
    if not shapes.articles:
        raise SettingsError("A sample without articles says nothing about others: rehearse some that can be read.")
    with asyncio.Runner(loop_factory=TimerLoop) as runner:
        return runner.run(_play(shapes, fit(settings), simulation, articles, watch))


async def _play(shapes: Shapes, settings: Settings, simulation: Simulation, articles: int, watch: Watch) -> Observed:
    job = job_of(settings)
    calls = KnownCalls(simulation.seed)
    provider = Provider(simulation, answers=calls.answer, decide=lambda _text, _question: (1.0,), language=calls)
    engine = _engine(settings, simulation, provider, job)
    parts = _parts(shapes.articles, job)
    calls.foresee([[(known, _body(engine, known.ask.request)) for known in _calls(part)] for part in parts])
    player, recorder = Player(engine, simulation.seed), Recorder(lambda: engine.statistics, watch)
    start_s = anyio.current_time()
    with _left_alone():
        async with background(recorder.keep), anyio.create_task_group() as workers:
            crew = Crew(workers, partial(open_articles, settings, engine, in_batches=False))
            order = (parts[one] for one in dealt(len(parts), articles, simulation.seed))
            crew.hire(partial(player.work, crew, order))
    models = engine.statistics
    sent = sum(model.sent for model in models.values())
    return Observed(
        articles=player.finished,
        records=player.records,
        rejections=player.rejections,
        failures=player.failures,
        makespan_s=anyio.current_time() - start_s,
        stopped=str(player.stopped) if player.stopped else None,
        models=models,
        moments=recorder.moments(),
        usage=player.usage,
        cost_usd=player.cost_usd,
        provider=provider.statistics,
        cpu_s=shapes.cpu_s * sent / max(shapes.calls, 1),
        peak_bytes=peak_bytes(),
        costs_usd=player.costs_usd,
    )


def _engine(settings: Settings, simulation: Simulation, provider: Provider, job: Job) -> Engine:
    """Return the engine of a run, with chances of the simulation's, a memory for bodies, and short replies."""
    specs, bodies = specs_of(settings, job.classifier.models), Bodies()
    engine = engine_of(settings, SimulatedClient(provider), specs, budget_of(settings, Ledger()))
    engine.shared.random.seed(simulation.seed)
    for spec in specs:
        lane = engine.lane(spec.name)
        lane.write, lane.read = bodies.write, read
    return engine


_GARBAGE = 500_000
"""Objects more than before after which garbage is looked for: those of some thousand calls; else it is done every few.
"""


@contextmanager
def _left_alone() -> Iterator[None]:
    """Look for garbage seldom, and never in the sample, which is large and stays to the end: that took a tenth."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _parts(shapes: Sequence[ArticleShape], job: Job) -> list[ArticlePart]:
    parts, serials, again = [], iter(range(2**63)), _used_again(shapes)
    for shape in shapes:
        classification = _part(shape.classification, job.classifier.most_asks, 1.0, serials)
        records = tuple(_part(cell, job.record_asks, again, serials) for cell in shape.records)
        parts.append(ArticlePart(classification, records, shape.shared))
    return parts


def _used_again(shapes: Sequence[ArticleShape]) -> float:
    """Return how likely the reply can be used where any record is asked for again.

    In the sample that were the hard ones, so the share of these that came of it is too low, by about half of what is
    missing to all: a fifth of 134 replies spoiled left 105 and 104 records by the whole pipeline, and 109 and 103 so.
    """
    again = [cell for shape in shapes for cell in shape.records if len(cell.asks) > 1]
    used = (1 + sum(cell.rejected is None for cell in again)) / (1 + sum(len(cell.asks) - 1 for cell in again))
    return (1 + used) / 2


def _part(cell: CellShape, most_asks: int, again: float, serials: Iterator[int]) -> CellPart:
    known = tuple(Known(next(serials), ask, replace(ask.request, follows=True)) for ask in cell.asks)
    return CellPart(known, cell.rejected, max(most_asks, len(known)), again)


def _calls(part: ArticlePart) -> list[Known]:
    return [known for cell in (part.classification, *part.records) for known in cell.calls]


def _body(engine: Engine, request: Request) -> bytes:
    """Return the body as which a request is going to be sent, unless the provider refuses its form."""
    form = engine.lane(request.model).form
    if request.predicates:
        return encode_decisions(request, form.family)
    return encode(request, form.family, form.structure_for(structured=request.function is not None))
