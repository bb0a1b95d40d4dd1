"""How many records a second do all checks together judge on one core, and how long do they hold an event loop up?

Clean records of both modes are made about the articles (see clean_records.py) and judged one article after another, as
in a run, so that what an article's records have in common is found out once for each; each is compared with those
before it, too, as duplicates are looked for. Times are of the CPU; the longest block is that of one call, the first one
about a long article, with everything in it that is new. Last come texts that expressions may take for ever over (see
hostile_texts.py), with whether each check takes as long over them as it may.

Run: python benchmarks/checks_speed.py [--corpus FILE_OR_FOLDER ...] [--json FILE] [--short]. Without --corpus the
articles of the corpus of development are taken, or those of examples/articles where it is not there.
"""

from __future__ import annotations

import argparse
import json
import sys
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import process_time
from typing import get_args

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import harness
from clean_records import articles_of, clean_records
from hostile_texts import hostile

from qloragen.domain.checks import Case, inspect
from qloragen.domain.checks.facts import ArticleFacts
from qloragen.domain.checks.grounding import GROUNDING
from qloragen.domain.checks.surface import SURFACE
from qloragen.domain.planting import Clean
from qloragen.packs import load_pack
from qloragen.pipeline.uniqueness.prints import Subject, print_of
from qloragen.pipeline.uniqueness.records import Records
from qloragen.pipeline.uniqueness.siblings import Siblings, Stands, sibling_of
from qloragen.thresholds import Thresholds
from qloragen.types import Article, Draft, InputMode, digest

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT.parent / "shared" / "data" / "corpus-dev.jsonl"
EXAMPLES = ROOT / "examples" / "articles"
GOAL = 1_000
LONG_CHARS = (2_000, 10_000, 30_000, 60_000, 120_000)
CACHED = 128
"""Articles whose facts are kept."""
REPEAT = 3
USUAL = Thresholds()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", nargs="+", type=Path, metavar="FILE_OR_FOLDER", help="articles of any field")
    parser.add_argument("--short", action="store_true", help="a quick form of the same")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    articles = articles_of(options.corpus or [CORPUS if CORPUS.exists() else EXAMPLES])
    articles = articles[:: max(len(articles) // 20, 1)] if options.short else articles
    speeds = [speed(articles, mode) for mode in get_args(InputMode)]
    blocks = [block(articles, chars) for chars in LONG_CHARS]
    slowest = hostile()
    titled = (
        ("records a second, by who writes the input", speeds),
        ("one call about one article", blocks),
        ("the slowest checks of hostile texts", slowest),
    )
    for title, rows in titled:
        print(f"\n{title}")
        harness.show(rows)
    if options.json:
        options.json.write_text(json.dumps({"speed": speeds, "blocks": blocks, "hostile": slowest}, indent=1), "utf-8")


def speed(articles: Sequence[Article], mode: InputMode) -> harness.Row:
    """Return what all checks take of clean records, the best of some rounds."""
    records = clean_records(articles, load_pack(), mode, seed=1)
    judge(records)  # words and languages that every process meets once
    times = [judge(records) for _ in range(REPEAT)]
    best = min(times, key=sum)
    compared = min(compare(records) for _ in range(REPEAT))
    each = (sum(best) + compared) / len(records)
    groups = split(records)
    return {
        "input": mode,
        "records": len(records),
        "words each": round(sum(map(words, records)) / len(records)),
        "records/s": round(1 / each),
        "goal": GOAL,
        "us each": round(1e6 * each),
        **{f"us {group}": round(1e6 * found / len(records)) for group, found in groups.items()},
        "us duplicates": round(1e6 * compared / len(records)),
        "slowest ms": round(1e3 * max(best), 2),
    }


def judge(records: Sequence[Clean]) -> list[float]:
    """Return the seconds that each record took, the facts of its article with the first one about it."""
    times: list[float] = []
    facts: ArticleFacts | None = None
    before: Article | None = None
    for record in records:
        began = process_time()
        if facts is None or record.article is not before:
            facts, before = ArticleFacts(record.article), record.article
        inspect(case_of(record, facts))
        times.append(process_time() - began)
    return times


def compare(records: Sequence[Clean]) -> float:
    """Return the seconds that it takes to compare each record with those before it, and to remember it."""
    began = process_time()
    known, siblings = Records(), Siblings()
    before: Article | None = None
    for record in records:
        article, draft = record.article, record.draft
        if article is not before:
            siblings, before = Siblings(), article
        key = digest(f"{article.content_hash}, {record.type.slug}")
        printed = print_of(
            Subject(key, article.id, article.content_hash, record.type.slug), draft.instruction, draft.output
        )
        sibling = sibling_of(key, record.type.number, draft.instruction, draft.output)
        list(siblings.compare(sibling, USUAL))
        known.find(printed, USUAL.near_duplicate)
        known.add(printed)
        siblings.put(sibling, Stands(-1, ()))
    return process_time() - began


def split(records: Sequence[Clean]) -> Mapping[str, float]:
    """Return the seconds of each group of checks over all records."""
    found = {"surface": 0.0, "grounding": 0.0}
    facts: ArticleFacts | None = None
    before: Article | None = None
    for record in records:
        if facts is None or record.article is not before:
            facts, before = ArticleFacts(record.article), record.article
        case = case_of(record, facts)
        for name, checks in zip(found, (SURFACE, GROUNDING), strict=True):
            began = process_time()
            for check in checks:
                check.find(case)
            found[name] += process_time() - began
    return found


def block(articles: Sequence[Article], chars: int) -> harness.Row:
    """Return what the first record about an article of so many characters takes, at its worst, and later ones."""
    content = "\n\n".join(article.content for article in articles)
    content = (content * (chars // len(content) + 1))[:chars]
    article, other = Article("long", content), articles[-1].content
    pack = load_pack()
    # A name and a sentence that the input does not have make checks look at the article itself.
    draft = Draft(
        "What is kept where in Cassandra?", other[:900], f"{content[:300]} It is Zanzibar 4711 that keeps it. "
    )

    def judged(facts: ArticleFacts, mode: InputMode) -> float:
        return timed(lambda: inspect(Case(draft, facts, pack.types[0], pack, mode, USUAL)))

    judged(ArticleFacts(article), "written")
    tracemalloc.start()
    facts = ArticleFacts(article)
    judged(facts, "written")
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    first = min(judged(ArticleFacts(article), "written") for _ in range(REPEAT))
    return {
        "characters": chars,
        "first record ms": round(1e3 * first, 1),
        "us per KB": round(1e9 * first / chars),
        "next record ms": round(1e3 * min(judged(facts, "written") for _ in range(REPEAT)), 2),
        "facts KiB": round(size / 1024),
        f"facts of {CACHED} MiB": round(CACHED * size / 2**20),
    }


def timed(work: Callable[[], object]) -> float:
    began = process_time()
    work()
    return process_time() - began


def case_of(record: Clean, facts: ArticleFacts) -> Case:
    return Case(record.draft, facts, record.type, record.pack, record.mode, USUAL)


def words(record: Clean) -> int:
    draft = record.draft
    return len(f"{draft.instruction} {draft.input} {draft.output}".split())


if __name__ == "__main__":
    main()
