"""Whether a draft says anything new: compared with its article's other records, then with all of the run.

Rules:
1. Compared are records that hold under the run's present circumstances: those of earlier prompts and models are there
   to be replaced.
2. A record is never compared with one that it takes the place of: of the same type for the same text, or of what its
   article said before it was changed.
3. A draft is judged and its record added in one go, so that no two twins slip through together.
4. Of two records that stand and say the same, the one it is noted of is the one that repeats; where it is noted of
   neither, the one that was made later. So judging all of them again changes nothing, in whatever order that is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from time import sleep
from weakref import WeakValueDictionary

from ...store.handle import Run
from ...store.sunk import sunk
from ...types import Article, Cell, Draft, Invalid, Record
from ..circumstances import Present, circumstances_of
from ..job import Job
from .codes import ALIKE, EXACT, NEAR, TWIN, action_of
from .prints import Print, Subject, print_of
from .records import Records
from .siblings import Found, Sibling, Siblings, Stands, sibling_of

_SHOWN_CHARS = 300
_AT_ONCE = 16
"""Records that are taken in, in a millisecond or two, before others get the interpreter. Each time costs a pause."""
_ACROSS = frozenset({EXACT, NEAR})
_SENTENCES = {
    TWIN: 'It asks or answers nearly the same as another record of this article: "{}". Write about another matter.',
    ALIKE: 'It asks much the same as another record of this article: "{}". Ask about another matter.',
    EXACT: 'There is a record with the same instruction and output already: "{}". Write about another matter.',
    NEAR: 'It says nearly the same as a record from elsewhere: "{}". Write about what is said only here.',
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A draft with all that it is compared by."""

    draft: Draft
    sibling: Sibling
    print: Print | None
    """None where nobody looks for duplicates across the run."""


