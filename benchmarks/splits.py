"""What does it take to keep articles that are alike in one split, and to check that nothing leaks? What do they find?

Run: python benchmarks/splits.py [--corpus FILE]. Prints a table; --json FILE writes the numbers; --short is quick. Each
row is a process of its own. Articles are made from templates, two fifths of each being boilerplate; one in twenty is
there once more, with so many of its words changed here and there that it is 70, 80 or 90 % alike. In one row two
templates make all of them. With --corpus, real articles instead. The run holds articles alone; there are three records
of each, made as they are asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from math import sqrt
from pathlib import Path
from random import Random
from resource import RUSAGE_SELF, getrusage
from time import process_time
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from qloragen.dataset.assigning import Assigner
from qloragen.dataset.groups import Groups, groups_of
from qloragen.dataset.leakage import leaks_in
from qloragen.dataset.splits import SPLITS, Proportions, Split, proportions_of, split_of
from qloragen.dataset.texts import Texts, reading_texts
from qloragen.export.example import Example
from qloragen.sources import read_paths
from qloragen.store.run import open_run
from qloragen.types import Article, digest

TEMPLATES, FEWEST, BOILERPLATE, OWN = 50, 2, 120, 180
"""How many templates there are, and in one row; words that all articles of one have in common; words that each has
alone."""
CHANGED = {0.7: 0.0925, 0.8: 0.0572, 0.9: 0.0267}
"""Likeness to the share of words that are replaced for it: of a pair of words, both have to be kept."""
EVERY = 20
"""One in so many articles is there once more."""
FEW = 50_000
"""Of more articles, splits by id are not checked as well: it would take minutes."""
RECORDS = 3
OUTPUT_WORDS, VOCABULARY = 60, 20_000
PROPORTIONS = proportions_of("90/5/5")
MEGABYTE = 1e6
Row = dict[str, object]
Placed = tuple[Split, Example]


class Copy(NamedTuple):
    """A near copy that was planted."""

    original: str
    copy: str
    wanted: float
    """How much it is like the original, about."""


def main() -> None:
    options = _options()
    if options.fill:
        made = _articles(options.row, options.templates)
        _fill(options.fill, asyncio.run(_read(options.corpus)) if options.corpus else made)
    elif options.measure:
        print(json.dumps(_measured(options.measure, [] if options.corpus else [*_copies(options.row)])))
    else:
        counts = [1_000] if options.short else [1_000, 20_000, 200_000]
        counts = [options.row] if options.row else counts
        rows = [_row("--row", str(count), "--templates", str(options.templates)) for count in counts]
        rows += [] if options.row else [_row("--row", str(counts[1 % len(counts)]), "--templates", str(FEWEST))]
        rows += [_row("--corpus", str(options.corpus))] if options.corpus else []
        for row in rows:
            print("\n".join(f"{name:>24}: {value}" for name, value in row.items()), end="\n\n")
        if options.json:
            options.json.write_text(json.dumps(rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--corpus", type=Path, help="also these articles, as a file of JSON lines")
    parser.add_argument("--row", type=int, help="how many articles")
    parser.add_argument("--templates", type=int, default=TEMPLATES, help="how many make them")
    parser.add_argument("--fill", type=Path, help="only make a run in this folder")
    parser.add_argument("--measure", type=Path, help="only measure the run in this folder")
    return parser.parse_args()


def _row(*articles: str) -> Row:
    """Return what the run of some articles takes, in a process of its own; another one makes the run."""
    with tempfile.TemporaryDirectory() as folder:
        _run("--fill", folder, *articles)
        row: Row = json.loads(_run("--measure", folder, *articles))
    return row


def _run(*arguments: str) -> str:
    """Return what this script says when it is run so."""
    return subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True).stdout  # noqa: S603 - ourselves


# ----------------------------------------------------------------------------------------------------- what there is


def _words(count: int, seed: object) -> list[str]:
    random = Random(repr(seed))  # noqa: S311 - a fixed seed
    return [f"w{random.randrange(VOCABULARY)}" for _ in range(count)]


def _page(number: int, templates: int) -> str:
    """Return a page with boilerplate before and after what it has alone."""
    boilerplate = _words(BOILERPLATE, f"template {number % templates}")
    half = BOILERPLATE // 2
    return " ".join([*boilerplate[:half], *_words(OWN, number), *boilerplate[half:]])


def _changed(text: str, share: float, seed: object) -> str:
    random, copied = Random(repr(seed)), text.split()  # noqa: S311 - a fixed seed
    for at in random.sample(range(len(copied)), round(share * len(copied))):
        copied[at] = f"x{random.getrandbits(32)}"
    return " ".join(copied)


def _copies(count: int) -> Iterator[Copy]:
    for number in range(0, count, EVERY):
        wanted = [*CHANGED][number // EVERY % len(CHANGED)]
        yield Copy(f"a{number}", f"copy of a{number}", wanted)


def _articles(count: int, templates: int) -> Iterator[Article]:
    """Yield all articles, then the copies."""
    for number in range(count):
        yield Article(f"a{number}", _page(number, templates))
    for copy in _copies(count):
        number = int(copy.original[1:])
        yield Article(copy.copy, _changed(_page(number, templates), CHANGED[copy.wanted], number))


def _records(article_id: str, content_hash: str) -> Iterator[Example]:
    for number in range(RECORDS):
        key = digest(f"{article_id} {number}")
        yield Example(
            instruction=" ".join(_words(12, f"i{key}")),
            input="",
            output=" ".join(_words(OUTPUT_WORDS, f"o{key}")),
            id=key,
            article_id=article_id,
            content_hash=content_hash,
            type_slug=f"type-{number}",
        )


async def _read(corpus: Path) -> list[Article]:
    return [item async for item in read_paths([corpus]) if isinstance(item, Article)]


# ------------------------------------------------------------------------------------------------------ what it takes


class Watch:
    """Processor time and memory since it was last looked at."""

    def __init__(self) -> None:
        self._at = process_time()
        self._mb = _resident_mb()

    def lap(self, name: str, count: int) -> Row:
        """Return what has passed, and what the process grew by."""
        now, mb = process_time(), _resident_mb()
        row: Row = {
            f"{name} ms each": round((now - self._at) / count * 1e3, 3),
            f"{name} CPU s": round(now - self._at, 1),
            f"{name} MB more": mb - self._mb,
        }
        self._at, self._mb = process_time(), mb
        return row


def _fill(folder: Path, articles: Iterable[Article]) -> None:
    with open_run(folder) as run:
        for article in articles:
            run.add_article(article)
            if run.filing.end - run.filing.written > 4 << 20:
                run.flush_journal()


def _measured(folder: Path, copies: list[Copy]) -> Row:
    with reading_texts(folder) as texts:
        known = [(arrival.article_id, arrival.content_hash) for arrival in texts.arrivals()]
        row: Row = {"articles": len(known), "MB before": _resident_mb()}
        return row | _taken(Corpus(texts, known, copies))


class Corpus:
    """The articles of a run, three records of each, and which of them are near copies."""

    def __init__(self, texts: Texts, known: list[tuple[str, str]], copies: list[Copy]) -> None:
        self.texts = texts
        self.copies = copies
        self.size = len(known)
        self._known = known
        self._hashes = dict(known)

    def records(self) -> Iterator[Example]:
        """Yield all records."""
        for article_id, content_hash in self._known:
            yield from _records(article_id, content_hash)

    def by_id(self) -> Iterator[Placed]:
        """Yield them in splits that know nothing of copies."""
        return ((split_of(record.article_id, PROPORTIONS), record) for record in self.records())

    def groups(self, groups: Groups, article_id: str) -> set[str]:
        """Return the groups that an article is in."""
        content_hash = self._hashes[article_id]
        return {*groups.of(next(_records(article_id, content_hash)))}


def _taken(corpus: Corpus) -> Row:
    watch = Watch()
    groups = groups_of(corpus.texts)
    row = {**watch.lap("grouping", corpus.size), "groups": len(groups)}
    for _ in corpus.records():
        pass
    row |= watch.lap("making the records", corpus.size)
    assigner = Assigner(groups, PROPORTIONS)
    counts = Counter[str](assigner.assign(record) or "none" for record in corpus.records())
    row |= {**watch.lap("assigning", corpus.size), "records": _shares(counts, groups), **assigner.left_out}

    def planned() -> Iterator[Placed]:
        return ((split, record) for record in corpus.records() if (split := assigner.split(record)))

    watch = Watch()
    leaks = leaks_in(planned, corpus.texts.text)
    row |= {**watch.lap("checking", corpus.size), "leaks": str(leaks), "pairs looked at": leaks.pairs}
    return row | _recall(groups, corpus) | (_leaks_by_id(corpus) if corpus.size < FEW else {})


def _shares(counts: Counter[str], groups: Groups) -> str:
    """Return each split's share of the records, and by how many standard deviations of as many groups it is off."""
    total = sum(counts[split] for split in SPLITS)
    return ", ".join(
        f"{split} {counts[split] / total:.2%} ({_off(counts[split] / total, PROPORTIONS, split, len(groups)):+.1f} sd)"
        for split in SPLITS
    )


