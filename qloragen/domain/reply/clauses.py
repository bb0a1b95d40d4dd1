"""Prepare tokens for reading: numbers that only count something become noise, ranges are joined, brackets resolved,
and what is left is cut into clauses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from .tokens import Kind, Token
from .words import (
    ADDING,
    CHOICE,
    CLAUSE_BREAKS,
    COUNTABLE,
    COUNTED,
    FOREIGN,
    JOINERS,
    KNOWN,
    NEGATORS,
    NO,
    RANGE_WORDS,
    TYPES,
    VERDICTS,
    YES,
)

_BETWEEN_ITEMS = frozenset((Kind.COMMA, Kind.HASH, Kind.STAR, Kind.QUOTE, Kind.CLOSE, Kind.OPEN))
_DECORATION = frozenset((Kind.STAR, Kind.QUOTE, Kind.HASH, Kind.OTHER))
_ITEMS = frozenset((Kind.NUMBER, Kind.RANGE, Kind.NAME))
_SEPARATOR = Token(Kind.CLOSE, ")")
_BOUNDARY = Token(Kind.SEMICOLON, ";")
_DEEPEST = 8
"""Brackets within brackets; deeper ones are overlooked."""
_END = Token(Kind.NEWLINE, "")


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of a reply that is read by itself."""

    tokens: tuple[Token, ...]
    starts_line: bool
    after_blank_line: bool


def clauses_of(tokens: Sequence[Token]) -> list[Clause]:
    """Return the clauses of a reply's tokens, in order."""
    tokens = _without_counts(tokens)
    tokens = _with_ranges([token for token in tokens if token.kind not in _DECORATION])
    return list(_cut(_with_delimiters(_without_brackets(tokens))))


# ---------------------------------------------------------------------------------------------- numbers that count


def _without_counts(tokens: Sequence[Token]) -> list[Token]:
    """Make noise of numbers whose neighbours say that they number or count something other than types."""
    out: list[Token] = []
    for index, token in enumerate(tokens):
        out.append(_noise(token) if _is_noise(token, out, tokens[index + 1 : index + 4]) else token)
    return out


def _is_noise(token: Token, before: Sequence[Token], after: Sequence[Token]) -> bool:
    if token.kind is not Kind.NUMBER:
        return False
    return _is_foreign(before, after) or _is_share(before, after) or _is_count(before, after)


def _noise(token: Token) -> Token:
    return Token(Kind.NOISE, token.text, token.spaced)


def _at(tokens: Sequence[Token], index: int) -> Token:
    return tokens[index] if -len(tokens) <= index < len(tokens) else _END


def _is_foreign(before: Sequence[Token], after: Sequence[Token]) -> bool:
    """`Step 3`, `Java 11`, `RF=3`, `Lunch #46`; not `Type #3`, nor `pick #3`, nor the start of a list."""
    last = _at(before, -1)
    if last.kind is Kind.HASH:
        last = _at(before, -2)
        return last.kind is Kind.WORD and last.text not in KNOWN | RANGE_WORDS
    if last.text == "=":
        return _at(before, -2).kind is Kind.WORD and _at(before, -2).text not in KNOWN
    listed = _at(after, 1).kind is Kind.NUMBER or _is_range_sign(_at(after, 0))
    return last.kind is Kind.WORD and (last.text in FOREIGN or not (listed or last.text in KNOWN))


def _is_share(before: Sequence[Token], after: Sequence[Token]) -> bool:
    """`3 of the 14`, `9 out of 10`, and the 14 and 10 in them."""
    if _at(after, 0).text == "of" or (_at(after, 0).text == "out" and _at(after, 1).text == "of"):
        return True
    words = [token.text for token in before[-4:]]
    return "of" in words[-2:] and any(token.kind is Kind.NOISE for token in before[-4:-1])


