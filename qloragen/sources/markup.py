"""Markup: what is no text in Markdown, AsciiDoc, reStructuredText and plain text goes, the markup itself stays.

| format | goes |
|---|---|
| all | white space at line ends, more than two empty lines, all outside code |
| Markdown | front matter (its title becomes the heading if there is none), HTML comments, empty anchors, images
  (within a line their alternative text stays), shortcodes as addresses; lines that are only a shortcode, a template tag
  or an attribute list |
| AsciiDoc | attribute entries (their values are filled in), comments, images, anchors, `include`, `ifdef`, `endif`
  and `toc` lines, listings that are empty without their includes |
| reStructuredText | comments; the directives `image`, `toctree`, `contents`, `include`, `meta`, `index`, `raw`,
  `highlight` and `sectnum` with their bodies |
| plain text | a licence header: a leading block of comment lines that speaks of a licence |

Code (see `verbatim`) is never changed, except for unresolved includes in AsciiDoc.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from ..types import Format
from .verbatim import fences

_FRONT_MATTER = re.compile(r"\A\n*(?P<mark>---|\+\+\+)[ \t]*\n(?P<body>(?:[^\n]*\n){0,200}?)(?P=mark)[ \t]*(?:\n|\Z)")
_FRONT_KEY = re.compile(r"^[\w-]+[ \t]*[:=]", re.MULTILINE)
_FRONT_TITLE = re.compile(r"""^title[ \t]*[:=][ \t]*(["']?)(?P<title>[^\n]+?)\1[ \t]*$""", re.MULTILINE)
_TOP_HEADING = re.compile(r"#[ \t]|[^\n]+\n=+[ \t]*(?:\n|\Z)")
_LABEL = r"\[(?P<alt>[^\[\]\n]*)\]"
_IMAGE = re.compile(rf"!{_LABEL}(?:\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)|\[[^\]\n]*\])|<img\b[^<>\n]*>", re.IGNORECASE)
_EMPTY_LINK = re.compile(r"\[[ \t]*\]\([^()\n]*\)")
_SHORTCODE_LINK = re.compile(r"\[(?P<label>[^\[\]\n]*)\]\(\{\{[<%][^()\n]{0,300}[%>]\}\}[^()\n]{0,300}\)")
_ANCHOR = re.compile(r"<a[ \t]+(?:name|id)=[^<>\n]*>[ \t]*</a>", re.IGNORECASE)
_DIRECTIVE_LINE = re.compile(r"[ \t]*(?:\{\{[<%].*[%>]\}\}|\{%.*%\}|\{:.*\}|\[TOC\])[ \t]*$", re.IGNORECASE)
_ADOC_ATTRIBUTE = re.compile(r":(?P<name>!?[\w-]+!?):(?:[ \t]+(?P<value>.*))?$")
_ADOC_DROPPED = re.compile(
    r"//(?!/)|(?:image|include|ifdef|ifndef|ifeval|endif|toc|video)::\S{0,300}\[.*\]$|\[\[.*\]\]$|\[#[\w.-]+\]$"
)
_ADOC_INCLUDE = re.compile(r"[ \t]*(?:include::\S{1,300}\[.*\]|\W{0,3}[ \t]*(?:tag|end)::[\w.-]+\[\].*)[ \t]*$")
_ADOC_IMAGE = re.compile(r"\bimage:[^\s:\[]{1,300}\[(?P<alt>[^\[\],\n]{0,300})(?:,[^\[\]\n]{0,300})?\]")
_ADOC_REFERENCE = re.compile(r"\{([\w-]+)\}")
_ADOC_LONELY = re.compile(r"^\[source[^\]\n]*\]\n(?=\n|\Z)", re.MULTILINE)
_RST_DROPPED = re.compile(
    r"\.\.[ \t]+(?:(?:\|[^|]+\|[ \t]+)?image|toctree|contents|include|meta|index|raw|highlight|sectnum)::|"
    r"\.\.$|\.\.[ \t]+(?!_|\[|\||__|[\w:.+-]+::)"
)
_LICENCE = re.compile(r"licen[cs]e|copyright|spdx", re.IGNORECASE)
_HEADER_LINE = re.compile(r"[ \t]*(?:#|//|/\*|\*|;|--|\.\.)")
_EMPTY_LINES = re.compile(r"\n{4,}")


class Tidy(NamedTuple):
    """Text without what is not text, and the title that its front matter gave."""

    content: str
    title: str | None = None


def tidy(text: str, format: Format) -> Tidy:
    """Apply the rules of a format. HTML has its own module."""
    title = None
    if format == "markdown":
        text, title = _without_front_matter(text)
    elif format == "text":
        text = _without_licence(text)
    lines = text.split("\n")
    kept = "\n".join(_kept(lines, format))
    if format == "asciidoc":
        kept = _EMPTY_LINES.sub("\n\n\n", _ADOC_LONELY.sub("", kept))
    return Tidy(kept.strip("\n"), title)


def _kept(lines: list[str], format: Format) -> Iterator[str]:
    """Yield the text run by run: prose after its format's rules, code as it is."""
    attributes: dict[str, str] = {}
    runs = groupby(zip(fences(lines, format), lines, strict=True), key=lambda pair: pair[0] and id(pair[0]))
    for code, pairs in runs:
        run = [line for _, line in pairs]
        if code:
            yield from _block(run) if format == "asciidoc" else run
        else:
            yield _prose(run, format, attributes)


def _prose(run: list[str], format: Format, attributes: dict[str, str]) -> str:
    match format:
        case "markdown":
            run = [*_markdown(_without_comments("\n".join(run)).split("\n"))]
        case "asciidoc":
            run = [*_asciidoc(run, attributes)]
        case "rst":
            run = [*_rst(run)]
        case _:
            pass
    return _EMPTY_LINES.sub("\n\n\n", "\n".join(line.rstrip() for line in run))


def _without_front_matter(text: str) -> tuple[str, str | None]:
    found = _FRONT_MATTER.match(text)
    if not found or (found["body"].strip() and not _FRONT_KEY.search(found["body"])):
        return text, None
    title = _FRONT_TITLE.search(found["body"])
    rest = text[found.end() :].lstrip("\n")
    if not title:
        return rest, None
    heading = "" if _TOP_HEADING.match(rest) else f"# {title['title']}\n\n"
    return heading + rest, title["title"]


def _without_comments(text: str) -> str:
    """Drop HTML comments, with the line if nothing else is on it. Takes one pass, however many are never closed."""
    kept, at = [], 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start)) >= 0:
        before, at = text[at:start].rstrip(" \t"), end + 3
        kept.append(before)
        rest = text[at : text.find("\n", at) + 1]
        if before[-1:] in ("", "\n") and rest.isspace():
            at += len(rest)
    return "".join([*kept, text[at:]])


