"""The plain words of a text, and the language that they are in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from typing import NamedTuple, Protocol

from .scripts import UNSPACED
from .wordlist import listed

_FENCED = re.compile(r"^[ \t]*```.*?(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
_TAG = re.compile(r"<[^<>\n]*>")
_PUNCTUATION = ".,;:!?()\"'“”‘’…*«»"
_PROSE_SHARE = 0.6
"""A text of which less than this is words is mostly code, and not judged."""


def prose_of(text: str) -> str:
    """Return the plain words of `text` on one line; nothing if it is mostly code, values and identifiers."""
    if "```" in text:
        text = _FENCED.sub(" ", text)
    if "</" in text:
        text = _TAG.sub(" ", text)
    words = text.split()
    plain = [word for word in words if word.strip(_PUNCTUATION).isalpha() or not word.isascii()]
    return " ".join(plain) if len(plain) >= _PROSE_SHARE * len(words) else ""


class Spoken(NamedTuple):
    """What some prose is written in."""

    words: int
    """How many it has."""
    language: str
    """The likeliest one, as an ISO 639 code; empty where there is nothing to go by."""
    certainty: float
    """How likely it is: 1 at most."""

    def known(self, words: int, certainty: float) -> str | None:
        """Return the language if there are so many words, and it is as certain as that."""
        return self.language if self.words >= words and self.certainty >= certainty else None


def spoken(prose: str) -> Spoken:
    """Return what `prose` is written in."""
    return Spoken(count(prose), *_detector()(prose)) if prose else Spoken(0, "", 0.0)


def count(text: str) -> int:
    """Return how many words a text has; where no blanks part them, each character counts as one."""
    return len(text.split()) if text.isascii() else max(len(text.split()), len(UNSPACED.findall(text)))


class _Detect(Protocol):
    def __call__(self, text: str) -> tuple[str, float]: ...


@lru_cache(maxsize=1)
def _detector() -> _Detect:
    detect: _Detect = import_module(f"{__package__}.detection").detect
    return detect


# ----------------------------------------------------------------------------------------------------------- English

_NOT_PLAIN = re.compile(r"[^\x00-\x7f‘’“”–—…•]")
_ENGLISH = listed(
    "the and with this that from which when are what how does should between than then each its you your have into not"
)
"""Words of English that hardly another language has."""
_ENGLISH_LEAST = 2
_ENGLISH_EVERY = 20
"""Text that has two of them, and one more for each 20 words, all different, is English without asking further."""
_COMMON = _ENGLISH | listed(
    "a an are as be been but by can for has have if in is it of on only or other such they their there these to was "
    "were will would"
)
_COMMON_LEAST = 4
"""So is text with one of them and so many of these, and one more for each 20 words."""


def is_english(prose: str) -> bool:
    """Tell whether a text of plain letters is plainly English; of others, and of those in doubt, it is not said."""
    return is_plain(prose) and has_english(prose.lower().split())


def is_plain(text: str) -> bool:
    """Tell whether a text has no letters beyond ASCII; quotation marks, dashes and dots may be those of print."""
    return text.isascii() or not _NOT_PLAIN.search(text)


def has_english(words: Sequence[str]) -> bool:
    """Tell whether words in lower case are plainly those of an English text."""
    found, more = _COMMON.intersection(words), len(words) // _ENGLISH_EVERY
    own = len(found & _ENGLISH)
    return own >= _ENGLISH_LEAST + more or (own > 0 and len(found) >= _COMMON_LEAST + more)
