"""Texts with `${name}` in them: what can be wrong with one, and how it is filled in a single pass."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from string import Template
from typing import NamedTuple


class Flaw(NamedTuple):
    """A mistake in a template."""

    line: int
    """Counted from 1."""
    what: str
    """The predicate of a sentence: `has a "$" that ...`."""


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with its variables replaced and `$$` made `$`; a `$` or `${...}` in a value stays as it is."""
    return Template(text).substitute(values)


@lru_cache(maxsize=256)
def fill_once(text: str, values: tuple[tuple[str, str], ...]) -> str:
    """Do what `fill` does; of what is asked for again there is one text in memory, however many prompts hold it."""
    return fill(text, dict(values))


def variables(text: str) -> frozenset[str]:
    """Return the names that `text` uses."""
    return frozenset(Template(text).get_identifiers())


def flaws(text: str, known: Collection[str]) -> Iterator[Flaw]:
    """Yield each stray `$` and each variable that is not `known`, in order."""
    for match in Template.pattern.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        name = match["named"] or match["braced"]
        if match["invalid"] is not None:
            yield Flaw(line, 'has a "$" that starts no variable (write "$$" for a dollar sign)')
        elif name and name not in known:
            yield Flaw(line, f'uses the unknown variable "{name}" (known here: {", ".join(sorted(known))})')
