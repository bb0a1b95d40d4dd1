"""The articles of a run, read from its journal when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from pydantic import ValidationError

from ..store.lines import article_of
from ..types import Article
from .moment import Moment
from .texts import Texts
from .values import ArticleText

_KEPT = 256
"""Articles in memory: records of one come near each other."""


class Articles(Mapping[str, ArticleText]):
    """Articles by the hash of their text; looking one up raises KeyError when the journal does not have it."""

    def __init__(self, moment: Moment, texts: Texts) -> None:
        self._moment = moment
        self._texts = texts
        self.article = lru_cache(maxsize=_KEPT)(self._article)
        """Returns the article with a text, None when the journal does not have it."""

    def __getitem__(self, content_hash: str) -> ArticleText:
        article = self.article(content_hash)
        if article is None:
            raise KeyError(content_hash)
        return ArticleText(article.title, article.url, article.format, article.content)

    def __iter__(self) -> Iterator[str]:
        """Yield the hashes of all articles, in the order of the journal; raises SetupError."""
        for _, kind, line in self._moment.lines():
            if kind == "article":
                yield article_of(line).content_hash

    def __len__(self) -> int:
        return sum(text.at >= 0 for text in self._texts.values())

    def _article(self, content_hash: str) -> Article | None:
        at = self._texts.find(content_hash).at
        try:
            return None if at < 0 else article_of(self._moment.line(at))
        except ValidationError:
            return None
