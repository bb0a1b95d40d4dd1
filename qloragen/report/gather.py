"""A run's files to a report, in two readings of its journal; a third one hands out its records one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..judging.reading import read_judgements, refuse_judgements
from ..manifest import Manifest, read_manifest
from .about import about_of, knows_source
from .articles import Articles
from .browsing import Browsing, browsed, browsing
from .by_type import types_of
from .choice import is_accepted
from .figures import evenness
from .funnel import funnel_of
from .goals import Measured, quality_of
from .look import MOST_CHECKED, Look, look
from .moment import Moment, moment_of
from .presence import Presence
from .spending import cost_by_type, in_vain, per_thousand, spent_on
from .standard import standard_of
from .survey import Survey, survey
from .tokens import TokenCount, counted_by
from .values import Diversity, Report, Shown


def quality_report(folder: str | Path, *, tokenizer: str | Path | None = None) -> Report:
    """Return what the records of the run in `folder` are like, how they came about and what they cost.

    It is made of the run's files alone, also while a process works in it. `tokenizer` is a `tokenizer.json` by which
    tokens are counted (needs the extra `tokenizer`); None: they are estimated.

    Raises:
        SetupError: There is no run in `folder`, it cannot be read, or the tokenizer cannot.
    """
    with gathered(Path(folder), None if tokenizer is None else Path(tokenizer)) as found:
        return found.report
    raise AssertionError("unreachable")


@dataclass(frozen=True, slots=True)
class Gathered:
    """A report, and a way to the records that it is about."""

    report: Report
    articles: Articles
    _moment: Moment
    _survey: Survey

    def browsing(self, most: int) -> Browsing:
        """Choose which records to hand out; see `browsing.browsing`."""
        return browsing(self._survey.cells, most)

    def records(self, chosen: Browsing) -> Iterator[Shown]:
        """Hand them out; see `browsing.browsed`."""
        return browsed(self._moment, self._survey.cells, self.articles, chosen)


@contextmanager
def gathered(folder: Path, tokenizer: Path | None = None) -> Iterator[Gathered]:
    """Make the report of a run, and hold its files open within the block.

    Raises:
        SetupError: As `quality_report`; also within the block.
    """
    tokens = counted_by(tokenizer)
    refuse_judgements(folder)
    manifest = read_manifest(folder)
    with moment_of(folder) as moment:
        found = survey(moment, Presence(manifest.circumstances[-1] if manifest and manifest.circumstances else None))
        articles = Articles(moment, found.texts)
        report = _report(moment, manifest, found, articles, tokens)
        yield Gathered(report, articles, moment, found)


def _report(moment: Moment, manifest: Manifest | None, found: Survey, articles: Articles, tokens: TokenCount) -> Report:
    standard, ledger = standard_of(manifest), moment.state.ledger
    cells = found.cells.alike()
    records = sum(count for cell, count in cells.items() if is_accepted(cell))
    looked = look(moment, found.cells, articles, standard, tokens, records)
    cost_usd = ledger.total().total_usd
    price = per_thousand(cost_usd, records)
    slugs = tuple(kind.slug for kind in standard.pack.types) if standard.pack else ()
    last = manifest.last_process if manifest and knows_source(manifest) else None
    judged = read_judgements(moment.folder)
    types = types_of(cells, looked, standard, cost_by_type(ledger.bills))
    return Report(
        folder=str(moment.folder),
        made=datetime.now(UTC),
        about=about_of(moment.folder, manifest, moment.state, standard),
        funnel=funnel_of(last, found.texts.values(), cells, standard.wanted),
        quality=quality_of(Measured(cells, looked, slugs, price, judged)),
        types=types,
        lengths=looked.lengths.lengths(),
        tokenizer=tokens.name if looked.whole else f"{tokens.name}, in a sample of some {MOST_CHECKED:,} records",
        over_context=looked.lengths.over_context,
        diversity=_diversity(looked, [row.accepted for row in types]),
        spent=spent_on(ledger.bills, records),
        in_vain=in_vain(moment.state.totals.waste.items()),
        cost_usd=cost_usd,
        per_thousand_usd=price,
        timeline=found.timeline.points(),
        worst=looked.worst.shown(),
        rejected=looked.rejected(),
        judged=judged,
    )


def _diversity(looked: Look, by_type: list[int]) -> Diversity:
    return Diversity(
        records=looked.records,
        unique_instructions=looked.instructions.unique,
        leading=looked.leading.most(),
        distinct=looked.wording.distinct(),
        entropy=evenness(by_type, len(by_type)),
    )
