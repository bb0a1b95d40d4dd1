"""Numbers that are not what the text says: absent from it, or in it among other words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from .alike import Swap
from .quantities import (
    Neighbour,
    Quantity,
    Surroundings,
    equal_amounts,
    may_be_one_unit,
    neighbours,
    quantities,
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
_SPELLED_CLEAR = 1.5
"""The same for numbers in words, which often only count what is said."""
_SPELLED = frozenset(map(str, range(2, 13)))
"""Values of numbers in words that are looked at: "one" and "hundreds" mean nothing exact."""
_COUNTERS = frozenset(("step", "schrit", "étap", "etap", "paso", "passo", "phas", "stufe"))
"""Stems of words whose numbers order what a text says."""


class Known(NamedTuple):
    """A number, and where it stands."""

    quantity: Quantity
    near: Surroundings


def known_numbers(words: Words) -> Iterator[Known]:
    """Yield the first numbers of a text with their neighbours."""
    listed = words.words
    for number, quantity in enumerate(quantities(words)):
        if number == _MOST:
            return
        yield Known(quantity, surroundings(listed, quantity))


def wrong_number(words: Words, known: Sequence[Known], stems: frozenset[str], swaps: Iterable[Swap]) -> str | None:
    """Return what is wrong with the first number of a text that contradicts what is `known`, as half a sentence.

    `stems` are all stems of the text that the numbers are known from, `swaps` what has changed in its sentences.
    """
    found = tuple(islice(quantities(words), _MOST_JUDGED))
    if not found:
        return None
    said = frozenset(quantity.key for quantity in found)
    for quantity in found:
        if _judged(quantity, words.words) and (wrong := _wrong(quantity, words.words, known, stems, said)):
            return wrong
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


def _wrong(
    quantity: Quantity, words: Sequence[Word], known: Sequence[Known], stems: frozenset[str], said: frozenset[str]
) -> str | None:
    same: list[Known] = []
    others: list[Known] = []
    for entry in known:
        (same if _same(quantity, entry.quantity) else others).append(entry)
    if not same and not quantity.spelled and not _stands_otherwise(quantity, others, stems):
        return f"has {quantity.text}, which is not in what"
    if same and quantity.spelled:
        return None
    other = _in_its_place(quantity, words, same, [entry for entry in others if entry.quantity.key not in said])
    return None if other is None else f"has {quantity.text} where {other.text} stands in what"


def _in_its_place(
    quantity: Quantity, words: Sequence[Word], same: Sequence[Known], others: Sequence[Known]
) -> Quantity | None:
    """Return the number that stands where `quantity` should; one that the text says too has a place of its own."""
    if not any(entry.near for entry in others):
        return None
    near = neighbours(words, quantity)
    here = max((_likeness(near, entry.near) + _of_one_unit(quantity, entry.quantity) for entry in same), default=0.0)
    elsewhere, other = _most_like(near, others)
    clear = _SPELLED_CLEAR if quantity.spelled else _CLEAR
    return other if elsewhere >= max(clear, here + _MARGIN) else None


_CHINESE = dict(zip("123456789", "一二三四五六七八九", strict=True)) | {"10": "十", "2": "两"}


def _stands_otherwise(quantity: Quantity, known: Sequence[Known], stems: frozenset[str]) -> bool:
    """Tell whether a number stands in an identifier, as a Chinese numeral, or in another unit."""
    if quantity.value in stems or any(equal_amounts(quantity, entry.quantity) for entry in known):
        return True
    numeral = _CHINESE.get(quantity.value)
    return numeral is not None and any(numeral in stem for stem in stems)


def _same(one: Quantity, other: Quantity) -> bool:
    if other.key in one.keys or other.text == one.text:
        return len(one.keys) > 1 or may_be_one_unit(one.unit, other.unit) or equal_amounts(one, other)
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
