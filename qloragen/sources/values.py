"""What the readers pass to one another, and what a user may choose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ..types import Article, Format, Skip, SkipReason

Item = Article | Skip
"""What a source gives: an article, or why something in it is none."""


class Stream(Protocol):
    """An open file, perhaps decompressing."""

    def read(self, size: int, /) -> bytes: ...
    def readline(self, size: int, /) -> bytes: ...
    def seek(self, offset: int, /) -> int: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Fields:
    """Where an object keeps what an article needs: a field's name, or a dotted path such as `_source.text`."""

    id: str = "id"
    """Where there is no such field, `_id` is looked up."""
    content: str = "content"
    """Text, or a list of texts that are joined with nothing in between."""
    title: str = "title"
    url: str = "url"
    format: str = "format"


@dataclass(frozen=True, slots=True)
class Options:
    """How sources are read. The defaults suit JSONL as in the README and folders of documents."""

    fields: Fields = field(default_factory=Fields)
    format: Format = "markdown"
    """Of objects that do not say, and of plain strings."""
    min_text: int = 150
    """Letters and digits below which an article is too short; Chinese, Japanese and Korean characters count three."""
    max_tokens: int = 16_000
    """Size above which `oversize` applies, as estimated by `split.estimate_tokens`."""
    oversize: Literal["split", "skip"] = "split"
    similarity: float | None = None
    """To an earlier article with the same heading and code, from which on an article is a near-duplicate and left out,
    unless it is `known`; None: all are kept."""
    known: Callable[[Article], bool] = lambda _: False
    """Whether work on an article has begun before: what was paid for must not get lost."""
    extensions: frozenset[str] | None = None
    """Only files with these endings are read from folders and globs, such as `.md`; None means every known one."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An article as it was found, not yet cleaned."""

    where: str
    content: str
    id: str | None = None
    """None: named after its content."""
    title: str | None = None
    url: str | None = None
    format: Format = "markdown"
    odd_metadata: bool = False
    """A title, url or format of a wrong type was dropped."""


@dataclass(frozen=True, slots=True)
class Blank:
    """An empty line: counted, never reported."""


Found = Candidate | Skip | Blank
"""One unit of a source: a line, a row, a file, an element of an array or of an iterable."""


@dataclass(slots=True)
class Summary:
    """What became of the units (lines, rows, files, elements) so far: `units == accepted + blank + skipped.total()`."""

    units: int = 0
    accepted: int = 0
    """Units that gave one article, or several parts."""
    blank: int = 0
    skipped: Counter[SkipReason] = field(default_factory=Counter)
    articles: int = 0
    """Articles given out: accepted units, with every part of a split one counted."""
    dropped_parts: int = 0
    """Parts of split articles that said nothing new (too little text, or the text of an earlier part)."""
    odd_metadata: int = 0
    """Accepted units whose title, url or format had a wrong type and was dropped."""
    ignored_files: int = 0
    """Files in folders and globs that are hidden, no known format, no regular file, links out of the folder, or the
    answers of a run."""


def printable(text: str, limit: int = 200) -> str:
    """Return `text` safe for terminals and logs: what is not printable escaped, the middle of a long one left out."""
    if len(text) > limit:
        text = f"{text[: limit // 2]}...{text[-limit // 2 :]}"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
