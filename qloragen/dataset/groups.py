"""Which articles belong together, so that all of their records go into one split.

Rules:
1. Articles come in the order of the journal, which is only ever added to. Each is in the groups of what is there before
   it: of its own id (its parts and its earlier texts), and of every article that it is as much like as `similarity`.
   So nothing that is added or edited later changes where an article or a record is.
2. The first of its groups is the one that those after it join by it. An article in several groups may be used only if
   all of them are in one split (see `assigning`). So two that are alike are never in two: the later one is in the
   earlier one's first group too, and stays out where that is elsewhere.
3. An article in no group joins the one of the article that it is most like, if that is nearly as much as `similarity`;
   else it begins a group, named after its id. Without that, of pages of one template that are just about so much alike,
   the first few would begin groups in different splits, and most others stay out between them.

Articles are compared when a band of their MinHash rows (rensa's R-MinHash; three of the 128) is alike: of 42 bands one
at least is with a probability of 99.6 % at a likeness of 0.5, and of 99.996 % at 0.6. What they have in common is then
counted exactly, unless the rows say that it is far too little. An article takes some 1,000 bytes while they are
compared, and 300 once they are.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from rensa import RMinHash

from ..export.example import Example
from ..sources.bands import Bands
from .alike import SIMILARITY, checked_similarity, jaccard, pairs_of
from .texts import Arrival, History, short, whole_id

_ROWS = 128
_BANDS = 42
_BAND_BYTES = 3 * 4
_NUMBERS = _BANDS + _ROWS // 4 + 1
"""Of 32 bits: the bands, a byte of each row, and a last one that is always 0."""
_CORNER_BITS = 6
_SEED = 42
_LOW = int("01" * _ROWS, 16)
_BY_CHANCE = 256
"""One of so many bytes is alike by chance."""
_NEARLY = 0.1
"""By how much less than asked for an article may be like another whose group it joins, being in none."""
_DOUBT = 0.16
"""By how much an estimate of likeness may be too low: four standard deviations."""
_KEPT = 256
"""Articles whose pairs of words are kept: those of one template are compared with its first ones."""


class Groups:
    """The groups of a run's articles; made by `groups_of`."""

    def __init__(self) -> None:
        self.names: list[str] = []
        """The ids of the articles that began them, in their order."""
        self.articles = 0
        """How many texts of articles were put into them."""
        self._of_whole: dict[int, int] = {}
        """What stands for the id of a whole article, to the number of its group."""
        self._of_text: dict[int, int | tuple[int, ...]] = {}
        """What stands for a text, to the number of its group; to those of all of them, where it is in several."""

    def __len__(self) -> int:
        return len(self.names)

    def of(self, example: Example) -> tuple[str, ...]:
        """Return the names of the groups that a record is in: one, or several where they were there before it.

        One whose article the journal does not have, since it is damaged, is in that of the article's id.
        """
        whole = whole_id(example.article_id)
        numbers = self._numbers(short(example.content_hash))
        of_whole = self._of_whole.get(short(whole))
        if of_whole is not None and of_whole not in numbers:
            numbers = (*numbers, of_whole)
        return tuple(self.names[number] for number in numbers) or (whole,)

    def knows(self, arrival: Arrival) -> bool:
        """Whether the text of an article is in a group."""
        return short(arrival.content_hash) in self._of_text

    def note(self, arrival: Arrival, like: Collection[int] = (), near: int | None = None) -> int:
        """Put what has come into its groups: that of its id, those that its text is `like`, or else the one that it is
        `near`, or a new one. Returns the number of the first of them."""
        whole, text = whole_id(arrival.article_id), short(arrival.content_hash)
        of_whole = self._of_whole.get(short(whole))
        numbers = self._numbers(text)
        if not numbers:
            numbers = tuple(sorted({*like} - {of_whole}))
            numbers = numbers if of_whole is None else (of_whole, *numbers)
            numbers = numbers or (self._begun(whole) if near is None else near,)
            self._of_text[text] = numbers[0] if len(numbers) == 1 else numbers
        self._of_whole.setdefault(short(whole), numbers[0])
        return numbers[0]

    def _numbers(self, text: int) -> tuple[int, ...]:
        numbers = self._of_text.get(text, ())
        return numbers if isinstance(numbers, tuple) else (numbers,)

    def _begun(self, name: str) -> int:
        self.names.append(name)
        return len(self.names) - 1


