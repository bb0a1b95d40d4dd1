"""Every text of a run: where it is, what it was classified as, and which of its types were asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from ..store.lines import name_key
from .cells import short

OPEN, CLASSIFIED = "open", "classified"
FOR_NOW = "failed for now: "
"""Comes before the reason of a failure that the next run takes up again."""


class Text(NamedTuple):
    """What is kept of a text."""

    at: int = -1
    """Where in the journal its article is; -1: nowhere."""
    current: bool = True
    """Whether it is the newest text of its article's id."""
    standing: str = OPEN
    """What its classification under the last circumstances came to: `CLASSIFIED`, or why it was given up."""
    outdated: bool = False
    """Whether it was classified under earlier circumstances."""
    numbers: tuple[int, ...] = ()
    """What it is classified as."""
    asked: tuple[str, ...] = ()
    """Slugs of the types of which it has a cell under the last circumstances."""


_NEW = Text()


class Texts:
    """All texts of a run, in some 300 bytes each."""

    def __init__(self) -> None:
        self._texts: dict[int, Text] = {}
        self._names: dict[int, str] = {}
        """What tells an article's id from others, to the hash of its newest text."""
        self._numbers: dict[tuple[int, ...], tuple[int, ...]] = {}
        self._slugs: dict[tuple[str, ...], tuple[str, ...]] = {}
        """Each combination once, for many texts have the same."""

    def values(self) -> Iterable[Text]:
        """Return all texts."""
        return self._texts.values()

    def find(self, content_hash: str) -> Text:
        """Return what is known of a text."""
        return self._texts.get(short(content_hash), _NEW)

    def add_article(self, content_hash: str, article_id: str, at: int) -> str | None:
        """Note an article; returns the hash of the text that it takes the place of."""
        name = short(name_key(article_id))
        before = self._names.get(name)
        self._names[name] = content_hash
        self._put(content_hash, self.find(content_hash)._replace(at=at, current=True))
        if before is None or before == content_hash:
            return None
        self._put(before, self.find(before)._replace(current=False))
        return before

    def classify(self, content_hash: str, standing: str, numbers: Collection[int]) -> None:
        """Note what a text's classification has come to."""
        known = self.find(content_hash)
        self._put(content_hash, known._replace(standing=standing, numbers=tuple(sorted(numbers))))

    def outdate(self, content_hash: str) -> None:
        """Note that a text was classified under earlier circumstances."""
        if not (known := self.find(content_hash)).outdated:
            self._put(content_hash, known._replace(outdated=True))

    def ask(self, content_hash: str, slug: str) -> None:
        """Note that a text has a cell of a type."""
        known = self.find(content_hash)
        self._put(content_hash, known._replace(asked=tuple(sorted((*known.asked, slug)))))

    def _put(self, content_hash: str, text: Text) -> None:
        numbers = self._numbers.setdefault(text.numbers, text.numbers)
        asked = self._slugs.setdefault(text.asked, text.asked)
        self._texts[short(content_hash)] = text._replace(numbers=numbers, asked=asked)
