"""Runs whose articles are more or less alike, for tests of what goes into which split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from random import Random

from qloragen.dataset.groups import Groups, groups_of
from qloragen.dataset.texts import Arrival, reading_texts
from qloragen.export.example import Example
from qloragen.store.run import open_run
from qloragen.types import Article, digest

from .values import a_record

VOCABULARY = 5_000


def words(count: int, seed: object) -> list[str]:
    """Return so many words, the same for the same `seed`."""
    return [*_words(count, repr(seed))]


@lru_cache(maxsize=1_000)
def _words(count: int, seed: str) -> tuple[str, ...]:
    random = Random(seed)  # noqa: S311 - a fixed seed
    return tuple(f"w{random.randrange(VOCABULARY)}" for _ in range(count))


def changed(text: str, share: float, seed: object) -> str:
    """Return a copy of which so many words have been replaced by others, here and there."""
    random, copied = Random(repr(seed)), text.split()  # noqa: S311 - a fixed seed
    for at in random.sample(range(len(copied)), round(share * len(copied))):
        copied[at] = f"x{random.getrandbits(32)}"
    return " ".join(copied)


def page(boilerplate: int, own: int, number: int) -> str:
    """Return a page of a template: so many words that all of its pages have, and so many that it has alone."""
    return " ".join([*words(boilerplate // 2, "top"), *words(own, number), *words(boilerplate // 2, "bottom")])


def example(article: Article, slug: str = "summary", **changes: str) -> Example:
    """Return an example of an article, of which no two are alike unless `changes` make them so."""
    key = digest(f"{article.id}\n{article.content_hash}\n{slug}")
    said = {"instruction": " ".join(words(8, key)), "input": "", "output": " ".join(words(30, key[::-1]))}
    own = {"id": key, "article_id": article.id, "content_hash": article.content_hash, "type_slug": slug}
    return Example.model_validate({**own, **said, **changes})


def add(folder: Path, articles: Iterable[Article], records: Iterable[Example] = ()) -> None:
    """Add articles, then records, to the run in a folder."""
    with open_run(folder) as run:
        for article in articles:
            run.add_article(article)
        for one in records:
            fields = one.model_dump(include={"id", "article_id", "content_hash", "type_slug", "instruction", "output"})
            run.add_record(a_record(**fields))


def grouped(folder: Path, similarity: float = 0.6) -> Groups:
    """Return the groups of a run."""
    with reading_texts(folder) as texts:
        return groups_of(texts, similarity)


class Told:
    """A history that no run has: articles, each with one record."""

    def __init__(self, articles: Sequence[Article]) -> None:
        self._articles = articles

    def arrivals(self) -> Iterator[Arrival]:
        """Yield each article whose text is new, and then a record of it."""
        come = set[str]()
        for at, article in enumerate(self._articles):
            if article.content_hash not in come:
                yield Arrival(article.id, article.content_hash, at, article.content)
            come.add(article.content_hash)
            yield Arrival(article.id, article.content_hash, at)

    def text_at(self, at: int) -> str:
        """Return the text of an article by its number."""
        return self._articles[at].content
