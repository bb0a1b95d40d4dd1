"""Records and the articles they come from as the lines that the page's browser reads.

Each line is a JSON array: `["article", {...}]`, which comes once and before its first record, or `["record", {...}]`.
An `input` that is made of whole paragraphs of its article is given by their numbers; so it costs next to nothing,
and the browser knows what to highlight.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from ...domain.markup import blocks
from ...domain.paragraphs import split_paragraphs
from ...types import Format
from ..values import ArticleText, Shown

_AT_HAND = 256
"""Articles whose paragraphs are kept for the records that follow."""
_APART = "\n\n"
"""What code puts between the paragraphs of an input."""

Paragraphs = tuple[str, ...]
Found = Mapping[str, ArticleText]
"""Content hash to what is known of the article."""


def packed(records: Iterable[Shown], articles: Found) -> Iterator[bytes]:
    """Yield the lines, each with its newline; memory does not grow with the records, but for a hash of each article."""
    told: set[str] = set()
    at_hand: OrderedDict[str, Paragraphs] = OrderedDict()
    for record in records:
        text = record.content_hash
        if text not in at_hand:
            article = articles.get(text)
            at_hand[text] = split_paragraphs(article.content, article.format) if article else ()
            if article and text not in told:
                yield _line("article", _article(text, article, at_hand[text]))
            told.add(text)
            if len(at_hand) > _AT_HAND:
                at_hand.popitem(last=False)
        at_hand.move_to_end(text)
        yield _line("record", _record(record, at_hand[text]))


def _line(kind: str, fields: Mapping[str, object]) -> bytes:
    """Return one line of pure ASCII: half of a surrogate pair must not stop a report."""
    return json.dumps([kind, fields], separators=(",", ":")).encode("ascii") + b"\n"


def _article(content_hash: str, article: ArticleText, paragraphs: Paragraphs) -> dict[str, object]:
    return {
        "hash": content_hash,
        "title": article.title,
        "url": article.url,
        "format": article.format,
        "paragraphs": paragraphs,
        "blocks": [shape(paragraph, article.format) for paragraph in paragraphs],
    }


def _record(record: Shown, paragraphs: Paragraphs) -> dict[str, object]:
    evidence = numbers(record.input, paragraphs)
    fields: dict[str, object] = {
        "id": record.id,
        "hash": record.content_hash,
        "article": record.article_id,
        "title": record.title,
        "type": record.type_slug,
        "instruction": record.instruction,
        "evidence": evidence,
        "input": None if evidence else record.input,
        "output": record.output,
        "grounded": _rounded(record.grounded),
        "supported": _rounded(record.supported),
        "flags": record.flags,
        "reason": record.reason,
        "detail": record.detail,
    }
    return {name: value for name, value in fields.items() if value not in (None, "", ())}


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def shape(text: str, format: Format) -> list[object]:
    """Return the kinds of the blocks in `text`, each followed by how many of its lines it takes.

    Blank lines are `blank`, so that the counts add up to the lines of the text.
    """
    lines = text.split("\n")
    kinds = ["blank"] * len(lines)
    for at, block in enumerate(blocks(lines, format)):
        kinds[block.first : block.end] = [f"{at} {block.kind}"] * (block.end - block.first)
    runs = ((name.rpartition(" ")[2], len(list(run))) for name, run in groupby(kinds))
    return [part for run in runs for part in run]


def numbers(text: str, paragraphs: Sequence[str]) -> list[int] | None:
    """Return which paragraphs `text` is put together from, counted from 0 and in order; None: it is not."""
    chosen: list[int] = []
    at = 0
    for number, paragraph in enumerate(paragraphs):
        if text.startswith(paragraph, at) and _ends(text, at + len(paragraph)):
            chosen.append(number)
            at += len(paragraph) + len(_APART)
    return chosen if chosen and at == len(text) + len(_APART) else None


def _ends(text: str, at: int) -> bool:
    return at == len(text) or text.startswith(_APART, at)