class Unique:
    """Knows the records of one run, those of earlier sessions once they are loaded."""

    def __init__(self, run: Run, job: Job) -> None:
        self._run = run
        self._job = job
        self._thresholds = job.thresholds
        self._looks_across = any(action_of(job.thresholds, code) != "off" for code in (EXACT, NEAR))
        self._present = Present(circumstances_of(job))
        self._records: Records | None = None
        self._siblings: WeakValueDictionary[tuple[str, str], Siblings] = WeakValueDictionary()

    def is_loaded(self) -> bool:
        """Say whether the records of earlier sessions are known."""
        return self._records is not None

    def load(self, wanted: Callable[[], bool] = lambda: True) -> None:
        """Take in the records of earlier sessions, before any is added; may be called in another thread.

        A million take minutes; it leaves off when it is not `wanted` any more.

        Raises:
            StorageFailed: The disk refuses.
        """
        records = Records(self._run.state.totals.records)
        there = sunk(self._run.folder) if self._looks_across and self._run.state.totals.records else ()
        for number, one in enumerate(there):
            if not wanted():
                return
            markup = self._present.markup(one.id, one.type_slug, one.content_hash)
            if markup:
                subject = Subject(one.id, one.article_id, one.content_hash, one.type_slug, markup)
                printed = print_of(subject, one.instruction, one.output)
                records.add(printed._replace(noted=not _ACROSS.isdisjoint(one.flags)))
            if number % _AT_ONCE == 0:
                sleep(0)  # whoever waits for the interpreter gets it now, and not after 5 ms
        self._records = records

    def holds(self, key: str, type_slug: str, content_hash: str) -> bool:
        """Say whether the record of a cell was made, or would be, as it would be now."""
        return self._present.holds(key, type_slug, content_hash)

    def siblings(self, article: Article) -> Siblings:
        """Return the records of an article; the same object as long as anybody has it.

        Raises:
            StorageFailed: A line that holds one is damaged.
        """
        place = article.content_hash, article.format
        found = self._siblings.get(place)
        if found is None:
            found = self._siblings[place] = Siblings()
            for kind in self._job.pack.types:
                key = self._job.generation(article, kind).key
                if (at := self._run.state.record_offset(key)) is not None:
                    record = self._run.record(key)
                    sibling = sibling_of(key, kind.number, record.instruction, record.output)
                    found.put(sibling, Stands(at, record.quality.flags))
        return found

    def candidate(self, cell: Cell, article_id: str, draft: Draft) -> Candidate:
        """Return a draft of the record of a cell, ready to be judged."""
        slug = str(cell.type_slug)
        markup = self._present.markup(cell.key, slug, cell.content_hash)
        return self._candidate(Subject(cell.key, article_id, cell.content_hash, slug, markup), cell.type, draft)

    def judge(self, candidate: Candidate, siblings: Siblings, stands: Stands | None = None) -> Candidate | Invalid:
        """Return the candidate with what is to be noted in its record, or why it is refused.

        `stands` says that it is a record already, and how it stands. Records of earlier sessions have to be loaded.
        """
        flags: list[str] = []
        for code, other in self._findings(candidate, siblings, stands):
            if action_of(self._thresholds, code) == "reject":
                return Invalid(code, _SENTENCES[code].format(other[:_SHOWN_CHARS]))
            flags.append(code)
        return self._noted(candidate, flags)

    def add(self, candidate: Candidate, siblings: Siblings) -> None:
        """Count the record that a candidate has become a moment ago."""
        at = self._run.state.record_offset(candidate.sibling.key)
        flags = candidate.draft.quality.flags
        siblings.put(candidate.sibling, Stands(-1 if at is None else at, flags))
        if self._records is not None and candidate.print:
            self._records.add(candidate.print._replace(noted=not _ACROSS.isdisjoint(flags)))

    def note(self, candidate: Candidate, siblings: Siblings) -> None:
        """Count what is noted now in a record that says what it said, and keeps its place among the others."""
        siblings.note(candidate.sibling.key, candidate.draft.quality.flags)
        if self._records is not None and (number := self._number(candidate)) is not None:
            self._records.note(number, noted=not _ACROSS.isdisjoint(candidate.draft.quality.flags))

    def forget(self, record: Record, siblings: Siblings) -> None:
        """Let a record that was taken in count no more."""
        siblings.drop(record.id)
        of = Subject(record.id, record.article_id, record.content_hash, record.type_slug)
        draft = Draft(record.instruction, record.input, record.output)
        number = self._number(self._candidate(of, record.type, draft))
        if self._records is not None and number is not None:
            self._records.forget(number)

    def _candidate(self, subject: Subject, type: int | None, draft: Draft) -> Candidate:
        sibling = sibling_of(subject.key, type or 0, draft.instruction, draft.output)
        found = print_of(subject, draft.instruction, draft.output) if self._looks_across else None
        return Candidate(draft, sibling, found)

    def _findings(self, candidate: Candidate, siblings: Siblings, stands: Stands | None) -> Iterator[Found]:
        yield from siblings.compare(candidate.sibling, self._thresholds, stands)
        if self._records is None or candidate.print is None:
            return
        is_noted = stands is None or not _ACROSS.isdisjoint(stands.flags)
        before = None if is_noted else self._number(candidate)
        like = self._records.find(candidate.print, self._thresholds.near_duplicate, before)
        if like is None:
            return
        code = EXACT if like.exact and action_of(self._thresholds, EXACT) != "off" else NEAR
        if action_of(self._thresholds, code) != "off":
            yield Found(code, self._run.record(like.key).instruction)

    def _number(self, candidate: Candidate) -> int | None:
        return self._records.number_of(candidate.print) if self._records is not None and candidate.print else None

    def _noted(self, candidate: Candidate, flags: list[str]) -> Candidate:
        if not flags:
            return candidate
        draft = candidate.draft
        quality = draft.quality._replace(flags=(*draft.quality.flags, *flags))
        return replace(candidate, draft=replace(draft, quality=quality))
