"""HTML to Markdown-like text: headings, lists, tables and links readable, code blocks whole in fences.

Text is not escaped for Markdown: a model reads it, no browser does. Links keep their address when it is absolute;
images go. The tree is walked without recursion, and nesting that is rendered (lists, quotations) has a bound, so
depth cannot hurt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from . import page, render
from .tags import TRANSPARENT

MAX_NESTING = 12
"""Lists and quotations deeper than this are rendered as plain paragraphs."""
MAX_FRAMES = 200
"""Elements rendered one within the other; what is deeper comes out as plain paragraphs, so that time stays linear."""
MAX_DEPTH = 10_000
"""Elements open at once; the parser's time grows with the square of it (2 s at 30,000, 20 s at 100,000)."""

_NESTS = re.compile(
    r"<(/?)(?:div|span|section|article|ul|ol|dl|table|blockquote|font|center|main|em|strong|[bi])\b", re.IGNORECASE
)
_LANGUAGE = re.compile(r"(?:^|[\s-])(?:lang(?:uage)?|source|brush:)[-\s]+(?:lang(?:uage)?-)*([A-Za-z0-9+#_.]{1,20})")
_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
_WRAPS = {"b": "**", "strong": "**", "i": "*", "em": "*"}
_CODE = frozenset(("code", "kbd", "samp", "tt"))
_INLINE = frozenset((*_WRAPS, *_CODE, "a", "sup"))
_FRAMED = frozenset((*_HEADINGS, "pre", "ul", "ol", "li", "blockquote", "table", "tr", "td", "th", "dt"))
_NESTING = frozenset(("li", "blockquote"))
_LINES = frozenset(("div", "p", "li", "tr"))


class Text(NamedTuple):
    """A page as text."""

    content: str
    title: str | None


class TooDeepError(ValueError):
    """The page nests elements deeper than `MAX_DEPTH`."""


@dataclass(slots=True)
class _Frame:
    """An open element that is rendered as a whole when it closes."""

    tag: str
    node: LexborNode | None
    inline: list[str] = field(default_factory=list)
    """The paragraph that is being collected."""
    blocks: list[str] = field(default_factory=list)
    rows: list[list[list[str]]] = field(default_factory=list)
    """Of a table: rows of cells of blocks. Of a row: its cells, as one row."""

    def end_paragraph(self) -> None:
        if paragraph := render.fold(self.inline):
            self.blocks.append(paragraph)
        self.inline.clear()


def to_text(source: str) -> Text:
    """Return the article of a page.

    `source` holds no control characters but tabs and newlines. Malformed markup is read as a browser would.
    Raises: TooDeepError.
    """
    _check_depth(source)
    tree = LexborHTMLParser(source)
    if tree.body is None:
        return Text("", None)
    found = page.find(tree.body)
    blocks = _blocks(found.root, found.dropped)
    heading = render.fold([found.heading.text(separator="")]) if found.heading else None
    if heading and not any(block.strip("# ") == heading for block in blocks[:3]):
        blocks.insert(0, f"# {heading}")
    return Text("\n\n".join(blocks), _title(tree, blocks))


def _check_depth(source: str) -> None:
    depth = 0
    for match in _NESTS.finditer(source):
        depth = max(0, depth - 1) if match[1] else depth + 1
        if depth > MAX_DEPTH:
            raise TooDeepError(f"elements nested deeper than {MAX_DEPTH}")


def _title(tree: LexborHTMLParser, blocks: list[str]) -> str | None:
    """The first top heading, else the page's `title`."""
    heading = next((block[2:] for block in blocks if block.startswith("# ")), None)
    title = tree.css_first("title")
    return heading or (render.fold([title.text()]) if title else "") or None


def _blocks(root: LexborNode, dropped: frozenset[int]) -> list[str]:
    writer = _Writer()
    for entering, node in page.walk(root, dropped):
        if node.is_text_node:
            writer.text(node.text_content or "")
        elif entering:
            writer.enter(node)
        else:
            writer.leave(node)
    return writer.finish()


