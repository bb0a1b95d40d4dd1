"""Take a text apart into the paragraphs that its lines of numbers, or its blank lines, make."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

_CACHED_TEXTS = 128


@dataclass(frozen=True, slots=True)
class Reading:
    """A text in paragraphs."""

    numbered: bool
    """The prompt itself numbers the paragraphs."""
    paragraphs: tuple[tuple[int, str], ...]
    """Numbers and texts, in order; never empty."""
    digest: int


@lru_cache(maxsize=_CACHED_TEXTS)
def read_text(text: str) -> Reading:
    """Return the paragraphs of `text`: those that lines like `[7]` number, or else what blank lines part."""
    numbered = tuple(_numbered(text))
    paragraphs = numbered or tuple(enumerate(_parted(text), 1)) or ((1, text),)
    return Reading(
        numbered=bool(numbered),
        paragraphs=paragraphs,
        digest=crc32(text.encode("utf-8", "replace")),
    )


_FIRST_NUMBER = re.compile(r"\s*(\[{1,99})1(\]{1,99})[ \t]*\n")


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    first = _FIRST_NUMBER.match(text)
    if first is None:
        return
    left, right = re.escape(first[1]), re.escape(first[2])
    parts = re.split(rf"^{left}(\d{{1,9}}){right}[ \t]*\n", text, flags=re.MULTILINE)
    for number, piece in zip(parts[1::2], parts[2::2], strict=True):
        yield int(number), piece.rstrip("\n")


_CRUMB_CHARS = 80


def _parted(text: str) -> Iterator[str]:
    """Yield what stands between blank lines, crumbs such as headings with what follows them."""
    held = ""
    for piece in text.split("\n\n"):
        held = f"{held}\n\n{piece}" if held else piece.strip("\n")
        if len(held) >= _CRUMB_CHARS:
            yield held
            held = ""
    if held.strip():
        yield held
