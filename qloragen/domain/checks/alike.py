"""Sentences that say almost the same as a known one, with another number or name in its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from operator import itemgetter
from typing import NamedTuple

from .gaps import gaps
from .tokens import Word
from .words import Sentence, Words

_LEAST_SHARED, _ALIKE = 3, 0.7
"""Words that two sentences share at least, and which share of the words of the one that is judged."""
_LONGEST = 80
"""Words of a sentence that is compared; longer ones are tables and listings."""
_MOST = 200
"""Sentences of a text that are compared with."""
_MOST_CHANGED = 3
"""Words in a row that may have taken the place of others."""


class Swap(NamedTuple):
    """Words of a sentence, and what stands in their place in the sentence that is known."""

    here: tuple[Word, ...]
    there: tuple[Word, ...]
    first: bool
    """One of the sentences begins with them, so that a capital says nothing."""


class Known:
    """What texts say, sentence by sentence."""

    def __init__(self, *texts: Words) -> None:
        self._texts = texts
        self._keys = [word.key for text in texts for word in text.words if word.key]
        self._vocabulary = frozenset(self._keys)

    @cached_property
    def _run(self) -> str:
        return f" {' '.join(self._keys)} "

    @cached_property
    def _sentences(self) -> list[Sentence]:
        return [sentence for text in self._texts for sentence in text.sentences][:_MOST]

    def says(self, sentence: Sentence) -> bool:
        """Tell whether it is there word for word, words aside that say nothing."""
        return sentence.keys <= self._vocabulary and f" {' '.join([word.key for word in sentence.words])} " in self._run

    def most_like(self, sentence: Sentence) -> Sentence | None:
        """Return the sentence that says almost the same, if there is one."""
        keys = sentence.keys
        least = max(_LEAST_SHARED, _ALIKE * len(keys))
        if len(keys & self._vocabulary) < least:
            return None
        shared = [(known, len(keys & known.keys)) for known in self._sentences if len(known.keys) >= least]
        best, most = max(shared, key=itemgetter(1), default=(None, 0))
        return best if best is not None and most >= least and len(best.words) <= _LONGEST else None


def swaps(sentences: Sequence[Sentence], known: Known) -> Iterator[Swap]:
    """Yield what has changed in sentences that are otherwise as they are known, and have names or numbers."""
    for sentence in sentences:
        if not _LEAST_SHARED < len(sentence.words) <= _LONGEST or known.says(sentence):
            continue
        twin = known.most_like(sentence)
        if twin is not None and any(map(_tells_apart, twin.words)):
            yield from _changed(sentence, twin)


def _tells_apart(word: Word) -> bool:
    return word.shape in ("code", "capital") or bool(word.value)


def _changed(here: Sentence, there: Sentence) -> Iterator[Swap]:
    a, b = here.words, there.words
    if list(map(_masked, a)) == list(map(_masked, b)):
        return (Swap((one,), (other,), first=False) for one, other in zip(a, b, strict=True) if one.key != other.key)
    return _replaced(here, there)


def _masked(word: Word) -> str:
    return "#" if word.shape == "number" else word.key


def _replaced(here: Sentence, there: Sentence) -> Iterator[Swap]:
    a, b = here.words, there.words
    for start, end, known_start, known_end in gaps([word.key for word in a], [word.key for word in b]):
        if max(end - start, known_end - known_start) <= _MOST_CHANGED:
            left, right = a[start:end], b[known_start:known_end]
            if len(left) > 1 or len(right) > 1:
                left, right = _others(left, there), _others(right, here)
            if left and right:
                yield Swap(left, right, first=start == 0 or known_start == 0)


def _others(words: Sequence[Word], sentence: Sentence) -> tuple[Word, ...]:
    """Return the words that are not in the sentence at another place."""
    return tuple(word for word in words if sentence.stems.isdisjoint(word.parts))