class _Writer:
    """Takes the walk's events and puts the blocks together; `_frames[-1]` is where text goes."""

    def __init__(self) -> None:
        self._frames = [_Frame("", None)]
        self._nesting = 0

    def enter(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if self._frames[-1].tag == "pre":
            if tag == "br":
                self.text("\n")
        elif tag == "br":
            self.text(render.BREAK)
        elif tag in _INLINE:
            self._push(tag, node)
        elif tag not in TRANSPARENT:
            self._boundary()
            if tag in _FRAMED and not (tag in _NESTING and self._nesting >= MAX_NESTING):
                self._push(tag, node)

    def leave(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if self._frames[-1].tag == "pre" and not self._opened(node):
            if tag in _LINES and not "".join(self._frames[-1].inline[-1:]).endswith("\n"):
                self.text("\n")
        elif tag in _INLINE:
            if self._opened(node):
                frame = self._frames.pop()
                self.text(_inline(frame, {outer.tag for outer in self._frames}))
        elif tag not in TRANSPARENT:
            self._close(node)

    def text(self, text: str) -> None:
        self._frames[-1].inline.append(text)

    def finish(self) -> list[str]:
        self._boundary()
        return self._frames[0].blocks

    def _push(self, tag: str, node: LexborNode) -> None:
        if len(self._frames) < MAX_FRAMES:
            self._nesting += tag in _NESTING
            self._frames.append(_Frame(tag, node))

    def _opened(self, node: LexborNode) -> bool:
        opener = self._frames[-1].node
        return opener is not None and opener.mem_id == node.mem_id

    def _boundary(self) -> None:
        """End the paragraph. Inline elements still open are given up: `<b><p>` is not worth a rule."""
        while self._frames[-1].tag in _INLINE:
            given_up = self._frames.pop()
            self._frames[-1].inline.extend(given_up.inline)
        self._frames[-1].end_paragraph()

    def _close(self, node: LexborNode) -> None:
        if self._frames[-1].tag != "pre":
            self._boundary()
        if not self._opened(node):
            return
        frame = self._frames.pop()
        self._nesting -= frame.tag in _NESTING
        _append(frame, self._frames[-1])


def _inline(frame: _Frame, around: set[str]) -> str:
    """An inline element that has ended, rendered unless an element around it makes that superfluous."""
    text, tag = "".join(frame.inline), frame.tag
    if tag == "a":
        return render.link(text, frame.node.attrs.get("href") if frame.node else None)
    if tag == "sup":
        return f"^{text}" if text.strip().lstrip("-").isdigit() else text
    if not around.isdisjoint(_CODE):
        return text
    if tag in _CODE:
        return render.code(text)
    mark = _WRAPS[tag]
    quiet = tag in around or not around.isdisjoint(_HEADINGS)
    return text if quiet else render.wrapped(text, mark, mark)


def _append(frame: _Frame, outer: _Frame) -> None:
    """Render a framed element that has ended, into the element around it."""
    match frame.tag:
        case "pre":
            _append_code(frame, outer)
        case "ul" | "ol":
            outer.blocks.extend(["\n".join(frame.blocks)] if frame.blocks else [])
        case "li":
            _append_item(frame, outer)
        case "blockquote":
            outer.blocks.extend([render.quote(frame.blocks)] if frame.blocks else [])
        case "td" | "th" | "tr" | "table":
            _append_table_part(frame, outer)
        case "dt":
            outer.blocks.extend(f"**{block.strip('*')}**" for block in frame.blocks)
        case tag:
            heading = " ".join(" ".join(frame.blocks).split())
            outer.blocks.extend([f"{_HEADINGS[tag]} {heading}"] if heading else [])


def _append_code(frame: _Frame, outer: _Frame) -> None:
    code = re.sub(r"\A(?:[ \t]*\n)+", "", "".join(frame.inline)).rstrip()
    if code:
        outer.blocks.append(render.fence(code, _language(frame.node)))


def _append_item(frame: _Frame, outer: _Frame) -> None:
    if not frame.blocks:
        return
    marker = f"{len(outer.blocks) + 1}. " if outer.tag == "ol" else "- "
    outer.blocks.append(render.item(frame.blocks, marker))


def _append_table_part(frame: _Frame, outer: _Frame) -> None:
    if frame.tag in ("td", "th") and outer.tag == "tr":
        outer.rows = [[*(outer.rows[0] if outer.rows else []), frame.blocks]]
    elif frame.tag == "tr" and outer.tag == "table":
        outer.rows.extend(frame.rows)
    else:
        outer.blocks.extend(frame.blocks)
        outer.blocks.extend(render.table(frame.rows))


def _language(node: LexborNode | None) -> str:
    """The language that a `pre`, its `code`, or one of the two elements around it names."""
    if node is None:
        return ""
    above = node.parent
    for element in (node, node.css_first("code"), above, above.parent if above else None):
        if element is None or not element.is_element_node:
            continue
        named = element.attrs.get("data-lang") or element.attrs.get("data-language")
        match = _LANGUAGE.search(f"language-{named}" if named else element.attrs.get("class") or "")
        if match and match[1] not in ("none", "plaintext"):
            return match[1]
    return ""
