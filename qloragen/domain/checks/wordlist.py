"""Lists of words and phrases, written down as a text."""

from __future__ import annotations


def listed(words: str) -> frozenset[str]:
    """Return the words of a text in which blanks part them."""
    return frozenset(words.split())


def phrases(text: str) -> frozenset[str]:
    """Return the phrases of a text in which commas part them."""
    return frozenset(text.split(", "))
