"""The card of a dataset: the hub reads its head, and a person finds in it what the data is, truly, and nothing else."""

from collections import Counter
from dataclasses import replace
from html import unescape

import pytest
from huggingface_hub import DatasetCard
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import qloragen
from qloragen.dataset.blending import Mixed
from qloragen.dataset.card import Exported, card
from qloragen.dataset.front_matter import front_matter, license_of
from qloragen.dataset.hub import HubFolder, Part, write_card
from qloragen.dataset.markdown import escaped, table
from qloragen.dataset.origin import Origin, languages_of, named, origin_of, public_host, without_folders
from qloragen.dataset.splits import Split
from qloragen.export import Example, ExportError, examples
from qloragen.export.alpaca import ALPACA
from qloragen.export.forms import FORMS, tagged
from qloragen.logs import escape

from .consumers import folder_by_datasets, info_by_datasets
from .page_reports import a_report, sample_articles, shown_records
from .simulated import Simulated

SECRET = "Do not tell: the quick brown memtable."
PARTS: dict[Split, Part] = {"train": Part(("data/train-00000-of-00001.parquet",), 95, 9_500, 800)}
MIXED = Mixed("alpaca", 0.3, 0.05, 5, 5, {"repeated": 2})


EXPORTED = Exported("alpaca", ALPACA.columns, PARTS, {"train": {"summary": 90}}, "cc-by-4.0", (MIXED,))


@pytest.fixture(scope="module")
def origin():
    """A run as large as those of the tests of the page."""
    report = a_report(shown_records(sample_articles(20), 100), 20, folder="/home/someone/runs/a")
    return Origin(report, None, {"docs.example.org": 12, "wiki.example.org": 3}, {"markdown": 20}, ("en",))


