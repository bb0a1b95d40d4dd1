"""Which lines of a marked-up text are code, to be left alone by cleaning and kept together by splitting."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..types import Format

_MARKDOWN_OPEN = re.compile(r"(?P<indent>[ \t]*)(?P<mark>`{3,}|~{3,})(?P<info>[^`]*)$")
_ASCIIDOC_OPEN = re.compile(r"(?P<indent>)(?P<mark>-{4,}|\.{4,}|\+{4,}|/{4,}|`{3})(?P<info>[\w+-]*)[ \t]*$")
_OPENERS = {"markdown": _MARKDOWN_OPEN, "asciidoc": _ASCIIDOC_OPEN}


@dataclass(frozen=True, slots=True)
class Fence:
    """The opening line of a block of code."""

    indent: str
    mark: str
    info: str

    @property
    def reopened(self) -> str:
        """The line that opens the rest of the block elsewhere. Bounded, whatever the opening line was."""
        return f"{self.indent[:20]}{self.mark[:100]}{self.info.rstrip()[:40]}"

    @property
    def closed(self) -> str:
        """The line that closes the block."""
        return f"{self.indent[:20]}{self.mark[:100]}"


def fences(lines: Iterable[str], format: Format) -> Iterator[Fence | None]:
    """Yield for each line the block of code that it belongs to, its delimiters included.

    Markdown has fences, AsciiDoc delimited listings (and comments, which
    are as opaque); an unterminated one goes to the end. In reStructuredText and
    plain text code is indented and needs no delimiter, so every line is None.
    """
    opener = _OPENERS.get(format)
    inside: Fence | None = None
    for line in lines:
        if inside:
            yield inside
            inside = None if _closes(line, inside, format) else inside
        elif opener and (match := opener.match(line)):
            inside = Fence(match["indent"], match["mark"], match["info"])
            yield inside
        else:
            yield None


def _closes(line: str, fence: Fence, format: Format) -> bool:
    text = line.strip()
    if format == "asciidoc":
        return text == fence.mark
    return len(text) >= len(fence.mark) and not text.strip(fence.mark[0])