def _without_licence(text: str) -> str:
    lines = text.lstrip("\n").split("\n")
    size = next((at for at, line in enumerate(lines) if not _HEADER_LINE.match(line)), len(lines))
    header = "\n".join(lines[:size])
    return "\n".join(lines[size:]) if size > 2 and _LICENCE.search(header) else text


def _markdown(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        text = _SHORTCODE_LINK.sub(r"\g<label>", _ANCHOR.sub("", line)) if "<a" in line or "{{" in line else line
        without = _EMPTY_LINK.sub("", _IMAGE.sub("", text))
        if _DIRECTIVE_LINE.match(text) or (without != text and not without.strip(" \t-*+>|")):
            continue
        yield text if without == text else _EMPTY_LINK.sub("", _IMAGE.sub(lambda image: image["alt"] or "", text))


def _asciidoc(lines: Iterable[str], attributes: dict[str, str]) -> Iterator[str]:
    for line in lines:
        if entry := _ADOC_ATTRIBUTE.match(line):
            attributes[entry["name"]] = (entry["value"] or "").strip()
        elif not _ADOC_DROPPED.match(line):
            without_images = _ADOC_IMAGE.sub(lambda match: match["alt"], line)
            yield _ADOC_REFERENCE.sub(lambda match: attributes.get(match[1]) or match[0], without_images)


def _block(run: list[str]) -> Iterator[str]:
    """A comment goes if it is closed. A listing goes without its unresolved includes, and if nothing else is in it."""
    if run[0].startswith("//") and len(run) > 1 and run[-1].rstrip() == run[0].rstrip():
        return
    kept = [line for line in run if not _ADOC_INCLUDE.match(line)]
    if len(kept) == len(run) or any(line.strip() for line in kept[1:-1]):
        yield from kept


def _rst(lines: Iterable[str]) -> Iterator[str]:
    dropping = False
    for line in lines:
        if line.strip() and not line[0].isspace():
            dropping = bool(_RST_DROPPED.match(line))
        if not dropping:
            yield line
