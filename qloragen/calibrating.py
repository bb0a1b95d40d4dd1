"""From a sample of articles, classified both ways, to the thresholds by which probabilities agree best with numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import anyio.to_thread

from .assembly import job_of, options_of, specs_of
from .domain.calibration import Fit, Judged, Row, Score, fit
from .domain.classifiers import Cascade, Decisions, Numbers, chances_in
from .domain.pack import Pack
from .engine.client import Client
from .errors import SetupError
from .estimation.sample import drawn
from .loop import block_on
from .manifest import read_manifest
from .pipeline.job import Job, decoded
from .session import Session, Source
from .settings import Settings, load
from .signals import stop_on_signals
from .sources import read
from .store.paid import read_paid
from .types import Invalid, Reply
from .words import counted, table

SAMPLE = 200
"""Articles that are classified both ways unless another number is given."""
_FEW = 100
"""Below so many articles the outcome depends much on which ones they are."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far probabilities agree with a strong model's numbers; `print` shows it as tables."""

    fit: Fit
    """Agreement at thresholds, and which of them are best."""
    usd_per_1000: dict[str, Decimal | None]
    """What it costs to classify 1,000 articles with numbers and with decisions, in USD; None: not known."""
    cost_usd: Decimal | None
    """What the run directory has cost."""

    @property
    def setting(self) -> float | dict[str, float]:
        """The value of `decision_threshold` that agrees best."""
        found = self.fit.thresholds
        return {"default": found.usual, **found.of} if found.of else found.usual

    @property
    def line(self) -> str:
        """The line for `qloragen.toml`."""
        if isinstance(self.setting, float):
            return f"decision_threshold = {self.setting:g}"
        return f"decision_threshold = {{ {', '.join(f'{slug} = {value:g}' for slug, value in self.setting.items())} }}"

    def as_dict(self) -> dict[str, object]:
        """Return all of it for programs; costs are decimal strings, or null where they are not known."""
        fitted = self.fit
        return {
            "articles": fitted.articles,
            "decision_threshold": self.setting,
            "listed_per_article": fitted.listed_per_article,
            "thresholds": [_fields(row) for row in fitted.rows],
            "best": _fields(fitted.best),
            "best_by_type": _fields(fitted.by_type),
            "types": [{**row._asdict(), "score": _scored(row.score)} for row in fitted.types],
            "unseen": {"best": _scored(fitted.best_unseen), "best_by_type": _scored(fitted.by_type_unseen)},
            "usd_per_1000": {name: _digits(cost) for name, cost in self.usd_per_1000.items()},
            "cost_usd": _digits(self.cost_usd),
        }

    def __str__(self) -> str:
        return "\n\n".join(_report(self))


def calibrate(
    source: Source,
    out: str | Path,
    *,
    sample: int = SAMPLE,
    seed: int = 0,
    client: Client | None = None,
    **knobs: object,
) -> Calibration:
    """Classify a sample of `source` with the strong model's numbers and with decisions, and compare; blocks until done.

    Args:
        source: A path (file, folder, glob), paths, or any iterable of articles, as for `generate`.
        out: A run directory of its own. The same call again pays for nothing that is in it, and all of it counts.
        sample: So many articles, drawn from all of the source.
        seed: Another one draws others.
        client: Takes the place of OpenAI's client.
        knobs: Settings by name: `classify_model`, `decide_model`, `max_cost_usd`...

    Raises:
        SetupError: Settings, pack, source or run directory cannot be used, or no article could be judged by both.
        RunStopped: It cannot go on, or the spending limit is reached; everything finished is kept.
    """
    return block_on(_calibrate, source, _Wish(Path(out), sample, seed, client), load(**knobs))


async def acalibrate(
    source: Source,
    out: str | Path,
    *,
    sample: int = SAMPLE,
    seed: int = 0,
    client: Client | None = None,
    **knobs: object,
) -> Calibration:
    """Do what `calibrate` does, for callers with an event loop of their own; signals are left to them."""
    wish, settings = _Wish(Path(out), sample, seed, client), load(**knobs)
    job = await anyio.to_thread.run_sync(_job_of, settings)
    async with _session(wish, settings, job) as session:
        return await _calibrated(source, wish, session, job)
    raise AssertionError("unreachable")


@dataclass(frozen=True, slots=True)
class _Wish:
    out: Path
    sample: int
    seed: int
    client: Client | None

    def __post_init__(self) -> None:
        if self.sample < 1:
            raise SetupError(f"A sample must have 1 article or more, not {self.sample}.")


async def _calibrate(source: Source, wish: _Wish, settings: Settings) -> Calibration:
    job = await anyio.to_thread.run_sync(_job_of, settings)
    async with stop_on_signals(settings.grace_s) as stopping, _session(wish, settings, job) as session:
        stopping.finish_first(session)
        return await _calibrated(source, wish, session, job)
    raise AssertionError("unreachable")


def _job_of(settings: Settings) -> Job:
    if settings.local:
        raise SetupError("A model on this machine judges no statements to be compared: leave local out.")
    everything_is_in_doubt = Cascade(Decisions(settings.decide_model), Numbers(settings.classify_model), band=2)
    return job_of(settings, everything_is_in_doubt)


