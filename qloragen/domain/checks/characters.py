"""Characters that no text should have: control characters, and the traces of a wrong encoding."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import import_module

from .case import Case, Check

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
_SUSPECTS = re.compile(
    r"[\x80-\x9f\u00c2\u00c3\u00c5\u00d0\u00d1\u00d8\u00d9\u00e2\u00e3\u00ce\u00cf\u00c4\u00ef\u00f0]"
)
"""What UTF-8 that was read as something else nearly always has: the first bytes of characters, as Latin letters."""


def _control_characters(case: Case) -> str | None:
    for name, text, _ in case.parts:
        if any(match[0] not in case.article for match in _CONTROL.finditer(text)):
            return f"The {name} contains control characters."
    return None


def _mojibake(case: Case) -> str | None:
    """Find what looks garbled, in texts beyond ASCII alone."""
    for name, text, _ in case.parts:
        if not text.isascii() and _garbled(text, case.article):
            return f"The {name} has garbled characters, as after a wrong encoding; write the text with the right ones."
    return None


def _garbled(text: str, article: str) -> bool:
    if _UNKNOWN in text and _UNKNOWN not in article:
        return True
    if not _SUSPECTS.search(text) or text in article:
        return False
    return any(match[0] not in article for match in _bad_sequences().finditer(text))


@lru_cache(maxsize=1)
def _bad_sequences() -> re.Pattern[str]:
    """Return ftfy's expression; it is imported late, since few runs ever need it and it takes a tenth of a second."""
    expression: re.Pattern[str] = import_module("ftfy.badness").BADNESS_RE
    return expression


CHARACTERS: tuple[Check, ...] = (
    Check("control_characters", "Control characters that the article does not have.", _control_characters),
    Check("mojibake", "Characters garbled by a wrong encoding, which the article does not have.", _mojibake),
)
