"""Find the blocks of a text: code listings, headings, lists and plain paragraphs, in five kinds of markup.

This is not a parser of any of them. It knows just enough to keep together what belongs together, never fails, and takes
time in proportion to the text. Rules, first match wins, line by line:

1. A delimited block reaches from its opening to its closing line: fences of backticks or tildes (a closing fence is at
   least as long and has nothing after it, so that fences nest), `<pre>`, and in AsciiDoc `----`, `....`, `====` and
   the like. A fence that nothing closes reaches to the end of the text, or to the next blank line where that is far.
2. Headings are one line with their marks, or a line and its underline. Lines that only announce the next block
   (AsciiDoc attributes and block titles, reStructuredText labels) count as headings.
3. A line indented by four blanks or a tab, or a reStructuredText directive, takes in all further indented lines,
   blank ones in between included, up to a delimited block.
4. Everything else reaches to the next blank line, or to a line that begins one of the above.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal, NamedTuple

from ..types import Format

Kind = Literal["code", "indented", "heading", "list", "text"]


class Block(NamedTuple):
    """Lines `first` to `end` (exclusive) of a text."""

    first: int
    end: int
    kind: Kind


UNCLOSED_CHARS = 2_000
"""How much text a fence without an end may swallow: a forgotten closing fence must not hide a whole article."""

_FENCE = re.compile(r"\s*(?P<fence>`{3,}|~{3,})(?P<info>.*)")
_PRE = re.compile(r"\s*<pre\b", re.IGNORECASE)
_PRE_END = re.compile(r"</pre\s*>", re.IGNORECASE)
_ASCIIDOC_DELIMITER = re.compile(r"(?:-{4,}|\.{4,}|={4,}|\*{4,}|_{4,}|\+{4,}|/{4,}|\|={3,}|--)\s*")
_LIST_ITEM = re.compile(r"\s*(?:[-*+•]|\*{2,5}|\.{1,5}|\d{1,3}[.)]|[A-Za-z][.)]|<[uod]l\b.*|<li\b.*)(?:\s|$)")
_INDENTED = re.compile(r" {4}|\t")
_CONTINUED = re.compile(r" {2}|\t")
_DIRECTIVE = re.compile(r"\.\. \S")
_NOTHING = re.compile(r"(?!)")

_HTML_HEADING = r"\s*<h[1-6]\b"
_HEADINGS: Mapping[Format, re.Pattern[str]] = {
    "markdown": re.compile(rf"#{{1,6}}(?:\s|$)|{_HTML_HEADING}", re.IGNORECASE),
    "html": re.compile(_HTML_HEADING, re.IGNORECASE),
    "asciidoc": re.compile(r"(?:={1,6}|#{1,6})\s+\S|\[.*\]\s*$|\.[^\s.]"),
    "rst": re.compile(r"\.\. _"),
    "text": _NOTHING,
}
_UNDERLINES: Mapping[Format, re.Pattern[str]] = {
    "markdown": re.compile(r"(?:={2,}|-{2,})\s*"),
    "html": _NOTHING,
    "asciidoc": re.compile(r"(?:={3,}|-{3,}|~{3,}|\^{3,})\s*"),
    "rst": re.compile(r"([=\-~^\"'*+#`:._])\1{2,}\s*"),
    "text": re.compile(r"([=\-~^\"'*+#])\1{2,}\s*"),
}


def blocks(lines: list[str], markup: Format) -> Iterator[Block]:
    """Yield the blocks of a text given as its lines; together they hold every line that is not blank, in order."""
    text = _Lines(lines, markup)
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        block = text.block(at)
        yield block
        at = block.end


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines of one text with what must be known of the lines ahead, so that no search fails slowly."""

    lines: list[str]
    markup: Format
    longest_fence_after: Mapping[str, list[int]] = field(init=False)
    """By fence character: the length of the longest closing fence at or after each line."""
    last_seen: Mapping[str, int] = field(init=False)
    """Where each other delimiter that can close a block stands last; `</pre>` stands for any line that holds it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "longest_fence_after", {mark: self._closing_fences(mark) for mark in "`~"})
        object.__setattr__(self, "last_seen", dict(self._delimiters()))

    def block(self, at: int) -> Block:
        """Return the block that begins with the line `at`, which is not blank."""
        end = self._delimited_end(at)
        if end is not None:
            return Block(at, end, "code")
        end = self._heading_end(at)
        if end is not None:
            return Block(at, end, "heading")
        if self._takes_in_indented(at):
            return Block(at, self._indented_end(at), "indented")
        kind: Kind = "list" if _LIST_ITEM.match(self.lines[at]) else "text"
        return Block(at, self._plain_end(at), kind)

    # ------------------------------------------------------------------------------------------------ delimited blocks

    def _closing_fences(self, mark: str) -> list[int]:
        lengths = (len(line) if line and not line.strip(mark) else 0 for line in map(str.strip, reversed(self.lines)))
        return [*reversed([*accumulate(lengths, max)]), 0]

    def _delimiters(self) -> Iterator[tuple[str, int]]:
        for number, line in enumerate(self.lines):
            if _PRE_END.search(line):
                yield "</pre>", number
            if self.markup == "asciidoc" and _ASCIIDOC_DELIMITER.fullmatch(line):
                yield line.rstrip(), number

    def _delimited_end(self, at: int) -> int | None:
        line = self.lines[at]
        fence = _FENCE.match(line)
        if fence and not (fence["fence"][0] == "`" and "`" in fence["info"]):
            return self._fence_end(at, fence["fence"])
        if _PRE.match(line) and self.last_seen.get("</pre>", -1) >= at:
            return next(n for n in range(at, len(self.lines)) if _PRE_END.search(self.lines[n])) + 1
        if self.last_seen.get(line.rstrip(), -1) > at:
            return next(n for n in range(at + 1, len(self.lines)) if self.lines[n].rstrip() == line.rstrip()) + 1
        return None

    def _fence_end(self, at: int, fence: str) -> int:
        if self.longest_fence_after[fence[0]][at + 1] < len(fence):
            return self._unclosed_end(at)
        return next(n for n in range(at + 1, len(self.lines)) if self._closes(n, fence)) + 1

    def _closes(self, number: int, fence: str) -> bool:
        line = self.lines[number].strip()
        return len(line) >= len(fence) and not line.strip(fence[0])

    def _unclosed_end(self, at: int) -> int:
        size = 0
        for number in range(at, len(self.lines)):
            size += len(self.lines[number]) + 1
            if size > UNCLOSED_CHARS:
                return next((n for n in range(at, number) if not self.lines[n].strip()), number + 1)
        return len(self.lines)

    # --------------------------------------------------------------------------------------------------- other blocks

    def _heading_end(self, at: int) -> int | None:
        if self._underlined(at):
            return at + 2
        if self._is_rule(at) and at + 1 < len(self.lines) and self._underlined(at + 1):
            return at + 3
        if _HEADINGS[self.markup].match(self.lines[at]):
            return at + 1
        return None

    def _underlined(self, at: int) -> bool:
        """Tell whether line `at` is a title with a line of marks under it that is about as long."""
        title = self.lines[at].strip()
        if at + 1 >= len(self.lines) or not title or self._is_rule(at) or title[0] in "[|+.":
            return False
        under = self.lines[at + 1]
        near = 1 if self.markup == "asciidoc" else 3
        fits = self.markup == "markdown" or len(under.rstrip()) >= len(title) - near
        fits = fits and (self.markup != "asciidoc" or len(under.rstrip()) <= len(title) + near)
        return fits and _UNDERLINES[self.markup].fullmatch(under) is not None

    def _is_rule(self, at: int) -> bool:
        return _UNDERLINES[self.markup].fullmatch(self.lines[at]) is not None

    def _takes_in_indented(self, at: int) -> bool:
        if self.markup == "html":
            return False
        return bool((_INDENTED if self.markup != "rst" else _CONTINUED).match(self.lines[at]) or self._directive(at))

    def _directive(self, at: int) -> bool:
        return self.markup in ("rst", "text") and _DIRECTIVE.match(self.lines[at]) is not None

    def _indented_end(self, at: int) -> int:
        end = at + 1
        for number in range(at + 1, len(self.lines)):
            line = self.lines[number]
            if not line.strip():
                continue
            if not _CONTINUED.match(line) or self._delimited_end(number) is not None:
                break
            end = number + 1
        return end

    def _plain_end(self, at: int) -> int:
        for number in range(at + 1, len(self.lines)):
            if not self.lines[number].strip() or self._interrupts(number):
                return number
        return len(self.lines)

    def _interrupts(self, number: int) -> bool:
        """Tell whether line `number` begins a block of its own without a blank line before it."""
        return bool(self._delimited_end(number) or _HEADINGS[self.markup].match(self.lines[number]))
