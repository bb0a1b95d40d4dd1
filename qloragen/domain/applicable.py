"""Which types an article gets: those that are possible at all, and those that follow from its classification."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from ..types import Article, InstructionType
from .markup import blocks

_INLINE = re.compile(
    r"`[^`\n]*\S[ \t]+\S[^`\n]*`"
    r"|<code\b[^>]*>[^<]*\S\s+\S[^<]*</code"
    r"|^[ \t]*(?:[$%]|\w[\w@:~.-]*[$#>])[ \t]+\S",
    re.IGNORECASE | re.MULTILINE,
)
"""Code within a sentence that is more than a name, and commands after a prompt sign."""


def applicable(
    numbers: Collection[int], types: Sequence[InstructionType], most: int | None = None
) -> tuple[InstructionType, ...]:
    """Return the types to generate for a classification, `most` of them at most: those that always apply first, then by
    number.

    Types that always apply are added to any answer that names a type at all. An answer without one means that the text
    is no article (an error page, a menu), and nothing is generated.
    """
    if not numbers:
        return ()
    always = [kind for kind in types if kind.always]
    named = [kind for kind in types if kind.number in numbers and not kind.always]
    return (*always, *named)[:most]


def possible(article: Article, types: Sequence[InstructionType]) -> tuple[InstructionType, ...]:
    """Return those of `types` that do not need what the article has not."""
    if all(kind.needs is None for kind in types) or has_code(article):
        return tuple(types)
    return tuple(kind for kind in types if kind.needs is None)


def has_code(article: Article) -> bool:
    """Tell whether an article shows code: in a block of its own, indented, or as more than a name within a sentence.

    In doubt it does: to lose a type costs more than to ask for it in vain. Plain text has no marks that code could be
    told by.
    """
    if article.format == "text":
        return True
    kinds = (block.kind for block in blocks(article.content.split("\n"), article.format))
    return any(kind in ("code", "indented") for kind in kinds) or _INLINE.search(article.content) is not None
