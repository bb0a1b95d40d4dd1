"""The articles of a run as its journal has them, in the order in which they were added, which nothing changes later."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from ..report.moment import Moment, moment_of
from ..store.lines import article_of
from ..types import digest

_DIGITS = 15
"""Of a digest that tell names apart: 60 bits, the most that a small integer holds."""
_PART = re.compile(r"(#part-\d+)+\Z", re.ASCII)
"""What ends the id of a part of an article (see `sources.refine`)."""
_OF_RECORDS = frozenset({"record", "revised"})


class Arrival(NamedTuple):
    """An article that was added; or, without a text, a record that was made of one."""

    article_id: str
    content_hash: str
    at: int
    """Where in the journal its line begins."""
    text: str | None = None


class History(Protocol):
    """What has come into a run."""

    def arrivals(self) -> Iterator[Arrival]:
        """Yield articles and records in the order in which they came."""
        ...

    def text_at(self, at: int) -> str | None:
        """Return the text of an article that has come, by where its line begins; None when it is damaged."""
        ...


class _Made(BaseModel):
    """What a record was made of."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    article_id: str
    content_hash: str


class Texts:
    """The texts of a run's articles, found by their hashes in some 150 bytes each; made by `reading_texts`."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self._places: dict[int, int] | None = None

    def arrivals(self) -> Iterator[Arrival]:
        """Yield articles and records in the order in which they came into the run, those of all its sessions.

        Raises:
            SetupError: The disk refuses.
        """
        places: dict[int, int] = {}
        for at, kind, line in self._moment.lines():
            arrival = _arrival(at, kind, line)
            if arrival is None:
                continue
            if arrival.text is not None:
                places.setdefault(short(arrival.content_hash), at)
            yield arrival
        self._places = places

    def text(self, content_hash: str) -> str | None:
        """Return the text with a hash; None when the journal does not have it, or it is damaged. Raises SetupError."""
        if self._places is None:
            for _ in self.arrivals():  # whoever has gone through them once has all places
                pass
        at = (self._places or {}).get(short(content_hash))
        return None if at is None else self.text_at(at)

    def text_at(self, at: int) -> str | None:
        """Return the text of the article whose line begins at an offset; see `text`."""
        try:
            return article_of(self._moment.line(at)).content
        except ValidationError:
            return None


@contextmanager
def reading_texts(folder: Path) -> Iterator[Texts]:
    """Read the articles of the run in `folder` within the block; nothing in it is locked or changed. Of records that
    were read before it is opened, all articles are there.

    Raises:
        SetupError: There is no run in `folder`, or it cannot be read.
    """
    with moment_of(folder) as moment:
        yield Texts(moment)


def whole_id(article_id: str) -> str:
    """Return the id of the article that one is a part of; its own, if it is whole."""
    return _PART.sub("", article_id)


def short(name: str) -> int:
    """Return a number that stands for an id or a hash."""
    return int(digest(name)[:_DIGITS], 16)


def _arrival(at: int, kind: str, line: bytes) -> Arrival | None:
    try:
        if kind == "article":
            article = article_of(line)
            return Arrival(article.id, article.content_hash, at, article.content)
        if kind in _OF_RECORDS:
            made = _Made.model_validate_json(line)
            return Arrival(made.article_id, made.content_hash, at)
    except ValidationError:
        pass  # of a newer version, say: as if it were damaged
    return None
