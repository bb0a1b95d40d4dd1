"""What the checks of an article's records have in common, found out once."""

from __future__ import annotations

from functools import lru_cache

from ...types import Article


class ArticleFacts:
    """An article as checks see it; each fact is found out when it is first asked for.

    All methods are pure, so that threads may share it.
    """

    def __init__(self, article: Article) -> None:
        self.content = article.content
        self.format = article.format


@lru_cache(maxsize=128)
def facts_of(article: Article) -> ArticleFacts:
    """Return the facts of an article, which are kept for a while: its records come one after another."""
    return ArticleFacts(article)
