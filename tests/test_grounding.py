"""Records that say what their article says, and records that do not."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.domain.checks import Case, facts_of, inspect
from qloragen.domain.checks.grounding import GROUNDING
from qloragen.packs import load_pack
from qloragen.thresholds import Thresholds
from qloragen.types import Article, Draft

PACK = load_pack()
KINDS = {kind.slug: kind for kind in PACK.types}
USUAL = Thresholds()
RESTS_ON = frozenset(
    ("ungrounded", "half_grounded", "weakly_grounded", "unsupported", "unsupported_number", "unsupported_name")
)


class Told(NamedTuple):
    """A true record beside its text."""

    text: str
    kind: str
    draft: Draft


def told() -> Iterator[Told]:
    """Yield the records of `paraphrases.toml`."""
    path = Path(__file__).with_name("paraphrases.toml")
    for source in tomllib.loads(path.read_text("utf-8"))["sources"]:
        for record in source["records"]:
            yield Told(source["text"], record["type"], Draft(record["instruction"], source["text"], record["output"]))


TOLD = tuple(told())

HINTS = """\
# Hints in Apache Cassandra

When a replica is down, the coordinator keeps a hint for it and replays the hint later. `max_hint_window` is 3 hours by
default, and `hinted_handoff_throttle` limits the replay to 1024 KiB per second. The batch log keeps statements for 90
days in ScyllaDB.

