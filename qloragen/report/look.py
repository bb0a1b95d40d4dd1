"""The second reading of a journal: what its records are like."""

from __future__ import annotations

from collections import Counter
from heapq import heappush, heappushpop

from ..types import Quality
from .articles import Articles
from .cells import Cells
from .checking import Checked, Checking
from .choice import Sample, rejected_by_reason
from .diversity import Different, Leading, Wording
from .lengths import Lengthening
from .moment import Moment
from .records import Counting, Made
from .sameness import Sameness
from .shown import Refusals, shown_of
from .standard import Standard
from .tokens import TokenCount
from .values import Shown

MOST_CHECKED = 20_000
"""Records that are checked once more, and whose tokens are counted."""
MOST_COMPARED = 5_000
"""Records whose words are compared with those of all others: shares of different ones fall as records become more."""
MOST_SHOWN = 10
"""Of the worst records, and of the rejected ones for each reason."""
PER_FLAG = 0.1
"""So much worse is a record for each code that is noted in it."""


class Worst:
    """Keeps the records that are worst by the lower of `grounded` and `supported`, less `PER_FLAG` for each flag."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[float, str, Made, Quality]] = []
        """The best of them first."""

    def add(self, made: Made, quality: Quality) -> None:
        """Take in a record."""
        score = min(quality.grounded, quality.supported) - PER_FLAG * len(quality.flags)
        entry = (-score, made.id, made, quality)
        if len(self._heap) < self._most:
            heappush(self._heap, entry)
        else:
            heappushpop(self._heap, entry)

    def shown(self) -> tuple[Shown, ...]:
        """Return them for the eye, the worst first."""
        return tuple(shown_of(made, quality) for _, _, made, quality in sorted(self._heap, reverse=True))


class Look:
    """Takes in all lines of a journal, in order, and keeps what its records are like."""

    def __init__(self, cells: Cells, articles: Articles, standard: Standard, tokens: TokenCount, records: int) -> None:
        self.records = 0
        self.incomplete = 0
        """Records whose lines do not say where they come from."""
        self.instructions = Different()
        self.sameness = Sameness(standard.thresholds.near_duplicate, records)
        self.leading = Leading()
        self.wording = Wording()
        self.lengths = Lengthening(tokens, standard.pack, standard.thresholds.context_tokens)
        self.flags = Counter[str]()
        """What was noted in records when they were made."""
        self.supported: dict[str, Counter[int]] = {}
        """Slug to how often each share occurs, in per cent."""
        self.worst = Worst(MOST_SHOWN)
        self.whole = records <= MOST_CHECKED
        """Whether all records are checked once more, and not a sample."""
        self._articles = articles
        self._checking = Checking(standard)
        self._checked = Sample(MOST_CHECKED, records)
        self._compared = Sample(MOST_COMPARED, records)
        self._counting = Counting(cells)
        self._refusals = Refusals(rejected_by_reason(cells, MOST_SHOWN))

    @property
    def checked(self) -> Checked:
        """What today's checks have found."""
        return self._checking.result

    def rejected(self) -> dict[str, tuple[Shown, ...]]:
        """Return a few rejected pairs for each reason."""
        found: dict[str, tuple[Shown, ...]] = {}
        for shown in self._refusals.shown(self._articles):
            found[shown.reason or ""] = (*found.get(shown.reason or "", ()), shown)
        return dict(sorted(found.items()))

    def take(self, kind: str, line: bytes) -> None:
        """Take in a line."""
        self._refusals.take(kind, line)
        if (made := self._counting.record(kind, line)) is not None:
            self._look(made)

    def _look(self, made: Made) -> None:
        self.records += 1
        self.incomplete += not made.complete
        self.instructions.add(made.instruction)
        self.sameness.add(made)
        self.flags.update(made.quality.flags if made.quality else ())
        self.leading.add(made.instruction)
        self.lengths.look(made)
        quality = self._check(made) if self._checked.takes(made.id) else made.quality
        if self._compared.takes(made.id):
            self.wording.add(made)
        if quality is not None:
            self.supported.setdefault(made.slug, Counter())[round(100 * quality.supported)] += 1
            self.worst.add(made, quality)

    def _check(self, made: Made) -> Quality | None:
        """Return what is measured of a record today, with what was noted in it that only others can tell."""
        self.lengths.weigh(made)
        found = self._checking.check(made, self._articles.article(made.content_hash))
        if found is None or made.quality is None:
            return found or made.quality
        return found._replace(flags=tuple(dict.fromkeys((*made.quality.flags, *found.flags))))


def look(
    moment: Moment, cells: Cells, articles: Articles, standard: Standard, tokens: TokenCount, records: int
) -> Look:
    """Read a journal for the second time; `records` says how many there are. Raises SetupError."""
    found = Look(cells, articles, standard, tokens, records)
    for _, kind, line in moment.lines():
        found.take(kind, line)
    return found
