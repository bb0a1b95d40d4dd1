"""Find the names of instruction types in a reply: whole, shortened, in either spelling, with or without their number.

A phrase (words up to the next punctuation) is a name when its words are those of exactly one type's name; else the
closest name counts, words that few types share weighing more; else whole names are looked for inside the phrase.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from ...types import InstructionType
from .tokens import Kind, Token
from .words import ARTICLES, JOINERS, NO, TYPES, YES

_WORD = re.compile(r"[^\W\d_]+")
_SUFFIXES = ("ings", "ing", "ed", "es", "s", "e")
_INSIDE = frozenset((Kind.DASH, Kind.COMMA, Kind.OTHER, Kind.HASH))
_DELIMITERS = frozenset((Kind.DOT, Kind.COLON, Kind.DASH, Kind.CLOSE, Kind.OPEN, Kind.PIPE, Kind.QUOTE, Kind.STAR))
_LIMITS = JOINERS | YES | NO | {"/", "&", "do", "does"}

_CLOSE_ENOUGH = 0.7
_CLOSE_TO_ITS_NUMBER = 0.4
_LONGEST_PHRASE = 16
"""Words; a longer phrase is prose, in which only whole names count."""

_SHORTEST_MISSPELT = 5
"""Letters; in shorter words one letter makes another word."""
_SPELLED_ALIKE = 0.85

Stems = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a pack's types, ready for look-up."""

    types: dict[Stems, frozenset[int]]
    """Stems of each name -> the types that have it."""
    weights: dict[str, float]
    """Stem -> one over the number of types whose names hold it."""
    holding: dict[str, tuple[Stems, ...]]
    """Stem -> the names that hold it."""
    longest: int
    numbers: frozenset[int]
    """Of all types."""

    def exact(self, stems: Stems) -> int | None:
        """Return the one type with this name."""
        owners = self.types.get(stems, frozenset())
        return next(iter(owners)) if len(owners) == 1 else None

    def named(self, text: str) -> int | None:
        """Return the one type that `text` is the whole name of, a number in front aside."""
        return self.exact(_stems(_WORD.findall(text)))

    def closest(self, stems: Stems) -> dict[int, float]:
        """Return type -> likeness (0 to 1) of its closest name."""
        likeness: dict[int, float] = {}
        stems = tuple(map(self._spelled_right, stems)) if len(stems) <= self.longest else stems
        for name in {name for stem in stems for name in self.holding.get(stem, ())}:
            score = self._likeness(stems, name)
            for type_ in self.types[name]:
                likeness[type_] = max(score, likeness.get(type_, 0.0))
        return likeness

    def _spelled_right(self, stem: str) -> str:
        if stem in self.weights or len(stem) < _SHORTEST_MISSPELT:
            return stem
        return next(iter(get_close_matches(stem, self.weights, n=1, cutoff=_SPELLED_ALIKE)), stem)

    def _likeness(self, one: Stems, other: Stems) -> float:
        """Twice the weight of the common words over the weight of all (Dice's coefficient on weighted multisets)."""
        common = Counter(one) & Counter(other)
        return 2 * self._weight(common.elements()) / (self._weight(one) + self._weight(other))

    def _weight(self, stems: Iterable[str]) -> float:
        return sum(self.weights.get(stem, 1.0) for stem in stems)


def names_of(types: Sequence[InstructionType]) -> Names:
    """Index the names, aliases and slugs of a pack; both halves of "A / B" are names too, slugs of one word are not."""
    return _index(tuple(types))


@lru_cache(maxsize=8)
def _index(types: tuple[InstructionType, ...]) -> Names:
    owners: dict[Stems, set[int]] = {}
    for type_ in types:
        for stems in filter(None, _names(type_)):
            owners.setdefault(stems, set()).add(type_.number)
    holding: dict[str, list[Stems]] = {}
    for stems in owners:
        for stem in dict.fromkeys(stems):
            holding.setdefault(stem, []).append(stems)
    return Names(
        types={stems: frozenset(numbers) for stems, numbers in owners.items()},
        weights={stem: 1 / len(set().union(*map(owners.__getitem__, names))) for stem, names in holding.items()},
        holding={stem: tuple(names) for stem, names in holding.items()},
        longest=max(map(len, owners), default=0),
        numbers=frozenset(type_.number for type_ in types),
    )


def _names(type_: InstructionType) -> Iterator[Stems]:
    for name in (type_.name, *type_.aliases):
        yield from (_stems(_WORD.findall(variant)) for variant in (name, *name.split(" / ")))
    slug = _stems(_WORD.findall(type_.slug))
    if len(slug) > 1:
        yield slug


def with_names(tokens: Sequence[Token], names: Names) -> list[Token]:
    """Replace the words of each name by one NAME token."""
    out: list[Token] = []
    position = 0
    while position < len(tokens):
        end = _phrase_end(tokens, position)
        phrase = tokens[position:end] or [tokens[position]]
        out += phrase if _is_counted(out, phrase) else _named(phrase, _number_before(out), names)
        position = max(end, position + 1)
    return out


