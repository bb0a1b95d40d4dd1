"""Datasets: which records are in them, in which splits and files; the same each time, all of it or nothing."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

import qloragen
from qloragen import ExportSummary, export
from qloragen.dataset.placing import Planned
from qloragen.dataset.selection import Filters, selection_of
from qloragen.dataset.splits import TEST, TRAIN, Split, proportions_of, split_of
from qloragen.dataset.texts import reading_texts
from qloragen.errors import SetupError
from qloragen.export import Example, ExportError
from qloragen.export.alpaca import ALPACA
from qloragen.export.records import opened_records
from qloragen.store.run import open_run, read_records
from qloragen.types import Article, Quality

from .dataset_runs import add, example, page
from .exports import SLUGS, contents, general_data, make_run, prose, rows_of
from .test_export_changes import A, B, worked

SPLIT: dict[str, Any] = {"split": "60/20/20"}
HALVES = proportions_of("50/0/50")


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run of 40 articles with 100 records."""
    return make_run(tmp_path_factory.mktemp("made") / "run", 40)


@pytest.fixture
def mixed(tmp_path) -> Path:
    """A run whose records are good, flagged, hardly grounded or hardly supported, in turn."""
    qualities = (
        Quality(),
        Quality(flags=("alike", "contact")),
        Quality(grounded=0.5, flags=("weakly_grounded",)),
        Quality(supported=0.4),
    )
    return make_run(tmp_path / "run", 8, qualities)


# ------------------------------------------------------------------------------------------------------ what is taken


def test_only_the_types_that_are_named_are_taken_and_the_others_are_counted(run, tmp_path):
    summary = export(run, tmp_path / "out.jsonl", types=["concept", "effect"])

    assert summary.examples == {"train": {"concept": 40, "effect": 20}}
    assert summary.left_out == {"type": 40}
    assert summary.records == len(rows_of(tmp_path / "out.jsonl")) == 60


def test_a_type_that_does_not_occur_is_refused_with_those_that_do(run, tmp_path):
    with pytest.raises(ExportError, match=r"type concpt; did you mean concept\? types that occur: concept, effect, s"):
        export(run, tmp_path / "out.jsonl", types="summary, concpt")

    assert not (tmp_path / "out.jsonl").exists()


def test_flagged_records_are_left_out_by_code_or_all_of_them(mixed, tmp_path):
    some = export(mixed, tmp_path / "some.jsonl", without_flags=["contact"])
    none = export(mixed, tmp_path / "none.jsonl", without_flags="any")

    assert some.left_out == {"flag contact": 5}
    assert none.left_out == {"flag alike": 5, "flag weakly_grounded": 5}
    assert (some.records, none.records) == (15, 10)


def test_a_code_that_no_check_has_is_refused_with_the_known_ones(mixed, tmp_path):
    with pytest.raises(ExportError, match=r"without_flags has alice, .* did you mean alike\? .* contact, .*any\."):
        export(mixed, tmp_path / "out.jsonl", without_flags="alice")


def test_what_rests_on_too_little_is_left_out(mixed, tmp_path):
    grounded = export(mixed, tmp_path / "grounded.jsonl", min_grounded=0.6)
    supported = export(mixed, tmp_path / "supported.jsonl", min_supported=0.4)
    both = export(mixed, tmp_path / "both.jsonl", min_grounded=0.51, min_supported=0.41)

    assert grounded.left_out == {"grounded": 5}
    assert supported.left_out == {}
    assert both.left_out == {"grounded": 5, "supported": 5}


def test_all_that_a_row_says_counts_for_its_length_by_the_tokenizer_that_is_given(run, tmp_path):
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(tmp_path / "words.json"))
    export(run, tmp_path / "all.jsonl", "messages", system="Be brief.")
    said = [" ".join(turn["content"] for turn in row["messages"]) for row in rows_of(tmp_path / "all.jsonl")]
    counts = [len(Whitespace().pre_tokenize_str(text)) for text in said]
    most = sorted(counts)[50]

    summary = export(
        run,
        tmp_path / "out.jsonl",
        "messages",
        system="Be brief.",
        max_tokens=most,
        tokenizer=tmp_path / "words.json",
    )

    assert summary.records == sum(count <= most for count in counts) > 50
    assert summary.left_out == {"too_long": 100 - summary.records}
    assert summary.notes == ("tokens of rows: counted by words.json",)


