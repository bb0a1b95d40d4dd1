"""Talk about unseen texts, refusals, requests in place of answers, instructions that lean on something unseen."""

from __future__ import annotations

import pytest

from .drafts import BLOG_ENGINE, CHINESE, COOKING, DATABASES, FIELDS, GERMAN, LAW, MEDICINE, codes_with


@pytest.mark.parametrize("field", FIELDS)
def test_nothing_is_wrong_with_a_good_record_in_any_field(field):
    assert codes_with(FIELDS[field]) == []
    assert codes_with(FIELDS[field], "written") == []


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("instruction", "According to the article, how often must nodetool repair run on a Cassandra node?"),
        ("instruction", "What does the author recommend for nodetool repair in Cassandra?"),
        ("instruction", "Summarise what this passage tells about nodetool repair."),
        ("output", "The article explains that repair has to run within gc_grace_seconds."),
        ("output", "As mentioned above, repair has to run within gc_grace_seconds of ten days."),
        ("output", "Based on the provided text, repair has to run within ten days."),
        ("output", "The provided context gives ten days as the time within which repair runs."),
        ("output", "Repair has to run within ten days, as stated in the excerpt."),
        ("output", "In this section, repair is said to run within ten days."),
        ("output", "The authors advise to run repair within ten days on each node."),
        ("output", "Repair runs within ten days, as the tutorial shows for each of the nodes."),
        ("output", "According to this document, repair has to run within ten days."),
        ("output", "This section points out that repair has to run within ten days."),
        ("output", "Repair runs within ten days. More is found in the section on repair."),
        ("output", "Repair runs within ten days, as far as can be learned from the text."),
        ("instruction", "Summarise the section about nodetool repair in Cassandra."),
        ("instruction", "From the paragraph above, how often must nodetool repair run?"),
    ],
)
def test_talk_about_an_article_is_caught(field, text):
    assert "article_talk" in codes_with(DATABASES, **{field: text})


@pytest.mark.parametrize(
    ("good", "output"),
    [
        (DATABASES, "A document database keeps a record as a document, and the document is refused above 16 MB."),
        (DATABASES, "Each section of cassandra.yaml has its own options; the text of a comment is ignored."),
        (DATABASES, "Send a POST request: the post is answered with the row, the page with rows."),
        (LAW, "Processing is lawful if the article's condition is met, and Article 7 states these conditions."),
        (LAW, "This section applies to controllers and processors alike, whatever their size is."),
        (BLOG_ENGINE, "The article stays, and the author is removed from the table authors when the row is deleted."),
        (COOKING, "Mix the flour with the water given in the recipe, then let the dough rest above the oven."),
        (MEDICINE, "The patient takes the above dose with food; information on warfarin comes with the package."),
        (GERMAN, "Der Autor ist gleich; der Replikationsfaktor sagt, wie viele Knoten eine Kopie haben."),
    ],
)
def test_ordinary_words_of_a_field_are_no_talk(good, output):
    assert "article_talk" not in codes_with(good, output=output)


def test_what_the_article_says_just_so_is_no_talk():
    article = "As mentioned above, the author of this article runs nodetool repair weekly.\n\n" + DATABASES.article
    sentence = "As mentioned above, the author of this article runs nodetool repair weekly."

    assert "article_talk" in codes_with(DATABASES, output=sentence)
    assert "article_talk" not in codes_with(DATABASES._replace(article=article), output=sentence)


@pytest.mark.parametrize(
    ("good", "output"),
    [
        (GERMAN, "Laut dem Artikel sagt der Replikationsfaktor, wie viele Knoten eine Kopie jeder Zeile haben."),
        (GERMAN, "Wie oben erwähnt, sagt der Replikationsfaktor, wie viele Knoten eine Kopie haben."),
        (DATABASES, "Selon l'article, la réparation doit se faire dans les dix jours."),
        (DATABASES, "L'auteur explique que la réparation doit se faire dans les dix jours."),
        (DATABASES, "Según el artículo, la reparación debe hacerse cada diez días."),
        (DATABASES, "De acordo com o artigo, o reparo deve ser feito em dez dias."),
        (CHINESE, "根据本文,复制因子说明每一行有多少个节点保存副本。"),
        (CHINESE, "作者指出复制因子说明每一行有多少个节点保存副本。"),
        (CHINESE, "この記事では、レプリケーション係数について説明しています。"),
    ],
)
def test_talk_is_caught_in_other_languages(good, output):
    assert "article_talk" in codes_with(good, output=output)


