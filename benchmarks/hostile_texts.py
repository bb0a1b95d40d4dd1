"""Texts that expressions may take for ever over, and how long each check takes over them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import harness

from qloragen.domain.checks import CHECKS, Case, Check
from qloragen.domain.checks.facts import ArticleFacts
from qloragen.packs import load_pack
from qloragen.thresholds import Thresholds
from qloragen.types import Article, Draft

MOST_MS = 50.0
"""Which no check may take for one record, of fields at their limits and an article of 64 KB."""
ARTICLE_CHARS, INSTRUCTION_CHARS, INPUT_CHARS, OUTPUT_CHARS = 65_536, 1_000, 12_000, 8_000
FACTS = ("stems", "stretches", "numbers", "naming", "spoken")
"""What is found out about an article, each when it is first asked for."""
REPEAT = 2
SLOWEST = 8
"""So many are shown."""
PIECES: Mapping[str, str] = {
    "one letter": "a",
    "one capital": "A",
    "letters": "ab ",
    "spaces": " ",
    "lines": "\n",
    "indented lines": "\n    a",
    "tabs": "\t",
    "brackets": "[",
    "parentheses": "(",
    "nested brackets": "[(<{",
    "tags": "<a b",
    "braces": "${",
    "digits": "1",
    "numbers": "12 34",
    "digits and dots": "1.",
    "addresses": "1.2.3.4:",
    "dots": ".",
    "hyphens": "-",
    "slashes": "a/",
    "mail": "a@a.",
    "user": "a.",
    "quotes": '"',
    "nested quotes": "\"'“",
    "backticks": "`",
    "fences": "\n```",
    "code spans": "`a` ",
    "bars": "a | ",
    "equals": "a = ",
    "colons": "a: ",
    "numbers of items": "\n1. ",
    "bullets": "\n- ",
    "the": "the ",
    "this setting": "this given ",
    "in the": "based on the given ",
    "of the first": "of the first ",
    "you": "could you ",
    "cookies": "cookie by using ",
    "keys": "sk-a1B",
    "drawn": "a1B2c3D4e5F6",
    "password": "password=",
    "select": "SELECT a ",
    "Chinese": "文",
    "Chinese sentences": "文章。",
    "Thai": "ก",
    "accents": "é ",
    "mojibake": "Ã©â€",
    "control characters": "\x01",
}


def hostile() -> list[harness.Row]:
    """Return the slowest checks of all texts, with whether they stay within the limit."""
    rows = [row for name, piece in PIECES.items() for row in _rows(name, piece, CHECKS)]
    rows.sort(key=lambda row: -float(str(row["ms"])))
    return rows[:SLOWEST]


def _rows(name: str, piece: str, checks: Sequence[Check]) -> Iterator[harness.Row]:
    best: dict[str, float] = {}
    for _ in range(REPEAT):
        for code, seconds in _times(piece, checks):
            best[code] = min(best.get(code, seconds), seconds)
    for code, seconds in best.items():
        verdict = "pass" if 1e3 * seconds <= MOST_MS else "FAIL"
        yield {"text": name, "check": code, "ms": round(1e3 * seconds, 1), "at most": MOST_MS, "": verdict}


def _times(piece: str, checks: Sequence[Check]) -> Iterator[tuple[str, float]]:
    """Yield what each check takes; what several have in common, and is found out once, is told apart."""
    pack = load_pack()
    article = Article("hostile", f"# Title\n\n{_filled(f'b{piece}', ARTICLE_CHARS)}")
    draft = Draft(_filled(piece, INSTRUCTION_CHARS), _filled(piece, INPUT_CHARS), _filled(piece, OUTPUT_CHARS))
    facts = ArticleFacts(article)
    for fact in FACTS:
        began = process_time()
        getattr(facts, fact)
        yield f"(the article's {fact})", process_time() - began
    case = Case(draft, facts, pack.types[0], pack, "written", Thresholds())
    began = process_time()
    _ = case.words, case.said.numbers, case.said.grounded, case.said.supported, case.said.swaps
    yield "(the fields)", process_time() - began
    for check in checks:
        began = process_time()
        check.find(case)
        yield check.code, process_time() - began


def _filled(piece: str, chars: int) -> str:
    return (piece * (chars // len(piece) + 1))[:chars]


if __name__ == "__main__":
    harness.show(hostile())
