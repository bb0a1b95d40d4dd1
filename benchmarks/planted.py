"""How many defects do the checks find, of each kind, and how often do they refuse a record that has none?

Clean records are made about the articles, of either mode (see clean_records.py), and defects of every kind that
qloragen.domain.planting knows are planted in them. A defect is caught when the record is refused for any reason, and
rightly named when a reason is one of the codes that are meant for it. Precision is that of a collection in which 40 %
of the records have a defect, as in the predecessor's.

Run: python benchmarks/planted.py [--corpus FILE_OR_FOLDER ...] [--half odd] [--mode both] [--json FILE]. Without
--corpus the odd articles of the corpus of development are taken, or those of examples/articles where it is not there.
Ends with 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import get_args

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import harness
from clean_records import articles_of, clean_records

from qloragen.domain.arguments import read_written
from qloragen.domain.checks import Case, facts_of, inspect
from qloragen.domain.planting import KINDS, Clean, Kind, Measured, Row, measure
from qloragen.packs import load_pack
from qloragen.pipeline.uniqueness.codes import EXACT, NEAR, action_of
from qloragen.pipeline.uniqueness.prints import Subject, print_of
from qloragen.pipeline.uniqueness.records import Records
from qloragen.pipeline.uniqueness.siblings import Siblings, Stands, sibling_of
from qloragen.shares import interval
from qloragen.thresholds import Thresholds
from qloragen.types import Article, Draft, InputMode, Invalid, digest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples" / "articles"
CORPUS = ROOT.parent / "shared" / "data" / "corpus-dev.jsonl"
DEFECTIVE = 0.4
"""Share of records with a defect for which precision is given."""
HALVES: Mapping[str, Callable[[Sequence[Article]], Sequence[Article]]] = {
    "even": lambda articles: articles[::2],
    "odd": lambda articles: articles[1::2],
    "all": lambda articles: articles,
}
FEWEST = 20
"""Of a kind that was planted less often nothing can be said; 100 are wanted, which some corpora have no place for."""
CHANGED_NUMBERS = frozenset({"number changed", "number of something else"})
THRESHOLDS = Thresholds()
_STANDS = Stands(-1, ())


@dataclass(frozen=True)
class Goal:
    """A figure that is to be reached."""

    name: str
    value: float
    least: float
    most: float = 1.0

    @property
    def reached(self) -> bool:
        """Tell whether it is."""
        return self.least <= self.value <= self.most


def main() -> None:
    options = _options()
    pack = load_pack(options.pack)
    articles = HALVES[options.half](articles_of(options.corpus))
    modes: tuple[InputMode, ...] = get_args(InputMode) if options.mode == "both" else (options.mode,)
    cleans = [clean for mode in modes for clean in clean_records(articles, pack, mode, options.seed)]
    if not cleans:
        sys.exit("no records can be made about these articles")
    by_chance = Random(options.seed)  # noqa: S311 - not for secrets
    found = measure(KINDS, cleans, Checks(), options.per_kind, by_chance)
    goals = goals_of(found)
    print(f"{len(articles)} articles ({options.half}), mode {options.mode}, {len(cleans)} clean records\n")
    harness.show([_shown(row) for row in found.rows])
    print(f"\nclean records refused: {found.alarms} of {found.clean}, {_counted(found.alarm_codes)}\n")
    harness.show([_goal(goal) for goal in goals])
    if options.examples:
        _show_examples(found)
    if options.json:
        options.json.write_text(json.dumps(_numbers(found, goals), indent=1), "utf-8")
    sys.exit(not all(goal.reached for goal in goals))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    corpora = [CORPUS] if CORPUS.exists() else [EXAMPLES]
    parser.add_argument("--short", action="store_true", help="a quick form of the same")
    parser.add_argument("--corpus", type=Path, nargs="+", metavar="FILE_OR_FOLDER", help="articles of any field")
    parser.add_argument("--half", choices=HALVES, help="every second article; odd, but all of what --corpus names")
    parser.add_argument("--pack", type=Path, metavar="DIR", help="the prompt pack; default: the one that is built in")
    parser.add_argument("--per-kind", type=int, metavar="N", help="defects of each kind; default 120")
    parser.add_argument("--mode", choices=(*get_args(InputMode), "both"), default="both", help="default both")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--examples", action="store_true", help="show what was missed, and clean records refused")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    options.half = options.half or ("odd" if options.corpus is None and CORPUS.exists() else "all")
    options.corpus = options.corpus or corpora
    options.per_kind = options.per_kind or (20 if options.short else 120)
    return options


# --------------------------------------------------------------------------------------------------------- refusing


class Checks:
    """Refuses drafts as a run does: by the limits of a reply, by the checks, and as duplicates of accepted records."""

    def __init__(self) -> None:
        self._records: dict[InputMode, Records] = {}
        self._siblings: dict[tuple[InputMode, str], Siblings] = {}

    def __call__(self, clean: Clean, draft: Draft, kind: Kind | None) -> Sequence[str]:
        """Return the codes of the reasons to refuse a draft; a clean one counts as accepted from then on if none."""
        codes = refused(clean, draft, kind)
        if kind is None:
            records = self._records.setdefault(clean.mode, Records())
            siblings = self._siblings.setdefault((clean.mode, clean.article.content_hash), Siblings())
            return codes or _added(records, siblings, clean, draft)
        if not kind.alike or codes:
            return codes
        records, siblings = Records(), Siblings()
        _added(records, siblings, clean, clean.draft)
        return _found(records, siblings, _again(clean, elsewhere="twin" not in kind.caught_by), draft)


def refused(clean: Clean, draft: Draft, kind: Kind | None) -> Sequence[str]:
    """Return the codes of the reasons to refuse a draft for itself."""
    given = json.dumps({"instruction": draft.instruction, "input": draft.input, "output": draft.output})
    read = read_written(given)
    if isinstance(read, Invalid):
        return (read.reason, *read.also)
    article = _with_furniture(clean.article, read.input) if kind and kind.in_article else clean.article
    found = inspect(Case(read, facts_of(article), clean.type, clean.pack, clean.mode, THRESHOLDS))
    return [defect.code for defect in found.defects]


def _with_furniture(article: Article, furniture: str) -> Article:
    """Return the article as it is where furniture of its page was taken for a part of it."""
    return Article(article.id, f"{article.content}\n\n{furniture}", article.title, article.url, article.format)


def _again(clean: Clean, *, elsewhere: bool) -> Clean:
    """Return where a record that says the same comes from: another article, or another type of the same."""
    if elsewhere:
        return replace(clean, article=Article("elsewhere", f"{clean.article.content}\n\nElsewhere."))
    others = [kind for kind in clean.pack.types if kind != clean.type]
    return replace(clean, type=others[0])


def _added(records: Records, siblings: Siblings, clean: Clean, draft: Draft) -> Sequence[str]:
    codes = _found(records, siblings, clean, draft)
    if not codes:
        records.add(print_of(_subject(clean), draft.instruction, draft.output))
        siblings.put(sibling_of(_subject(clean).key, clean.type.number, draft.instruction, draft.output), _STANDS)
    return codes


def _found(records: Records, siblings: Siblings, clean: Clean, draft: Draft) -> Sequence[str]:
    subject, instruction, output = _subject(clean), draft.instruction, draft.output
    compared = siblings.compare(sibling_of(subject.key, clean.type.number, instruction, output), THRESHOLDS)
    like = records.find(print_of(subject, instruction, output), THRESHOLDS.near_duplicate)
    across = [] if like is None else [EXACT if like.exact else NEAR]
    codes = [*(found.code for found in compared), *across]
    return [code for code in codes if action_of(THRESHOLDS, code) == "reject"]


def _subject(clean: Clean) -> Subject:
    key = digest(f"{clean.article.content_hash}, {clean.type.slug}")
    return Subject(key, clean.article.id, clean.article.content_hash, clean.type.slug)


# ---------------------------------------------------------------------------------------------------------- showing


def goals_of(found: Measured) -> Sequence[Goal]:
    """Return what is to be reached and what was; kinds for which there was hardly a place have no goal."""
    kinds = [
        Goal(row.kind, row.recall, 0.85 if row.kind in CHANGED_NUMBERS else 0.90)
        for row in found.rows
        if row.planted >= FEWEST
    ]
    return (
        Goal("recall of all", found.recall, 0.98),
        Goal("precision", found.precision(DEFECTIVE), 0.97),
        Goal("false alarms", found.false_alarms, 0.0, 0.02),
        *kinds,
    )


def _shown(row: Row) -> harness.Row:
    low, high = interval(row.caught, row.planted)
    return {
        "kind": row.kind,
        "planted": row.planted,
        "caught": row.caught,
        "recall": f"{row.recall:.3f}" if row.planted else "-",
        "95 %": f"{low:.2f}-{high:.2f}" if row.planted else "-",
        "rightly named": f"{row.named / row.planted:.2f}" if row.planted else "-",
        "found as": _counted(row.codes),
    }


_MOST_CODES = 4


def _counted(codes: Mapping[str, int]) -> str:
    return ", ".join(f"{code} {count}" for code, count in Counter(codes).most_common(_MOST_CODES))


def _goal(goal: Goal) -> harness.Row:
    bound = f"<= {goal.most}" if goal.least == 0 else f">= {goal.least}"
    return {"goal": goal.name, "is": f"{goal.value:.3f}", "to reach": bound, "": "pass" if goal.reached else "FAIL"}


def _show_examples(found: Measured) -> None:
    for row in found.rows:
        for clean, draft in row.missed:
            print(f"\nMISSED {row.kind} ({clean.mode}, {clean.type.slug}, {clean.article.id})")
            _print(draft)
    for clean, codes in found.alarmed:
        print(f"\nFALSE ALARM {', '.join(codes)} ({clean.mode}, {clean.type.slug}, {clean.article.id})")
        _print(clean.draft)


def _print(draft: Draft) -> None:
    print(f"  instruction: {draft.instruction!r}\n  input: {draft.input!r}\n  output: {draft.output!r}")


def _numbers(found: Measured, goals: Sequence[Goal]) -> dict[str, object]:
    rows = [
        {"kind": row.kind, "planted": row.planted, "caught": row.caught, "named": row.named, "codes": dict(row.codes)}
        for row in found.rows
    ]
    return {
        "table": rows,
        "clean": found.clean,
        "alarms": found.alarms,
        "alarm_codes": dict(found.alarm_codes),
        "goals": {goal.name: [goal.value, goal.reached] for goal in goals},
    }


if __name__ == "__main__":
    main()