def test_an_input_is_judged_where_the_model_wrote_it():
    given = "In the article, the author discusses how nodetool repair compares replicas by Merkle trees."

    assert "article_talk" in codes_with(DATABASES, "written", input=given)
    assert "article_talk" not in codes_with(DATABASES, "evidence", input=given)


def test_a_placeholder_in_an_input_counts_where_the_model_wrote_it():
    given = "The context: [insert context here], then more of it."

    assert "placeholder" in codes_with(DATABASES, "written", input=given)
    assert "placeholder" not in codes_with(DATABASES, "evidence", input=given)


# ------------------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    "output",
    [
        "I'm sorry, but I can't answer this from what is given.",
        "Unfortunately, I am unable to answer how often repair must run.",
        "As an AI language model, I do not have access to your cluster.",
        "The provided text does not mention how often repair must run.",
        "There is no information about how often repair must run.",
        "How often repair must run is not specified in the provided context.",
        "I do not know how often repair must run on that node.",
        "I must decline to say how often repair must run.",
        "I'm just a language model and cannot judge how often repair must run.",
        "This question cannot be answered with what is known about repair.",
        "It is not possible to say how often repair must run.",
        "Es tut mir leid, dazu steht dort nichts über die Reparatur.",
        "Je suis désolé, mais je ne peux pas répondre à cette question.",
        "Lo siento, pero no puedo responder a esta pregunta.",
        "Desculpe, mas não posso responder a essa pergunta.",
        "很抱歉,我无法回答这个问题,因为没有相关的信息。",
        "申し訳ありませんが、その質問にはお答えできません。",
    ],
)
def test_refusals_are_caught(output):
    assert "refusal" in codes_with(DATABASES, output=output)


@pytest.mark.parametrize(
    "output",
    [
        "I can reach the node after the firewall has been opened for port 9042.",
        "The node answers with an error if the table does not contain the column.",
        "Cassandra cannot join tables, and there is no way to sort by another column.",
        "The log says that the replica is unable to answer within two seconds.",
        "A document that does not contain the field is not returned by the query.",
    ],
)
def test_what_a_system_cannot_do_is_no_refusal(output):
    assert "refusal" not in codes_with(DATABASES, output=output)


# ------------------------------------------------------------------------------------------------------------ requests


@pytest.mark.parametrize(
    "output",
    [
        "Please summarise the code or project that is contained in the repository.",
        "Can you explain how often nodetool repair must run?",
        "How often must nodetool repair run, and why?",
        "Explain how the replicas are compared by nodetool repair",
        "Your task is to describe how nodetool repair works.",
        "I would like you to list the options of nodetool repair.",
        "Hello! My cluster does not answer any more. What can I do?",
        "Sure! Which part of the repair shall be explained first?",
        "Give me an overview of the options of nodetool repair.",
        "Provide a detailed overview of nodetool repair and its options.",
        "User: how often must repair run?\nAssistant: within ten days.",
        "Bitte erklären Sie, wie oft die Reparatur laufen muss.",
        "Pourriez-vous expliquer la réparation des nœuds ?",
        "请总结 Cassandra 的修复过程。",
        "Cassandraの修復について説明してください。",
    ],
)
def test_an_output_that_asks_is_caught(output):
    assert "role_swap" in codes_with(DATABASES, output=output)


@pytest.mark.parametrize(
    "output",
    [
        "Please note that repair has to run within ten days on every node.",
        "Write the new value to cassandra.yaml and restart the node.",
        "Describe the table with DESCRIBE TABLE, then alter it.",
        "Which replica is right? Repair compares their Merkle trees and takes the newest cell.",
        "List the snapshots with `nodetool listsnapshots`, then clear those that are old.",
        "请运行以下命令:nodetool repair。然后等待它结束。",
    ],
)
def test_steps_and_rhetorical_questions_are_no_requests(output):
    assert "role_swap" not in codes_with(DATABASES, output=output)


def test_questions_may_be_the_answer_where_they_are_asked_for():
    asked = "Write a quiz question about how often nodetool repair runs."

    assert "role_swap" not in codes_with(DATABASES, instruction=asked, output="How often must nodetool repair run?")


# ------------------------------------------------------------------------------------------------------------ dangling


