"""A text line by line and run by run, as blanks part it: the same run comes again and again, and is read once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from .tokens import Word, tokens, word_of


class Run(NamedTuple):
    """What stands between two blanks; the same for the same characters."""

    words: tuple[Word, ...]
    stems: tuple[str, ...]
    """All stems of its words."""
    first: tuple[str, ...]
    """Those before the first end of a sentence in it."""
    others: tuple[tuple[str, ...], ...]
    """Those after each such end."""


_LINE = re.compile(r"(\n\s*(?:[-*+•>|]+[ \t]+|\#{1,6}[ \t]+|\(?\d{1,3}[.)](?!\d)[ \t]*)*)")
"""The beginning of a line: blanks, and marks of an item or heading."""


def runs_of(text: str) -> tuple[Run, ...]:
    """Return all runs of a text in order; the beginnings of lines, blanks included, are runs too."""
    _, first, *rest = _LINE.split(f"\n{text}")
    known = _KNOWN.__getitem__
    found = [_read([word_of(first[1:])])]
    found += map(known, _after(first, rest[0]).split())
    for beginning, line in zip(rest[1::2], rest[2::2], strict=True):
        found.append(known(beginning))
        found += map(known, (_after(beginning, line) if line[:1] == "-" else line).split())
    return tuple(found)


def _after(beginning: str, line: str) -> str:
    """Return a line without what looks like an option right after "1."."""
    return line.lstrip("-") if beginning[-1:] == "." else line


def words_of(runs: Iterable[Run]) -> tuple[Word, ...]:
    """Return the pieces that count: words, numbers, ends of sentences, beginnings of lines."""
    return tuple(chain.from_iterable([run.words for run in runs]))


def stems_of(runs: Iterable[Run]) -> frozenset[str]:
    """Return all stems."""
    return frozenset(chain.from_iterable([run.stems for run in runs]))


def sentences_of(runs: Iterable[Run]) -> Iterator[frozenset[str]]:
    """Yield the stems of each sentence and each item of a list that has some."""
    current: list[str] = []
    for _, _, first, others in runs:
        current += first
        if not others:
            continue
        for other in others:
            if current:
                yield frozenset(current)
            current = list(other)
    if current:
        yield frozenset(current)


# ------------------------------------------------------------------------------------------------------- remembering

_REMEMBERED = 32_768
_LONGEST = 80
"""Characters of a run that is remembered."""


class _Known(dict[str, Run]):
    """Runs by their characters; begins anew when there are too many."""

    def __missing__(self, text: str) -> Run:
        run = _read([word_of(text)] if text[0] == "\n" else list(map(word_of, tokens(text))))
        if len(text) <= _LONGEST:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[text] = run
        return run


_KNOWN = _Known()


def _read(words: Sequence[Word]) -> Run:
    stems = tuple(chain.from_iterable(word.parts for word in words))
    first, *others = map(tuple, _sentences(words))
    return Run(tuple(words), stems, first, tuple(others))


def _sentences(words: Sequence[Word]) -> list[list[str]]:
    """Return the stems up to each end of a sentence or item, and those after the last one."""
    found: list[list[str]] = [[]]
    for word in words:
        if word.shape in ("end", "line"):
            found.append([])
        else:
            found[-1] += word.parts
    return found
