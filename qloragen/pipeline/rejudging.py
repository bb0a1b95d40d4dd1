"""Drafts of replies that are read again, beside the records that stand."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from ..store.handle import Run
from ..types import Article, Cell, Draft, Invalid, Record
from .job import Job
from .uniqueness import CODES, Siblings, Stands, Unique

_MOST_ARTICLES = 1_000
"""Whose records are kept at hand: replies about one article lie near one another."""


class Rejudging:
    """Compares drafts as a session does, or lets stand what was found out about them then."""

    def __init__(self, run: Run, job: Job) -> None:
        self._run = run
        self._unique = Unique(run, job)
        self._at_hand: deque[Siblings] = deque(maxlen=_MOST_ARTICLES)

    def is_present(self, cell: Cell) -> bool:
        """Say whether a generation would be worked on as it was."""
        return self._unique.holds(cell.key, str(cell.type_slug), cell.content_hash)

    def judge(
        self, cell: Cell, article: Article, draft: Draft, old: Record | None, earlier: Sequence[Invalid]
    ) -> Draft | Invalid:
        """Return the draft with what is to be noted in its record, or why it is refused.

        `old` is the record that the cell has; `earlier` is what was wrong with earlier replies to it.

        Raises:
            StorageFailed: A file cannot be read.
        """
        if not self.is_present(cell):
            return self._as_before(cell, draft, old, earlier)
        if not self._unique.is_loaded():
            self._unique.load()
        candidate = self._unique.candidate(cell, article.id, draft)
        judged = self._unique.judge(candidate, self._siblings(article), self._stands(draft, old))
        return judged if isinstance(judged, Invalid) else judged.draft

    def taken(self, record: Record, cell: Cell, article: Article, old: Record | None) -> None:
        """Count a record that was put into the run a moment ago, in the place of `old`."""
        if not self.is_present(cell):
            return
        siblings = self._siblings(article)
        candidate = self._unique.candidate(cell, article.id, _draft_of(record))
        if old and _says_the_same(old, candidate.draft):
            self._unique.note(candidate, siblings)
            return
        if old:
            self._unique.forget(old, siblings)
        self._unique.add(candidate, siblings)

    def lost(self, record: Record, article: Article | None) -> None:
        """Count a record no more."""
        self._unique.forget(record, self._siblings(article) if article else Siblings())

    def _siblings(self, article: Article) -> Siblings:
        siblings = self._unique.siblings(article)
        self._at_hand.append(siblings)
        return siblings

    def _stands(self, draft: Draft, old: Record | None) -> Stands | None:
        at = self._run.state.record_offset(old.id) if old and _says_the_same(old, draft) else None
        return None if old is None or at is None else Stands(at, old.quality.flags)

    def _as_before(self, cell: Cell, draft: Draft, old: Record | None, earlier: Sequence[Invalid]) -> Draft | Invalid:
        waste = self._run.state.money_of(cell.key).waste
        refused = [reason for reason, paid in waste if reason in CODES for _ in range(paid.calls)]
        known = sum(complaint.reason in CODES for complaint in earlier)
        if known < len(refused):
            return Invalid(refused[known], "A record of then said nearly the same.")
        noted = [flag for flag in old.quality.flags if flag in CODES] if old else []
        return replace(draft, quality=draft.quality._replace(flags=(*draft.quality.flags, *noted)))


def _draft_of(record: Record) -> Draft:
    return Draft(record.instruction, record.input, record.output, record.quality)


def _says_the_same(record: Record, draft: Draft) -> bool:
    return (record.instruction, record.input, record.output) == (draft.instruction, draft.input, draft.output)


def is_for_another(invalid: Invalid) -> bool:
    """Say whether a draft was refused only because of another record."""
    return invalid.reason in CODES