A hint does not count as an acknowledgement, except at level ANY. Run `nodetool repair` every 10 days on each of the 12
nodes."""
RECORD = Draft(
    instruction="How long does Cassandra keep hints for a replica that is down?",
    input=HINTS.split("\n\n", 1)[1],
    output="The coordinator keeps hints for 3 hours, the default of `max_hint_window`, and replays up to 1024 KiB/s.",
)
ELSEWHERE = """\
Knead the dough for eight minutes, cover the bowl with a cloth and let it rise near the stove. Shape round loaves, brush
them with butter and sprinkle sesame seeds on top. The crust turns golden brown after half an hour in a hot oven."""


def codes(draft: Draft, *, kind="concept", article=HINTS, mode="evidence", thresholds=USUAL):
    """Return what the checks of this module find, flags included."""
    case = Case(draft, facts_of(Article("a", article)), KINDS[kind], PACK, mode, thresholds)
    return [check.code for check in GROUNDING if check.find(case) is not None]


def detail(draft: Draft):
    case = Case(draft, facts_of(Article("a", HINTS)), KINDS["concept"], PACK, "evidence", USUAL)
    return next(found for check in GROUNDING if (found := check.find(case)) is not None)


# -------------------------------------------------------------------------------------------------- what is right


@pytest.mark.parametrize("told", TOLD, ids=[f"{number}-{told.kind}" for number, told in enumerate(TOLD)])
def test_what_a_good_model_says_in_its_own_words_is_accepted(told):
    assert codes(told.draft, kind=told.kind, article=told.text) == []


def test_nearly_all_of_it_would_do_as_an_input_that_a_model_writes():
    """Outputs are shorter and freer than the inputs that are asked for, so that one in twenty may fail."""
    written = [replace(told.draft, input=told.draft.output) for told in TOLD]
    refused = [
        told.draft.output
        for told, draft in zip(TOLD, written, strict=True)
        if RESTS_ON.intersection(codes(draft, article=told.text, mode="written")) - {"weakly_grounded"}
    ]

    assert len(refused) <= len(TOLD) / 20


def test_what_was_measured_is_noted_in_the_record():
    case = Case(RECORD, facts_of(Article("a", HINTS)), KINDS["concept"], PACK, "evidence", USUAL)

    quality = inspect(case).quality

    assert quality.grounded == 1
    assert 0.7 < quality.supported <= 1


@pytest.mark.parametrize(
    "output",
    [
        "The coordinator keeps them for three hours and replays them at 1,024 KiB per second at most.",
        "Hints are kept 180 minutes (10800 s), and the replay is limited to 1 MiB per second.",
        "1. Keep the coordinator up for 3 hours.\n2. Let it replay the hint.\n3. Run `nodetool repair` every ten days.",
        "Step 7: run nodetool repair on each node, every 10 days.",
        "Repair runs every 10 days; CPU and API are no matter of hints, which a coordinator replays later.",
        "**Key Points:** the coordinator keeps a hint, and `MaxHintWindow` limits how long.",
        "Apache Cassandra keeps hints on the coordinator while a replica is down.",
    ],
)
def test_numbers_and_names_in_other_forms_are_known(output):
    assert codes(replace(RECORD, output=output)) == []


# -------------------------------------------------------------------------------------------------- what is wrong


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("The coordinator keeps hints for 5 hours, the default of `max_hint_window`.", "unsupported_number"),
        ("The coordinator keeps hints for 10 hours; `max_hint_window` is 10 hours by default.", "unsupported_number"),
        ("The throttle limits the replay to 12 KiB per second, for a hint of a replica.", "unsupported_number"),
        ("Run `nodetool repair` every 12 days on each of the 10 nodes.", "unsupported_number"),
        ("Run `nodetool cleanup_all` every 10 days on each of the 12 nodes.", "unsupported_name"),
        ("When a replica is down, MongoDB keeps a hint for it and replays the hint later.", "unsupported_name"),
        ("The hint is kept by Kafka for 3 hours, then replayed to the replica.", "unsupported_name"),
        ("A hint does not count as an acknowledgement, except at level QUORUM.", "unsupported_name"),
        ("The batch log keeps statements for 90 days in Cassandra.", "unsupported_name"),
        (ELSEWHERE, "unsupported"),
        (
            f"When a replica is down, the coordinator keeps a hint for it and replays it later. {ELSEWHERE}",
            "unsupported",
        ),
    ],
)
def test_an_output_that_its_input_does_not_support_is_refused(output, expected):
    assert expected in codes(replace(RECORD, output=output))


def test_a_number_that_had_to_be_worked_out_is_refused():
    output = "Over 36 days, repair runs on each of the 12 nodes; a hint is kept for 3 hours."

    assert codes(replace(RECORD, output=output)) == ["unsupported_number"]


def test_an_input_from_another_article_is_refused():
    assert "ungrounded" in codes(replace(RECORD, input=ELSEWHERE), mode="written")


def test_an_input_half_of_which_is_made_up_is_refused():
    given = f"When a replica is down, the coordinator keeps a hint for it and replays the hint later. {ELSEWHERE}"

    assert "half_grounded" in codes(replace(RECORD, input=given), mode="written")


@pytest.mark.parametrize(
    ("written", "expected"),
    [("`max_hint_window` is 4 hours", "unsupported_number"), ("`min_hint_age` is 3 hours", "unsupported_name")],
)
def test_an_input_that_a_model_wrote_is_held_against_the_article(written, expected):
    given = RECORD.input.replace("`max_hint_window` is 3 hours", written)

    assert expected in codes(
        replace(RECORD, input=given, output="A hint is kept for a replica that is down."), mode="written"
    )


def test_what_is_said_tells_the_model_what_to_change():
    assert detail(replace(RECORD, output=RECORD.output.replace("3 hours", "5 hours"))) == (
        "The output has 5, which is not in what the input says; copy every number together with what it is about."
    )
    assert detail(replace(RECORD, output=RECORD.output.replace("coordinator", "MongoDB"))) == (
        "The output names MongoDB, which neither instruction nor input does; use the names that are there."
    )


def test_a_record_longer_than_the_context_is_refused_with_a_remedy():
    long = replace(RECORD, input="\n\n".join([RECORD.input] * 20))

    assert codes(long, thresholds=Thresholds(context_tokens=1_000)) == ["over_context"]
    assert codes(long, thresholds=Thresholds(context_tokens=8_000)) == []


def test_thresholds_decide():
    output = "Kneading dough, the coordinator keeps sesame seeds golden brown in a hot oven while bread rises slowly."

    assert "unsupported" in codes(replace(RECORD, output=output))
    lax = Thresholds(unsupported=0, supported_sentence=0)
    assert "unsupported" not in codes(replace(RECORD, output=output), thresholds=lax)


# ------------------------------------------------------------------------------------------------------ invariants

SOURCES = st.sampled_from(sorted({told.text for told in TOLD}))


@given(SOURCES, st.data())
def test_whatever_is_copied_from_the_article_is_grounded(text, data):
    start = data.draw(st.integers(0, len(text) - 40))
    piece = text[start : data.draw(st.integers(start + 20, len(text)))]
    case = Case(replace(RECORD, input=piece), facts_of(Article("a", text)), KINDS["concept"], PACK, "written", USUAL)

    assert case.said.grounded == 1
    assert not {"ungrounded", "half_grounded", "weakly_grounded"}.intersection(
        check.code for check in GROUNDING if check.find(case) is not None
    )


@given(SOURCES, st.data())
def test_a_paragraph_of_the_input_is_always_supported(text, data):
    output = data.draw(st.sampled_from(text.split("\n\n")))

    assert not RESTS_ON.intersection(codes(Draft("What is it about?", text, output), article=text))


FERRY = """\
# The ferry to Aland

