"""Articles for scripts that take as many as they like: those of a corpus, or examples told in other orders."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "articles"


def write_articles(place: Path, corpus: Path | None, count: int) -> int:
    """Write `count` articles, or as many as there are, to the JSONL file `place`; return how many that is."""
    found = list(islice(_of_corpus(corpus) if corpus else _of_examples(), count))
    place.write_text("".join(f"{json.dumps(article)}\n" for article in found), "utf-8")
    return len(found)


def _of_corpus(corpus: Path) -> Iterator[dict[str, str]]:
    with corpus.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            article = json.loads(line)
            yield {"id": str(article.get("id", number)), "content": article["content"]}


def _of_examples() -> Iterator[dict[str, str]]:
    """Yield the examples over and over: each time with other paragraphs first, and with a number in each of them."""
    texts = [path.read_text("utf-8").split("\n\n") for path in sorted(EXAMPLES.iterdir())]
    number = 0
    while True:
        for parts in texts:
            at = number % len(parts)
            told = [f"{part} ({number}.)" for part in (*parts[at:], *parts[:at]) if part.strip()]
            yield {"id": f"example-{number}", "content": f"# Example {number}\n\n" + "\n\n".join(told)}
            number += 1
