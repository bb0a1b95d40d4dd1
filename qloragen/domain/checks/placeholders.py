"""Something left to be filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .case import Case, Check

_PLACEHOLDERS = tuple(
    (opening, re.compile(pattern, re.IGNORECASE))
    for opening, pattern in (
        ("<", r"<\s*(?:the\s+)?(?:LLM|model|assistant|AI)(?:['’]s)?\s+(?:response|answer|output)\b[^<>\n]{0,40}>"),
        ("<", r"<\s*(?:insert|fill in|your|to be|todo:?|tbd:?|placeholder)\s[^<>\[\]\n]{1,60}>(?!\()"),
        ("[", r"\[\s*(?:insert|fill in|your|to be|todo:?|tbd:?|placeholder)\s[^<>\[\]\n]{1,60}\](?!\()"),
        ("<", r"<\s*(?:todo|tbd|placeholder)\s*>(?!\()"),
        ("[", r"\[\s*(?:todo|tbd|placeholder)\s*\](?!\()"),
        ("{{", r"\{\{\s*[a-z_][\w ']{0,60}\}\}"),
        ("lorem ipsum", r"\blorem ipsum\b"),
        ("<", r"</?article-[0-9a-f]{8}>"),
    )
)
"""What must be there for an expression to be tried at all, and the expression."""
_NOTHING_ELSE = re.compile(r"(?:<[A-Za-z][^<>\n]{5,80}>|\[[A-Za-z][^\[\]\n]{5,80}\]|\{[A-Za-z][^{}\n:\"]{5,80}\})")
"""A field that is one pair of brackets with words in it."""


def _placeholder(case: Case) -> str | None:
    for name, text, lowered in case.parts:
        found = next((found for found in _found(text, lowered) if found not in case.article), None)
        if found is not None:
            return f"The {name} contains the placeholder {found[:60]}; write the finished text in its place."
    return _unfilled(case)


def _found(text: str, lowered: str) -> Iterator[str]:
    for opening, pattern in _PLACEHOLDERS:
        if opening in lowered:
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