def test_without_a_tokenizer_tokens_are_estimated_and_that_is_said(run, tmp_path):
    summary = export(run, tmp_path / "out.jsonl", max_tokens=95)

    assert 0 < summary.left_out["too_long"] < 100
    assert "tokens of rows: estimated" in str(summary)


@given(
    st.lists(
        st.builds(
            Quality,
            st.sampled_from([0.2, 0.5, 1.0]),
            st.sampled_from([0.2, 0.5, 1.0]),
            st.lists(st.sampled_from(["alike", "contact", "derived_number"]), unique=True).map(tuple),
        ),
        min_size=1,
        max_size=8,
    ),
    st.sets(st.sampled_from(["alike", "contact", "any"])),
    st.sampled_from([0.0, 0.3, 0.6]),
    st.sets(st.sampled_from(SLUGS)),
)
@settings(max_examples=25)
def test_every_record_is_taken_or_counted_once_and_what_is_taken_is_what_was_asked_for(
    tmp_path_factory, qualities, unwanted, least, types
):
    folder = tmp_path_factory.mktemp("any")
    make_run(folder / "run", 4, qualities)
    good = [
        record.instruction
        for record in read_records(folder / "run")
        if (record.type_slug in types or not types)
        and not (unwanted & {*record.quality.flags} or ("any" in unwanted and record.quality.flags))
        and record.quality.grounded >= least
    ]
    asked = {"types": types or None, "without_flags": unwanted or None, "min_grounded": least}

    if not good:
        with pytest.raises(ExportError, match="Nothing is left to export: "):
            export(folder / "run", folder / "out.jsonl", **asked)
        assert not (folder / "out.jsonl").exists()
        return
    summary = export(folder / "run", folder / "out.jsonl", **asked)

    assert [row["instruction"] for row in rows_of(folder / "out.jsonl")] == good
    assert sum(summary.left_out.values()) + summary.records == 10


def test_where_nothing_is_left_the_reasons_are_said_and_the_earlier_file_stays(run, tmp_path):
    (tmp_path / "out.jsonl").write_text("earlier")

    with pytest.raises(ExportError, match=r"Nothing is left to export: 100 too long; ask for less\."):
        export(run, tmp_path / "out.jsonl", max_tokens=3)

    assert contents(tmp_path) == {"out.jsonl": b"earlier"}


# ------------------------------------------------------------------------------------------------ what cannot be asked


