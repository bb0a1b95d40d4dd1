"""The article as it stands in a prompt: data between two tags that its own text cannot contain."""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from functools import cached_property
from itertools import count

from ..types import Article, digest
from .paragraphs import at_places, places

_TAG_DIGITS = 8
_NUMBER_LINE = re.compile(r"^[ \t]*(\[+)\d+\]+[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class ArticleBlock:
    """An article laid out for prompts; made once and used for all calls about it.

    Thousands of them may wait for days, so each of its texts is made when it is first asked for.
    """

    article: Article
    places: array[int]
    """Where each paragraph begins and ends in the content, in turn."""
    tag: str
    """The name of the tags; the content cannot contain it."""

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """Exact pieces of the content, in order; the first one has number 1."""
        return at_places(self.article.content, self.places)

    @property
    def count(self) -> int:
        """How many paragraphs there are."""
        return len(self.places) // 2

    @cached_property
    def plain(self) -> str:
        """The whole content between the tags."""
        return enclosed(self.tag, self.article.content)

    @cached_property
    def numbered(self) -> str:
        """The paragraphs between the tags, each below a line with its number in square brackets."""
        left, right = _brackets(self.article.content)
        numbered = (f"{left}{number}{right}\n{text}" for number, text in enumerate(self.paragraphs, 1))
        return enclosed(self.tag, "\n".join(numbered))


def lay_out(article: Article) -> ArticleBlock:
    """Return `article` ready for prompts; equal content gives equal text, whatever the article is called."""
    tag = tag_for(article.content, article.content_hash)
    return ArticleBlock(article, places(article.content, article.format), tag)


def tag_for(content: str, seed: str, what: str = "article") -> str:
    """Return a name for the tags of an article, or `what` it is, that does not occur in `content`, in whatever case; it
    depends on the arguments alone."""
    folded = content.lower()
    candidates = (digest(f"{seed}:{attempt}")[:_TAG_DIGITS] for attempt in count())
    return next(tag for tag in (f"{what}-{digits}" for digits in candidates) if tag not in folded)


def enclosed(tag: str, text: str) -> str:
    """Return `text`, a part of what the tag was made for, between the tags."""
    return f"<{tag}>\n{text}\n</{tag}>"


def _brackets(content: str) -> tuple[str, str]:
    """Return brackets for the paragraph numbers: one more than any line of the article that looks like a number has."""
    depth = 1 + max((len(match[1]) for match in _NUMBER_LINE.finditer(content)), default=0)
    return "[" * depth, "]" * depth
