"""The way from the pieces of a source to records: what went on at each step, and what was lost, by reason.

Articles are counted as texts, pairs as cells: a text and a type of which a record is to be made. Calls are the paid
ones for these cells, and what is parsed is one of their replies. What goes on is the count of the next step where both
count the same: articles and classified, calls and parsed; what is parsed, accepted and on file goes on alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from ..manifest import LastProcess
from ..store.money import NO_TYPES, SURPLUS
from .cells import Cell
from .texts import CLASSIFIED, FOR_NOW, OPEN, Text
from .values import Step

FORM = frozenset({"truncated", "refusal", "content_filter", "no_call", "schema", "evidence", "unreadable"})
"""Reasons for which a reply holds no record at all; other replies were refused by a check."""
NO_REPLY, UNREAD, OUTDATED = "no reply yet", "paid, not yet read", "outdated"

Wanted = Callable[[tuple[int, ...]], Collection[str]]
"""Says by the numbers of a text's classification of which types, by their slugs, a record is to be made."""


def funnel_of(
    last: LastProcess | None, texts: Iterable[Text], cells: Mapping[Cell, int], wanted: Wanted
) -> tuple[Step, ...]:
    """Return the steps; `last` are the counts of the last session, None where they are not known; `cells` says how
    many of all cells stand in each way."""
    known = list(_alike(texts).items())
    now = {cell: count for cell, count in cells.items() if cell.current and cell.slug is not None}
    return (
        *([_pieces(last)] if last else ()),
        _articles(known),
        _classified(known),
        _pairs(known, now, wanted),
        _calls(now),
        _parsed(now),
        _accepted(now),
        _records(cells),
    )


def _alike(texts: Iterable[Text]) -> Counter[Text]:
    return Counter(text._replace(at=0) for text in texts)


def _pieces(last: LastProcess) -> Step:
    return _step("pieces", "pieces of the source that the last session read", last.articles, last.skipped)


def _articles(texts: Iterable[tuple[Text, int]]) -> Step:
    lost = Counter[str]()
    onward = 0
    for text, count in texts:
        if _is_classified(text):
            onward += count
        else:
            lost[_standing(text)] += count
    return _step("articles", "different texts of all sessions, to be classified", onward, lost)


def _standing(text: Text) -> str:
    if not text.current or (text.standing == OPEN and text.outdated):
        return OUTDATED
    return NO_REPLY if text.standing == OPEN else text.standing


def _classified(texts: Iterable[tuple[Text, int]]) -> Step:
    lost = sum(count for text, count in texts if _is_classified(text) and not text.numbers)
    onward = sum(count for text, count in texts if _is_classified(text) and text.numbers)
    return _step("classified", "articles of which it is known which types they support", onward, {NO_TYPES: lost})


def _is_classified(text: Text) -> bool:
    return text.current and text.standing == CLASSIFIED


def _pairs(texts: Iterable[tuple[Text, int]], cells: Mapping[Cell, int], wanted: Wanted) -> Step:
    lost = Counter[str]()
    for text, count in texts:
        if _is_classified(text):
            lost[NO_REPLY] += count * len({*wanted(text.numbers)} - {*text.asked})
    for cell, count in cells.items():
        if not _is_answered(cell):
            lost[_outcome(cell, NO_REPLY)] += count
    onward = _sum(cells, _is_answered)
    return _step("pairs", "an article and a type: of each, one record is to be made", onward, lost)


def _calls(cells: Mapping[Cell, int]) -> Step:
    lost = Counter[str]()
    for cell, count in cells.items():
        for reason, calls in cell.unanswered.items():
            lost[f"no reply: {reason}"] += count * calls
        for reason, calls in cell.refused.items():
            lost[reason] += count * calls * (reason in FORM)
    onward = _sum(cells, lambda cell: cell.calls) - lost.total()
    return _step("calls", "calls for records that were paid for, as far as is known", onward, lost)


def _parsed(cells: Mapping[Cell, int]) -> Step:
    lost = Counter[str]()
    for cell, count in cells.items():
        lost[UNREAD] += count * cell.pending
        for reason, calls in cell.refused.items():
            lost[reason] += count * calls * (reason not in FORM)
    return _step("parsed", "replies that hold a record, to be checked", _sum(cells, lambda cell: cell.useful), lost)


def _accepted(cells: Mapping[Cell, int]) -> Step:
    lost = Counter[str]()
    for cell, count in cells.items():
        if _is_answered(cell) and cell.outcome != "record":
            lost[_outcome(cell, UNREAD)] += count
    onward = _sum(cells, lambda cell: cell.outcome == "record")
    repaired = _sum(cells, is_repaired)
    notes = {"first_pass": onward - repaired, "repaired": repaired}
    return _step("accepted", "pairs with a paid reply, and whether a record came of it", onward, lost, notes)


def is_repaired(cell: Cell) -> bool:
    """Say whether a record was asked for again before it was good enough."""
    return cell.outcome == "record" and any(reason != SURPLUS for reason, _ in cell.money.waste)


def _records(cells: Mapping[Cell, int]) -> Step:
    old = _sum(cells, lambda cell: cell.outcome == "record" and not cell.current)
    onward = _sum(cells, lambda cell: cell.outcome == "record" and cell.current)
    return _step(
        "records", "records in the file, those of earlier models, prompts or texts included", onward, {OUTDATED: old}
    )


def _is_answered(cell: Cell) -> bool:
    return cell.calls > 0 or cell.outcome == "record"


def _outcome(cell: Cell, otherwise: str) -> str:
    match cell.outcome:
        case "rejection":
            return cell.reason
        case "failure":
            return f"{FOR_NOW}{cell.reason}"
        case _:
            return otherwise


def _sum(cells: Mapping[Cell, int], of: Callable[[Cell], int]) -> int:
    return sum(count * of(cell) for cell, count in cells.items())


def _step(
    name: str, meaning: str, onward: int, lost: Mapping[str, int], notes: Mapping[str, int] | None = None
) -> Step:
    parts = {reason: count for reason, count in _dearest(lost) if count}
    return Step(name, onward + sum(parts.values()), onward, parts, notes or {}, meaning)


def _dearest(lost: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    yield from sorted(lost.items(), key=lambda part: (-part[1], part[0]))
