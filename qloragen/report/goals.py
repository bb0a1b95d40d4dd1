"""The quality of a run's records, each figure against what is to be reached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from ..domain.checks import BY_CODE, SURFACE
from ..judging.telling import said
from ..judging.trust import LEAST_GOOD, LEAST_PASSED, LEAST_PLANTED
from ..judging.values import Judged
from .cells import Cell
from .choice import is_accepted, is_rejected
from .figures import evenness
from .funnel import FORM
from .look import Look
from .rows import Part, at_least, at_most, told
from .values import Goal

MOST_USD = Decimal(1)
"""For 1,000 accepted records."""
WELL_GROUNDED, LEAST_GROUNDED = 0.45, 0.30
"""Share of the input's words that the article has: below the first it is doubtful that they come from there, below the
second they do not."""
LEAST_EVENNESS, MOST_OF_ONE_TYPE = 0.85, 0.15
ECHOES, TALK, PRIVATE = ("prompt_echo", "prompt_leak"), ("article_talk",), ("secret", "personal_data")
OF_THE_TEXT = tuple(sorted({check.code for check in SURFACE} - {*ECHOES, *TALK, *PRIVATE, "contact"}))
"""Codes of defects that are seen in the text alone and have no row of their own; an address for all is no defect."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the rows are made of."""

    cells: Mapping[Cell, int]
    """How many of all cells stand in each way."""
    look: Look
    slugs: tuple[str, ...]
    """The types that there could be; empty: they are not known."""
    per_thousand_usd: Decimal | None
    judged: Judged | None


def quality_of(measured: Measured) -> tuple[Goal, ...]:
    """Return the rows, in the order in which they are to be read."""
    return (
        *_replies(measured.cells),
        *_texts(measured.look),
        *_grounds(measured.look),
        *_sameness(measured.look),
        *_balance(measured),
        _fit(measured.look),
        _price(measured),
        *(_judged(measured.judged, measured.look.records) if measured.judged else ()),
    )


def _replies(cells: Mapping[Cell, int]) -> Iterator[Goal]:
    asked = {cell: count for cell, count in cells.items() if (is_accepted(cell) or is_rejected(cell)) and cell.calls}
    of = sum(asked.values())
    misses = Counter[int]()
    for cell, count in asked.items():
        misses[sum(calls for reason, calls in cell.refused.items() if reason in FORM)] += count
    good = sum(count for cell, count in asked.items() if is_accepted(cell) and not cell.refused)
    yield at_least("form_first", "the first reply holds a record", Part(misses[0], of), 0.98)
    yield at_least("form_second", "the first or the second one does", Part(misses[0] + misses[1], of), 0.995)
    yield told("accepted_first", "accepted at the first call", Part(good, of))


def _texts(look: Look) -> Iterator[Goal]:
    complete = Part(look.records - look.incomplete, look.records)
    yield at_least("provenance", "says where it comes from", complete, 1)
    yield _defects(look, "text_defects", "defects of the text", OF_THE_TEXT)
    yield _defects(look, "prompt_echo", "instruction echoes the prompt", ECHOES)
    yield _defects(look, "article_talk", "talks about the article", TALK, 0.01)
    yield _defects(look, "secrets", "secrets, personal data", PRIVATE)


def _grounds(look: Look) -> Iterator[Goal]:
    checked, known = look.checked, "ungrounded" in BY_CODE
    well = sum(words >= WELL_GROUNDED for words in checked.grounded) if known else None
    bare = sum(words < LEAST_GROUNDED for words in checked.grounded) if known else None
    rows = (checked.records, look.whole)
    yield at_least("grounded", f"input grounded by {WELL_GROUNDED:g} or more", Part(well, *rows), 0.98)
    yield at_most("ungrounded", f"input grounded by less than {LEAST_GROUNDED:g}", Part(bare, *rows), 0)
    yield _defects(look, "half_grounded", "input partly from elsewhere", ("half_grounded",))
    misquoted = Part(checked.misquoted, checked.quoting, look.whole)
    yield at_least("verbatim", "evidence is in the article word for word", misquoted.rest, 1)
    yield _defects(look, "output", "output from elsewhere than the input", ("unsupported",))
    yield _defects(
        look, "unsupported", "number or name from nowhere", ("unsupported_number", "unsupported_name"), 0.005
    )
    missing = Part(checked.found("missing_evidence"), checked.showing, look.whole)
    yield at_least("shows", "input shows what its type needs", missing.rest, 1)


def _sameness(look: Look) -> Iterator[Goal]:
    unique = Part(look.instructions.unique, look.records)
    yield at_least("unique_instructions", "instructions that are there once", unique, 0.98)
    yield at_most("exact_duplicates", "repeats another record", Part(look.sameness.exact, look.records), 0)
    yield at_most("near_duplicates", "nearly repeats another one", Part(look.sameness.near, look.records), 0)
    yield told("alike", "asks much the same as one of its article", Part(look.flags["alike"], look.records))


def _balance(measured: Measured) -> Iterator[Goal]:
    counts = Counter[str]()
    for cell, count in measured.cells.items():
        if is_accepted(cell) and cell.slug:
            counts[cell.slug] += count
    of, kinds = counts.total(), len(measured.slugs) or len(counts)
    even = evenness(counts.values(), kinds)
    passed = None if even is None else even >= LEAST_EVENNESS
    yield Goal("evenness of the types", even, "number", f">= {LEAST_EVENNESS:g}", passed, of, key="evenness")
    slug, most = counts.most_common(1)[0] if counts else ("", 0)
    yield at_most("largest_type", "share of the most frequent type", Part(most, of), MOST_OF_ONE_TYPE, slug)


def _fit(look: Look) -> Goal:
    return at_most(
        "over_context", "longer than the training's context", Part(look.lengths.over_context, look.records), 0
    )


def _price(measured: Measured) -> Goal:
    usd = measured.per_thousand_usd
    passed = None if usd is None else usd <= MOST_USD
    value = None if usd is None else float(usd)
    of = measured.look.records
    return Goal("cost of 1,000 accepted records", value, "usd", f"<= ${MOST_USD:.2f}", passed, of, key="price")


def _judged(judged: Judged, records: int) -> Iterator[Goal]:
    good = Part(judged.accepted, judged.records, whole=judged.records >= records)
    note = "" if judged.trusted else "it has not shown yet that it can be trusted"
    yield told("judge_accepted", f"accepted by {judged.model}", good, note)
    for question, rate in judged.items.items():
        yield Goal(f"judge: {said(question)}", rate, "share", "", None, judged.records, key=f"judge_{question}")
    found, passed = Part(judged.caught, judged.planted, whole=False), Part(judged.passed, judged.good, whole=False)
    defects, others = "planted defects that the judge finds", "controls without defect that it accepts"
    yield _of_controls(at_least("judge_recall", defects, found, judged.min_recall), LEAST_PLANTED)
    yield _of_controls(at_least("judge_good", others, passed, LEAST_PASSED), LEAST_GOOD)


def _of_controls(row: Goal, least: int) -> Goal:
    return row if row.of >= least else replace(row, passed=None, note=f"it takes {least} to tell")


def _defects(look: Look, key: str, name: str, codes: Iterable[str], most: float = 0) -> Goal:
    found = look.checked.by_code(*codes)
    note = ", ".join(f"{count} {code}" for code, count in found.items())
    return at_most(key, name, Part(look.checked.found(*codes), look.checked.records, look.whole), most, note)
