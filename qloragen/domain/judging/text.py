"""What of a record is judged, and how it is known again."""

from __future__ import annotations

import re
from functools import lru_cache
from html import unescape
from typing import NamedTuple
from unicodedata import normalize

import orjson

from ...types import Draft, InstructionType, digest
from ..article_block import enclosed, tag_for

_WORD_CHARACTERS = re.compile(r"\w+")
_MARKUP = re.compile(
    r"</?[A-Za-z][^<>]{0,300}>|(?<=\])\([^()\s]{1,300}\)|(?:link|xref):[^\s\[\]]{1,300}(?=\[)|`?_?<[^<>\s]{1,300}>`_"
)
"""Tags, and the targets of links: what is not read where a text is shown."""
_CUT = re.compile(r"\.\.\.|…|\[\.\.\.\]")


class Told(NamedTuple):
    """What a judge is told of the type that a record is to have."""

    name: str
    guidance: str


def told_of(type: InstructionType) -> Told:
    """Return what is told of an instruction type."""
    return Told(type.name, type.guidance)


def text_hash(instruction: str, input: str, output: str) -> str:
    """Identify the three fields of a record, as training takes them."""
    return digest(orjson.dumps([instruction, input, output.strip()]).decode())


def hash_of(draft: Draft) -> str:
    """Identify the three fields of a draft."""
    return text_hash(draft.instruction, draft.input, draft.output)


def laid_out(draft: Draft) -> str:
    """Return a record as it stands in prompts: between two tags that it cannot contain."""
    text = f"instruction:\n{draft.instruction}\n\ninput:\n{draft.input}\n\noutput:\n{draft.output}"
    return enclosed(tag_for(text, hash_of(draft), "record"), text)


def is_quoted(quote: str, *texts: str) -> bool:
    """Whether a quote stands in one of the texts, as it is written there or as it is read, without markup; whatever its
    letters' case and form (`é` has two, `ﬁ` may be one), its blanks and its marks are.

    What is left out of it, as `...`, may be anything, in one text.
    """
    parts = [part for piece in _CUT.split(quote) if (part := _bare(piece))]
    return bool(parts) and any(all(part in form for part in parts) for text in texts for form in _forms(text))


@lru_cache(maxsize=64)
def _forms(text: str) -> tuple[str, str]:
    """Return the letters and digits of a text, with its markup and without; kept for a while, as an article's records
    come one by one."""
    return _bare(text), _bare(unescape(_MARKUP.sub("", text)))


def _bare(text: str) -> str:
    return "".join(_WORD_CHARACTERS.findall(normalize("NFKC", text).casefold()))