def _is_counted(before: Sequence[Token], phrase: Sequence[Token]) -> bool:
    """In `it gives 2 practical use cases` no type is named; nor in `3 risks`."""
    if not before or before[-1].kind is not Kind.NUMBER:
        return False
    in_prose = len(before) > 1 and before[-2].kind is Kind.WORD and before[-2].text not in TYPES | JOINERS
    return in_prose or len(phrase) == 1


def _phrase_end(tokens: Sequence[Token], start: int) -> int:
    """Return where the words from `start` on end; signs inside a name belong to it, yes and no never do."""
    end = position = start
    while position < len(tokens):
        token = tokens[position]
        if token.kind is Kind.WORD and token.text not in {"✓", "✗"}:
            end = position + 1
        elif (
            end == start
            or token.kind not in _INSIDE
            or token.text in {",", "+", "\\"}
            or _is_loose(token, tokens, position)
        ):
            break
        position += 1
    return end


def _is_loose(token: Token, tokens: Sequence[Token], position: int) -> bool:
    """A dash between blanks separates; a dash between letters is part of a word."""
    glued = position + 1 < len(tokens) and not tokens[position + 1].spaced
    return token.kind is Kind.DASH and (token.spaced or not glued)


def _number_before(out: Sequence[Token]) -> int | None:
    for token in reversed(out[-3:]):
        if token.kind is Kind.NUMBER:
            return token.low
        if token.kind not in _DELIMITERS:
            return None
    return None


def _named(phrase: Sequence[Token], number: int | None, names: Names) -> list[Token]:
    stems = _stems(token.text for token in phrase if token.kind is Kind.WORD)
    if not stems:
        return list(phrase)
    exact = names.exact(stems)
    if exact is not None and (len(stems) > 1 or len(phrase) == 1):
        return [_name(phrase, exact, exact=True)]
    inside = _whole_names_inside(phrase, names)
    close = None if any(token.exact for token in inside) else _close_name(stems, number, names)
    return inside if close is None else [_name(phrase, close, exact=False)]


def _close_name(stems: Stems, number: int | None, names: Names) -> int | None:
    likeness = names.closest(stems) if len(stems) <= _LONGEST_PHRASE else {}
    if number is not None and likeness.get(number, 0.0) >= _CLOSE_TO_ITS_NUMBER:
        return number
    ranked = sorted(likeness.items(), key=lambda item: -item[1])
    if len(stems) < 2 or not ranked or ranked[0][1] < _CLOSE_ENOUGH:
        return None
    return ranked[0][0] if len(ranked) == 1 or ranked[0][1] > ranked[1][1] else None


def _whole_names_inside(phrase: Sequence[Token], names: Names) -> list[Token]:
    """Look for whole names in prose: three words and more anywhere, shorter ones only up to the next list word."""
    out: list[Token] = []
    position = 0
    while position < len(phrase):
        end, type_ = _longest_name(phrase, position, names)
        if type_ is None:
            out.append(phrase[position])
        else:
            out.append(_name(phrase[position:end], type_, exact=True))
        position = end
    return out


def _longest_name(phrase: Sequence[Token], start: int, names: Names) -> tuple[int, int | None]:
    best: tuple[int, int | None] = (start + 1, None)
    if phrase[start].kind is not Kind.WORD or not _stems([phrase[start].text]):
        return best
    stems: Stems = ()
    for end in range(start + 1, min(len(phrase), start + 3 * names.longest) + 1):
        added = _stems([phrase[end - 1].text]) if phrase[end - 1].kind is Kind.WORD else ()
        if any(stem not in names.weights for stem in added):
            break
        stems += added
        type_ = names.exact(stems)
        if type_ is not None and (len(stems) > 2 or _stands_alone(phrase, start, end)):
            best = (end, type_)
    return best


def _stands_alone(phrase: Sequence[Token], start: int, end: int) -> bool:
    before = start == 0 or phrase[start - 1].text in _LIMITS
    return before and (end == len(phrase) or phrase[end].text in _LIMITS)


def _name(phrase: Sequence[Token], type_: int, *, exact: bool) -> Token:
    text = " ".join(token.text for token in phrase)
    return Token(Kind.NAME, text, phrase[0].spaced, types=(type_,), exact=exact)


def _stems(words: Iterable[str]) -> Stems:
    return tuple(_stem(word) for word in map(str.lower, words) if word not in ARTICLES)


def _stem(word: str) -> str:
    """Take endings off, and British spelling with them: summarising, summarise and summarize are one word."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) > 2 and not word.endswith("ss"):
            word = word.removesuffix(suffix)
            break
    if word.endswith(("is", "ys")):
        word = word[:-1] + "z"
    return word[:-1] + "i" if word.endswith("y") else word.replace("our", "or")
