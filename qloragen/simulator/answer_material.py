"""A text as answers are made of it: paragraphs that a record may rest on, and the sentences that can be said."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from .answer_marks import shows_markup, without_marks
from .answer_plain import count_words, plain
from .answer_reading import Reading
from .answer_themes import Theme

Paragraph = tuple[int, str]
"""Its number and text."""


Sign = Callable[[str], bool]
"""Tells whether a paragraph shows what questions of a theme are about."""


@dataclass(frozen=True, slots=True)
class Material:
    """A text, read."""

    paragraphs: Sequence[Paragraph]
    places: Sequence[int]
    """Of each sentence that can be said: where its paragraph is."""
    sentences: Sequence[str]
    """In their order, nothing twice."""
    words: Sequence[int]
    """Of each sentence."""
    most: int
    """Characters that paragraphs may have together."""
    most_paragraphs: int
    barred: frozenset[int]
    """Places of paragraphs that no record should rest on where others will do."""

    def fits(self, first: int, last: int) -> bool:
        """Tell whether a record may rest on the paragraphs from the first to the last place."""
        if not 0 <= first <= last < min(first + self.most_paragraphs, len(self.paragraphs)):
            return False
        clear = self.barred.isdisjoint(range(first, last + 1))
        return clear and sum(len(text) for _, text in self.paragraphs[first : last + 1]) <= self.most

    def around(self, first: int, last: int, sign: Sign | None) -> Sequence[Paragraph]:
        """Return the paragraphs from the first to the last place, and more beside them until they say and show
        enough."""
        while self._size(first, last) < _ENOUGH_WORDS or not self._shows(first, last, sign):
            if self.fits(first, last + 1):
                last += 1
            elif self.fits(first - 1, last):
                first -= 1
            else:
                break
        return self.paragraphs[first : last + 1]

    def _shows(self, first: int, last: int, sign: Sign | None) -> bool:
        return sign is None or any(sign(text) for _, text in self.paragraphs[first : last + 1])

    def _size(self, first: int, last: int) -> int:
        return sum(plain(text).size for _, text in self.paragraphs[first : last + 1])


_ENOUGH_WORDS = 75
_EVIDENCE_PARAGRAPHS, _WRITTEN_PARAGRAPHS = 4, 8
"""Those that are not numbered are mostly smaller."""
_EVIDENCE_CHARS, _WRITTEN_CHARS = 4_500, 1_900
"""Code of so many characters still leaves room for the rest in usual training contexts; an input that a model writes is
shorter."""
_MOST_READ = 120
"""Paragraphs of a long text that are read for something to say."""


@lru_cache(maxsize=128)
def material(reading: Reading) -> Material:
    """Return what there is to say; questions, addresses of people and long listings only if there is nothing else."""
    most, several = (
        (_EVIDENCE_CHARS, _EVIDENCE_PARAGRAPHS) if reading.numbered else (_WRITTEN_CHARS, _WRITTEN_PARAGRAPHS)
    )
    paragraphs = reading.paragraphs
    if not reading.numbered:
        paragraphs = tuple((number, _shortened(text)) for number, text in paragraphs)
    barred = frozenset(place for place, (_, text) in enumerate(paragraphs) if _has_address(text))
    said = _sayable(paragraphs, _places(paragraphs, most, barred))
    return Material(paragraphs, tuple(said.values()), tuple(said), tuple(map(count_words, said)), most, several, barred)


def _places(paragraphs: Sequence[Paragraph], most: int, barred: frozenset[int]) -> Sequence[int]:
    """Return the places of paragraphs that are read: none that is long or barred if there are others."""
    places = range(0, len(paragraphs), 1 + len(paragraphs) // _MOST_READ)
    return [place for place in places if len(paragraphs[place][1]) <= most and place not in barred] or places


def _sayable(paragraphs: Sequence[Paragraph], places: Sequence[int]) -> dict[str, int]:
    """Return what can be said, each sentence with the place of its paragraph; no question if there is anything else."""
    found: dict[str, int] = {}
    for place in places:
        for sentence in plain(paragraphs[place][1]).sentences:
            found.setdefault(sentence, place)
    said = {sentence: place for sentence, place in found.items() if sentence[-1] not in "?？"} or found
    if len(said) >= _FEW:
        return said
    said |= {line: place for place in places for line in _lines(paragraphs[place][1]) if line not in said}
    return dict(sorted(said.items(), key=lambda pair: pair[1]))


_FEW, _LINES = 8, 8
_LINE_CHARS, _LINE_WORDS = 200, 24
_WORD = re.compile(r"[^\W\d_]{2,}|[\u3040-\u9fff]")


def _lines(text: str) -> Sequence[str]:
    """Return something to say about a paragraph without a sentence in it."""
    if plain(text).sentences:
        return ()
    told = [_told(line) for line in text.splitlines()]
    fit = [line for line in told if line.count(" ") > 1 and len(line) <= _LINE_CHARS and not shows_markup(line)]
    told = fit or [" ".join(_WORD.findall(text)[:_LINE_WORDS])]
    return [f"It says: {line}." for line in told[:_LINES]]


def _told(line: str) -> str:
    return " ".join(without_marks(line).split()).strip("|*#=->.:/+ ")


_ADDRESS = re.compile(r"[\w.+-]@\w+[\w-]*\.\w")


def _has_address(text: str) -> bool:
    return "@" in text and _ADDRESS.search(text) is not None


def _shortened(text: str) -> str:
    """Return the beginning of a text that is too long for an input, up to the end of a line or sentence, or a word."""
    if len(text) <= _WRITTEN_CHARS:
        return text
    end = max(text.rfind("\n", 0, _WRITTEN_CHARS), text.rfind(". ", 0, _WRITTEN_CHARS) + 1)
    text = text[: end if end > 0 else text.rfind(" ", 0, _WRITTEN_CHARS)]
    return f"{text}\n```" if text.count("```") % 2 else text


# -------------------------------------------------------------------------------------------------------------- signs


def sign_of(theme: Theme) -> Sign | None:
    """Return what tells whether a paragraph shows what questions of a theme are about."""
    return next((sign for cue, sign in _SIGNS.items() if cue in theme.cues), None)


def _shows_code(text: str) -> bool:
    return "```" in text or "<pre" in text or "----\n" in text or "\n    " in text


_STEP = re.compile(r"^[ \t]*(?:\d{1,2}[.)]|\.{1,2}|[*-])[ \t]|<li", re.MULTILINE)
_SETTING = re.compile(r"`[\w.-]+`|\w_\w|<code>[\w.-]+</code>|\b[dD]efaults?\b")
_CAUTION = re.compile(
    r"\b(?:[nN]ot|[nN]ever|cannot|avoid|[wW]arning|WARNING|[cC]aution|CAUTION|careful|limit(?:s|ed|ation)?|risks?|fails?|failures?"
    r"|unsupported|deprecated|los[est]|dangerous|must)\b|n't\b"
)

_SIGNS: dict[bytes, Sign] = {
    b"code": _shows_code,
    b"settin": lambda text: _SETTING.search(text) is not None,
    b"cautio": lambda text: _CAUTION.search(text) is not None,
    b"step": lambda text: _shows_code(text) or _STEP.search(text) is not None,
}
"""By the stem of a word that names the theme."""