@pytest.mark.parametrize(
    "instruction",
    [
        "What does this setting do?",
        "Explain the above command.",
        "Explain what the command above does in Cassandra.",
        "What does it do?",
        "How does it work, and why is it used?",
        "In the second example, what does the flag change?",
        "What are its advantages over a relational database?",
        "Why is this option important?",
        "How can these errors be avoided?",
        "What do the steps shown below achieve?",
        "Describe the following code.",
        "What happens in step 3?",
        "What problem does this solve?",
        "Explain the above in your own words.",
        "How are these related to each other?",
        "Wie wird diese Einstellung geändert, und was bewirkt sie für Knoten?",
        "上述命令有什么作用,应该什么时候使用?",
        "このコマンドは何をしますか、いつ使いますか。",
    ],
)
def test_instructions_that_lean_on_something_unseen_are_caught(instruction):
    assert "dangling" in codes_with(DATABASES, instruction=instruction)


@pytest.mark.parametrize(
    "instruction",
    [
        "How does compaction_throughput work, and when should this setting be raised?",
        "Is it possible to run nodetool repair on a single table?",
        "Why is it important to run repair within gc_grace_seconds?",
        "How long does it take until a tombstone is removed from Cassandra?",
        "What makes it necessary to repair a node that was down?",
        "What does `nodetool repair` do before it compares replicas?",
        "Explain the purpose of the following command: nodetool repair -pr keyspace1",
        "How do I fix this error?\n\n```\nReadTimeout: 2 replicas were required\n```",
        "In the second step of the bootstrap of a Cassandra node, what is streamed?",
        "Before it joins the ring, what does a Cassandra node stream?",
        "How long does the dough rest, and how is it baked?",
        "Which dose of ibuprofen is safe, and who should avoid it?",
        "Under which condition is processing lawful, and can it be withdrawn?",
        "What is repair?",
        "How are tombstones removed?",
        "Which settings limit compaction, and what are their defaults?",
        "Wie wird der Replikationsfaktor geändert, und was muss danach geschehen?",
    ],
)
def test_instructions_that_name_their_matter_stand_alone(instruction):
    assert "dangling" not in codes_with(DATABASES, instruction=instruction)


# ---------------------------------------------------------------------------------------------- prompts, placeholders


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("### Response:\nRepair has to run within ten days.", "prompt_leak"),
        ("Output: repair has to run within ten days.", "prompt_leak"),
        ("Repair has to run within ten days.<|im_end|>", "prompt_leak"),
        ("[Your answer about the repair of a node here]", "placeholder"),
        ("Repair runs <answer> within ten days on each node.", "placeholder"),
        ("Repair runs within {output} ten days on each node.", "placeholder"),
        ("Repair runs within ten days. TODO: say more about it.", "placeholder"),
        ("Repair runs within ten days. [Add more about repair]", "placeholder"),
        ("Repair runs within ten days (evidence: 1, 2).", "paragraph_number"),
        ("Repair runs within ten days [1, 2].", "paragraph_number"),
        ("Repair runs within ten days [1][2].", "paragraph_number"),
        ("Write about ${subject} and the repair of its nodes.", "placeholder"),
        ("Repair is explained in paragraph 2, which gives ten days.", "paragraph_number"),
        ("Repair runs within ten days [2].", "paragraph_number"),
    ],
)
def test_what_belongs_to_the_prompts_is_caught(text, code):
    assert code in codes_with(DATABASES, output=text)


@pytest.mark.parametrize(
    ("good", "text"),
    [
        (LAW, "Paragraph 3 of Article 7 gives the right to withdraw consent at any time."),
        (DATABASES, "Set `TARGET=${HOME}/backup` in the shell, then run repair on the node."),
        (DATABASES, "The answer: repair runs within ten days, ### is a comment in that file."),
        (DATABASES, "Declare it as `Map<String, Answer>`, and read the list [1, 2] of the ranges [3, 4]."),
        (DATABASES, "See [Add a node](docs/add.md) and the todo list; the row is {output_format: 3}."),
    ],
)
def test_what_only_looks_like_a_prompt_passes(good, text):
    assert not {"prompt_leak", "placeholder", "paragraph_number"} & set(codes_with(good, output=text))


@pytest.mark.parametrize(
    "instruction",
    [
        "Explain any caveats or cautions noted in the article",
        "Ask where the article's particular subject fits in the NoSQL field",
        "Choose a limit, risk or warning that the article states about one particular thing.",
    ],
)
def test_an_instruction_that_repeats_the_prompt_of_any_type_is_caught(instruction):
    assert "prompt_echo" in codes_with(DATABASES, instruction=instruction)