class _Seen(NamedTuple):
    """What an article is compared by."""

    sketch: array[int]
    pairs: frozenset[int]


class _Index:
    """Remembers the articles that have come, and finds those that another one is like."""

    def __init__(self, history: History, similarity: float) -> None:
        self._similarity = similarity
        self._bands = Bands(_BANDS, _NUMBERS, corner_bits=_CORNER_BITS)
        self._groups = array("I")
        self._places = array("Q")
        self._pairs_at = lru_cache(maxsize=_KEPT)(lambda at: _hashed(pairs_of(history.text_at(at) or "")))

    def like(self, one: _Seen) -> tuple[set[int], int | None]:
        """Return the numbers of the groups of articles that are as much like one as is asked for; and of that which is
        most like it, if it is nearly so much."""
        found: set[int] = set()
        nearest, most = None, self._similarity - _NEARLY
        for number in self._by_likeness(one.sketch):
            group = self._groups[number]
            if group in found:
                continue
            likeness = jaccard(one.pairs, self._pairs_at(self._places[number]))
            if likeness >= self._similarity:
                found.add(group)
            if likeness >= most:
                nearest, most = group, likeness
        return found, nearest

    def add(self, one: _Seen, group: int, at: int) -> None:
        """Remember an article, the number of its first group, and where its line begins."""
        self._bands.add(one.sketch)
        self._groups.append(group)
        self._places.append(at)

    def _by_likeness(self, sketch: array[int]) -> Iterable[int]:
        """Return the numbers of articles that may be alike enough, those that are most like first."""
        rows = _row_bytes(sketch)
        sharing = self._bands.sharing(sketch)
        estimates = {number: _likeness(rows, _row_bytes(self._bands.sketch(number))) for number in sharing}
        least = self._similarity - _NEARLY - _DOUBT
        return sorted((n for n, likeness in estimates.items() if likeness >= least), key=lambda n: (-estimates[n], n))


def groups_of(history: History, similarity: float = SIMILARITY) -> Groups:
    """Return the groups of a run's articles, of which those belong together that are as much alike as `similarity`: the
    Jaccard similarity of their pairs of words, from 0.5 to 1, see `alike`.

    Raises:
        ExportError: It is not from 0.5 to 1.
        SetupError: The disk refuses.
    """
    groups, index = Groups(), _Index(history, checked_similarity(similarity))
    for arrival in history.arrivals():
        if arrival.text is None or groups.knows(arrival):
            groups.note(arrival)
            continue
        one = _seen(arrival.text)
        groups.articles += 1
        index.add(one, groups.note(arrival, *index.like(one)), arrival.at)
    return groups


def _seen(text: str) -> _Seen:
    pairs = pairs_of(text)
    hashes = RMinHash(_ROWS, _SEED)
    hashes.update(pairs)
    rows = array("I", hashes.digest()).tobytes()
    sketch = array("I", [crc32(rows[at : at + _BAND_BYTES]) for at in range(0, _BANDS * _BAND_BYTES, _BAND_BYTES)])
    sketch.frombytes(rows[::4])
    sketch.append(0)
    return _Seen(sketch, _hashed(pairs))


def _hashed(pairs: Iterable[str]) -> frozenset[int]:
    return frozenset(map(hash, pairs))


def _row_bytes(sketch: array[int]) -> int:
    return int.from_bytes(sketch[_BANDS:-1].tobytes(), "big")


def _likeness(one: int, other: int) -> float:
    """Estimate the Jaccard similarity of two articles from a byte of each of their rows."""
    bits = one ^ other
    bits |= bits >> 4
    bits |= bits >> 2
    bits |= bits >> 1
    return 1 - (bits & _LOW).bit_count() / _ROWS / (1 - 1 / _BY_CHANCE)
