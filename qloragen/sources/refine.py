"""What becomes of one unit: cleaned, gated and sized here in plain code; then admitted, if it is new.

| policy | choice |
|---|---|
| too little text (error page, bot or pay wall, menu only) | skipped: `too_short`, below `min_text` letters and digits |
| the same few letters over and over (20,000 lines of `a`) | skipped: `too_short`, below 8 different ones |
| instructions and nothing else, secrets, personal data | articles like others: what a text says is not judged |
| same text again, under the same or another id | skipped: `duplicate`; the first stays |
| nearly the same text with the same heading and code | kept; skipped: `near_duplicate`, where `similarity` is set |
| same id, other text | skipped: `id_conflict`; the first stays |
| id missing, null, empty or blank | `text:` and the hash of the cleaned text: stable, so that resuming works |
| id a whole number | `int:` and the number: cannot collide with the same digits as text |
| id of another type, or with half a surrogate pair | skipped: `malformed` |
| long or odd ids (5,000 characters, paths, escapes, NFC and NFD) | kept byte for byte, compared byte for byte |
| title, url, format of a wrong type, unknown format | dropped, counted in `Summary.odd_metadata`; the article stays |
| `text` or `_source.content` in place of `content` | skipped: `malformed`, with a hint; `Options.fields` maps them |
| NaN, Infinity, numbers beyond a double, nesting beyond 1,024 | skipped: `malformed`; they are no JSON |
| duplicate keys in an object | the last one counts |
| byte order mark at the start of any line | dropped |
| mojibake, doubly escaped entities, bidirectional controls | pass through unchanged |
| UTF-16 misread as 8-bit (a NUL after every character) | the NULs go; readable |
| a whole HTML page under another format | read as HTML |
| HTML nested deeper than 10,000 elements | skipped: `malformed`; less deep is read |
| front matter | dropped; its title becomes the heading if there is none |
| encoded data (base64, data URIs, 1,000 characters without a space) | a marker that says how much was left out |
| more than `max_tokens` (huge articles, tables, listings) | parts `<id>#part-1`...; or skipped: `too_long`, as set |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..types import Article, Skip, SkipReason
from . import gate
from .clean import clean
from .near import NearDuplicates
from .seen import Seen
from .sketch import Sketch, sketch
from .split import estimate_tokens, split
from .values import Blank, Candidate, Found, Item, Options, Summary


@dataclass(frozen=True, slots=True)
class Refined:
    """A candidate that is good enough, whole and in the parts that the size policy makes of it."""

    where: str
    whole: Article
    parts: tuple[Article, ...]
    thin_parts: int
    odd_metadata: bool
    sketch: Sketch | None
    """None where near-duplicates are kept."""


Unit = Refined | Skip | Blank
"""What one unit of a source came to, before it is compared with what came earlier."""


def refine(found: Found, options: Options) -> Unit:
    """Clean one unit, look whether it is enough, and make parts of it if it is too much."""
    if not isinstance(found, Candidate):
        return found
    whole = clean(found)
    if isinstance(whole, Skip):
        return whole
    if reason := gate.lacking(whole.content, options.min_text):
        return Skip(found.where, *reason)
    tokens = estimate_tokens(whole.content)
    sketched = None if options.similarity is None else sketch(whole)
    if tokens <= options.max_tokens:
        return Refined(found.where, whole, (whole,), 0, found.odd_metadata, sketched)
    if options.oversize == "skip":
        return Skip(found.where, SkipReason.TOO_LONG, f"about {tokens:,} tokens, at most {options.max_tokens:,}")
    parts = _parts(whole, options)
    good = tuple(part for part in parts if not gate.lacking(part.content, options.min_text))
    return Refined(found.where, whole, good, len(parts) - len(good), found.odd_metadata, sketched)


def _parts(whole: Article, options: Options) -> list[Article]:
    texts = split(whole.content, options.max_tokens, whole.format)
    return [
        Article(f"{whole.id}#part-{number}", text, whole.title, whole.url, whole.format)
        for number, text in enumerate(texts, 1)
    ]


class Desk:
    """Admits what is new, and keeps the count."""

    def __init__(self, summary: Summary, options: Options) -> None:
        self._summary = summary
        self._known = options.known
        self._seen = Seen()
        self._near = None if options.similarity is None else NearDuplicates(options.similarity)

    def admit(self, unit: Unit) -> Sequence[Item]:
        """Return what to give out for a unit: nothing for a blank line, a skip, an article or its parts."""
        self._summary.units += 1
        if isinstance(unit, Blank):
            self._summary.blank += 1
            return ()
        if isinstance(unit, Skip):
            return self._skip(unit)
        if objection := self._seen.objection(unit.whole):
            return self._skip(Skip(unit.where, *objection))
        if self._near and unit.sketch:
            twin = self._near.find(unit.sketch)
            if twin and not any(map(self._known, unit.parts)):
                return self._skip(Skip(unit.where, SkipReason.NEAR_DUPLICATE, str(twin)))
            self._near.add(unit.sketch, unit.where)
        self._seen.add(unit.whole)
        new = (unit.whole,) if unit.parts == (unit.whole,) else tuple(self._new_parts(unit))
        if not new:
            return self._skip(Skip(unit.where, SkipReason.DUPLICATE, "its parts are the texts of earlier articles"))
        self._summary.accepted += 1
        self._summary.articles += len(new)
        self._summary.dropped_parts += unit.thin_parts + len(unit.parts) - len(new)
        self._summary.odd_metadata += unit.odd_metadata
        return new

    def _new_parts(self, unit: Refined) -> Iterator[Article]:
        for part in unit.parts:
            if not self._seen.objection(part):
                self._seen.add(part)
                yield part

    def _skip(self, skip: Skip) -> Sequence[Item]:
        self._summary.skipped[skip.reason] += 1
        return (skip,)