def _off(share: float, proportions: Proportions, split: Split, groups: int) -> float:
    wanted = float(proportions.shares[split])
    return (share - wanted) / sqrt(wanted * (1 - wanted) / groups)


def _recall(groups: Groups, corpus: Corpus) -> Row:
    """Return how many planted copies are in their original's group."""
    row: Row = {}
    for wanted in CHANGED:
        planted = [copy for copy in corpus.copies if copy.wanted == wanted]
        pairs = [(corpus.groups(groups, copy.original), corpus.groups(groups, copy.copy)) for copy in planted]
        found = sum(not one.isdisjoint(other) for one, other in pairs)
        row[f"copies {wanted:.0%} alike"] = f"{found} of {len(planted)} with their original"
    return row


def _leaks_by_id(corpus: Corpus) -> Row:
    """Return how many leaks the check finds where splits are made by id alone, and how many copies are then in another
    split than their original."""
    leaks = leaks_in(corpus.by_id, corpus.texts.text)
    apart = sum(split_of(copy.original, PROPORTIONS) != split_of(copy.copy, PROPORTIONS) for copy in corpus.copies)
    return {"leaks of splits by id": f"{leaks.counts.total()} found, {apart} planted"}


def _resident_mb() -> int:
    """Return the most memory that this process ever had."""
    return round(getrusage(RUSAGE_SELF).ru_maxrss * 1_024 / MEGABYTE)


if __name__ == "__main__":
    main()
