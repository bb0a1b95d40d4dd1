"""Whether anything that is tested with is also trained on: looked for in what is about to be written, however its
splits were made.

Rules:
1. A leak is, of two different splits: records of one article, its parts and earlier texts included, or of one text;
   articles that are alike; records that say nearly the same.
2. What is held out, which is less, is kept; then everything passes by, and is compared with what another split has.
3. Two texts are compared when they share one of their rarest hashes, which all do that are alike: see `rarest`.

None of this is taken from `groups`, which finds by other means what is to be compared: what one of them misses, the
other need not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple
from zlib import crc32

from ..export.example import OWN, Example
from ..pipeline.uniqueness.texts import said
from ..sources.sketch import words
from ..words import counted
from .alike import SIMILARITY, checked_similarity, pairs_of
from .rarest import HASH_BITS, Rarest
from .splits import SPLITS, TRAIN, Split
from .texts import short, whole_id

Placed = Callable[[], Iterable[tuple[Split, Example]]]
"""Returns examples with their splits, the same ones each time."""

Kind = Literal["the same article", "the same text", "articles alike", "records alike"]

MARGIN = 0.02
"""By how much articles have to be more alike to be a leak than to be kept together."""
RECORDS_ALIKE = 0.8
"""Likeness from which on two records say nearly the same: the Jaccard similarity of the runs of three words in their
outputs; of few words, in instruction and output."""

_SHOWN = 20
_ARTICLE_BITS, _RECORD_BITS = 8_192, 1_024
"""Of the bitmaps: some ten for each hash that most articles and records have."""
_MIXER = 0x9E3779B1
_HASHES = (1 << HASH_BITS) - 1


class Leak(NamedTuple):
    """What two splits have in common."""

    kind: Kind
    split: Split
    id: str
    """Of the article, or of the record."""
    other_split: Split
    other_id: str
    likeness: float = 1.0

    def __str__(self) -> str:
        alike = "" if self.likeness == 1 else f" ({int(100 * self.likeness)} %)"
        return f"{self.kind}{alike}: {self.id!r} in {self.split} and {self.other_id!r} in {self.other_split}"


class Leaks:
    """What a check has found, and how much it has compared; true when there is any leak."""

    def __init__(self) -> None:
        self.counts: Counter[Kind] = Counter()
        self.found: list[Leak] = []
        """The first of them."""
        self.articles = 0
        """Texts of articles that were compared."""
        self.records = 0
        """Records that were compared."""
        self.general = 0
        """Examples of general data that were."""
        self.pairs = 0
        """Pairs of texts, or of records, that were looked at more closely."""

    def __bool__(self) -> bool:
        return bool(self.counts)

    def __str__(self) -> str:
        if not self:
            general = f" and {counted(self.general, 'general example')}" if self.general else ""
            return f"no leaks among {counted(self.records, 'record')} of {counted(self.articles, 'article')}{general}"
        return f"{counted(self.counts.total(), 'leak')} between splits, such as {self.found[0]}"

    def add(self, leak: Leak) -> None:
        """Count a leak."""
        self.counts[leak.kind] += 1
        if len(self.found) < _SHOWN:
            self.found.append(leak)


def leaks_in(placed: Placed, text_of: Callable[[str], str | None], similarity: float = SIMILARITY) -> Leaks:
    """Return what leaks between the splits of examples. `placed` is called twice; `text_of` returns the text of an
    article by its hash, None where it is not known any more. Articles are a leak that are a little more alike than
    `similarity`, from which on `groups_of` keeps them together: at the border it may miss one. Of a text that is like
    hundreds, 256 leaks are counted.

    Some 200 bytes are held for each article; of each that is held out also 8 for each pair of its words and 1,500 more,
    and 1,000 for each of its records; three times as much of the pairs while they are put in order.

    Raises:
        ExportError: `similarity` is not from 0.5 to 1.
    """
    check = _Check(text_of, min(1.0, checked_similarity(similarity) + MARGIN))
    for split, example in placed():
        check.keep(split, example)
    for split, example in placed():
        check.compare(split, example)
    check.leaks.pairs = check.pairs
    return check.leaks


class _Check:
    def __init__(self, text_of: Callable[[str], str | None], similarity: float) -> None:
        self.leaks = Leaks()
        self._text_of = text_of
        self._holders: dict[int, int] = {}
        """What stands for an article's id or text, to a bit for each split that has it."""
        self._compared: set[int] = set()
        """What stands for the texts that have passed by."""
        self._articles = Rarest(similarity, _ARTICLE_BITS)
        self._records = Rarest(RECORDS_ALIKE, _RECORD_BITS)

    def keep(self, split: Split, example: Example) -> None:
        """Keep what is held out, and in which splits its article is."""
        is_new = example.source == OWN and self._is_new(split, example)
        if split == TRAIN:
            return
        if is_new and (hashes := self._hashes(example.content_hash)):
            self._articles.add(split, example.article_id, hashes)
        self._records.add(split, _name(example), _said_in(example))

    def compare(self, split: Split, example: Example) -> None:
        """Compare an example with what is held out in other splits."""
        if example.source == OWN:
            self.leaks.records += 1
        else:
            self.leaks.general += 1
        for alike in self._records.like(split, _said_in(example)):
            self.leaks.add(Leak("records alike", split, _name(example), *alike))
        text = short(example.content_hash)
        if example.source != OWN or text in self._compared:
            return
        self._compared.add(text)
        self.leaks.articles += 1
        for alike in self._articles.like(split, self._hashes(example.content_hash)):
            self.leaks.add(Leak("articles alike", split, example.article_id, *alike))

    @property
    def pairs(self) -> int:
        """Pairs that were looked at more closely."""
        return self._articles.pairs + self._records.pairs

    def _is_new(self, split: Split, example: Example) -> bool:
        """Whether no example before was of the same text; where one of the same text or article was in another split,
        that is a leak."""
        self._hold("the same article", short(f"id {whole_id(example.article_id)}"), split, example)
        # Records of before hashes were kept have none, and are told by their ids.
        return bool(example.content_hash) and self._hold("the same text", short(example.content_hash), split, example)

    def _hold(self, kind: Kind, thing: int, split: Split, example: Example) -> bool:
        before, bit = self._holders.get(thing, 0), 1 << SPLITS.index(split)
        self._holders[thing] = before | bit
        if before and not before & bit:
            other = next(name for place, name in enumerate(SPLITS) if before >> place & 1)
            self.leaks.add(Leak(kind, split, example.article_id, other, example.article_id))
        return not before

    def _hashes(self, content_hash: str) -> frozenset[int]:
        text = self._text_of(content_hash)
        return frozenset() if text is None else _hashed(pairs_of(text))


def _name(example: Example) -> str:
    return example.id or f"one of {example.source}"


def _said_in(example: Example) -> frozenset[int]:
    return _hashed(said(words(example.instruction), words(example.output)))


def _hashed(parts: Iterable[str]) -> frozenset[int]:
    """Return a number of 32 bits for each part, which looks drawn by chance and is always the same."""
    return frozenset(crc32(part.encode("utf-8", "replace")) * _MIXER & _HASHES for part in parts)
