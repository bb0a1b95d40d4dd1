"""How many articles of a corpus say nearly what an earlier one says, what would leaving them out save, and how well and
how cheaply are they found?

Run: python benchmarks/duplicates.py [--corpus FILE]. Prints three tables; --json FILE writes the numbers; --short is
quick. The exact answers are Jaccard similarities of whole sets of shingles, compared pair by pair.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from time import process_time
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from qloragen.engine.pricing import cost, lookup
from qloragen.sources import read_paths
from qloragen.sources.near import NearDuplicates
from qloragen.sources.sketch import ROWS, Sketch, likeness, shingles, sketch
from qloragen.sources.verbatim import fences
from qloragen.types import Article, Usage

THRESHOLDS = (0.7, 0.8, 0.9, 0.95)
CHANGED = (0.01, 0.05, 0.1, 0.2)
SHOWN = 20
"""Pairs that are named, to be read by a person."""
READINGS = {"gpt-6-sol": 1, "gpt-6-luna": 6}
"""How often each model reads an article: one classification, and so many records."""
BYTES_PER_TOKEN = 4
_WORD = re.compile(r"`+[^`\n]+`+|\w+")
"""Spans of code come as one, and are told by their first character."""
Row = dict[str, object]
Edit = Callable[[Article, float, Random], str]
"""Returns the text of a copy with a share of its words edited."""


class Text(NamedTuple):
    """An article with all that it is compared by."""

    article: Article
    shingles: frozenset[str]
    sketch: Sketch


class Pair(NamedTuple):
    """Two articles that have more in common than the least threshold."""

    first: Text
    second: Text
    exact: float
    estimated: float

    @property
    def same_particulars(self) -> bool:
        """Whether heading and code are the same."""
        return self.first.sketch.particulars == self.second.sketch.particulars


def main() -> None:
    options = _options()
    articles = asyncio.run(_articles(options.corpus))
    texts = [_text(article) for article in articles]
    print(f"{len(texts)} articles of {_mean([len(article.content) for article in articles]):,.0f} characters")
    found = {
        "corpus": list(_corpus(texts)),
        "copies": list(_copies(texts, options.similarity, repeat=1 if options.short else 5)),
        "cost": _cost(articles, min(options.index, 10_000) if options.short else options.index),
    }
    if options.json:
        options.json.write_text(json.dumps(found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    examples = Path(__file__).resolve().parents[1] / "examples/articles"
    parser.add_argument("--corpus", type=Path, default=examples, metavar="FILE", help="articles, as the main job reads")
    parser.add_argument("--similarity", type=float, default=0.9, help="from which on a copy is to be found (0.9)")
    parser.add_argument("--index", type=int, default=100_000, help="articles in the index that is measured (100,000)")
    parser.add_argument("--short", action="store_true", help="fewer copies, a smaller index")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


def _text(article: Article) -> Text:
    return Text(article, frozenset(shingles(article.content)), sketch(article))


async def _articles(path: Path) -> list[Article]:
    return [unit async for unit in read_paths(path) if isinstance(unit, Article)]


# ------------------------------------------------------------------------------------------------ what a corpus has


def _corpus(texts: Sequence[Text]) -> Iterator[Row]:
    """Yield a row for each threshold; a pair counts as saved once, with its second article."""
    pairs = sorted(_pairs(texts), key=lambda pair: -pair.exact)
    print(f"\nReading them costs {sum(map(_reading_usd, texts)):.4f} USD (their own prompt tokens, nothing cached).")
    print(f"{'exact similarity from':<24}{'pairs':>8}{'USD saved':>12}{'.. same heading, code':>24}{'USD saved':>12}")
    for threshold in THRESHOLDS:
        alike = [pair for pair in pairs if pair.exact >= threshold]
        same = [pair for pair in alike if pair.same_particulars]
        row = {"pairs": len(alike), "usd": _saved_usd(alike), "pairs_same": len(same), "usd_same": _saved_usd(same)}
        print(f"{threshold:<24}{row['pairs']:>8}{row['usd']:>12.4f}{row['pairs_same']:>24}{row['usd_same']:>12.4f}")
        yield {"from": threshold} | {name: str(value) for name, value in row.items()}
    for pair in pairs[:SHOWN]:
        kind = "same heading and code" if pair.same_particulars else "other heading or code"
        names = " | ".join(text.article.id[:50] for text in (pair.first, pair.second))
        print(f"  {pair.exact:.3f}, estimated {pair.estimated:.3f}, {kind}: {names!r}")


def _pairs(texts: Sequence[Text]) -> Iterator[Pair]:
    for number, second in enumerate(texts):
        for first in texts[:number]:
            exact = _jaccard(first.shingles, second.shingles)
            if exact >= THRESHOLDS[0]:
                yield Pair(first, second, exact, likeness(first.sketch.rows, second.sketch.rows))


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    common = len(one & other)
    return common / (len(one) + len(other) - common)


def _saved_usd(pairs: Sequence[Pair]) -> Decimal:
    later = {pair.second.article.id: pair.second for pair in pairs}
    return sum(map(_reading_usd, later.values()), Decimal(0))


def _reading_usd(text: Text) -> Decimal:
    usage = Usage(prompt_tokens=len(text.article.content.encode()) // BYTES_PER_TOKEN)
    prices = {model: lookup(model) for model in READINGS}
    return sum((READINGS[model] * cost(usage, price) for model, price in prices.items() if price), Decimal(0))


# --------------------------------------------------------------------------------------------------- edited copies


def _copies(texts: Sequence[Text], similarity: float, repeat: int) -> Iterator[Row]:
    """Yield a row for each kind and size of edit: every article's copies are looked for among all articles."""
    index = NearDuplicates(similarity)
    for text in texts:
        index.add(text.sketch, text.article.id)
    print(f"\nEdited copies, {repeat} of each article; to find are those with a similarity of {similarity} or more and")
    print("the same heading and code; least is the exact similarity of those found:")
    print(
        f"{'edit':<22}{'share':>7}",
        *(f"{name:>8}" for name in ("median", "to find", "missed", "found", "wrong", "least")),
    )
    for kind, edit in EDITS.items():
        for share in CHANGED:
            copied = [_copied(text, index, edit, share, number) for number in range(repeat) for text in texts]
            row = _counted(copied, similarity)
            print(f"{kind:<22}{share:>7.0%}", *(f"{value:>8}" for value in row.values()))
            yield {"edit": kind, "share": share, **row}


