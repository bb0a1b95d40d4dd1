"""Classify like a model: which of the numbered types of a prompt does a text support, by the signs in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

from .answer_themes import Theme, meaning, stem, stems_of, theme_of, words

NONE = 0
"""The number for a text that supports no type."""

_LINE = re.compile(r"^[ \t]*(\d{1,4})[.):][ \t]+([^\n:]{1,120}?)[ \t]*(?::[ \t]*([^\n]*))?$", re.MULTILINE)
_ALWAYS = re.compile(r"\b(?:every|any|all|each) (?:articles?|texts?|documents?|pages?)\b|\balways\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Kind:
    """A type as the prompt describes it."""

    number: int
    theme: Theme
    meaning: frozenset[bytes]
    always: bool


@lru_cache(maxsize=256)
def kinds(prompt: str) -> tuple[Kind, ...]:
    """Return the types that `prompt` lists as `N. Name: when it applies`; none unless there are two at least."""
    found: dict[int, Kind] = {}
    for line in _LINE.finditer(prompt):
        name, when = line[2], line[3] or ""
        found[int(line[1])] = Kind(
            int(line[1]), theme_of(name, when), meaning(f"{name} {when}"), always=_ALWAYS.search(when) is not None
        )
    found.pop(NONE, None)
    return tuple(found.values()) if len(found) >= 2 else ()


# -------------------------------------------------------------------------------------------------------------- text


@dataclass(frozen=True, slots=True)
class Look:
    """What shows of a text at a glance."""

    substance: bool
    """There is something to learn from it."""
    stems: frozenset[bytes]
    head: frozenset[bytes]
    """The stems of its beginning, where titles stand."""
    length: float
    """How many times a text of middling length it is, as far as signs grow with it; 1 for 250 different words."""
    code: int
    steps: int
    names: int
    """Identifiers with an underscore in them, at most."""
    digest: int


_LEAST_WORDS = 40
_NOISE = frozenset(
    map(stem, b"cookies consent login log sign subscribe paywall javascript captcha denied error".split())
)
_NOISE_SHARE = 0.025


_HEAD_CHARS = 160


@lru_cache(maxsize=128)
def look(text: str) -> Look:
    """Look at `text`."""
    listed, head = words(text), text[:_HEAD_CHARS]
    found = stems_of(listed)
    # Scripts without blanks between words have about two characters to a word, of three bytes each.
    size = len(listed) if text.isascii() else max(len(listed), (len(text.encode("utf-8", "replace")) - len(text)) // 4)
    noise = sum(stem(word) in _NOISE for word in listed) if size < 200 else 0
    sentences = text.count(". ") + text.count(".\n") + text.count("。") + text.endswith(".") + text.count(".<")
    return Look(
        substance=size >= _LEAST_WORDS and (sentences > 1 or size > 200) and noise <= _NOISE_SHARE * size,
        stems=found,
        head=stems_of([*words(head), *([b"versus"] if " or " in head or " vs" in head else [])]),
        length=(max(len(found), 20) / 250) ** 0.6,
        code=text.count("\n```") // 2 + text.count("<pre") + text.count("\n----\n") // 2 + text.count("::\n\n"),
        steps=text.count("\n1. ") + text.count("\n2. ") + text.count("\n. ") + 3 * text.count("<ol"),
        names=text.count("_"),
        digest=crc32(text.encode("utf-8", "replace")),
    )


# ------------------------------------------------------------------------------------------------------------ answer

_LEAST, _MOST_SHARE = 3, 0.55
"""Real models find three to eight of fourteen types in an article."""


def supported(listed: Sequence[Kind], text: str) -> tuple[int, ...]:
    """Return the numbers of the types that `text` supports, in their order, or 0 alone for a text without substance."""
    seen = look(text)
    if not listed or not seen.substance:
        return (NONE,)
    ranked = sorted(((_support(kind, seen), kind.number) for kind in listed), reverse=True)
    clear = sum(support >= 1 for support, _ in ranked)
    most = max(round(_MOST_SHARE * len(listed)), 1)
    count = min(max(clear, min(_LEAST, most)), most)
    return tuple(sorted(number for _, number in ranked[:count]))


def support(instructions: str, text: str) -> float:
    """Return how clearly `text` supports what `instructions` describe, as `name: when it applies` or freely; 1 is just
    enough, 0 is not at all."""
    name, _, when = instructions.partition(":")
    seen = look(text)
    if not seen.substance:
        return 0.0
    always = _ALWAYS.search(instructions) is not None
    return _support(Kind(NONE, theme_of(name, when), meaning(instructions), always=always), seen)


_ALWAYS_SUPPORT = 100.0


def _support(kind: Kind, seen: Look) -> float:
    """Return how clearly the type is supported: 1 is just enough."""
    if kind.always:
        return _ALWAYS_SUPPORT
    known = kind.meaning & seen.stems
    overlap = len(known) / max(len(kind.meaning), 1)
    tie = (seen.digest ^ kind.number * 0x9E3779B1) % 1009 / 1e5
    if not kind.theme.signs:
        return 1.6 * overlap + tie
    signs = len(kind.theme.signs & seen.stems) / len(kind.theme.signs)
    return signs / (kind.theme.usual * seen.length) + 0.2 * overlap + _shape(kind.theme, seen) + tie


def _shape(theme: Theme, seen: Look) -> float:
    """Return what the shape of a text adds: its title, code for questions about code, numbered steps, names."""
    shape = 0.3 if theme.cues & seen.head else 0.0
    if b"code" in theme.cues:
        shape += 0.4 if seen.code else -0.6
    if b"step" in theme.cues:
        shape += min(seen.steps, 4) * 0.1 + (0.1 if seen.code else -0.2)
    if b"settin" in theme.cues:
        shape += min(seen.names, 20) * 0.01
    return shape