def _is_count(before: Sequence[Token], after: Sequence[Token]) -> bool:
    """`5 types`, `3 nodes`, `3: 1, 2, 6`; not the end of a list, and not before a known verb."""
    word = _at(after, 0)
    if word.kind is Kind.COLON and _at(after, 1).kind is Kind.NUMBER:
        return _at(before, -1).kind is Kind.WORD and _at(before, -1).text not in TYPES
    if _at(before, -1).text in COUNTED and word.kind is not Kind.COMMA and word.text not in JOINERS:
        return True
    if word.kind is not Kind.WORD or _at(before, -1).text in TYPES:
        return False
    if word.text in KNOWN - TYPES - COUNTABLE:
        return False
    return not _is_listed(before)


def _is_listed(before: Sequence[Token]) -> bool:
    """Whether a list of two or more, or of a type word, goes on here."""
    items = 0
    for token in reversed(before):
        if token.kind in {Kind.NUMBER, Kind.RANGE}:
            items += 1
        elif token.kind is Kind.WORD and token.text in TYPES | CHOICE:
            return items > 0 or token.text in TYPES
        elif token.kind not in _BETWEEN_ITEMS and token.text not in JOINERS:
            break
    return items > 1


# ---------------------------------------------------------------------------------------------------------- ranges


def _with_ranges(tokens: Sequence[Token]) -> list[Token]:
    """Join `1-3`, `1 to 3`, `1..3`; three numbers with dashes between are a list."""
    out: list[Token] = []
    position = 0
    while position < len(tokens):
        numbers, end = _chain(tokens, position)
        if len(numbers) == 2:
            low, high = numbers
            out.append(Token(Kind.RANGE, f"{low.text}-{high.text}", low.spaced, low.low, high.high))
        else:
            for number in numbers:
                out += (number, _SEPARATOR) if len(numbers) > 1 else (number,)
        if not numbers:
            out.append(tokens[position])
        position = end
    return out


def _chain(tokens: Sequence[Token], start: int) -> tuple[list[Token], int]:
    """Return the numbers that range signs join from `start` on, and the position behind them."""
    numbers: list[Token] = []
    position = start
    end = start + 1
    while position < len(tokens) and tokens[position].kind is Kind.NUMBER:
        numbers.append(tokens[position])
        end = position + 1
        if not _is_range_sign(_at(tokens, end)):
            return numbers, end
        position = end + 1
        while _at(tokens, position).kind is Kind.DASH or _at(tokens, position).text in TYPES:
            position += 1
    return numbers, end


def _is_range_sign(token: Token) -> bool:
    return token.kind in {Kind.DASH, Kind.DOTS} or (token.kind is Kind.WORD and token.text in RANGE_WORDS)


# -------------------------------------------------------------------------------------------------------- brackets


def _without_brackets(tokens: Sequence[Token]) -> list[Token]:
    """Resolve every pair of brackets; what is inside is part of the list, a clause, or a remark (dropped)."""
    open_groups: list[list[Token]] = []
    current: list[Token] = []
    for index, token in enumerate(tokens):
        if token.kind is Kind.OPEN and len(open_groups) < _DEEPEST:
            open_groups.append(current)
            current = []
        elif token.kind is Kind.CLOSE and open_groups:
            inside, current = current, open_groups.pop()
            if not _is_counting_bracket(inside, _at(current, -1), tokens[index + 1 : index + 3]):
                current += _resolved(inside, _at(current, -1))
        elif token.kind is not Kind.OPEN:
            current.append(token)
    return [*chain.from_iterable(open_groups), *current]


def _is_counting_bracket(inside: Sequence[Token], before: Token, after: Sequence[Token]) -> bool:
    """`Types (3): 1, 2, 6`."""
    counts = len(inside) == 1 and inside[0].kind is Kind.NUMBER and before.kind is Kind.WORD
    return counts and [token.kind for token in after] == [Kind.COLON, Kind.NUMBER]


