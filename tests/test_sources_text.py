"""Cleaning of characters and markup, and what is enough text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.sources import gate, markup, text
from qloragen.sources.clean import clean
from qloragen.sources.values import Candidate
from qloragen.types import Article, Skip, SkipReason


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("a\r\nb\rc\fd", "a\nb\nc\nd"),
        ("a\x00b\x07c\x1b[2Jd\x1b[31me\x7f", "abcde"),
        ("tab\there", "tab\there"),
        ("\ud83d\ude00 \ud800", "\U0001f600 \ufffd"),
        ("\ufeffpar\xadtition", "partition"),
        ("Cas\u200bsan\u200cdra\u200d", "Cassandra\u200d"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\U0001f469\u200d\U0001f467", "\U0001f469\u200d\U0001f467"),
        ("ไทย\u200bไทย a\u200bb", "ไทย\u200bไทย ab"),
        ("\u202bאב\u202c \u2028 Ã©", "\u202bאב\u202c \u2028 Ã©"),
        ("![x](data:image/png;base64," + "A" * 100 + ")", "![x]([122 characters of encoded data left out])"),
        ("x" * 999, "x" * 999),
        ("-" * 3_000, "-" * 3_000),
        ("id " + "Ab1" * 400 + "==\nend", "id [1,202 characters of encoded data left out]\nend"),
    ],
)
def test_characters_are_cleaned(dirty, clean):
    assert text.clean(dirty) == clean


def test_blocks_of_base64_go_and_lists_of_names_stay():
    block = "\n".join(["Ab3/" * 19] * 9 + ["Zz=="])
    names = "\n".join("org/apache/cassandra/db/compaction/Strategy" + "x" * number for number in range(12))

    assert text.clean(f"before\n{block}\nafter") == "before\n[688 characters of encoded data left out]\nafter"
    assert text.clean(names) == names


@given(st.text(st.characters() | st.sampled_from("\r\n\x1b[2J\u200b\u200c\u200d\u00ad\ufeffกa"), max_size=200))
def test_cleaning_twice_is_cleaning_once(dirty):
    once = text.clean(dirty)

    assert text.clean(once) == once
    once.encode()


@given(st.lists(st.sampled_from(["Ab3/" * 15, "Ab3/" * 15, "ab=", "word", "", "Z" * 1_200, "data:a/b,"]), max_size=30))
def test_dropping_encoded_data_twice_is_dropping_it_once(lines):
    once = text.clean("\n".join(lines))

    assert text.clean(once) == once


@pytest.mark.parametrize(
    ("format", "dirty", "clean"),
    [
        ("markdown", "---\ntitle: Repair\ndraft: 1\n---\n\nText", "# Repair\n\nText"),
        ("markdown", "---\ntitle: 'Repair'\n---\n# Own\n", "# Own"),
        ("markdown", '+++\ntitle = "Repair"\n+++\nText', "# Repair\n\nText"),
        (
            "markdown",
            "---\n\nA rule is no front matter.\n\n---\nMore",
            "---\n\nA rule is no front matter.\n\n---\nMore",
        ),
        ("markdown", "<!--\nLicensed\n-->\n\n# A\ntext <!-- x --> more", "# A\ntext more"),
        ("markdown", "a\n![i](a.png)\n[![b](c.svg)](d) [![b](c.svg)](d)\nsee ![alt](x.png) b", "a\nsee alt b"),
        (
            "markdown",
            '{{< note >}}\nMind [this]({{< ref "/x" >}}).\n{% raw %}\n{: .wide}',
            "Mind [this]."[:5] + "this.",
        ),
        (
            "markdown",
            "```html\n<!-- kept -->\n![kept](x)   \n\n\n\n\n```\nend  ",
            "```html\n<!-- kept -->\n![kept](x)   \n\n\n\n\n```\nend",
        ),
        ("asciidoc", "= A\n:page-role: x\n:version: 4.1\n\nUse {version} or {other}.", "= A\n\nUse 4.1 or {other}."),
        ("asciidoc", "// note\nimage::a.png[x]\n[[anchor]]\ntoc::[]\nText image:i.png[icon] here", "Text icon here"),
        ("asciidoc", "////\nhidden\n////\nText", "Text"),
        ("asciidoc", "a\n\n[source,cql]\n----\ninclude::x.cql[]\n----\n\nb", "a\n\n\nb"),
        ("asciidoc", "----\ninclude::x[]\nSELECT 1;\n// kept\n----", "----\nSELECT 1;\n// kept\n----"),
        ("rst", ".. a comment\n   of two lines\n\n.. image:: x.png\n   :alt: y\n\nTitle\n=====", "Title\n====="),
        (
            "rst",
            ".. code-block:: python\n\n   .. kept\n\n.. _label:\n\n.. note:: kept",
            ".. code-block:: python\n\n   .. kept\n\n.. _label:\n\n.. note:: kept",
        ),
        ("text", "#\n# Licensed to X\n#\n\n   Title", "   Title"),
        ("text", "# not about law\n# at all\n#\nText", "# not about law\n# at all\n#\nText"),
    ],
)
def test_markup_that_is_no_text_goes(format, dirty, clean):
    assert markup.tidy(dirty, format).content == clean


MARKUP = st.lists(
    st.sampled_from(
        [
            "```",
            "~~~~",
            "```x",
            "----",
            "....",
            "////",
            "word",
            "",
            "  ",
            "<!--",
            "-->",
            "![a](b)",
            "# H",
            ".. c",
            "   i",
            "---",
            "title: x",
            ":a: b",
            "include::x[]",
            "{a}",
            "# licence",
            "[source]",
        ]
    ),
    max_size=25,
)


@given(MARKUP, st.sampled_from(["markdown", "asciidoc", "rst", "text"]))
def test_every_word_of_prose_and_code_that_is_no_markup_stays(lines, format):
    tidy = markup.tidy("\n".join([*lines, "\n\nlast word"]), format).content

    commented = "<!--" in lines or "////" in lines or ".. c" in lines
    assert commented or tidy.endswith("last word")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", SkipReason.EMPTY),
        (" \n\u200b\u2060\u00a0\u3000", SkipReason.EMPTY),
        ("... --- ***", SkipReason.TOO_SHORT),
        ("Cassandra", SkipReason.TOO_SHORT),
        ("a\n" * 20_000, SkipReason.TOO_SHORT),
        ("分区键决定数据落在哪个节点上。" * 3, SkipReason.TOO_SHORT),
    ],
)
def test_what_is_not_enough_is_said_so(content, reason):
    lacking = gate.lacking(content, 150)

    assert lacking
    assert lacking[0] is reason


@pytest.mark.parametrize(
    "content",
    [
        "The coordinator sends the read to as many replicas as the consistency level asks for and waits for them. " * 2,
        "分区键决定数据落在哪个节点上。如果分区键选择不当，就会出现热点分区和过大的分区，从而影响读写延迟。建议把分区控制在一百兆以内。",
        "リペアはレプリカ間の差分を調べて同期する処理です。定期的に実行しないと削除したはずのデータが戻ることがあります。",
    ],
)
def test_a_short_paragraph_in_any_script_is_enough(content):
    assert gate.lacking(content, 150) is None


MANY = 20_000
HOSTILE = [
    "<!--",
    "<img ",
    "![a](b ",
    "[",
    "[a]({{<%}}",
    "<a name=x ",
    "include::[",
    "image:a[",
    "////\n",
    "a: b\n",
    " \t",
    "\u200b",
    "```\n",
    "data:a/b;",
    "Ab1/" * 12 + "\nx\n",
    "\x1b[",
    "<code>",
    "<div><a href=x>y</a>",
    "<p>",
]


@pytest.mark.parametrize("format", ["markdown", "asciidoc", "rst", "text", "html"])
@pytest.mark.parametrize("piece", HOSTILE)
def test_repetition_does_not_make_cleaning_hang(piece, format):
    # A rule that takes quadratic time would need minutes for one of these.
    outcome = clean(Candidate("x", piece * MANY, format=format))

    assert isinstance(outcome, Article | Skip)
