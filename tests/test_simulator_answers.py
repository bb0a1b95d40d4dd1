"""What the simulated model answers: types that an article supports, records from its sentences, any schema filled."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.domain import generate
from qloragen.domain.article_block import ArticleBlock, lay_out
from qloragen.domain.classifiers import Json, Numbers, Subject
from qloragen.domain.pack import Pack
from qloragen.engine.body import encode
from qloragen.engine.models import family
from qloragen.packs import load_pack
from qloragen.simulator.answer_plain import plain
from qloragen.simulator.answers import Answer, answer
from qloragen.types import Article, Completion, Draft, Format, InputMode, Invalid, Request, Structure, Usage

from .conftest import SHARED

QUESTION = "Tell me about hinted handoff. A coordinator keeps a hint for a node that is down. It is replayed later."
EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "articles"
FORMATS: Mapping[str, Format] = {".md": "markdown", ".html": "html", ".adoc": "asciidoc", ".rst": "rst", ".txt": "text"}
PACK = load_pack()
MODEL = "gpt-4o-mini"
NUMBERS = Numbers(MODEL)
FORMS: tuple[Structure, ...] = ("tools", "json_schema", "json_object")


def corpus() -> list[ArticleBlock]:
    path = SHARED / "data" / "corpus-dev.jsonl"
    if not path.exists():
        pytest.skip("the corpus of real articles is not on this machine")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [lay_out(Article(id=row["id"], content=row["content"], format=row["format"])) for row in rows]


def examples() -> list[ArticleBlock]:
    paths = sorted(EXAMPLES.iterdir())
    return [lay_out(Article(path.name, path.read_text(), format=FORMATS[path.suffix])) for path in paths]


def body_of(request: Request, structure: Structure | None = "tools") -> dict[str, object]:
    found = json.loads(encode(request, family(MODEL), structure))
    assert isinstance(found, dict)
    return found


def completion(said: Answer) -> Completion:
    arguments = said.text if said.arguments is None else said.arguments
    return Completion(said.text or "", arguments, "stop", None, Usage(), MODEL, "tools", None, b"")


def classification(
    block: ArticleBlock, pack: Pack, by: Numbers | Json = NUMBERS, refused: Sequence[Completion] = ()
) -> Request:
    return by.request(Subject(block.article, block.plain, pack), refused)


def types_of(block: ArticleBlock, pack: Pack = PACK) -> tuple[int, ...]:
    said = answer(body_of(classification(block, pack)))
    assert said.text is not None
    return tuple(map(int, said.text.split(", ")))


def records(blocks: list[ArticleBlock], mode: InputMode, structure: Structure) -> Iterator[Draft | Invalid]:
    for block in blocks:
        numbers = types_of(block)
        for kind in (kind for kind in PACK.types if kind.number in numbers):
            request = generate.request(block, kind, PACK, MODEL, mode)
            said = answer(body_of(request, structure))
            yield generate.parse(completion(said), block, kind, PACK, mode)


def chat(text: str, **more: object) -> dict[str, object]:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **more}


def article(text: str) -> ArticleBlock:
    return lay_out(Article("one", text))


def example(name: str) -> ArticleBlock:
    return next(block for block in examples() if block.article.id == name)


# ----------------------------------------------------------------------------------------------------- classification


def test_real_articles_support_three_to_eight_types_and_not_the_same_ones():
    found = [types_of(block) for block in corpus()]

    counts = [len(types) for types in found]
    assert (min(counts), max(counts)) == (3, 8)
    assert 4 <= mean(counts) <= 6
    assert len(set(found)) > 100
    assert all({1, 2} <= set(types) for types in found)
    assert set().union(*found) == {kind.number for kind in PACK.types}


def test_the_example_articles_support_what_they_are_about():
    by_name = {block.article.id: set(types_of(block)) for block in examples()}

    assert 7 in by_name["async-paging-python.md"]
    assert 8 in by_name["cassandra-scylladb-postgresql.html"]
    assert 14 in by_name["time-series-tutorial.md"]
    assert all({1, 2} <= types and 3 <= len(types) <= 8 for types in by_name.values())


@pytest.mark.parametrize(
    "text",
    [
        "404 Not Found\n\nThe page that you are looking for does not exist.",
        "Home | Products | Docs | Blog | About us | Contact",
        "We use cookies. You consent to all cookies. Manage cookies or log in to read on. Accept all cookies. " * 3,
        "Apache Cassandra.",
    ],
)
def test_a_text_without_substance_supports_nothing(text):
    assert types_of(article(text)) == (0,)


def test_the_json_form_lists_the_same_types_as_the_numbers():
    for block in examples():
        request = classification(block, PACK, Json(MODEL))

        called, written = answer(body_of(request)), answer(body_of(request, "json_schema"))

        assert called.function == "list_types"
        assert called.arguments == written.text
        assert json.loads(called.arguments or "") == {"types": list(types_of(block))}


def test_a_bound_on_the_number_of_types_is_kept():
    for block in examples():
        request = classification(block, PACK, Json(MODEL, most=2))

        said = answer(json.loads(encode(request, family("local-model"), "json_schema")))

        assert len(json.loads(said.text or "")["types"]) <= 2


def test_a_classification_asked_again_is_answered_in_numbers():
    unclear = completion(Answer("I think that several types apply."))

    said = answer(body_of(classification(example("async-paging-python.md"), PACK, refused=[unclear])))

    assert Numbers(MODEL).read(PACK, [unclear, completion(said)])


def test_types_that_nobody_here_has_thought_of_are_judged_by_their_words():
    types = "1. Recipes: it says how to bake bread with flour\n2. Compaction: it explains tombstones and compaction"
    prompt = f"Which types apply?\n\n{types}\n3. Sports: it reports about football matches"
    block = example("compaction-and-memtables.adoc")
    messages = [{"role": "system", "content": prompt}, {"role": "user", "content": f"{block.plain}\n\nReply now."}]

    assert "2" in (answer({"messages": messages}).text or "").split(", ")


# ----------------------------------------------------------------------------------------------------------- records


@pytest.mark.parametrize("mode", ["evidence", "written"])
@pytest.mark.parametrize("structure", FORMS)
def test_nearly_every_record_about_a_real_article_passes_the_checks(mode, structure):
    blocks = corpus()[:: 1 if structure == "tools" else 8]

    read = list(records(blocks, mode, structure))

    drafts = [draft for draft in read if isinstance(draft, Draft)]
    assert len(drafts) >= 0.97 * len(read)
    assert mean(len(draft.output.split()) for draft in drafts) > 50
    assert all(8 <= len(draft.instruction.split()) <= 30 for draft in drafts)


@pytest.mark.parametrize("mode", ["evidence", "written"])
def test_every_record_about_the_example_articles_passes_the_checks(mode):
    read = list(records(examples(), mode, "tools"))

    assert [draft for draft in read if isinstance(draft, Invalid)] == []


def test_what_a_record_says_stands_in_its_evidence():
    for draft in records(examples(), "evidence", "tools"):
        assert isinstance(draft, Draft)
        said = {word.strip("`.,:;()[]*'\"") for word in draft.output.split()}
        given = draft.input

        assert sum(word in given for word in said) >= 0.85 * len(said)


def test_calls_of_all_types_about_one_article_ask_different_things():
    for block in examples():
        bodies = [body_of(generate.request(block, kind, PACK, MODEL, "evidence")) for kind in PACK.types]

        asked = [json.loads(answer(body).arguments or "") for body in bodies]

        assert len({record["instruction"] for record in asked}) == len(asked)
        assert len({str(record["evidence"]) for record in asked}) >= min(4, len(block.paragraphs))


def test_a_complaint_about_an_earlier_attempt_changes_the_record():
    block = example("consistency-and-hints.md")
    complaint = Invalid("prompt_echo", "The instruction only repeats the type of the record.")
    for kind in PACK.types:
        first, second = (
            answer(body_of(generate.request(block, kind, PACK, MODEL, "evidence", remarks=generate.Remarks(remarks))))
            for remarks in ((), (complaint,))
        )

        assert first != second


def test_chinese_and_japanese_articles_are_asked_about_in_their_language():
    chinese = "数据根据分区键的哈希值分布在各个节点上，每个分区会有多个副本。副本的数量由复制因子决定，通常为三个。" * 2
    japanese = "書き込みはまずコミットログに追加されます。次にメモリ上のテーブルに書き込まれ、後で保存されます。" * 2
    for text, mark in ((chinese, "？"), (japanese, "。")):
        body = body_of(generate.request(article(text), PACK.types[5], PACK, MODEL, "evidence"))

        assert json.loads(answer(body).arguments or "")["instruction"].endswith(mark)


@settings(max_examples=60)
@given(st.text(max_size=400), st.sampled_from(PACK.types))
def test_a_record_about_any_text_names_paragraphs_that_exist(text, kind):
    block = article(text)
    if not block.paragraphs:
        return

    said = answer(body_of(generate.request(block, kind, PACK, MODEL, "evidence")))

    evidence = json.loads(said.arguments or "")["evidence"]
    assert evidence
    assert set(evidence) <= set(range(1, len(block.paragraphs) + 1))


def test_a_json_object_without_a_schema_is_a_record():
    block = example("kafka-to-cassandra.txt")
    text = f"{block.numbered}\n\nWrite one record."

    made = json.loads(answer(chat(text, response_format={"type": "json_object"})).text or "")

    assert set(made) == {"instruction", "evidence", "output"}


# ------------------------------------------------------------------------------------------------ everything else


def test_plain_chat_is_answered_from_what_the_user_says():
    said = answer(chat(QUESTION))

    assert (said.function, said.arguments) == (None, None)
    assert "A coordinator keeps a hint for a node that is down." in (said.text or "")


def test_numbered_rules_are_not_taken_for_types():
    rules = {"role": "system", "content": "1. Be brief: one sentence.\n2. Be kind: always."}

    said = answer({"messages": [rules, {"role": "user", "content": QUESTION}]})

    assert (said.text or "").startswith("Tell me about hinted handoff.")


def test_a_tool_that_must_not_be_called_is_not_called():
    tool = {"type": "function", "function": {"name": "give", "parameters": {"type": "object", "properties": {}}}}

    assert answer(chat(QUESTION, tools=[tool], tool_choice="none")).function is None
    assert answer(chat(QUESTION, tools=[tool])) == Answer(None, "give", "{}")


def test_content_in_parts_is_read_as_one_text():
    parts = [{"type": "text", "text": QUESTION[:40]}, {"type": "image_url"}, {"type": "text", "text": QUESTION[40:]}]
    body = {"model": MODEL, "messages": [{"role": "user", "content": parts}]}

    assert answer(body) == answer(chat(QUESTION))


def test_equal_bodies_get_equal_answers_in_every_process():
    block = example("tombstone-incident.rst")
    body = body_of(generate.request(block, PACK.types[2], PACK, MODEL, "evidence"))
    script = "import json, sys; from qloragen.simulator.answers import answer; print(answer(json.load(sys.stdin)))"
    env = {**os.environ, "PYTHONHASHSEED": "7"}

    run = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(body), capture_output=True, text=True, check=True, env=env
    )

    assert run.stdout.strip() == repr(answer(body)) == repr(answer(json.loads(json.dumps(body))))


@pytest.mark.parametrize(("blocks", "most"), [(examples, 0.01), (corpus, 0.02)])
def test_records_of_one_article_seldom_say_the_same(blocks, most):
    outputs = [
        [draft.output for draft in records([block], "evidence", "tools") if isinstance(draft, Draft)]
        for block in blocks()
    ]

    repeated = sum(len(said) - len(set(said)) for said in outputs)
    assert repeated / sum(map(len, outputs)) < most


_IN_CODE = re.compile(r"`[^`]+`")
_MARKUP = re.compile(
    r"::|\w\^(?!\w)|\b(?:xref|link|image|include):\S|[\[\]{}|]|<<|</?[A-Za-z]|&#?\w+;|`|\*\*|window=|\"{3}|:ref:"
    r"|[-=+*_~]{4,}|[\u2500-\u257f]|(?:^|\s)(?:#+|\+|--)\s"
)


@pytest.mark.parametrize("blocks", [examples, corpus])
def test_nothing_of_markup_is_left_in_a_record(blocks):
    drafts = [draft for draft in records(blocks(), "evidence", "tools") if isinstance(draft, Draft)]

    said = [text for draft in drafts for text in (draft.instruction, draft.output)]
    assert said
    assert [found for text in said for found in _MARKUP.findall(_IN_CODE.sub("code", text))] == []


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("Data in Apache Cassandra&reg; is kept on disk.", "Data in Apache Cassandra® is kept on disk."),
        ("Ask people on https://example.org[Slack^] when in doubt.", "Ask people on Slack when in doubt."),
        ("`fan_out`:: How many files a level has.", "`fan_out`: How many files a level has."),
        ("It needs the [Reactive API] on the classpath.", "It needs the Reactive API on the classpath."),
        ("Get it as a xref:down.adoc[tar file] from here.", "Get it as a tar file from here."),
        ("A node _must_ have a clock that is right.", "A node must have a clock that is right."),
        ("Set ```some.name``` to the name of a class.", "Set `some.name` to the name of a class."),
        ("The command is `run [options]` on any node.", "The command is `run [options]` on any node."),
        ("Left of the | stand the names of tables.", ""),
        ("Node A ----> node B ----> node C and back.", ""),
    ],
)
def test_sentences_are_freed_of_markup_or_not_used(markup, words):
    filler = "A coordinator keeps a hint for a node that is down."
    found = plain(f"{filler} {markup}").sentences

    assert found == tuple(filter(None, (filler, words)))


def test_an_answer_about_code_is_made_of_sentences_about_it():
    said = [draft.output for draft in records(examples(), "evidence", "tools") if isinstance(draft, Draft)]

    assert not [output for output in said if "The code starts with" in output or "The line to look at" in output]
