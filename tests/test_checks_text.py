"""What is wrong with a text as such: its length, its characters, its end, its language, and what it repeats."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qloragen.thresholds import Thresholds

from .drafts import CHINESE, COOKING, DATABASES, FIELDS, GERMAN, LAW, MEDICINE, codes_with, good, surface_codes

SENTENCE = "Repair compares the replicas of a token range by their Merkle trees. "
CODE = """\
Run these:

```sql
CREATE TABLE a (id int PRIMARY KEY, v text);
CREATE TABLE b (id int PRIMARY KEY, v text);
CREATE TABLE c (id int PRIMARY KEY, v text);
CREATE TABLE d (id int PRIMARY KEY, v text);
CREATE TABLE e (id int PRIMARY KEY, v text);
CREATE TABLE f (id int PRIMARY KEY, v text);
```
"""
TABLE = "The stages are these.\n\n" + "\n".join(f"| ReadStage | 0 | 0 | {number} | 0 | 0 |" for number in range(12))


# -------------------------------------------------------------------------------------------------------------- length


@pytest.mark.parametrize(
    ("field", "text", "code"),
    [
        ("instruction", "Explain.", "empty"),
        ("output", "Not applicable.", "empty"),
        ("instruction", "Why is repair needed? " * 30, "too_long"),
        ("output", "".join(f"Step {number} of the repair follows. " for number in range(120)), "too_long"),
        ("input", "".join(f"Node {number} of the ring is repaired. " for number in range(400)), "too_long"),
    ],
)
def test_too_little_and_too_much_is_caught(field, text, code):
    assert code in codes_with(DATABASES, **{field: text})


@pytest.mark.parametrize("text", ["什么是墓碑?", "Explain tombstones."])
def test_short_instructions_that_ask_something_pass(text):
    assert "empty" not in codes_with(DATABASES, instruction=text)


def test_lengths_are_thresholds():
    shorter = Thresholds(max_output_bytes=50, max_input_bytes=100, max_instruction_bytes=40)

    assert "too_long" in surface_codes(DATABASES.draft, DATABASES.article, thresholds=shorter)
    assert "too_long" not in surface_codes(DATABASES.draft, DATABASES.article)


# ---------------------------------------------------------------------------------------------------------- characters


@pytest.mark.parametrize(
    "output",
    [
        "The node doesnâ€™t answer until repair has ended on it.",
        "Der KnotenschlÃ¼ssel wird fÃ¼r jede Zeile berechnet.",
        "The replica answers with � in place of the name.",
    ],
)
def test_garbled_characters_are_caught(output):
    assert "mojibake" in codes_with(DATABASES, output=output)


@pytest.mark.parametrize(
    "output",
    [
        "The node doesn’t answer – “repair” has not ended there yet…",
        "L’été, la réparation s’exécute à Zürich, à Łódź et à İzmir.",
        "Τα δεδομένα, данные и データ sind Daten, für Ðuro und Þór.",
        "The cut is ½ of 20 °C ± 3 µs × 2, © 2024, § 5.",
    ],
)
def test_characters_of_other_languages_are_not_garbled(output):
    assert "mojibake" not in codes_with(DATABASES, output=output)


def test_garbled_characters_of_the_article_itself_pass():
    article = "The text shows how â€™ comes about.\n\n" + DATABASES.article

    output = "The text shows how â€™ comes about."
    assert "mojibake" not in codes_with(DATABASES._replace(article=article), output=output)


# ----------------------------------------------------------------------------------------------------------------- end


@pytest.mark.parametrize(
    "output",
    [
        "Repair has to run within gc_grace_seconds, since deleted rows may come ba",
        "Repair has to run within ten days. If it does not, deleted rows may",
        "Repair has to run within ten days,",
        "Repair compares the replicas and",
        "Run this on every node:\n\n```sh\nnodetool repair -pr",
        "Run `nodetool repair on each of the nodes, one after another.",
        "Repair has to run on these tables:",
        "- compare the replicas\n- stream the diff",
        "Die Reparatur muss alle zehn Tage auf jedem Knoten der Maschinen lau",
    ],
)
def test_texts_that_break_off_are_caught(output):
    good_one = DATABASES._replace(article=DATABASES.article + "\n\nThe differences are streamed.")

    assert "truncated" in codes_with(good_one, output=output)


@pytest.mark.parametrize(
    "output",
    [
        "Three replicas in each data centre",
        "Run these:\n\n- nodetool repair\n- nodetool cleanup",
        "1. Stop the node\n2. Start the node again",
        "Run this on every node:\n\n```sh\nnodetool repair -pr\n```",
        "The command is:\n\n    nodetool repair -pr keyspace1",
        "More about repair on every node of the ring is found at https://cassandra.apache.org/doc/repair",
        "Set the option that limits compaction on each of the nodes to compaction_throughput",
        "| option | default |\n| --- | --- |\n| gc_grace_seconds | ten days |",
        "Repair has to run within “gc_grace_seconds.”",
        "Die Reparatur läuft „alle zehn Tage.“",
        "使用 QUORUM 时,多数副本必须响应",
        "It answers (as the log says: “done”)",
        "The default for all tables of a keyspace is: ten days",
        "ถ้าไม่ทำ แถวที่ลบไปแล้วอาจกลับมา",
    ],
)
def test_whole_texts_pass(output):
    assert "truncated" not in codes_with(DATABASES, output=output)


def test_a_line_of_the_article_is_whole_as_it_is():
    article = DATABASES.article + "\n\nHow replicas of a range that differ are found out by repair\n\nBy trees."
    line = "How replicas of a range that differ are found out by repair"

    assert "truncated" not in codes_with(DATABASES._replace(article=article), output=line)
    assert "truncated" in codes_with(DATABASES, output=line)


# -------------------------------------------------------------------------------------------------------------- copies


def test_an_output_that_is_the_input_is_caught_and_one_out_of_it_is_not():
    first, second = DATABASES.article.split("\n\n")

    assert "copy" in codes_with(DATABASES, output=DATABASES.article)
    assert "copy" in codes_with(DATABASES, output=DATABASES.article.replace("often", "mostly").replace("days", "weeks"))
    assert "copy" not in codes_with(DATABASES, output=first)
    assert "copy" not in codes_with(DATABASES, output=second)


def test_an_instruction_that_is_a_sentence_of_the_input_is_caught_unless_it_asks():
    article = (
        "How is a node repaired in the ring of Cassandra?\n\nnodetool repair compares replicas by their Merkle trees."
    )

    faq = good(article, "How is a node repaired in the ring of Cassandra?", "It is repaired by nodetool repair.")
    assert "copy" not in codes_with(faq)
    assert "copy" in codes_with(faq, instruction="nodetool repair compares replicas by their Merkle trees.")


@pytest.mark.parametrize(
    "text",
    ["{'answer': 'ten days'}", '```json\n{"instruction": "How?", "output": "So."}\n```', '[{"output": "ten days"}]'],
)
def test_a_record_inside_a_field_is_caught(text):
    assert "json_in_string" in codes_with(DATABASES, output=text)


# ----------------------------------------------------------------------------------------------------------- repetition


@pytest.mark.parametrize(
    "output",
    [
        SENTENCE * 4,
        "Repair runs on each node. " + SENTENCE * 3 + "It ends then.",
        "Repair is run on the node and then " + "it is run again on the node and then " * 8 + "it ends.",
        "The node is repaired. The row is read. " * 4,
        "Repair " + "a" * 60 + " ends.",
        "复制因子说明每一行有多少个节点保存副本。" * 5,
        "复制因子说明副本" * 12,
    ],
)
def test_texts_that_turn_in_circles_are_caught(output):
    assert "repetition" in codes_with(DATABASES, output=output)


@pytest.mark.parametrize(
    "output", [CODE, TABLE, "Yes. " * 5 + "It does.", "-" * 80, *(g.draft.output for g in FIELDS.values())]
)
def test_code_tables_and_usual_text_are_no_loops(output):
    assert "repetition" not in codes_with(DATABASES, output=output)


def test_what_the_article_repeats_itself_is_no_loop():
    article = SENTENCE * 4 + "\n\n" + DATABASES.article

    assert "repetition" not in codes_with(DATABASES._replace(article=article), output=SENTENCE * 4)


# ------------------------------------------------------------------------------------------------------------- language


@pytest.mark.parametrize(
    ("article", "other"),
    [(DATABASES, GERMAN), (GERMAN, DATABASES), (COOKING, CHINESE), (CHINESE, MEDICINE), (LAW, GERMAN)],
)
def test_another_language_than_the_articles_is_caught(article, other):
    assert "language" in codes_with(article, output=other.draft.output)
    assert "language" in codes_with(article, instruction=other.draft.instruction)


@pytest.mark.parametrize(
    "output",
    [
        "Das ist neu.",
        CODE,
        "nodetool repair -pr keyspace1 table1 && nodetool cleanup keyspace1 && nodetool status keyspace1 --resolve-ip",
        "Keyspace, Commitlog, Memtable, Bloomfilter, Hinted Handoff, Read Repair.",
    ],
)
def test_short_texts_code_and_names_have_no_language(output):
    assert "language" not in codes_with(DATABASES, output=output)


def test_a_text_that_goes_on_in_another_language_is_caught():
    output = f"{DATABASES.draft.output} {GERMAN.draft.output}"

    assert "language" in codes_with(DATABASES, output=output)


def test_a_translation_is_in_another_language():
    asked = "Translate into German what the replication factor says in Cassandra."

    assert "language" not in codes_with(DATABASES, instruction=asked, output=GERMAN.draft.output)


def test_thresholds_of_one_kind_do_not_touch_another():
    strict = Thresholds(language_score=1.0)
    draft = replace(DATABASES.draft, output=GERMAN.draft.output)

    assert "language" not in surface_codes(draft, DATABASES.article, thresholds=strict)
    assert "language" in surface_codes(draft, DATABASES.article)
