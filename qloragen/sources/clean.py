"""Cleaning, once and here: a candidate becomes the text that models read."""

from __future__ import annotations

import re

from ..types import Article, Format, Skip, SkipReason, digest
from . import html, markup, text
from .values import Candidate

_PAGE = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?s:.){0,2000}?-->\s*)?<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_HEADING = re.compile(
    r"\n*(?:[#=]{1,6}[ \t]+(?P<marked>[^\n]+)"
    r"|(?:[=*#~-]{3,}[ \t]*\n)?(?P<underlined>[^\n]+)\n(?:={3,}|-{3,}|~{3,}|\*{3,})[ \t]*(?:\n|\Z))"
)
_ANY_TAG = re.compile(r"<[A-Za-z!][^<>]*>")


def clean(candidate: Candidate) -> Article | Skip:
    """Return the cleaned article. `Article.format` says what the text is now: HTML becomes Markdown.

    A whole HTML page is one, whatever it calls itself; text without any tag that is said to be HTML counts as
    Markdown. An article without an id is named after its cleaned text, so that the same text has the same id in every
    run.
    """
    content, markup_kind = text.clean(candidate.content), _format(candidate)
    if markup_kind == "html":
        try:
            page = html.to_text(content)
        except html.TooDeepError as error:
            return Skip(candidate.where, SkipReason.MALFORMED, str(error))
        content, title, markup_kind = text.clean(page.content), page.title, "markdown"
    else:
        content, title = markup.tidy(content, markup_kind)
    named = text.one_line(candidate.title or title or heading(content))
    url = text.one_line(candidate.url or "") or None
    identity = candidate.id or f"text:{digest(content)}"
    return Article(id=identity, content=content, title=named or None, url=url, format=markup_kind)


def heading(content: str) -> str:
    """Return the heading that a text begins with, or nothing."""
    match = _HEADING.match(content)
    return (match["marked"] or match["underlined"]) if match else ""


def _format(candidate: Candidate) -> Format:
    if _PAGE.match(candidate.content):
        return "html"
    if candidate.format == "html" and not _ANY_TAG.search(candidate.content):
        return "markdown"
    return candidate.format
