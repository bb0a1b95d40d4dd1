"""What is exported of a run whose models, prompts or parameters have changed, and changed back."""

import io
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import qloragen
from qloragen.cli.main import main
from qloragen.export import examples
from qloragen.export.example import chosen_lines

from .simulated import Simulated
from .test_export import line
from .test_main_job import articles, lines_of

A: dict[str, Any] = {"generate_model": "gpt-6-luna"}
B: dict[str, Any] = {"generate_model": "gpt-5.4-mini"}


async def worked(folder, *sessions: tuple[int, dict[str, Any]]) -> None:
    async with Simulated() as server:
        for count, knobs in sessions:
            await qloragen.agenerate(articles(count), folder, base_url=server.base_url, accept_changes=True, **knobs)


def outputs_of(folder, model: str) -> set[str]:
    return {row["output"].strip() for row in lines_of(folder / "records.jsonl") if row["model"] == model}


@pytest.mark.parametrize(
    "knobs", [B, {"temperature": 0.7}, {"input": "written"}], ids=["model", "temperature", "input"]
)
async def test_after_settings_were_changed_and_changed_back_the_first_records_are_exported(tmp_path, knobs):
    await worked(tmp_path / "run", (3, A))
    qloragen.export(tmp_path / "run", tmp_path / "first.jsonl")
    await worked(tmp_path / "run", (3, A | knobs), (3, A))

    summary = qloragen.export(tmp_path / "run", tmp_path / "last.jsonl")

    assert len(lines_of(tmp_path / "run/records.jsonl")) == 2 * summary.records
    assert (tmp_path / "last.jsonl").read_bytes() == (tmp_path / "first.jsonl").read_bytes()
    assert summary.outdated == 0


async def test_records_of_earlier_circumstances_fill_the_gaps_and_are_told_on_standard_error(tmp_path, capsys):
    await worked(tmp_path / "run", (4, A), (2, B))
    out = tmp_path / "train.jsonl"

    assert main(["export", str(tmp_path / "run"), "--format", "alpaca", "--out", str(out)]) == 0

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"12 examples written to {out} (6 of them made under earlier models or prompts)\n"
    assert len(lines_of(out)) == 12


async def test_without_a_word_on_circumstances_the_newest_are_exported(tmp_path, capsys):
    await worked(tmp_path / "run", (1, A), (1, B), (1, A))
    (tmp_path / "run/run.json").unlink()
    newest = lines_of(tmp_path / "run/records.jsonl")[3:]

    assert main(["export", str(tmp_path / "run"), "--format", "alpaca"]) == 0

    said = capsys.readouterr()
    assert [orjson.loads(row)["output"] for row in said.out.splitlines()] == [row["output"].strip() for row in newest]
    assert said.err == ""


def test_of_those_that_hold_the_newest_counts_and_of_those_that_do_not_too(tmp_path):
    def named(name: str, article: str) -> bytes:
        return line(id=name, article_id=article, output=name)

    rows = [named("old 1", "a"), named("new 1", "a"), named("new 2", "a"), named("old 2", "a")]
    rows += [named("old 3", "b"), named("old 4", "b")]
    (tmp_path / "records.jsonl").write_bytes(b"".join(rows))

    found = examples(tmp_path, lambda key, _slug, _hash: key.startswith("new"))

    assert [example.output for example in found] == ["new 2", "old 4"]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.booleans())))
def test_of_the_records_of_an_article_and_type_the_newest_that_holds_counts_or_else_the_newest(records):
    rows = [{"id": f"{held}", "article_id": f"a{article}", "type_slug": f"t{kind}"} for article, kind, held in records]
    counts: dict[tuple[int, int], tuple[bool, int]] = {}
    for number, (article, kind, held) in enumerate(records):
        counts[article, kind] = max(counts.get((article, kind), (False, -1)), (held, number))
    sink = io.BytesIO(b"".join(orjson.dumps(row) + b"\n" for row in rows) + b'{"id":"torn')

    chosen = list(chosen_lines(sink, lambda key, slug, content_hash: key == "True"))

    assert [(line.held, line.number - 1) for line in chosen] == sorted(counts.values(), key=lambda one: one[1])
    assert all(sink.getvalue()[line.at :].startswith(line.text) for line in chosen)