@pytest.fixture
async def run(tmp_path, monkeypatch):
    """A run that a simulated provider has answered."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-sesame")
    articles = [
        {
            "id": str(number),
            "title": SECRET,
            "url": f"https://user:password@docs.example.org/{number}?token=sesame",
            "content": article.content,
            "format": article.format,
        }
        for number, article in enumerate(sample_articles(7).values())
    ]
    async with Simulated() as server:
        await qloragen.agenerate(articles, out=tmp_path / "run", base_url=server.base_url)
    return tmp_path / "run"


async def test_the_card_of_a_run_is_accepted_by_the_hub_and_by_datasets(run, tmp_path):
    form, own = tagged(ALPACA), list(examples(run))
    splits: dict[Split, list[Example]] = {"train": own[:-2], "test": own[-2:]}
    with HubFolder(tmp_path / "set", form.columns) as hub:
        for split, found in splits.items():
            for example in found:
                hub.put(split, form.row(example) or {})
    types: dict[Split, Counter[str]] = {
        split: Counter(example.type_slug for example in found) for split, found in splits.items()
    }

    text = card(origin_of(run), Exported("alpaca", form.columns, hub.parts, types, license_of("CC-BY-4.0")))
    write_card(tmp_path / "set", text)

    head = DatasetCard.load(tmp_path / "set/README.md").data.to_dict()
    assert (head["license"], head["language"], head["size_categories"]) == ("cc-by-4.0", ["en"], ["n<1K"])
    assert [file["split"] for file in head["configs"][0]["data_files"]] == ["train", "test"]
    rows = folder_by_datasets(tmp_path / "set")
    assert {name: len(found) for name, found in rows.items()} == {"train": len(own) - 2, "test": 2}
    assert rows["test"][1]["output"] == own[-1].output
    assert list(info_by_datasets(tmp_path / "set").features) == ["instruction", "input", "output", "source"]


async def test_the_card_of_a_run_says_what_the_run_was_and_no_secret_path_or_text(run):
    report = qloragen.quality_report(run)

    text = card(origin_of(run), replace(EXPORTED, examples={"train": {"summary": 9}}))

    assert "# 9 instruction records from 7 articles" in text
    assert "- from: docs.example.org (7)" in text
    assert "- marked up as: markdown (4), asciidoc (1), text (1), rst (1)" in text
    assert "gpt-6-luna (generate), gpt-6-sol (classify)" in text
    assert "pack default, version 2, fingerprint " in text
    assert f"| **all** | {sum(row.calls for row in report.spent)} | {report.cost_usd:.4f} | " in text
    assert "word for word" in text
    assert all(f"| {escaped(goal.name)} |" in text for goal in report.quality)
    for word in (str(run.parent), "sesame", "password", "127.0.0.1", SECRET, *SECRET.split(": ")):
        assert word not in text
    for example in examples(run):
        assert example.output not in text


def test_records_of_texts_that_were_changed_later_are_counted_with_those_texts(origin):
    more = replace(EXPORTED, examples={"train": {"summary": 101}})

    text = card(replace(origin, formats={"markdown": 30, "html": 4}), more)

    assert "# 101 instruction records from up to 34 texts of articles\n" in text
    assert "Of 91 records of the run's articles as they last were, in this data or not, as" in text


def test_a_reader_finds_counts_choices_general_data_costs_and_whose_licence_decides(origin):
    text = card(
        origin,
        replace(
            EXPORTED,
            asked={"split": "90/5/5", "without_flags": "any"},
            left_out="3 flagged contact",
            notes=["No text is in two splits."],
        ),
    )

    assert "# 90 instruction records from up to " in text
    for line in (
        "| summary | 90 |",
        "| general data: alpaca | 5 |",
        "| **all rows** | **95** |",
        "- `split`: 90/5/5",
        "- left out: 3 flagged contact",
        "- No text is in two splits.",
        "| alpaca | 5 | 5.0 % | 30.0 % |",
        "- language of the records: en",
        "The field `license` says `cc-by-4.0`; **the licence of the articles decides**.",
        "Judging has cost 0.4100 USD more.",
    ):
        assert line in text
    assert "Its licences are its own" in text
    assert "/home/someone" not in text


def test_what_is_not_known_is_said_to_be_unknown(origin):
    report = replace(origin.report, cost_usd=None, per_thousand_usd=None, judged=None)

    text = card(
        replace(origin, report=report, hosts={}, languages=()),
        replace(EXPORTED, license=license_of(None), mixed=(), asked={}),
    )

    assert 'license: "unknown"' in text
    assert "| **all** | 181 | unknown | unknown |" in text
    assert "An unknown cost is not zero" in text
    assert "- from: their addresses are not known, or not public" in text
    assert "- language of the records: not known" in text
    assert "language:\n" not in text
    assert "No licence was named; **the licence of the articles decides**" in text
    assert "## General data" not in text
    assert "## What was chosen" not in text


@pytest.mark.parametrize("form", FORMS)
def test_each_form_has_a_sentence_on_what_reads_it(form, origin):
    assert "`examples/qlora`" in card(origin, replace(EXPORTED, form=form))


GFM = MarkdownIt("gfm-like", {"linkify": False})
HOSTILE = "a|b\n# c <img src=x onerror=alert(1)> [d](javascript:e) `f` **g** www.evil.example https://evil.example"


def test_names_that_others_gave_cannot_be_markdown_or_tags(origin):
    report = replace(
        origin.report,
        spent=tuple(replace(row, model=HOSTILE) for row in origin.report.spent),
        about=dict.fromkeys(("models", "made with"), HOSTILE),
        quality=tuple(replace(goal, name=HOSTILE, note=HOSTILE) for goal in origin.report.quality),
    )
    plain = GFM.render(card(origin, EXPORTED))

    text = card(
        replace(origin, report=report, hosts={HOSTILE: 3}),
        replace(
            EXPORTED,
            mixed=(replace(MIXED, tag=HOSTILE),),
            examples={"train": {HOSTILE: 1}},
            notes=[HOSTILE],
            asked={"types": HOSTILE},
            left_out=HOSTILE,
        ),
    )
    page = GFM.render(text)

    assert "<img" not in page
    assert "href" not in page
    assert Counter(tag in page for tag in ("<em>", "javascript:")) == {True: 1, False: 1}
    assert page.count("<h1>") == plain.count("<h1>") == 1
    assert page.count("<tr>") == plain.count("<tr>")
    assert page.count("<td") == plain.count("<td")


signs = st.text(st.sampled_from("`*_[]()<>|~&#$@\\!-+=:/. a1\n\u2028\x07é"))


@given(text=signs | st.text())
def test_an_escaped_text_is_one_line_that_reads_as_the_text_itself(text):
    shown = escape(" ".join(text.split()))

    page = GFM.render(f"said: {escaped(text)} .")
    cells = GFM.render(table(("a", "b"), [(f"said: {escaped(text)} .", "next")], 1))

    assert unescape(page) == f"<p>said: {shown} .</p>\n"
    assert f"<td>said: {shown} .</td>" in unescape(cells)
    assert '<td style="text-align:right">next</td>' in cells


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("gpt-6-sol", "gpt-6-sol"),
        ("org/model", "org/model"),
        ("/srv/models/a b.gguf", "a b.gguf"),
        ("~/model.gguf", "model.gguf"),
        ("./model", "model"),
        ("C:\\models\\a.gguf", "a.gguf"),
        ("\\\\server\\share\\a.gguf", "a.gguf"),
    ],
)
def test_a_model_that_is_a_file_is_called_by_its_name_everywhere(name, shown, origin):
    spent = (replace(origin.report.spent[0], model=name),)
    goal = replace(origin.report.quality[0], name=f"accepted by {name}")

    told = replace(origin.report, spent=spent, quality=(goal,), about={"models": f"{name} (generate)"})
    report, text = named(told), card(replace(origin, report=told), EXPORTED)

    assert without_folders(name) == report.spent[0].model == shown
    assert report.quality[0].name == f"accepted by {shown}"
    assert report.about["models"] == f"{shown} (generate)"
    for place in ("accepted by {}", "| {} | ", "{} (generate)"):
        assert place.format(escaped(shown)) in text
    assert shown == name or escaped(name) not in text


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://user:pass@Docs.Example.org:8080/a?b=c", "docs.example.org"),
        ("http://10.0.0.7/a", None),
        ("http://[::1]/a", None),
        ("http://localhost:80/", None),
        ("https://wiki.corp/a", None),
        ("https://wiki.acme.internal/a", None),
        ("a/b.md", None),
        ("http://[broken", None),
        ("", None),
    ],
)
def test_only_public_hosts_are_named(url, host):
    assert public_host(url) == host


def test_languages_are_those_of_the_texts_the_most_frequent_first():
    english = "The memtable keeps the newest writes in memory until they are flushed to the disk."
    german = "Die Tabelle hält die neuesten Daten im Speicher, bis sie auf die Platte geschrieben werden."

    assert languages_of([english] * 3 + [german] + ["x = 1"] * 9) == ("en", "de")
    assert languages_of([english] * 30 + [german]) == ("en",)
    assert languages_of([]) == ()


@pytest.mark.parametrize(
    ("given_name", "id"),
    [(None, "unknown"), ("Apache-2.0", "apache-2.0"), ("gpl-3.0+", "gpl-3.0+"), ("other", "other")],
)
def test_a_licence_is_an_id_of_the_hub(given_name, id):
    assert license_of(given_name) == id


@pytest.mark.parametrize("name", ["", "CC BY 4.0", "mit\n", "a: b", "-mit", "https://example.org/licence"])
def test_what_is_no_id_of_a_licence_is_refused_with_examples(name):
    with pytest.raises(ExportError, match="is no id of a licence; write one of the hub's, such as cc-by-4"):
        license_of(name)


@given(
    rows=st.integers(0, 10**10),
    languages=st.lists(st.sampled_from(["en", "no", "de", "zh"]), unique=True),
    columns=st.dictionaries(
        st.sampled_from(["on", "text", "1", "a"]), st.sampled_from(["text", "messages"]), min_size=1
    ),
)
def test_the_head_is_yaml_that_says_what_was_meant(rows, languages, columns):
    text = front_matter(columns, {"train": Part(("data/x",), rows, 7, 3)}, "mit", languages)

    card = DatasetCard(text)
    found = card.data.to_dict()
    assert card.text == ""
    assert found.get("language", []) == languages
    assert [feature["name"] for feature in found["dataset_info"]["features"]] == list(columns)
    assert found["dataset_info"]["splits"] == [{"name": "train", "num_bytes": 7, "num_examples": rows}]
    assert found["license"] == "mit"


@pytest.mark.parametrize(
    ("rows", "category"), [(0, "n<1K"), (999, "n<1K"), (1_000, "1K<n<10K"), (10**6, "1M<n<10M"), (10**9, "100M<n<1B")]
)
def test_the_size_is_told_in_the_words_of_the_hub(rows, category):
    text = front_matter(ALPACA.columns, {"train": Part((), rows, 0, 0)}, "mit", ())

    assert f'size_categories:\n  - "{category}"' in text