The ferry takes 3 minutes 20 seconds to load and sails at 8 p.m. with 120 cars. A crossing costs EUR 48 by car, and
EUR 0.50 more for a dog; children pay 25 % of it. The old ferry, of 1970, took 40 cars in 10 minutes. The island is two
and a half miles long."""


@pytest.mark.parametrize(
    "output",
    [
        "The ferry takes 120 cars, 80 more than the old one with its 40 cars.",
        "A crossing costs 48 euros by car, and children pay 25 % of that, which makes 12 euros.",
        "The old ferry took 40 cars in 10 minutes, that is 4 cars in a minute.",
    ],
)
def test_a_number_that_follows_from_others_is_noted_and_not_refused(output):
    assert codes(Draft("How does the ferry to Aland sail?", FERRY, output), article=FERRY) == ["derived_number"]


@pytest.mark.parametrize(
    "output",
    [
        "The ferry takes 120 cars, 7 times as many as the old one with 40 cars.",
        "A crossing costs 48 euros by car, and children pay 25 % of that, which makes 77 euros.",
        "The old ferry took 40 cars in 10 minutes, which makes 913 litres of fuel.",
    ],
)
def test_a_number_that_only_seems_to_follow_is_refused(output):
    assert codes(Draft("How does the ferry to Aland sail?", FERRY, output), article=FERRY) == ["unsupported_number"]


@pytest.mark.parametrize(
    "output",
    [
        "The ferry is loaded within 200 seconds, and it sails at 20 o'clock.",
        "A dog costs 50 cents more, and children pay a quarter of the price for a crossing by car.",
        "The length of the island is 2.5 miles.",
        "The ferry sails at 8 p.m., i.e. in the evening, with 120 cars.",
    ],
)
def test_numbers_are_known_however_they_are_written(output):
    assert codes(Draft("How does the ferry to Aland sail?", FERRY, output), article=FERRY) == []


@given(st.sampled_from(TOLD), st.integers(13, 10**9))
def test_a_number_that_the_text_does_not_have_is_found_wherever_it_stands(told, number):
    first, blank, rest = told.draft.output.partition(" ")
    draft = replace(told.draft, output=f"{first}{blank}{number}{blank}{rest}")
    if str(number) in told.text.replace(",", "") or " " not in told.draft.output:
        return

    found = codes(draft, kind=told.kind, article=told.text)
    assert not {"unsupported_number", "derived_number"}.isdisjoint(found)


@given(st.text(), st.text(), st.text(), st.sampled_from(["evidence", "written"]), st.sampled_from(sorted(KINDS)))
def test_nothing_that_a_draft_holds_raises(instruction, given_, output, mode, kind):
    codes(Draft(instruction, given_, output), kind=kind, mode=mode)