def _session(wish: _Wish, settings: Settings, job: Job) -> Session:
    """Return the session that pays for the sample.

    Raises:
        SetupError: The directory is that of another run.
    """
    manifest = read_manifest(wish.out)
    if manifest and any(earlier.classifier != job.classified_by for earlier in manifest.circumstances):
        raise SetupError(f"{wish.out} is the directory of another run: calibrate in one of its own.")
    only_classified = settings.model_copy(update={"batch": False, "max_types": 0, "sinks": ()})
    return Session(wish.out, client=wish.client, classifier=job.classifier, settings=only_classified)


async def _calibrated(source: Source, wish: _Wish, session: Session, job: Job) -> Calibration:
    specs = await anyio.to_thread.run_sync(specs_of, session.settings, job.classifier.models)
    options = options_of(session.settings, job, specs)
    async with aclosing(read(source, options)) as items:
        articles = await drawn(items, wish.sample, wish.seed, options)
    await session.process(articles)
    return await anyio.to_thread.run_sync(_compared, session, job)


def _compared(session: Session, job: Job) -> Calibration:
    cells: dict[str, list[Reply]] = {}
    for found in read_paid(session.folder):
        if isinstance(found, Reply) and found.cell.prompt_fingerprint == job.classification_fingerprint:
            cells.setdefault(found.cell.key, []).append(found)
    judged = list(_judged(cells.values(), job.pack))
    if not judged:
        raise SetupError("No article could be judged by both models, so there is nothing to compare.")
    replies = [reply for found in cells.values() for reply in found]
    costs = {
        "numbers": _usd_per_1000([reply for reply in replies if reply.structure != "decisions"], len(cells)),
        "decisions": _usd_per_1000([reply for reply in replies if reply.structure == "decisions"], len(cells)),
    }
    return Calibration(fit(judged, job.pack), costs, session.cost_usd)


def _judged(cells: Collection[Sequence[Reply]], pack: Pack) -> Iterator[Judged]:
    """Yield the articles of which both models say something."""
    for replies in cells:
        found = [completion for reply in replies if (completion := decoded(reply)) is not None]
        chances = [chances_in(pack, one) for one in found if one.structure == "decisions"]
        listed = [one for one in found if one.structure != "decisions"]
        numbers = Numbers("").read(pack, listed) if listed else ()
        if listed and chances and not isinstance(chances[-1], Invalid) and not isinstance(numbers, Invalid):
            yield Judged(chances[-1], numbers)


def _usd_per_1000(replies: Sequence[Reply], articles: int) -> Decimal | None:
    costs = [reply.cost_usd for reply in replies]
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal(0)) * 1_000 / articles if len(known) == len(costs) else None


# ----------------------------------------------------------------------------------------- for people and programs


def _fields(row: Row) -> dict[str, object]:
    return {**row._asdict(), "score": _scored(row.score)}


def _scored(score: Score) -> dict[str, float]:
    return {**score._asdict(), "precision": score.precision, "recall": score.recall, "f1": score.f1}


def _digits(cost: Decimal | None) -> str | None:
    return None if cost is None else format(cost, "f")


def _report(found: Calibration) -> Iterator[str]:
    fitted = found.fit
    yield (
        f"{counted(fitted.articles, 'article')} classified both ways. By the strong model's numbers an article has "
        f"{fitted.listed_per_article:.2f} types. Agreement of decisions with that, without types that always apply:"
    )
    head = ("threshold", "precision", "recall", "F1", "types per article")
    rows = [(f"{row.threshold:g}", *_cells(row.score), f"{row.types_per_article:.2f}") for row in fitted.rows]
    best = [(name, *_cells(row.score), f"{row.types_per_article:.2f}") for name, row in _bests(fitted)]
    yield table([head, *rows, *best])
    types = [
        (row.slug, str(row.listed), f"{row.threshold:g}{'' if row.own else ' (for all)'}", *_cells(row.score))
        for row in fitted.types
    ]
    yield table([("type", "articles", "threshold", "precision", "recall", "F1"), *types])
    yield _unseen(fitted)
    costs = ", ".join(f"{name} {_usd(cost)}" for name, cost in found.usd_per_1000.items())
    yield f"To classify 1,000 articles: {costs}. This run directory has cost {_usd(found.cost_usd)}."
    yield f"For qloragen.toml:\n{found.line}"


def _bests(fitted: Fit) -> Iterator[tuple[str, Row]]:
    yield f"best: {fitted.best.threshold:g}", fitted.best
    yield "best for each type", fitted.by_type


def _unseen(fitted: Fit) -> str:
    few = " So few articles say little: take a larger sample." if fitted.articles < _FEW else ""
    return (
        "On articles that they were not chosen on (each half with the thresholds of the other): F1 "
        f"{fitted.best_unseen.f1:.3f} with one threshold, {fitted.by_type_unseen.f1:.3f} with one for each type.{few}"
    )


def _cells(score: Score) -> tuple[str, str, str]:
    return f"{score.precision:.3f}", f"{score.recall:.3f}", f"{score.f1:.3f}"


def _usd(cost: Decimal | None) -> str:
    return "unknown" if cost is None else f"${cost:.4f}"
