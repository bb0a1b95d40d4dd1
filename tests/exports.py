"""Runs to be exported, and what exports have made of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from qloragen.store.run import open_run
from qloragen.types import Article, Quality

from .values import a_record

SLUGS = ("summary", "concept", "effect")
_WORDS = [f"{first}{last}" for first in ("ba", "ke", "li", "mo", "su", "ta") for last in ("dan", "fer", "gil", "nox")]


def prose(seed: str, words: int) -> str:
    """Return a text of its own for each seed."""
    draw = random.Random(seed)  # noqa: S311 - the same texts each time
    return f"{' '.join(draw.choices(_WORDS, k=words)).capitalize()}."


def make_run(folder: Path, articles: int, qualities: Sequence[Quality] = (Quality(),), copies: int = 0) -> Path:
    """Put a run into `folder`: so many articles, three records each, but every other article has no effect.

    `qualities` are those of the records, in turn. After the articles come `copies` of the first ones, changed a little.
    """
    count = 0
    with open_run(folder) as run:
        for number in range(articles + copies):
            text = prose(f"a{number}", 80) if number < articles else f"Once more. {prose(f'a{number - articles}', 80)}"
            article = Article(f"a{number}", text, f"Article {number}")
            run.add_article(article)
            for slug in SLUGS[: 3 - number % 2]:
                name = f"{article.id} {slug}"
                run.add_record(
                    a_record(
                        name,
                        article_id=article.id,
                        content_hash=article.content_hash,
                        type_slug=slug,
                        instruction=f"What does {article.id} say of its {slug}?",
                        input=article.content[:200],
                        output=prose(name, 20 + count % 20),
                        quality=qualities[count % len(qualities)],
                    )
                )
                count += 1
        run.flush()
    return folder


def general_data(file: Path, count: int) -> Path:
    """Write a file of general data in Alpaca's form."""
    rows = [{"instruction": f"Say {n}.", "input": "", "output": prose(f"general {n}", 20)} for n in range(count)]
    file.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return file


def rows_of(file: Path) -> list[Any]:
    """Return the rows of JSON lines."""
    return [orjson.loads(line) for line in file.read_bytes().splitlines()]


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
