"""Head and outline of a long article: enough, perhaps, to tell what it has, for a fraction of its tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..types import Format
from .markup import Block, Kind, blocks

VERSION = 1
"""To be raised with every change of what an outline holds: classifications that have read one rest on it."""
TOKENS = 800
"""How long an outline is at most, by estimate; shorter articles are read whole."""
_BYTES_PER_TOKEN = 4
MOST_BYTES = TOKENS * _BYTES_PER_TOKEN
_LEAST_BYTES = 60
"""A section that would get less room than this is left out."""
_LEFT_OUT = "[...]"
_SORTS: dict[Kind, str] = {"code": "code", "indented": "code", "list": "list", "text": "text", "heading": "text"}


class _Section(NamedTuple):
    heading: str
    parts: tuple[str, ...]
    """Its first text, its first list and its first code, in their order."""
    more: bool
    """It has more than that."""


def outline(content: str, format: Format, tokens: int = TOKENS) -> str:
    """Return `content` cut down to about `tokens`: the headings, and of each section the beginning of its text, of a
    list and of its code, with `[...]` where something is left out. Shorter content is returned as it is.

    Sections share the room evenly; what one of them does not need, the next ones get. Takes time in proportion to the
    text.
    """
    room = tokens * _BYTES_PER_TOKEN
    if _size(content) <= room:
        return content
    sections = list(_sections(content.split("\n"), format))
    shown = sections[: room // _LEAST_BYTES]
    texts: list[str] = []
    for at, section in enumerate(shown):
        text = _abridged(section, room // (len(shown) - at))
        texts.append(text)
        room -= _size(text)
    left_out = [f"[{len(sections) - len(shown)} more sections]"] if len(sections) > len(shown) else []
    return "\n\n".join([*texts, *left_out])


def _sections(lines: Sequence[str], format: Format) -> Iterator[_Section]:
    section: list[Block] = []
    for block in blocks(list(lines), format):
        if block.kind == "heading" and any(other.kind != "heading" for other in section):
            yield _section(lines, section)
            section = []
        section.append(block)
    if section:
        yield _section(lines, section)


def _section(lines: Sequence[str], section: Sequence[Block]) -> _Section:
    headings = [block for block in section if block.kind == "heading"]
    firsts: dict[str, Block] = {}
    for block in section:
        if block.kind != "heading":
            firsts.setdefault(_SORTS[block.kind], block)
    parts = tuple(_text(lines, block) for block in firsts.values())
    more = len(section) > len(headings) + len(parts)
    return _Section("\n".join(_text(lines, block) for block in headings), parts, more)


def _abridged(section: _Section, room: int) -> str:
    """Return a section in `room` bytes or little more."""
    texts: list[str] = []
    parts = [part for part in (section.heading, *section.parts) if part]
    for at, part in enumerate(parts):
        text = _cut(part, room // (len(parts) - at))
        texts.append(text)
        room -= _size(text)
    if section.more and not texts[-1].endswith(_LEFT_OUT):
        texts.append(_LEFT_OUT)
    return "\n\n".join(texts)


def _cut(text: str, room: int) -> str:
    if _size(text) <= room:
        return text
    start = text.encode("utf-8", "replace")[: max(room - len(_LEFT_OUT) - 1, 0)].decode("utf-8", "ignore")
    at = max(start.rfind("\n"), start.rfind(" "))
    return f"{start[:at] if at > len(start) // 2 else start} {_LEFT_OUT}"


def _text(lines: Sequence[str], block: Block) -> str:
    return "\n".join(lines[block.first : block.end]).rstrip()


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
