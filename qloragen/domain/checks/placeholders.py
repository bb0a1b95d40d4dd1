"""Something left to be filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .case import Case, Check

_PART = r"(?:answer|output|response|instruction|question|solution|completion|reply)"
_FILL = r"(?:insert|fill in|add|enter|put|write|provide|your|to be|todo:?|tbd:?|placeholder)"
_OPEN = r"\[(?<![\w/\])]\[)"
"""A bracket that begins no index and no address; it comes first, for that is found fast."""
_PLACEHOLDERS = tuple(
    (opening, re.compile(pattern, flags))
    for opening, pattern, flags in (
        (
            "<",
            r"<\s*(?:the\s+)?(?:LLM|model|assistant|AI)(?:['’]s)?\s+(?:response|answer|output)\b[^<>\n]{0,40}>",
            re.IGNORECASE,
        ),
        ("<", rf"<\s*{_FILL}\s[^<>\[\]\n]{{1,60}}>(?!\()", re.IGNORECASE),
        ("[", rf"{_OPEN}\s*{_FILL}\s[^<>\[\]\n]{{1,60}}\](?![(\[])", re.IGNORECASE),
        ("<", rf"(?<!\w)<\s*(?:the )?{_PART}(?: (?:text|goes here|here))?\s*>", re.IGNORECASE),
        ("[", rf"{_OPEN}\s*(?:the )?{_PART}(?: (?:text|goes here|here))?\s*\](?![(\[])", re.IGNORECASE),
        ("{", rf"\$?\{{\s*{_PART}\s*\}}", re.IGNORECASE),
        (" here", r"<[^<>\n]{2,60}\bhere\s*>|(?<![\w/\])])\[[^\[\]\n]{2,60}\bhere\s*\](?![(\[])", re.IGNORECASE),
        ("<", r"<\s*(?:todo|tbd|placeholder)\s*>(?!\()", re.IGNORECASE),
        ("[", r"\[\s*(?:todo|tbd|placeholder)\s*\](?!\()", re.IGNORECASE),
        ("{{", r"\{\{\s*[a-z_][\w ']{0,60}\}\}", re.IGNORECASE),
        ("lorem ipsum", r"\blorem ipsum\b", re.IGNORECASE),
        ("<", r"</?article-[0-9a-f]{8}>", re.IGNORECASE),
        (
            "[",
            rf"{_OPEN}\s*(?:[a-z]+ ){{1,3}}(?:name|title|date|number|address|version|topic|subject)\s*\](?![(\[])",
            re.IGNORECASE,
        ),
        ("xxxx", r"\bX{4,}\b", re.NOFLAG),
        ("todo", r"\bTODO\b:?", re.NOFLAG),
        ("fixme", r"\bFIXME\b:?", re.NOFLAG),
        ("tbd", r"\bTBD\b", re.NOFLAG),
        (
            "(to be ",
            r"\(to be (?:added|completed|written|filled|done|continued|determined)\b[^()\n]{0,40}\)",
            re.IGNORECASE,
        ),
    )
)
"""What must be there for an expression to be tried at all, and the expression."""
_OPENINGS = tuple(dict.fromkeys(opening for opening, _ in _PLACEHOLDERS))
_NOTHING_ELSE = re.compile(r"(?:<[A-Za-z][^<>\n]{5,80}>|\[[A-Za-z][^\[\]\n]{5,80}\]|\{[A-Za-z][^{}\n:\"]{5,80}\})")
"""A field that is one pair of brackets with words in it."""


def _placeholder(case: Case) -> str | None:
    for name, text, lowered in case.written:
        found = next((found for found in _found(text, lowered) if found not in case.article), None)
        if found is not None:
            return f"The {name} contains the placeholder {found[:60]}; write the finished text in its place."
    return _unfilled(case)


def _found(text: str, lowered: str) -> Iterator[str]:
    if openings := [opening for opening in _OPENINGS if opening in lowered]:
        for pattern in [pattern for opening, pattern in _PLACEHOLDERS if opening in openings]:
            yield from (match[0] for match in pattern.finditer(text))
    if text[:1] in ("<", "[", "{") and _NOTHING_ELSE.fullmatch(text.strip()):
        yield text.strip()


def _unfilled(case: Case) -> str | None:
    """Find a variable of the prompts."""
    for name, text, _ in case.answer:
        if "${" in text:
            for variable in (*case.pack.variables, "guidance", "input_rules"):
                found = f"${{{variable}}}"
                if found in text and found not in case.article:
                    return f"The {name} contains the placeholder {found}; write the finished text in its place."
    return None


PLACEHOLDERS: tuple[Check, ...] = (Check("placeholder", "Something left to be filled in.", _placeholder),)
