"""What markup leaves between words: taken off where it can be, and told where it cannot."""

from __future__ import annotations

import re
from html import unescape

_LINK = re.compile(
    r"!?\[([^\[\]]{0,200})\](?:\([^()\s]*(?:\([^()]*\))?[^()\n]*\)|\[[^\[\]\n]{0,80}\])"
    r"|(?:(?:link|xref|image|https?|mailto|include):[^\s\[\]]{1,300})\[([^\[\]\n]*)\]"
    r"|<<[^<>,\n]*,([^<>\n]*)>>|:[a-z:]{2,20}:`([^`<>]*?)\s*(?:<[^`<>]*>)?`|`([^`<>]*?)\s+<[^`<>]*>`_{0,2}"
)
_BLANK_WINDOW = re.compile(r",[ \t]*window=\"?_blank\"?")
_EMPHASIS = re.compile(
    r"(?<![\w*])\*{1,2}(?=\S)([^*\n]{1,200}?)(?<=\S)\*{1,2}(?![\w*])|`{2,3}([^`\n]{1,200})`{2,3}|`\+([^`\n]{1,200})\+`"
    r"|``([^`'\n]{1,200})''"
)
_REST = re.compile(
    r"\[(?=[A-Za-z`])([^\[\]\n]{2,80})\](?![\[(])(?: \([^()\s]*/[^()\s]*\))?"
    r"|(`[^`\n]{1,200}`)"
    r"|(?<![\w_])__?(?=[^\s_])([^_`\n]{1,200}?)(?<=[^\s_])__?(?!\w)"
)
"""A reference by its name alone, a name in code (which stays as it is), and words in italics."""
_CARET, _TERM = re.compile(r"(?<=[\w)`])\^(?!\w)"), re.compile(r"(?<=[\w)`>\"]):::?(?=\s|$)", re.MULTILINE)


def without_marks(text: str) -> str:
    """Return `text` with links as their text, terms before a colon, and neither emphasis nor HTML entities."""
    text = _without_signs(text)
    if "[" in text or "<" in text or ":`" in text:
        text = _LINK.sub(_first_group, text)
    if "*" in text or "``" in text or "`+" in text:
        text = _EMPHASIS.sub(_emphasised, text)
    return _REST.sub(_first_group, text) if "[" in text or "_" in text else text


def _without_signs(text: str) -> str:
    text = unescape(text) if "&" in text else text
    text = _BLANK_WINDOW.sub("", text) if "window=" in text else text
    text = _CARET.sub("", text) if "^" in text else text
    return _TERM.sub(":", text) if "::" in text else text


def _first_group(match: re.Match[str]) -> str:
    return next((group for group in match.groups() if group), "")


def _emphasised(match: re.Match[str]) -> str:
    if match[4]:
        return f'"{match[4]}"'
    return match[1] or f"`{match[2] or match[3]}`"


_NAME_IN_CODE = re.compile(r"`[^`]+`")
_LEFTOVER = re.compile(
    r"::|\^(?!\w)|(?<![A-Za-z])(?:xref|link|image|include):\S|[\[\]{}|\\]|<<|>>|</?[A-Za-z]|<!--|&#?\w{2,31};|`|\*\*|__(?!\w)"
    r"|(?:^|\s)(?:[+#=~]|--|//|\.\.)(?=\s|$)|[-=+*_~.]{4,}|[\u2500-\u257f]|\"{3}|:[a-z]+:(?=code|$)|window="
)


def shows_markup(sentence: str) -> bool:
    """Tell whether something is left of markup, a table or a drawing; names in code may be as they are."""
    outside = _NAME_IN_CODE.sub("code", sentence) if "`" in sentence else sentence
    return _LEFTOVER.search(outside) is not None