@pytest.mark.parametrize(
    ("out", "options", "words"),
    [
        ("a.jsonl", {"format": "alpacca"}, "There is no format alpacca; the formats are alpaca, text, "),
        ("a.jsonl", {"container": "csv"}, "There is no container csv; the containers are jsonl, json, parquet, datas"),
        ("a.jsonl", {"container": "parquet"}, r"a\.jsonl has the ending of jsonl, and container is parquet"),
        ("a.parquet", {"container": "json"}, r"a\.parquet has the ending of parquet, and container is json"),
        ("a.parquet.gz", {}, "compressed twice"),
        ("a.jsonl", {"system": "Hi."}, "The format alpaca has no system message"),
        ("a.jsonl", {"eos": "</s>"}, "The format alpaca is not made by a template, so that it has no place for eos"),
        (
            "a.jsonl",
            {"format": "text", "template": "nowhere.md"},
            r"template nowhere\.md cannot be read: No such file or directory\.",
        ),
        ("a.jsonl", {"tokenizer": "t.json"}, "tokenizer does nothing without max_tokens"),
        ("a.jsonl", {"max_tokens": 5, "tokenizer": "t.json"}, r"t\.json is no tokenizer\.json"),
        ("a.jsonl", {"max_tokens": 0}, "max_tokens is 0, and has to be 1 or more"),
        ("a.jsonl", {"min_grounded": 1.5}, "min_grounded is 1.5, and has to be a share, from 0 to 1"),
        ("a.jsonl", {"min_supported": float("nan")}, "min_supported is nan"),
        ("a.jsonl", {"types": ","}, "types names nothing"),
        ("a.jsonl", {"without_flags": []}, "without_flags names nothing"),
        ("a.jsonl", {"judged": True}, "was judged: `qloragen judge"),
        ("a.jsonl", {"seed": 1}, "seed does nothing without split"),
        ("a.jsonl", {"similarity": 0.7}, "similarity does nothing without split"),
        ("a.jsonl", {"mix_order": "blended"}, "mix_order does nothing without mix"),
        ("a.jsonl", {"mix": ["x.json:0.1"], "mix_order": "shuffled"}, "no mix_order shuffled; it is blended or gen"),
        ("a.jsonl", {"mix": ["x.json"]}, "'x.json' is not FILE:SHARE"),
        ("a.jsonl", {"mix": ["x.json:0.1"]}, r"x\.json"),
        ("a.jsonl", {"license": "mit"}, "license stands on the card of a datasets folder"),
        ("a.jsonl", {"balance": 0.5}, "balance is 0.5, and has to be 1 or more"),
        ("a.jsonl", SPLIT, r"A folder is made of this, and .*a\.jsonl has the name of a file"),
        ("a.parquet", {"container": "datasets"}, r"A folder is made of this, and .*a\.parquet has the name of a file"),
        ("out", {"split": "90/5"}, "has 2 shares, not 3"),
        ("out", {**SPLIT, "similarity": 0.1}, "similarity is 0.1, and has to be from 0.5 to 1"),
        ("out", {"container": "datasets", "license": "© me"}, "is no id of a licence"),
        ("out", {**SPLIT, "container": "json", "format": "openai"}, "OpenAI takes JSON lines that are not compressed"),
        (None, SPLIT, "Splits cannot go to standard output"),
        (None, {"container": "datasets"}, "datasets data cannot go to standard output"),
        (None, {"container": "parquet"}, "parquet data cannot go to standard output"),
        ("a.json", {"format": "openai"}, "OpenAI takes JSON lines that are not compressed"),
        ("a.jsonl.gz", {"format": "openai"}, "OpenAI takes JSON lines that are not compressed"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence_and_nothing_is_written(run, tmp_path, capfd, out, options, words):
    with pytest.raises(SetupError, match=words) as refused:
        export(run, None if out is None else tmp_path / out, **options)

    assert "\n" not in str(refused.value)
    assert contents(tmp_path) == {}
    assert capfd.readouterr().out == ""


def test_an_option_that_there_is_not_is_an_error_of_the_program(run, tmp_path):
    with pytest.raises(TypeError, match="unexpected keyword argument 'splt'"):
        export(run, tmp_path / "out", splt="90/5/5")  # type: ignore[call-arg] # that is the mistake


# --------------------------------------------------------------------------------------------------- splits and folders


def test_each_record_is_in_one_split_and_all_of_an_article_in_the_same(run, tmp_path):
    summary = export(run, tmp_path / "out", **SPLIT)

    rows = {split: rows_of(tmp_path / f"out/{split}.jsonl") for split in ("train", "validation", "test")}
    articles = {split: {row["instruction"].split()[2] for row in rows[split]} for split in rows}
    assert sorted(row["output"] for split in rows.values() for row in split) == sorted(
        record.output for record in read_records(run)
    )
    assert len(set.union(*articles.values())) == sum(map(len, articles.values())) == 40
    assert {split: sum(types.values()) for split, types in summary.examples.items()} == {
        split: len(rows[split]) for split in rows
    }
    assert len(rows["train"]) > 40
    assert "leakage: no leaks among 100 records of 40 articles" in summary.notes


def test_records_stay_in_their_splits_when_articles_are_added_and_near_copies_follow_what_they_copy(tmp_path):
    few = make_run(tmp_path / "few", 30)
    more = make_run(tmp_path / "more", 40, copies=20)

    export(few, tmp_path / "before", **SPLIT)
    export(more, tmp_path / "after", **SPLIT)

    before, after = (_split_by_article(tmp_path / name) for name in ("before", "after"))
    assert len(set(before.values())) == 3
    assert after.items() >= before.items()
    assert [after[f"a{number}"] for number in range(20)] == [after[f"a{number + 40}"] for number in range(20)]


def test_of_records_that_say_the_same_in_two_splits_only_the_first_is_taken(tmp_path):
    run = make_run(tmp_path / "run", 40)
    export(run, tmp_path / "before", **SPLIT)
    tested = next(iter(row["instruction"] for row in rows_of(tmp_path / "before/test.jsonl")))
    records = {record.instruction: record for record in read_records(run)}
    trained = next(records[row["instruction"]] for row in rows_of(tmp_path / "before/train.jsonl"))
    with open_run(run) as opened:
        opened.add_record(replace(trained, output=records[tested].output), revised=True)
        opened.flush()

    summary = export(run, tmp_path / "after", **SPLIT)

    assert summary.left_out == {"alike_elsewhere": 1}
    assert "left out: 1 nearly the same as one of another split" in str(summary)


def _split_by_article(folder: Path) -> dict[str, str]:
    return {
        row["instruction"].split()[2]: split
        for split in ("train", "validation", "test")
        for row in rows_of(folder / f"{split}.jsonl")
    }


@pytest.mark.parametrize("container", ["jsonl", "json", "parquet", "datasets"])
def test_the_same_export_again_is_the_same_byte_for_byte_wherever_it_goes(run, tmp_path, container):
    general_data(tmp_path / "general.jsonl", 50)
    asked: dict[str, Any] = {**SPLIT, "balance": 1.5, "mix": [f"{tmp_path}/general.jsonl:0.2"], "container": container}

    export(run, tmp_path / "one", "messages", **asked)
    first = contents(tmp_path / "one")
    export(run, tmp_path / "one", "messages", **asked)
    export(run, tmp_path / "deep/er/two", "messages", **asked)

    assert contents(tmp_path / "one") == contents(tmp_path / "deep/er/two") == first
    assert len(first) == (5 if container == "datasets" else 4)


def test_a_folder_says_what_it_holds(run, tmp_path):
    summary = export(run, tmp_path / "out", split="80/20/0", seed=7, types=["summary", "concept"], container="parquet")

    about = orjson.loads((tmp_path / "out/export.json").read_bytes())
    assert about["asked"] == {"types": "concept, summary", "split": "80/20/0", "seed": "7", "similarity": "0.6"}
    assert about["left_out"] == {"type": 20}
    assert about["examples"] == summary.as_dict()["examples"]
    assert [file["names"] for file in about["files"]] == [["train.parquet"], ["validation.parquet"]]
    assert [pq.read_table(tmp_path / f"out/{split}.parquet").num_rows for split in ("train", "validation")] == [
        file.rows for file in summary.files
    ]


def test_another_seed_splits_otherwise_and_a_smaller_share_of_training_never_moves_the_test(run, tmp_path):
    export(run, tmp_path / "one", split="60/20/20")
    export(run, tmp_path / "less", split="40/40/20")
    export(run, tmp_path / "other", split="60/20/20", seed=1)

    assert (tmp_path / "one/test.jsonl").read_bytes() == (tmp_path / "less/test.jsonl").read_bytes()
    assert (tmp_path / "one/test.jsonl").read_bytes() != (tmp_path / "other/test.jsonl").read_bytes()


def test_a_split_that_would_be_empty_is_an_error_and_the_earlier_folder_stays(tmp_path):
    run = make_run(tmp_path / "run", 3)
    with open_run(make_run(tmp_path / "more", 30)):
        export(tmp_path / "more", tmp_path / "out", **SPLIT)
    before = contents(tmp_path / "out")

    with pytest.raises(ExportError, match=r"The split \w+ would be empty.* larger share, or try another seed\."):
        export(run, tmp_path / "out", split="98/1/1")

    assert contents(tmp_path / "out") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["more", "out", "run"]


def test_a_split_that_is_empty_because_articles_are_all_alike_is_said_to_need_a_higher_similarity(tmp_path):
    articles = [Article(f"a{number}", page(200, 30, number)) for number in range(50)]
    add(tmp_path / "run", articles, map(example, articles))
    words = r"another seed, since 50 articles make 1 group of what is alike, or a similarity higher than 0\.6\.$"

    with pytest.raises(ExportError, match=words):
        export(tmp_path / "run", tmp_path / "out", **SPLIT)

    assert export(tmp_path / "run", tmp_path / "out", **SPLIT, similarity=0.95).records == 50


def test_that_many_articles_are_between_two_splits_is_said_with_a_remedy(tmp_path):
    few = make_run(tmp_path / "few", 40)
    many = make_run(tmp_path / "many", 40)
    texts = [prose(f"a{number}", 80) for number in range(40)]
    between = [Article(f"b{number}", f"{one} {other}") for number, (one, other) in enumerate(pairwise(texts))]
    add(many, between, map(example, between))

    clean = export(few, tmp_path / "clean", **SPLIT)
    summary, higher = (export(many, tmp_path / "out", **SPLIT, similarity=similarity) for similarity in (0.5, 0.7))

    assert summary.left_out["straddling"] > 7
    assert [any("a higher similarity" in note for note in one.notes) for one in (clean, summary, higher)] == [
        False,
        True,
        False,
    ]


def test_a_folder_is_only_replaced_where_an_export_has_made_all_that_is_in_it(run, tmp_path):
    export(run, tmp_path / "out", **SPLIT)
    export(run, tmp_path / "out", container="datasets")
    names = set(contents(tmp_path / "out"))
    (tmp_path / "out/adapter.safetensors").write_text("hours of work")

    with pytest.raises(ExportError, match=r"out holds adapter\.safetensors, which no export has made"):
        export(run, tmp_path / "out", **SPLIT)

    assert names == {"README.md", "export.json", "data/train-00000-of-00001.parquet"}
    assert set(contents(tmp_path / "out")) == {*names, "adapter.safetensors"}


def test_neither_a_run_nor_a_file_is_taken_for_a_folder_to_be_replaced(run, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    records = (run / "records.jsonl").read_bytes()

    with pytest.raises(ExportError, match="which no export has made"):
        export(run, run, **SPLIT)
    with pytest.raises(ExportError, match="which no export has made"):
        export(run, run.parent, **SPLIT)
    with pytest.raises(ExportError, match="is a file, and a folder is to be made"):
        export(run, tmp_path / "file", **SPLIT)
    export(run, tmp_path / "empty", **SPLIT)

    assert (run / "records.jsonl").read_bytes() == records
    assert (tmp_path / "file").read_text() == "mine"
    assert (tmp_path / "empty/train.jsonl").exists()


def test_a_folder_that_fails_halfway_leaves_nothing_behind(run, tmp_path):
    export(run, tmp_path / "out", **SPLIT)
    before = contents(tmp_path)

    with pytest.raises(ExportError, match="OpenAI trains on 10 examples or more"):
        export(run, tmp_path / "out", "openai", split="5/40/55")

    assert contents(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_all_passes_see_the_records_that_were_there_when_the_export_began(tmp_path):
    run = make_run(tmp_path / "run", 3)

    with opened_records(run) as records:
        first = [dated.example.id for dated in records.each()]
        with (run / "records.jsonl").open("ab") as sink:
            sink.write((run / "records.jsonl").read_bytes().splitlines(keepends=True)[0])
        again = [dated.example.id for dated in records.each()]

    assert again == first


# ---------------------------------------------------------------------------------------------------- balance and mixes


def test_no_type_is_trained_on_more_often_than_the_ratio_allows_and_what_is_held_out_is_left_alone(run, tmp_path):
    plain = export(run, tmp_path / "plain", **SPLIT)
    balanced = export(run, tmp_path / "balanced", **SPLIT, balance=1.25)
    alone = export(run, tmp_path / "alone.jsonl", balance=1)

    train = balanced.examples["train"]
    assert max(train.values()) <= 1.25 * min(train.values()) == 1.25 * plain.examples["train"]["effect"]
    assert balanced.examples["test"] == plain.examples["test"]
    assert balanced.left_out["balance"] == plain.records - balanced.records > 0
    assert alone.examples == {"train": dict.fromkeys(SLUGS, 20)}


def test_general_data_has_its_share_of_the_training_split_alone_and_a_tag(run, tmp_path):
    general_data(tmp_path / "general.jsonl", 200)

    summary = export(run, tmp_path / "out", **SPLIT, mix=f"{tmp_path}/general.jsonl:0.25")

    train, test = (
        Counter(row["source"] for row in rows_of(tmp_path / f"out/{split}.jsonl")) for split in ("train", "test")
    )
    assert train["general"] == round(train["qloragen"] / 3)
    assert test.keys() == {"qloragen"}
    assert summary.records == 100
    assert summary.files[0].rows == train.total()
    assert f"mixed in: {train['general']} examples of general, 25" in str(summary)


def test_general_data_may_come_first_and_without_a_split_it_goes_into_the_one_file(run, tmp_path):
    general_data(tmp_path / "general.jsonl", 200)

    export(run, tmp_path / "out.jsonl", mix=[f"{tmp_path}/general.jsonl:0.2"], mix_order="general-first")
    export(run, tmp_path / "openai.jsonl", "openai", mix=[f"{tmp_path}/general.jsonl:0.2"])

    assert [row["source"] for row in rows_of(tmp_path / "out.jsonl")] == ["general"] * 25 + ["qloragen"] * 100
    assert [set(row) for row in rows_of(tmp_path / "openai.jsonl")] == [{"messages"}] * 125


def test_general_data_is_as_short_as_records_have_to_be(run, tmp_path):
    rows = [{"instruction": f"Say {n}.", "output": "word " * 20 * n} for n in range(1, 21)]
    (tmp_path / "general.json").write_bytes(orjson.dumps(rows))

    summary = export(run, tmp_path / "out.jsonl", mix=[f"{tmp_path}/general.json:0.5"], max_tokens=200)

    (mixed,) = summary.mixed
    assert 0 < mixed.there < 20
    assert mixed.there + sum(mixed.left_out.values()) == 20


def test_general_data_that_says_nearly_what_is_held_out_is_left_out_and_counted(run, tmp_path):
    export(run, tmp_path / "out", **SPLIT)
    held_out = rows_of(tmp_path / "out/test.jsonl")[0]
    nearly = {**held_out, "output": f"Well. {held_out['output']}"}
    other = {"instruction": "Name a fruit.", "input": "", "output": "An apple."}
    (tmp_path / "general.json").write_bytes(orjson.dumps([nearly, other]))

    summary = export(run, tmp_path / "out", **SPLIT, mix=[f"{tmp_path}/general.json:0.1"])

    (mixed,) = summary.mixed
    assert (mixed.taken, mixed.left_out) == (1, {"like one held out": 1})


def test_general_data_is_not_replaced_by_what_it_is_mixed_into(run, tmp_path):
    general = general_data(tmp_path / "general.jsonl", 20)
    export(run, tmp_path / "out", **SPLIT)
    before = contents(tmp_path)

    for out, file, options in (
        (general, general, {}),
        (tmp_path / "out", tmp_path / "out/train.jsonl", SPLIT),
    ):
        with pytest.raises(ExportError, match=r"jsonl is read for this export, and .* would take its place"):
            export(run, out, mix=[f"{file}:0.2"], **options)

    assert contents(tmp_path) == before


def test_what_would_leak_between_splits_is_refused(run):
    def by_record(example: Example) -> Split:
        return TEST if int(example.id, 16) % 3 == 0 else TRAIN

    with opened_records(run) as records, reading_texts(run) as texts:
        planned = Planned(records, selection_of(run, Filters(), ALPACA), (TRAIN, TEST))
        assert [*planned.place(by_record)]

        with pytest.raises(
            ExportError,
            match=r"Nothing was written, since there would be \d+ leaks between splits, such as the same art",
        ):
            planned.check(texts.text, 0.6)


def test_an_export_is_looked_through_for_what_its_splits_have_missed(tmp_path):
    # Both ids have the CRC 4ddb0c25, so that these two are taken for one article when records are compared.
    articles = [Article(name, prose(name, 80)) for name in ("plumless", "buckeroo")]
    same = prose("same", 40)
    add(tmp_path / "run", articles, [example(article, output=same) for article in articles])
    seed = next(n for n in range(99) if [split_of(one.id, HALVES, n) for one in articles] == [TRAIN, TEST])

    with pytest.raises(ExportError, match=r"Nothing was written, since there would be 1 leak .* records alike: "):
        export(tmp_path / "run", tmp_path / "out", split="50/0/50", seed=seed)

    assert [path.name for path in tmp_path.iterdir()] == ["run"]


# --------------------------------------------------------------------------------------------------- age, memory, texts


async def test_records_of_earlier_circumstances_are_counted_in_planned_exports_too(tmp_path):
    await worked(tmp_path / "run", (4, A), (2, B))

    summary = export(tmp_path / "run", tmp_path / "out.jsonl", balance=10)

    assert (summary.records, summary.outdated) == (12, 6)


def test_memory_does_not_grow_with_the_records_of_a_planned_export(tmp_path):
    line = next(iter((make_run(tmp_path / "made", 1) / "records.jsonl").read_bytes().splitlines(keepends=True)))
    record = orjson.loads(line)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/records.jsonl").write_bytes(
        b"".join(
            orjson.dumps({**record, "id": f"{n:032}", "article_id": f"a{n}", "output": "x" * 10_000}) + b"\n"
            for n in range(2_000)
        )
    )
    export(tmp_path / "run", tmp_path / "warm.jsonl", balance=1)

    tracemalloc.start()
    export(tmp_path / "run", tmp_path / "out.jsonl", balance=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 1_000_000


def test_people_see_a_table_of_splits_by_type_and_programs_get_all_of_it(run, tmp_path):
    general_data(tmp_path / "general.jsonl", 50)
    summary = export(run, tmp_path / "out", **SPLIT, types="summary,concept", mix=[f"{tmp_path}/general.jsonl:0.1"])

    told = str(summary).splitlines()
    assert told[0] == f"80 examples written to {tmp_path / 'out'}"
    assert [line.split()[0] for line in told[2:7]] == ["type", "concept", "summary", "(general)", "total"]
    assert "left out: 20 of other types" in told
    assert orjson.loads(orjson.dumps(summary.as_dict())) == summary.as_dict()


def test_the_outcome_of_a_run_is_exported_with_the_same_options(run, tmp_path):
    outcome = qloragen.Outcome(run, qloragen.summary(run))

    summary = outcome.export(tmp_path / "out", "messages", split="60/20/20", container="datasets")

    assert isinstance(summary, ExportSummary)
    assert summary.container == "datasets"
    assert (tmp_path / "out/README.md").read_text("utf-8").startswith("---\nlicense:")


def test_a_training_template_with_a_mistake_is_named(run, tmp_path):
    (tmp_path / "template.md").write_text("${instruction} ${input}\n${outptu}\n")

    with pytest.raises(ExportError, match=r"template\.md .*outptu"):
        export(run, tmp_path / "out.jsonl", "text", template=tmp_path / "template.md")
