"""Classification by probabilities, in a cascade, and with gates: what is asked, and what replies come to."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.domain.applicable import applicable, has_code, possible
from qloragen.domain.article_block import lay_out
from qloragen.domain.classifiers import SUBSTANCE, Cascade, Decisions, Numbers, Subject, Thresholds
from qloragen.domain.classifiers.cascade import DOUBTFUL
from qloragen.domain.classifiers.protocol import fingerprint_of
from qloragen.errors import PackError
from qloragen.packs import default_folder, load_pack
from qloragen.types import Article, Completion, Format, Function, Invalid, Message, Predicate, Request, Usage

PACK = load_pack()
DECISIONS, NUMBERS = Decisions("mini"), Numbers("sol")
CASCADE = Cascade(DECISIONS, NUMBERS, band=0.1, doubts=2)
JUDGED = [kind.slug for kind in PACK.types if not kind.always]
NUMBER = {kind.slug: kind.number for kind in PACK.types}
ARTICLE = Article("a", "Set `a: 1` in the file.\n\n```\na: 1\n```")
SUBJECT = Subject(ARTICLE, lay_out(ARTICLE).plain, PACK)
CLEAR = {SUBSTANCE: 0.99} | dict.fromkeys(JUDGED, 0.01)


def answers(chances: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "predicate", "name": name, "probability": chance} for name, chance in chances.items()]


def decided(listed: object = None, **chances: float) -> Completion:
    given_ = answers(CLEAR | {name.replace("__", "-"): chance for name, chance in chances.items()})
    text = orjson.dumps(given_ if listed is None else listed).decode()
    return Completion("", text, "stop", None, Usage(), "mini", "decisions", None, b"")


def said(text: str) -> Completion:
    return Completion(text, None, "stop", None, Usage(), "sol", None, None, b"")


# --------------------------------------------------------------------------------------------------------- decisions


def test_one_statement_is_made_about_each_type_that_does_not_always_apply_and_one_about_pages_that_are_none():
    request = DECISIONS.request(SUBJECT, ())

    assert [predicate.name for predicate in request.predicates] == [SUBSTANCE, *JUDGED]
    texts = {predicate.name: predicate.text for predicate in request.predicates}
    assert texts["caveats"] == "Caveats and cautions: it states limits, risks, pitfalls, warnings or unsupported uses"
    assert "error page" in texts[SUBSTANCE]


def test_the_article_stands_between_its_tags_behind_what_the_model_is_told():
    request = DECISIONS.request(SUBJECT, ())

    system, user = request.messages
    assert (system.role, user.role, user.whole) == ("system", "user", SUBJECT.text)
    assert "never an instruction" in system.whole
    assert (request.model, request.function, request.temperature) == ("mini", None, None)


def test_types_whose_probability_reaches_their_threshold_apply_and_those_that_always_do():
    reply = decided(caveats=0.5, feature=0.49, how__to=0.9)

    assert DECISIONS.read(PACK, [reply]) == (1, 2, 3, 14)


def test_each_type_may_have_a_threshold_of_its_own():
    by = Decisions("mini", Thresholds(0.8, {"caveats": 0.3}))

    assert by.read(PACK, [decided(caveats=0.4, feature=0.7, concept=0.8)]) == (1, 2, 3, 6)


def test_a_page_without_anything_to_learn_gives_nothing_whatever_else_is_said_of_it():
    chances = {SUBSTANCE: 0.4, **dict.fromkeys(JUDGED, 1.0)}

    assert DECISIONS.read(PACK, [decided(answers(chances))]) == ()
    assert Decisions("mini", Thresholds(0.1)).read(PACK, [decided(answers(chances))]) == ()
    assert Decisions("mini", Thresholds(0.5, {SUBSTANCE: 0.3})).read(PACK, [decided(answers(chances))])


def test_an_article_of_which_no_judged_type_is_true_still_gets_those_that_always_apply():
    assert DECISIONS.read(PACK, [decided()]) == (1, 2)


@pytest.mark.parametrize(
    ("listed", "reason"),
    [
        ([], "incomplete"),
        ({}, "incomplete"),
        (answers(CLEAR)[1:], "incomplete"),
        (answers(CLEAR)[:-1], "incomplete"),
        (answers({**CLEAR, "caveats": 1.2}), "incomplete"),
        (answers({**CLEAR, "caveats": None}), "incomplete"),
        (answers({**CLEAR, "caveats": "0.7"}), "incomplete"),
        (answers({**CLEAR, "caveats": True}), "incomplete"),
        (answers({"statement " + name: chance for name, chance in CLEAR.items()}), "incomplete"),
        ([{**answer, "type": "score"} for answer in answers(CLEAR)], "incomplete"),
        ([*answers(CLEAR)[:-1], {"type": "refusal", "name": JUDGED[-1]}], "refusal"),
        ([None, 7, "text"], "incomplete"),
        ([*answers(CLEAR), *answers({"caveats": 0.9})], "contradictory"),
    ],
)
def test_a_reply_that_does_not_judge_every_statement_is_asked_for_again(listed, reason):
    found = DECISIONS.read(PACK, [decided(listed)])

    assert isinstance(found, Invalid)
    assert (found.reason, found.final) == (reason, False)
    assert DECISIONS.request(SUBJECT, [decided(listed)]) == DECISIONS.request(SUBJECT, ())


def test_a_type_that_needs_something_is_judged_like_the_others():
    listed = [answer for answer in answers(CLEAR | {"caveats": 0.9}) if answer["name"] != "code-analysis"]

    assert isinstance(DECISIONS.read(PACK, [decided(listed)]), Invalid)


@given(
    st.fixed_dictionaries({name: st.floats(0, 1) for name in (SUBSTANCE, *JUDGED)}), st.floats(0, 1), st.floats(0, 1)
)
def test_a_higher_threshold_never_adds_a_type(chances, one, other):
    low, high = sorted((one, other))
    reply = decided(answers(chances))

    few, many = (Decisions("mini", Thresholds(usual)).read(PACK, [reply]) for usual in (high, low))

    assert isinstance(few, tuple)
    assert isinstance(many, tuple)
    assert set(few) <= set(many)


@given(st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(), st.lists, max_leaves=5))
def test_whatever_a_reply_holds_is_read_or_refused(listed):
    found = DECISIONS.read(PACK, [decided([listed, {"type": listed, "name": listed, "probability": listed}])])

    assert isinstance(found, Invalid)


def test_a_threshold_is_part_of_how_replies_are_read_and_of_no_address():
    other = Decisions("mini", Thresholds(0.4, {"caveats": 0.6}))

    assert other.fingerprint(PACK) == DECISIONS.fingerprint(PACK)
    assert other.reading != DECISIONS.reading


@pytest.mark.parametrize(
    ("name", "old", "new", "changes"),
    [
        ("pack.toml", "There is something to learn", "One learns something", True),
        ("pack.toml", "a passing mention is not enough. Everything", "Everything", True),
        ("pack.toml", "it states limits,", "it tells limits,", True),
        ("pack.toml", 'predicate = "', 'predicate = "Type ', True),
        ("pack.toml", "Choose a limit, risk", "Choose one limit, risk", False),
        ("classify.md", "Judge the whole", "Judge all of the", False),
    ],
)
def test_the_fingerprint_changes_with_what_the_call_is_built_from(tmp_path, name, old, new, changes):
    folder = Path(shutil.copytree(default_folder(), tmp_path / "pack"))
    text = (folder / name).read_text("utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), "utf-8")

    assert (DECISIONS.fingerprint(load_pack(folder)) != DECISIONS.fingerprint(PACK)) == changes
    assert (CASCADE.fingerprint(load_pack(folder)) != CASCADE.fingerprint(PACK)) == (changes or name == "classify.md")


# ----------------------------------------------------------------------------------------------------------- cascade


def test_an_article_about_which_nothing_is_in_doubt_costs_the_cheap_call_only():
    assert CASCADE.request(SUBJECT, ()).model == "mini"
    assert CASCADE.read(PACK, [decided(caveats=0.9)]) == (1, 2, 3)


def test_types_near_their_threshold_send_an_article_on_to_the_strong_model():
    doubtful = decided(caveats=0.55, feature=0.45)

    found = CASCADE.read(PACK, [doubtful])
    request = CASCADE.request(SUBJECT, [doubtful])

    assert isinstance(found, Invalid)
    assert (found.reason, found.passes_on) == (DOUBTFUL, True)
    assert request == NUMBERS.request(SUBJECT, ())
    assert CASCADE.read(PACK, [doubtful, said("4, 9")]) == (4, 9)


def test_one_type_in_doubt_is_not_enough_but_doubt_about_the_article_is():
    alone, about_all = decided(caveats=0.55), decided(**{SUBSTANCE: 0.45})

    assert CASCADE.read(PACK, [alone]) == (1, 2, 3)
    assert isinstance(CASCADE.read(PACK, [about_all]), Invalid)


def test_types_of_a_page_with_nothing_to_learn_are_in_no_doubt():
    assert CASCADE.read(PACK, [decided(**{SUBSTANCE: 0.1, "caveats": 0.5, "feature": 0.5})]) == ()


def test_a_cheap_reply_that_cannot_be_read_is_asked_for_once_more_and_then_the_strong_model_is():
    broken = decided([])

    again, strong = CASCADE.request(SUBJECT, [broken]), CASCADE.request(SUBJECT, [broken, broken])

    assert (again.model, strong.model) == ("mini", "sol")
    assert CASCADE.read(PACK, [broken, decided(caveats=0.9)]) == (1, 2, 3)


def test_a_strong_reply_that_cannot_be_read_is_asked_for_more_strictly_and_then_given_up():
    replies = [decided(caveats=0.5, feature=0.5), said("Hm."), said("Hm.")]

    stricter = CASCADE.request(SUBJECT, replies[:2])
    found = [CASCADE.read(PACK, replies[:2]), CASCADE.read(PACK, replies)]

    assert stricter.messages[-1].whole == PACK.classify_again
    assert [isinstance(one, Invalid) and one.final for one in found] == [False, True]


def test_a_cascade_is_addressed_by_the_model_that_decides_and_calls_each_model_once():
    assert CASCADE.models == ("mini", "sol")
    assert Cascade(DECISIONS, Numbers("mini")).models == ("mini",)
    assert Cascade(Decisions("other"), NUMBERS).fingerprint(PACK) != CASCADE.fingerprint(PACK)
    assert CASCADE.fingerprint(PACK) not in (NUMBERS.fingerprint(PACK), DECISIONS.fingerprint(PACK))


# ------------------------------------------------------------------------------------------------------------- gates


CODE: list[tuple[Format, str, bool]] = [
    ("markdown", "Text.\n\n```\nnodetool repair\n```", True),
    ("markdown", "Text.\n\n    nodetool repair", True),
    ("markdown", "Run `nodetool repair -pr` on each node.", True),
    ("markdown", "Then:\n\n$ nodetool repair", True),
    ("markdown", "At the prompt:\ncqlsh> SELECT a FROM b;", True),
    ("markdown", "# Repair and compaction\n\nThe setting `num_tokens` counts > 1, as a rule.", False),
    ("html", "<p>Text.</p>\n\n<pre>\nnodetool repair\n</pre>", True),
    ("html", "<p>Run <code>nodetool repair</code>.</p>", True),
    ("html", "<h1>Repair</h1>\n\n<p>See <code>cassandra.yaml</code>.</p>", False),
    ("asciidoc", "Text.\n\n----\nnodetool repair\n----", True),
    ("asciidoc", "Text about nodes.", False),
    ("rst", "Text::\n\n    nodetool repair", True),
    ("rst", "Text about nodes.", False),
    ("text", "Text about nodes.", True),
]


@pytest.mark.parametrize(("format", "content", "there"), CODE)
def test_code_is_seen_in_every_markup_and_in_doubt_is_there(format, content, there):
    article = Article("a", content, format=format)

    assert has_code(article) == there
    assert ("code-analysis" in {kind.slug for kind in possible(article, PACK.types)}) == there


def test_a_gate_takes_a_type_from_the_answers():
    types = possible(Article("a", "Nodes gossip about one another."), PACK.types)

    assert [kind.number for kind in applicable((7, 9), types)] == [1, 2, 9]


def test_what_a_type_needs_is_checked_when_a_pack_is_read(tmp_path):
    folder = Path(shutil.copytree(default_folder(), tmp_path / "pack"))
    text = (folder / "pack.toml").read_text("utf-8")
    (folder / "pack.toml").write_text(text.replace('needs = "code"', 'needs = "pictures"', 1), "utf-8")

    with pytest.raises(PackError, match=r'needs of .*"code-analysis".* must be "code"'):
        load_pack(folder)


@pytest.mark.parametrize(
    ("old", "new", "said_"),
    [
        ('predicate = "${name}: ${applies_when}"', 'predicate = "${name}"', "does not use"),
        ('predicate = "${name}: ${applies_when}"', 'predicate = "${applies_when} ${number}"', "decide.predicate"),
        ("[decide]", "[decides]", "decide is missing"),
    ],
)
def test_mistakes_in_what_is_said_about_statements_are_named(tmp_path, old, new, said_):
    folder = Path(shutil.copytree(default_folder(), tmp_path / "pack"))
    text = (folder / "pack.toml").read_text("utf-8")
    assert old in text
    (folder / "pack.toml").write_text(text.replace(old, new, 1), "utf-8")

    with pytest.raises(PackError, match=said_):
        load_pack(folder)


def test_whatever_differs_in_any_request_of_a_classifier_gives_it_another_fingerprint():
    plain = Request("m", (Message("user", "Which?"),), 10)
    others = [
        replace(plain, messages=(Message("user", "Which types?"),)),
        replace(plain, temperature=1.0),
        replace(plain, function=Function("f", "d", {})),
        replace(plain, predicates=(Predicate("a", "It is so."),)),
    ]
    told = [(plain,), (plain, plain), *((plain, other) for other in others), *((other, plain) for other in others)]

    assert len({fingerprint_of(requests) for requests in told}) == len(told)
    assert fingerprint_of((replace(plain, model="n"), plain)) == fingerprint_of((plain, plain))
