"""Whether a text is enough to write instructions from.

Letters and digits count, not words, so that scripts without spaces are treated alike; a character of Chinese,
Japanese or Korean says about as much as three Latin letters and counts three.
"""

from __future__ import annotations

import re
import unicodedata

from ..types import SkipReason

MIN_DIFFERENT = 8
"""Different letters and digits below which a text only repeats itself."""

_EAST_ASIAN = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")


def lacking(text: str, min_text: int) -> tuple[SkipReason, str] | None:
    """Return why `text` is not enough, with a clause for people; None if it is."""
    letters = "".join(filter(str.isalnum, text))
    amount = len(letters) + 2 * len(_EAST_ASIAN.findall(letters))
    if not letters and not _visible(text):
        return SkipReason.EMPTY, "no visible text"
    if amount < min_text:
        return SkipReason.TOO_SHORT, f"{amount} letters and digits, at least {min_text} are needed"
    if len(set(letters)) < min(MIN_DIFFERENT, min_text):
        return SkipReason.TOO_SHORT, f"the same {len(set(letters))} letters or digits over and over"
    return None


def _visible(text: str) -> bool:
    """Whether anything is neither white space nor a control or format character."""
    return any(unicodedata.category(char)[0] not in "ZC" for char in set(text))
