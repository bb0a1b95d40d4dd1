"""Which split each record goes into; and which go into none, since they would be in two.

Rules:
1. A record is in the split of its article's groups; where these are in different ones, in none (`STRADDLING`).
2. Of two records of different splits that say nearly the same, the one that was made later is in none (`ALIKE`): also
   where the earlier one is in none itself. So neither further records nor other shares of train and validation take a
   record out of the split that it is in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Set as AbstractSet

from ..export.example import Example
from ..pipeline.uniqueness.prints import Print
from ..pipeline.uniqueness.records import Records
from ..types import digest
from .alike import NEARLY_SAME, print_of_example
from .groups import Groups
from .splits import SPLITS, Proportions, Split, split_of

STRADDLING = "straddling"
"""Why a record is left out: its article is like articles of different splits."""
ALIKE = "alike_elsewhere"
"""Why a record is left out: an earlier one of another split says nearly the same."""


class Assigner:
    """Puts records into splits. All of them are to be assigned once, in the order of the sink; some 400 bytes each stay
    in memory."""

    def __init__(self, groups: Groups, proportions: Proportions, seed: int = 0) -> None:
        self.left_out: Counter[str] = Counter()
        """Why records are in no split, to how many."""
        self.assigned = 0
        """How many records there were."""
        self._groups = groups
        self._proportions = proportions
        self._seed = seed
        self._records = {split: Records() for split in SPLITS}
        self._alike: set[bytes] = set()
        """Keys of the records that are left out since an earlier one says the same."""

    def assign(self, example: Example) -> Split | None:
        """Return the split that a record goes into from now on; None for one that is left out, which is counted."""
        self.assigned += 1
        splits, printed = self._splits(example), print_of_example(example)
        reason = STRADDLING if len(splits) > 1 else ALIKE if self._is_alike(printed, splits) else None
        for split in splits:
            self._records[split].add(printed)
        if reason is None:
            return next(iter(splits))
        self.left_out[reason] += 1
        if reason == ALIKE:
            self._alike.add(printed.key)
        return None

    def split(self, example: Example) -> Split | None:
        """Return the split of a record that was assigned; None for one that was left out."""
        splits = self._splits(example)
        return None if len(splits) > 1 or _key(example) in self._alike else next(iter(splits))

    def _splits(self, example: Example) -> AbstractSet[Split]:
        return {split_of(group, self._proportions, self._seed) for group in self._groups.of(example)}

    def _is_alike(self, printed: Print, splits: AbstractSet[Split]) -> bool:
        """Whether an earlier record of another split says nearly the same."""
        return any(
            self._records[other].find(printed, NEARLY_SAME) is not None for other in SPLITS if other not in splits
        )


def _key(example: Example) -> bytes:
    return bytes.fromhex(digest(example.id))
