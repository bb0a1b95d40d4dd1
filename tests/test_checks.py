"""Checks of drafts: what is caught, and what must not be."""

from dataclasses import replace

import pytest

from qloragen.domain.checks import Case, facts_of, inspect
from qloragen.domain.checks.surface import SURFACE
from qloragen.packs import load_pack
from qloragen.thresholds import Thresholds
from qloragen.types import Article, Draft

PACK = load_pack()
KINDS = {kind.slug: kind for kind in PACK.types}
ARTICLE = (
    "Medusa backs up Cassandra to object storage. Run `medusa backup --name <backup_name>` on every node.\n\n"
    'The chart takes {{ .Values.bucket }} and {"bucket": "b"}. YCSB prints [INSERT] lines.'
)
GOOD = Draft(
    instruction="How is a backup of a Cassandra node to object storage taken with Medusa?",
    input=ARTICLE,
    output="Run `medusa backup --name <backup_name>` on the node; do so on every node of the cluster.",
)


def codes(draft, kind, article=ARTICLE):
    case = Case(draft, facts_of(Article("a", article)), kind, PACK, "evidence", Thresholds())
    surface = {check.code for check in SURFACE}
    return [defect.code for defect in inspect(case).defects if defect.code in surface]


def reason(type="how-to", **fields):
    return next(iter(codes(replace(GOOD, **fields), KINDS[type])), None)


def test_a_good_draft_passes_for_every_type():
    assert not any(codes(GOOD, kind) for kind in PACK.types)


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("output", "...", "empty"),
        ("output", "N/A", "empty"),
        ("output", "\u200b\u200b\u200b\u200b\u200b", "empty"),
        ("output", "Yes.", "empty"),
        ("instruction", "Why?", "empty"),
        ("instruction", "什么是墓碑？", None),
        ("input", "No text.", "empty"),
        ("output", "Run\x1b[2J the command on every node.", "control_characters"),
        ("output", "Run\tthe\ncommand on every node.", None),
        ("output", "<LLM's Response>", "placeholder"),
        ("output", "The result is <the model's answer> as described.", "placeholder"),
        ("output", "Set the bucket to [insert bucket name].", "placeholder"),
        ("output", "Connect to <your cluster address> first.", "placeholder"),
        ("output", "The remaining steps: [TODO]", "placeholder"),
        ("output", "Dear {{user name}}, run the backup.", "placeholder"),
        ("output", "Lorem ipsum dolor sit amet.", "placeholder"),
        ("instruction", "What does </article-0a1b2c3d> say about backups?", "placeholder"),
        ("output", "The chart takes {{ .Values.bucket }} as the bucket.", None),
        ("instruction", "[1] How is a backup taken?", "paragraph_number"),
        ("output", "Run the command on every node [3], then wait [4].", "paragraph_number"),
        ("output", "The first column is row[0], and the list is [1, 2].", None),
        ("output", "See [your first backup](docs/first.md) for the steps.", None),
        ("output", "Lines that begin with [INSERT] are the writes.", None),
        ("output", "Declare it as Map<String, Response> and List<Output>.", None),
        ("output", "Run `nodetool repair <keyspace>` on the node.", None),
        ("output", "In Helm write {{- if .Values.x }} around the block.", None),
        ("instruction", "Step-by-step implementation", "prompt_echo"),
        ("instruction", "Help me implement a tool.", "prompt_echo"),
        ("instruction", "Explain any caveats or cautions noted in the article", "prompt_echo"),
        ("instruction", "Please summarise this section of the text.", "prompt_echo"),
        ("instruction", "Provide practical advice", "prompt_echo"),
        ("instruction", "What caveats apply to Medusa backups of large clusters?", None),
        ("instruction", "Explain the concept of a tombstone in Apache Cassandra.", None),
        ("instruction", KINDS["how-to"].guidance, "prompt_echo"),
        ("output", "Only steps that are given there, nothing more than that.", None),
        ("output", f"Here it is. {PACK.record.evidence} Done.", "prompt_leak"),
        ("output", "I'm sorry, but there is no such thing in it.", "refusal"),
        ("output", "I cannot help with that request at all.", "refusal"),
        ("output", "As an AI language model, I have no access.", "refusal"),
        ("output", "Sorry, this is not possible for me.", "refusal"),
        ("output", "I am unable to answer this question.", "refusal"),
        ("output", "I can reach the node after the firewall is open.", None),
        ("instruction", "I cannot reach the node after a restart; what now?", None),
        ("output", GOOD.instruction.replace("?", "."), "copy"),
        ("output", ARTICLE.upper(), "copy"),
        ("instruction", ARTICLE, "copy"),
        ("output", '{"instruction": "x", "output": "y"', "json_in_string"),
        ("output", '{"answer": "Run medusa backup."}', "json_in_string"),
        ("output", '["Run medusa backup", "Check it"]', "json_in_string"),
        ("output", '{"bucket": "b"}', None),
        ("output", "{'class': 'SimpleStrategy', 'replication_factor': 3}", None),
    ],
)
def test_defects_are_caught_and_lookalikes_are_not(field, text, expected):
    assert reason(**{field: text}) == expected


def test_what_is_said_about_a_defect_names_the_field():
    draft = replace(GOOD, output="[insert answer here]")
    case = Case(draft, facts_of(Article("a", ARTICLE)), KINDS["how-to"], PACK, "evidence", Thresholds())

    assert inspect(case).defects[0].detail == (
        "The output contains the placeholder [insert answer here]; write the finished text in its place."
    )