def _resolved(inside: list[Token], before: Token) -> list[Token]:
    types = any(token.kind in _ITEMS for token in inside)
    words = {token.text for token in inside if token.kind is Kind.WORD}
    if before.kind in _ITEMS:
        return _about_item(inside, words, named=before.kind is Kind.NAME)
    if before.kind is Kind.NEWLINE or words <= TYPES | JOINERS:
        return [*inside, _SEPARATOR]
    return [_BOUNDARY, *inside, _BOUNDARY] if types and words & NEGATORS else []


def _about_item(inside: list[Token], words: set[str], *, named: bool) -> list[Token]:
    """A bracket behind a number or name: its name, a verdict on it, another clause, or a remark."""
    types = any(token.kind in _ITEMS for token in inside)
    if all(token.kind is Kind.NAME for token in inside) and not named:
        return inside
    if not types and _is_verdict(inside):
        return [Token(Kind.COLON, ":"), *inside, _SEPARATOR]
    if types and (words & NEGATORS or _at(inside, 0).text in ADDING):
        return [_BOUNDARY, *inside, _BOUNDARY]
    return []


def _is_verdict(tokens: Sequence[Token]) -> bool:
    """Whether the tokens say nothing but yes or no."""
    words = [token.text for token in tokens if token.kind is Kind.WORD]
    return bool(words) and words[0] in YES | NO | {"does", "is", "do"} and set(words) <= KNOWN


# --------------------------------------------------------------------------------------------------------- clauses


def _with_delimiters(tokens: Sequence[Token]) -> list[Token]:
    """Decide for each full stop whether it ends a sentence (then it becomes a boundary) or belongs to a number."""
    out: list[Token] = []
    for index, token in enumerate(tokens):
        if token.kind is Kind.ENDER:
            out.append(Token(Kind.COLON, ":") if _is_verdict_word(tokens, index + 1) else _BOUNDARY)
        elif token.kind is Kind.DASH and _announces(out, token, _at(tokens, index + 1)):
            out.append(Token(Kind.COLON, ":"))
        elif token.kind is Kind.DOTS or (token.kind is Kind.DOT and not _belongs_to_number(out, tokens, index)):
            out.append(_BOUNDARY)
        else:
            out.append(token)
    return out


def _announces(before: Sequence[Token], dash: Token, following: Token) -> bool:
    """In `Python tutorial - 1, 2, 7` the dash is a colon."""
    return dash.spaced and _at(before, -1).kind is Kind.WORD and following.kind in {Kind.NUMBER, Kind.RANGE}


def _belongs_to_number(before: Sequence[Token], tokens: Sequence[Token], index: int) -> bool:
    if _at(before, -1).kind not in {Kind.NUMBER, Kind.RANGE}:
        return False
    after = _at(tokens, index + 1)
    if after.kind is Kind.NAME or _is_verdict_word(tokens, index + 1):
        return True
    if after.kind in {Kind.NUMBER, Kind.RANGE} and _at(before, -2).kind in {Kind.DOT, Kind.COLON}:
        return True
    return _starts_clause(before[-4:-1])


def _starts_clause(before: Sequence[Token]) -> bool:
    for token in reversed(before):
        if token.kind in {Kind.NEWLINE, Kind.SEMICOLON}:
            return True
        if token.kind is not Kind.DASH and token.text not in TYPES:
            return False
    return len(before) < 3


def _is_verdict_word(tokens: Sequence[Token], index: int) -> bool:
    word, after = _at(tokens, index), _at(tokens, index + 1)
    return word.text in VERDICTS and after.kind not in {Kind.WORD, Kind.COLON}


def _cut(tokens: Iterable[Token]) -> Iterator[Clause]:
    clause: list[Token] = []
    newlines = 2
    for token in [*tokens, _END]:
        ends = token.kind in {Kind.NEWLINE, Kind.SEMICOLON}
        if clause and (ends or token.text in CLAUSE_BREAKS):
            yield Clause(tuple(clause), starts_line=newlines > 0, after_blank_line=newlines > 1)
            clause, newlines = [], 0
        newlines += token.kind is Kind.NEWLINE
        if not ends:
            clause.append(token)
