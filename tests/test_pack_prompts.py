"""What the default pack tells a model: enough for a record to be accepted at the first ask, and in few words."""

import asyncio
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from qloragen.domain import generate
from qloragen.domain.article_block import lay_out
from qloragen.domain.checks import CHECKS
from qloragen.domain.classifiers import Numbers, Subject
from qloragen.packs import load_pack
from qloragen.sources import read_paths
from qloragen.types import Article, Completion, Draft, Usage

PACK = load_pack()
KINDS = {kind.slug: kind for kind in PACK.types}
ARTICLE = Article("hints", "Hints are kept for a node that is down.\n\nThey expire after three hours.")
MODES = ("evidence", "written")

TOLD = {
    "empty": "complete answer",
    "too_long": "50 to 150 words",
    "placeholder": "no placeholder",
    "prompt_echo": "does not repeat the type",
    "prompt_leak": "nor of the type of the record",
    "paragraph_number": "Do not mention the numbers anywhere else",
    "article_talk": "never of an article, text, section, passage, paragraph, context or author",
    "refusal": "no excuse",
    "role_swap": "no question back",
    "truncated": "to the end of the last sentence",
    "copy": "not the context over again",
    "json_in_string": "JSON",
    "repetition": "nothing said twice",
    "language": "in the language of the article",
    "secret": "password, key",
    "personal_data": "e-mail address or phone number",
    "contact": "e-mail address or phone number",
    "chrome": "no menus",
    "dangling": "makes sense to someone who has read nothing else",
    "ungrounded": "Nothing comes from memory",
    "half_grounded": "Nothing comes from memory",
    "weakly_grounded": "Nothing comes from memory",
    "unsupported": "The context has every fact of the output",
    "unsupported_number": "each stands with what it belongs to there",
    "derived_number": "spelled as in the article",
    "unsupported_name": "Names, numbers, options, commands and code are spelled as in the article",
    "missing_evidence": "list the one with the code, option or warning itself",
    "over_context": "at most 700 words together",
}
"""What is said beforehand of each reason to refuse a record."""
NOT_CHOSEN = {"control_characters", "mojibake"}
"""Faults of an encoding, which no words prevent."""
BORDERS = [("wider-field", "effect"), ("feature", "concept")]
"""Types that were taken for each other."""
_PIECE = re.compile(r"\w+|[^\w\s]")


async def _blocks():
    found = read_paths([Path(__file__).parents[1] / "examples" / "articles"])
    return {Path(article.id).name: lay_out(article) async for article in found if isinstance(article, Article)}


BLOCKS = asyncio.run(_blocks())
WRITTEN = [
    json.loads(line) for line in Path(__file__).with_name("written_records.jsonl").read_text("utf-8").splitlines()
]
"""Records that a careful writer made of the examples' articles, with nothing but the prompts to go by."""


def asked(slug, mode="evidence"):
    """Return the call for a record of a type."""
    return generate.request(lay_out(ARTICLE), KINDS[slug], PACK, "m", mode)


def said(request):
    """Return all that a model is told besides the article."""
    return f"{request.messages[0].text}\n{request.function.parameters}\n{request.messages[1].text}"


def pieces(text):
    """Return the number of words and signs: with the tokens of current models within a tenth, for prose."""
    return len(_PIECE.findall(text))


def reply(written, block, mode):
    """Return a record as a model would send it."""
    said = {"instruction": written["instruction"], "output": written["output"]}
    if mode == "evidence":
        said["evidence"] = written["evidence"]
    else:
        said["input"] = "\n\n".join(block.paragraphs[number - 1] for number in written["evidence"])
    return Completion("", json.dumps(said), "tool_calls", None, Usage(), "m", "tools", None, b"")


# ------------------------------------------------------------------------------------------------------- prevention


@pytest.mark.parametrize("slug", KINDS)
def test_every_reason_to_refuse_a_record_is_told_to_the_model_beforehand(slug):
    prompt = said(asked(slug))

    assert {check.code for check in CHECKS} - NOT_CHOSEN <= TOLD.keys()
    assert [code for code, words in TOLD.items() if words not in prompt] == []


@pytest.mark.parametrize("slug", ["caveats", "configuration", "code-analysis", "comparison", "how-to"])
def test_types_that_must_show_something_ask_for_it_in_the_context(slug):
    assert re.search(r"the context has (?:them|it whole|both|the statement|all its steps)", KINDS[slug].guidance)


@pytest.mark.parametrize(("one", "other"), BORDERS)
def test_types_that_are_near_each_other_answer_opposite_questions(one, other):
    answers = re.compile(r'Answer "([^"]+)", not "([^"]+)"')

    [first], [second] = answers.findall(KINDS[one].guidance), answers.findall(KINDS[other].guidance)

    assert first == second[::-1]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("written", WRITTEN, ids=lambda written: f"{written['type']}, {written['article']}")
def test_a_record_that_was_written_as_the_prompts_say_is_accepted(mode, written):
    block = BLOCKS[written["article"]]

    found = generate.parse(reply(written, block, mode), block, KINDS[written["type"]], PACK, mode)

    assert isinstance(found, Draft), found.detail


def test_there_are_two_such_records_of_each_type():
    assert Counter(written["type"] for written in WRITTEN) == dict.fromkeys(KINDS, 2)


@pytest.mark.parametrize("slug", KINDS)
def test_no_sentence_of_a_prompt_stands_in_an_article(slug):
    """Such sentences in a record count as leaks of the prompt."""
    texts = (KINDS[slug].guidance, PACK.generate.system, PACK.generate.closing, *PACK.input_rules.values())
    sentences = [part for text in texts for part in re.split(r"(?<=[.:;])\s+|\n+(?:- )?", text) if len(part) >= 40]

    assert sentences
    assert not any(part in block.article.content for part in sentences for block in BLOCKS.values())


# ------------------------------------------------------------------------------------------------------------ tokens


@pytest.mark.parametrize(("mode", "most"), [("evidence", 480), ("written", 460)])
def test_what_all_calls_share_is_short(mode, most):
    assert pieces(asked("concept", mode).messages[0].text) <= most


def test_what_only_one_call_says_is_shorter_still():
    assert max(pieces(asked(slug).messages[1].text) for slug in KINDS) <= 150


def test_the_prompt_that_every_article_pays_for_is_short():
    request = Numbers("m").request(Subject(ARTICLE, ARTICLE.content, PACK), ())

    assert sum(pieces(message.text) for message in request.messages) <= 540


@pytest.mark.parametrize("mode", MODES)
def test_all_types_share_everything_up_to_the_end_of_the_article(mode):
    shared = {(asked(slug, mode).messages[0].text, asked(slug, mode).messages[1].head) for slug in KINDS}

    assert len(shared) == 1


def test_a_pack_for_another_field_speaks_of_nothing_of_this_one():
    other = load_pack(variables={"subject": "French tenancy law", "field": "civil law"})

    texts = [other.fill(other.generate.system, input_rules=""), *(kind.guidance for kind in other.types)]

    assert not re.search(r"cassandra|nosql|database|cluster|node\b", " ".join(texts), re.IGNORECASE)
