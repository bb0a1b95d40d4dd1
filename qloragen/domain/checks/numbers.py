"""Numbers that are not what the text says: absent from it, or in it among other words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, islice
from typing import NamedTuple

from .alike import Swap
from .arithmetic import follows
from .quantities import (
    Neighbour,
    Quantity,
    Surroundings,
    equal_amounts,
    lengths,
    may_be_one_unit,
    neighbours,
    places_of_values,
    quantities,
    quantity_at,
    surroundings,
)
from .tokens import Word
from .words import Words

_MOST = 200
"""Numbers of a text that are looked at: tables of them say little by the words around."""
_MOST_JUDGED = 100
"""Numbers of a text that are compared with those."""
_OTHER_SIDE = 0.6
"""What a neighbour is worth that has changed sides."""
_SAME_UNIT = 0.5
"""What a common unit is worth, beside being a neighbour."""
_CLEAR, _MARGIN = 1.2, 0.8
"""How like another number's place must be, and how much more so than the number's own: less would do for copied
sentences, but these leave alone what is said in other words."""
_UNLIKE_CLEAR, _OTHER_SIZE = 1.5, 3
"""The same for numbers in words, which often only count what is said; for those in scripts without blanks, where whole
clauses are beside a number; and for known ones with so many digits more or fewer that nobody mistakes them."""
_DERIVED_CLEAR = 2.0
"""The same for numbers that follow from others, which stand among the words of these."""
_SPELLED = frozenset(map(str, range(2, 13)))
"""Values of numbers in words that are looked at: "one" and "hundreds" mean nothing exact."""
_COUNTERS = frozenset(("step", "schrit", "étap", "etap", "paso", "passo", "phas", "stufe"))
"""Stems of words whose numbers order what a text says."""


class Known:
    """A number, and where it stands; without `words`, it has no neighbours."""

    __slots__ = ("__dict__", "_words", "quantity")

    def __init__(self, quantity: Quantity, words: Sequence[Word] = ()) -> None:
        self.quantity = quantity
        self._words = words

    @cached_property
    def near(self) -> Surroundings:
        """The words around it; found out only if another number might stand there, which is rare."""
        return surroundings(self._words, self.quantity) if self._words else {}


class Numbers:
    """The first numbers of texts, with their neighbours."""

    def __init__(self, *texts: Words) -> None:
        self.known: Sequence[Known] = tuple(chain.from_iterable(map(_known, texts)))

    def settle(self, quantity: Quantity) -> bool:
        """Tell whether nothing is wrong with a number, whatever else is known: with neighbours, that takes a look."""
        del quantity
        return False


class ArticleNumbers:
    """All numbers of an article, without their neighbours: so many cannot be compared by these."""

    def __init__(self, words: Sequence[Word]) -> None:
        self._words = words

    @cached_property
    def known(self) -> Sequence[Known]:
        """Looked at only if a number is not there as it is written."""
        return tuple(map(Known, quantities(self._words)))

    @cached_property
    def _places(self) -> Mapping[str, Sequence[int]]:
        return places_of_values(self._words)

    def settle(self, quantity: Quantity) -> bool:
        """Tell whether a number is there as it is written; for want of neighbours, no other can be in its place."""
        places = self._places.get(quantity.value, ())
        keys = quantity.keys
        return any(_same(quantity, quantity_at(self._words, place), keys) for place in places)


def _known(words: Words) -> Iterator[Known]:
    listed = words.words
    found = tuple(islice(quantities(listed), _MOST))
    for quantity in found:
        yield Known(quantity, listed)
    for length, *_ in lengths(found):
        yield Known(length, listed)


class Judged(NamedTuple):
    """What is found about the numbers of a text."""

    wrong: str | None
    """What is wrong with the first that contradicts what is known, as half a sentence."""
    derived: str | None
    """One that is not known, but can be worked out from known ones beside it."""


def judge_numbers(
    words: Words, known: Numbers | ArticleNumbers, stems: frozenset[str], swaps: Iterable[Swap]
) -> Judged:
    """Compare the numbers of a text with what is `known`.

    `stems` are all stems of the text that the numbers are known from, `swaps` what has changed in its sentences.
    """
    found = tuple(islice(quantities(words.words), _MOST_JUDGED))
    if not found:
        return Judged(None, None)
    text = _Text(words.words, found, known, stems)
    derived = None
    for quantity in found:
        if not _judged(quantity, words.words) or known.settle(quantity):
            continue
        wrong, follows_from = _wrong(quantity, text)
        if wrong:
            return Judged(wrong, None)
        derived = derived or follows_from
    return Judged(_swapped(swaps), derived)


def _swapped(swaps: Iterable[Swap]) -> str | None:
    for swap in swaps:
        here = [word for word in swap.here if word.shape == "number"]
        there = [word for word in swap.there if word.value]
        if len(here) == len(there) == 1 and here[0].value != there[0].value:
            return f"has {here[0].text} where {there[0].text} stands in what"
    return None


def _judged(quantity: Quantity, words: Sequence[Word]) -> bool:
    if words[quantity.at].shape == "code" or (quantity.at and words[quantity.at - 1].stem in _COUNTERS):
        return False
    return not quantity.spelled or quantity.value in _SPELLED


class _Text:
    """The numbers of a text that is judged, beside the known ones."""

    def __init__(
        self, words: Sequence[Word], found: Sequence[Quantity], numbers: Numbers | ArticleNumbers, stems: frozenset[str]
    ) -> None:
        self.words = words
        self.found = found
        self.stems = stems
        self._numbers = numbers
        self.said = frozenset(quantity.key for quantity in found)

    @property
    def known(self) -> Sequence[Known]:
        """The known ones."""
        return self._numbers.known

    @cached_property
    def founded(self) -> Sequence[Quantity]:
        """Those of its numbers that others may be worked out from."""
        keys = frozenset(entry.quantity.key for entry in self.known)
        return [quantity for quantity in self.found if quantity.spelled or quantity.key in keys]

    @cached_property
    def in_lengths(self) -> frozenset[int]:
        """Where the parts of lengths of time stand, whose units are no sign of what they belong to."""
        return frozenset(part.at for _, *parts in lengths(self.found) for part in parts)

    @cached_property
    def parts(self) -> frozenset[int]:
        """Where the parts of lengths of time stand that are known in another unit."""
        return frozenset(
            part.at
            for length, *parts in lengths(self.found)
            if any(entry.quantity.unit and equal_amounts(length, entry.quantity) for entry in self.known)
            for part in parts
        )


def _wrong(quantity: Quantity, text: _Text) -> tuple[str | None, str | None]:
    """Return what is wrong with a number, and the number itself if it is not known but can be worked out."""
    same: list[Known] = []
    others: list[Known] = []
    keys = quantity.keys
    for entry in text.known:
        (same if _same(quantity, entry.quantity, keys) else others).append(entry)
    if quantity.spelled and (same or any(equal_amounts(quantity, entry.quantity) for entry in others)):
        return None, None
    if quantity.at in (text.in_lengths if same else text.parts):
        return None, None
    derived = None
    if not same and not quantity.spelled and not _stands_otherwise(quantity, others, text.stems):
        if not follows(quantity, text.founded, [entry.quantity for entry in text.known]):
            return f"has {quantity.text}, which is not in what", None
        derived = quantity.text
    others = [entry for entry in others if entry.quantity.key not in text.said]
    other = _in_its_place(quantity, text.words, same, others, _DERIVED_CLEAR if derived else _CLEAR)
    return (None, derived) if other is None else (f"has {quantity.text} where {other.text} stands in what", None)


def _in_its_place(
    quantity: Quantity, words: Sequence[Word], same: Sequence[Known], others: Sequence[Known], clear: float
) -> Quantity | None:
    """Return the number that stands where `quantity` should; one that the text says too has a place of its own."""
    if not any(entry.near for entry in others):
        return None
    near = neighbours(words, quantity)
    here = max((_likeness(near, entry.near) + _of_one_unit(quantity, entry.quantity) for entry in same), default=0.0)
    elsewhere, other = _most_like(near, others)
    if other is None:
        return None
    unlike = (
        quantity.spelled
        or any(word.shape == "wide" for word in words[max(quantity.at - 1, 0) : quantity.at + 3])
        or (bool(same) and abs(len(quantity.key) - len(other.key)) >= _OTHER_SIZE)
    )
    return other if elsewhere >= max(clear, _UNLIKE_CLEAR if unlike else 0.0, here + _MARGIN) else None


_CHINESE = dict(zip("123456789", "一二三四五六七八九", strict=True)) | {"10": "十", "2": "两"}


def _stands_otherwise(quantity: Quantity, known: Sequence[Known], stems: frozenset[str]) -> bool:
    """Tell whether a number stands in an identifier, as a Chinese numeral, or in another unit."""
    if quantity.value in stems or any(equal_amounts(quantity, entry.quantity) for entry in known):
        return True
    numeral = _CHINESE.get(quantity.value)
    return numeral is not None and any(numeral in stem for stem in stems)


def _same(one: Quantity, other: Quantity, keys: Sequence[str]) -> bool:
    """Tell whether two numbers are the same; `keys` are those of the first one."""
    if other.key in keys or other.text == one.text:
        return len(keys) > 1 or may_be_one_unit(one.unit, other.unit) or equal_amounts(one, other)
    return bool(one.unit) and equal_amounts(one, other)


def _of_one_unit(one: Quantity, other: Quantity) -> float:
    return _SAME_UNIT if one.unit and one.unit == other.unit else 0.0


def _most_like(near: Sequence[Neighbour], known: Iterable[Known]) -> tuple[float, Quantity | None]:
    best, found = 0.0, None
    for entry in known:
        likeness = _likeness(near, entry.near)
        if likeness > best:
            best, found = likeness, entry.quantity
    return best, found


def _likeness(near: Iterable[Neighbour], there: Surroundings) -> float:
    """Return how much two places have in common: 2 for the same words next to them on both sides."""
    total = 0.0
    for distance, keys in near:
        best = 0.0
        for key in keys:
            other = there.get(key)
            if other is not None:
                value = min(abs(distance), abs(other)) * (1.0 if distance * other > 0 else _OTHER_SIDE)
                best = max(best, value)
        total += best
    return total
