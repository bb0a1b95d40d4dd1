"""Reports and records for the tests of the page: what runs come to, at any size and in any state."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count, cycle, islice
from pathlib import Path
from random import Random

from qloragen.domain.paragraphs import split_paragraphs
from qloragen.judging.values import Judged
from qloragen.packs import load_pack
from qloragen.report.values import (
    ArticleText,
    Diversity,
    Goal,
    InVain,
    Lengths,
    Point,
    Report,
    Shown,
    Spent,
    Step,
    TypeRow,
)
from qloragen.types import Format, digest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples/articles"
FORMATS: dict[str, Format] = {".md": "markdown", ".html": "html", ".adoc": "asciidoc", ".rst": "rst", ".txt": "text"}
REASONS = ("copy", "unsupported_number", "near_duplicate", "missing_evidence", "placeholder")
FLAGS = ("weakly_grounded", "contact")
BEGAN = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)


def sample_articles(wanted: int) -> dict[str, ArticleText]:
    """Return `wanted` articles: those of the examples again and again, each with a heading of its own."""
    files = sorted(EXAMPLES.iterdir())
    articles = {}
    for number in range(wanted):
        file = files[number % len(files)]
        edition = f"{file.stem.replace('-', ' ').capitalize()}, edition {number // len(files) + 1}"
        content = f"{edition}\n\n{file.read_text('utf-8')}"
        url = f"https://example.org/articles/{number}"
        articles[digest(content)] = ArticleText(edition, url, FORMATS[file.suffix], content)
    return articles


def shown_records(articles: dict[str, ArticleText], wanted: int) -> list[Shown]:
    """Return `wanted` records, every eleventh of them rejected and every thirteenth flagged."""
    slugs = [kind.slug for kind in load_pack().types]
    return list(islice(_endless(articles, slugs, _dice(7)), wanted))


def _dice(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - examples


def _endless(articles: dict[str, ArticleText], slugs: list[str], random: Random) -> Iterator[Shown]:
    numbers = count()
    for content_hash, article in cycle(articles.items()):
        paragraphs = split_paragraphs(article.content, article.format)
        for number in islice(numbers, 5):
            yield _shown(number, content_hash, article.title, paragraphs, slugs[number % len(slugs)], random)


def _shown(
    number: int, content_hash: str, title: str | None, paragraphs: tuple[str, ...], slug: str, random: Random
) -> Shown:
    first = random.randrange(1, len(paragraphs) - 1)
    evidence = paragraphs[first : first + random.choice((1, 1, 2))]
    words = [word.strip("#=*`-.,:<>") for word in evidence[0].split()]
    topic = " ".join([word for word in words if word][:6])
    steps = "1. The rate of writes; `nodetool tpstats` shows it.\n2. The size on disk."
    code = f"```sh\nnodetool status {number}\n```"
    reason = REASONS[number % len(REASONS)] if number % 11 == 10 else None
    return Shown(
        id=digest(f"record {number}"),
        article_id=f"a{number}",
        title=title,
        content_hash=content_hash,
        type_slug=slug,
        instruction=f"Explain (No. {number}) what follows for capacity planning when “{topic}”, and what to watch.",
        input="\n\n".join(evidence),
        output=f"Watch three things.\n\n{steps}\n\n{code}\n\n{' '.join(evidence[0].split()[:70])}.",
        grounded=None if reason else round(random.uniform(0.6, 1), 3),
        supported=None if reason else round(random.betavariate(6, 2), 3),
        flags=(random.choice(FLAGS),) if number % 13 == 12 else (),
        reason=reason,
        detail="The output has the number 47, which neither the instruction nor the input has." if reason else "",
    )


def a_report(records: list[Shown], articles: int, *, folder: str = "runs/cassandra") -> Report:
    """Return the report that such records would give."""
    accepted = [record for record in records if record.reason is None]
    rejected = [record for record in records if record.reason is not None]
    cost = Decimal(len(records)) * Decimal("0.00031")
    return Report(
        folder=folder,
        made=BEGAN + timedelta(days=1),
        about={
            "classified by": "gpt-4.1 (numbers)",
            "written by": "gpt-4o-mini",
            "prompt pack": "default, 14 types",
            "state": "finished",
            "version": "qloragen 0.1.0",
        },
        funnel=_funnel(len(accepted), rejected, articles),
        quality=_goals(len(records), len(accepted)),
        types=_type_rows(records),
        lengths=(
            Lengths("instruction", 14, 27, 61, 118),
            Lengths("input", 96, 241, 702, 1911),
            Lengths("output", 55, 148, 410, 1204),
            Lengths("training prompt", 238, 470, 1102, 2410),
        ),
        tokenizer="the pack's estimate of 4 characters a token",
        over_context=3,
        diversity=Diversity(
            records=len(accepted),
            unique_instructions=len({record.instruction for record in accepted}),
            leading=(
                ("explain how", 412),
                ("compare the", 310),
                ("describe why", 268),
                ("list the", 120),
                ("what happens", 95),
            ),
            distinct={"instruction": (0.12, 0.41, 0.66), "input": (0.1, 0.43, 0.71), "output": (0.11, 0.44, 0.73)},
            entropy=0.94,
        ),
        spent=(
            Spent(
                "gpt-4.1", articles, cost * Decimal("0.62"), 0.31, cost * Decimal("0.62") / max(len(accepted), 1) * 1000
            ),
            Spent("gpt-4o-mini", len(records) + 61, cost * Decimal("0.38"), 0.72, Decimal("0.118")),
        ),
        in_vain=(InVain("unsupported_number", 31, Decimal("0.0102"), 0), InVain("timeout", 4, Decimal(0), 4)),
        cost_usd=cost,
        per_thousand_usd=cost / max(len(accepted), 1) * 1000,
        timeline=_timeline(len(accepted), len(rejected), float(cost)),
        worst=tuple(sorted(accepted, key=lambda record: record.supported or 0)[:9]),
        rejected={reason: tuple(record for record in rejected if record.reason == reason)[:3] for reason in REASONS},
        judged=Judged(
            model="gpt-4.1",
            records=200,
            accepted=188,
            items={
                "stands alone": 0.98,
                "answerable from input": 0.955,
                "claims supported": 0.94,
                "answers what was asked": 0.97,
                "fits its type": 0.9,
            },
            planted=20,
            caught=18,
            good=20,
            passed=19,
            recall=0.9,
            min_recall=0.8,
            precision=0.95,
            kappa=0.71,
            trusted=True,
            refusal=None,
            cost_usd=Decimal("0.41"),
        ),
    )


def _funnel(accepted: int, rejected: list[Shown], articles: int) -> tuple[Step, ...]:
    many = accepted + len(rejected)
    reasons = {reason: sum(record.reason == reason for record in rejected) for reason in REASONS}
    return (
        Step(
            "pieces",
            articles + 24,
            articles,
            {"duplicate": 15, "too_short": 7, "malformed": 2},
            {},
            "files and rows of the source",
        ),
        Step("articles", articles, articles, {}, {}, "texts that differ"),
        Step("classified", articles, articles - 2, {"nothing_applies": 2}, {}, "articles with their types"),
        Step("pairs", many, many, {}, {"shared prefix": many // 2}, "an article and a type"),
        Step("calls", many + 65, many + 61, {"timeout": 4}, {"asked again": 61}, "replies that were paid for"),
        Step("parsed", many, accepted, reasons, {"repaired": 38}, "replies that hold a record"),
        Step("accepted", accepted, accepted, {}, {}, "records for training"),
    )


def _goals(many: int, accepted: int) -> tuple[Goal, ...]:
    return (
        Goal("accepted at the first ask", 0.957, "share", "≥ 95 %", passed=True, of=many),
        Goal(
            "accepted in the end",
            accepted / max(many, 1),
            "share",
            "≥ 98 %",
            passed=False,
            of=many,
            note="Of all pairs that were asked for.",
        ),
        Goal("grounded inputs", 0.998, "share", "≥ 99 %", passed=True, of=accepted),
        Goal("judged useful", 0.94, "share", "≥ 90 %", passed=True, of=200, low=0.898, high=0.965),
        Goal("distinct-2 of instructions", 0.41, "number", "≥ 0.35", passed=True, of=accepted),
        Goal("median prompt", 470, "tokens", "", passed=None, of=accepted),
        Goal("cost per 1,000 records", 0.31, "usd", "≤ $0.50", passed=True, of=accepted),
        Goal(
            "semantic twins", None, "share", "≤ 1 %", passed=None, of=0, note="Nothing to measure it by: no embeddings."
        ),
    )


def _type_rows(records: list[Shown]) -> tuple[TypeRow, ...]:
    rows = []
    for kind in load_pack().types:
        mine = [record for record in records if record.type_slug == kind.slug]
        good = sum(record.reason is None for record in mine)
        rows.append(
            TypeRow(
                kind.number,
                kind.slug,
                len(mine) + kind.number % 3,
                good,
                good - good // 20,
                len(mine) - good,
                good / max(len(records), 1),
                0.81,
                460.0 + kind.number,
                Decimal(len(mine)) * Decimal("0.00012"),
            )
        )
    return tuple(rows)


def _timeline(records: int, rejected: int, cost: float) -> tuple[Point, ...]:
    random, points, done, time = _dice(3), [], 0.0, BEGAN
    for step in range(200):
        time += timedelta(seconds=5) + (timedelta(hours=9) if step == 120 else timedelta())
        done += random.uniform(0.2, 1) * (0.2 if 60 <= step < 70 else 1)
        points.append((time, done))
    return tuple(
        Point(
            time,
            int(records * at / done),
            int(records * at / done),
            int(rejected * at / done),
            int(900 * records * at / done),
            Decimal(str(round(cost * (at / done) ** 1.1, 6))),
        )
        for time, at in points
    )


def hostile(record: Shown, text: str) -> Shown:
    """Return `record` with `text` wherever a text may stand."""
    return replace(
        record, title=text, type_slug=text, instruction=text, input=text, output=text, flags=(text,), detail=text
    )
