"""How many honest records do the checks refuse, of those that were written before anybody looked at what they say?

The records of tests/honest_records.toml: true, in words of their own, about texts of many fields. They are refused as
in a run: by the limits of a reply, by the checks, and as duplicates of one another.

Run: python benchmarks/honest.py [--records FILE] [--batch N] [--examples] [--json FILE].
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import harness
from planted import Checks

from qloragen.domain.checks import Case, facts_of, inspect
from qloragen.domain.paragraphs import split_paragraphs
from qloragen.domain.planting import Clean
from qloragen.packs import load_pack
from qloragen.shares import interval
from qloragen.thresholds import Thresholds
from qloragen.types import Article, Draft, InputMode

RECORDS = Path(__file__).resolve().parents[1] / "tests" / "honest_records.toml"


class Honest(NamedTuple):
    """A record, its batch, and the field that its text is about."""

    clean: Clean
    batch: int
    field: str


class Judged(NamedTuple):
    """What is said of a record: reasons to refuse it, and what is only noted."""

    honest: Honest
    reasons: Sequence[str]
    notes: Sequence[str]


def main() -> None:
    options = _options()
    judged = judge(honest for honest in honest_records(options.records) if options.batch in (None, honest.batch))
    batches = sorted({found.honest.batch for found in judged})
    harness.show([_row(str(batch), [found for found in judged if found.honest.batch == batch]) for batch in batches])
    if options.examples:
        for found in judged:
            _show(found)
    if options.json:
        counts = {"records": len(judged), "refused": sum(bool(found.reasons) for found in judged)}
        options.json.write_text(json.dumps(counts), "utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, default=RECORDS, metavar="FILE")
    parser.add_argument("--batch", type=int, metavar="N", help="only the records of this batch")
    parser.add_argument("--examples", action="store_true", help="show what was refused or noted, and why")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


def honest_records(path: Path) -> Iterator[Honest]:
    """Yield the records of a file, each with an input that its paragraphs give or that is written."""
    for number, source in enumerate(tomllib.loads(path.read_text("utf-8"))["sources"]):
        article = Article(f"text-{number}", source["text"], format=source["format"])
        paragraphs = split_paragraphs(article.content, article.format)
        pack = load_pack(variables={"subject": source["field"], "field": source["field"]})
        kinds = {kind.slug: kind for kind in pack.types}
        for record in source["records"]:
            given = record.get("input") or "\n\n".join(paragraphs[n - 1] for n in record["evidence"])
            draft = Draft(record["instruction"], given, record["output"].strip())
            mode: InputMode = "written" if "input" in record else "evidence"
            yield Honest(Clean(draft, article, kinds[record["type"]], pack, mode, ()), source["batch"], source["field"])


def judge(records: Iterator[Honest]) -> list[Judged]:
    """Return what is said of each record, once those before it are there."""
    checks = Checks()
    return [Judged(honest, checks(honest.clean, honest.clean.draft, None), _notes(honest.clean)) for honest in records]


def _notes(clean: Clean) -> Sequence[str]:
    return inspect(_case(clean)).quality.flags


def _case(clean: Clean) -> Case:
    return Case(clean.draft, facts_of(clean.article), clean.type, clean.pack, clean.mode, Thresholds())


def _row(batch: str, judged: Sequence[Judged]) -> harness.Row:
    hits = sum(bool(found.reasons) for found in judged)
    low, high = interval(hits, len(judged))
    return {
        "batch": batch,
        "records": len(judged),
        "refused": hits,
        "share": f"{hits / len(judged):.1%}",
        "95 %": f"{low:.1%}-{high:.1%}",
        "noted": sum(bool(found.notes) for found in judged),
    }


def _show(judged: Judged) -> None:
    clean = judged.honest.clean
    if not judged.reasons and not judged.notes:
        return
    print(f"\n{judged.honest.field}, {clean.type.slug}, {clean.mode}: {', '.join(judged.reasons)} noted {judged.notes}")
    print(f"  {clean.draft.instruction}\n  {clean.draft.output}")
    for defect in inspect(_case(clean)).defects:
        print(f"  -> {defect.code}: {defect.detail}")


if __name__ == "__main__":
    main()