class Copied(NamedTuple):
    """What became of one copy."""

    exact: float
    """Its similarity to what it was copied from."""
    same_particulars: bool
    found: bool


def _copied(text: Text, index: NearDuplicates, edit: Edit, share: float, number: int) -> Copied:
    random = Random(f"{number} {text.article.id}")  # noqa: S311 - a fixed seed
    copy = _text(replace(text.article, content=edit(text.article, share, random)))
    same = copy.sketch.particulars == text.sketch.particulars
    return Copied(_jaccard(text.shingles, copy.shingles), same, index.find(copy.sketch) is not None)


def _counted(copied: Sequence[Copied], similarity: float) -> dict[str, float | str]:
    to_find = [copy for copy in copied if copy.same_particulars and copy.exact >= similarity]
    found = [copy.exact for copy in copied if copy.found]
    return {
        "median": round(sorted(copy.exact for copy in copied)[len(copied) // 2], 3),
        "to_find": len(to_find),
        "missed": sum(not copy.found for copy in to_find),
        "found": len(found),
        "wrong": sum(exact < similarity for exact in found),
        "least": round(min(found), 3) if found else "-",
    }


def _anywhere(article: Article, share: float, random: Random) -> str:
    """Change words, code included."""
    return _changed(article.content, [match.span() for match in re.finditer(r"\w+", article.content)], share, random)


def _in_prose(article: Article, share: float, random: Random) -> str:
    """Change words, but none in code or in the first line."""
    return _changed(article.content, list(_prose(article)), share, random)


def _footer(article: Article, share: float, random: Random) -> str:
    """Add a paragraph that nothing else has."""
    count = round(share * len(article.content.split()))
    return f"{article.content}\n\n{' '.join(f'w{random.getrandbits(32)}' for _ in range(count))}"


def _prose(article: Article) -> Iterator[tuple[int, int]]:
    lines, start = article.content.split("\n"), 0
    for number, (line, fence) in enumerate(zip(lines, fences(lines, article.format), strict=True)):
        if number and not fence:
            spans = (match.span() for match in _WORD.finditer(line) if match[0][0] != "`")
            yield from ((start + first, start + end) for first, end in spans)
        start += len(line) + 1


def _changed(content: str, words: Sequence[tuple[int, int]], share: float, random: Random) -> str:
    at, pieces = 0, []
    for start, end in sorted(random.sample(words, round(share * len(words)))):
        pieces += [content[at:start], f"w{random.getrandbits(32)}"]
        at = end
    return "".join([*pieces, content[at:]])


EDITS: Mapping[str, Edit] = {
    "words of prose": _in_prose,
    "words, code included": _anywhere,
    "another footer": _footer,
}


# ---------------------------------------------------------------------------------------------------- what it costs


def _cost(articles: Sequence[Article], size: int) -> Row:
    """Measure the CPU time of sketches, and CPU time and memory of an index of random ones, whose size is the same."""
    began = process_time()
    for article in articles:
        sketch(article)
    sketch_ms = (process_time() - began) * 1_000 / len(articles)
    random = Random(1)  # noqa: S311 - a fixed seed
    sketches = (Sketch(random.randbytes(ROWS // 2), random.getrandbits(32)) for _ in range(size))
    index_ms, index_bytes = _filled(NearDuplicates(similarity=0.9), list(sketches))
    print(
        f"\nCPU time per article: {sketch_ms:.2f} ms for the sketch, {index_ms:.3f} ms to look for it and remember it."
    )
    print(f"Memory per article: {index_bytes:.0f} bytes at {size:,} articles.")
    return {"sketch_ms": sketch_ms, "index_ms": index_ms, "articles": size, "bytes": index_bytes}


def _filled(index: NearDuplicates, sketches: Sequence[Sketch]) -> tuple[float, float]:
    """Fill an index twice, once for the time and once, which takes longer, for the memory; both per article."""
    began = process_time()
    _fill(NearDuplicates(similarity=0.9), sketches)
    index_ms = (process_time() - began) * 1_000 / len(sketches)
    tracemalloc.start()
    _fill(index, sketches)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return index_ms, size / len(sketches)


def _fill(index: NearDuplicates, sketches: Sequence[Sketch]) -> None:
    for number, one in enumerate(sketches):
        index.find(one)
        index.add(one, f"articles.jsonl:{number}")


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values)


if __name__ == "__main__":
    main()
