"""General data as others publish it: every usual form is read, odd lines are left out, a wrong file says what to do."""

import gzip
import json
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from qloragen.export.example import Example, ExportError, Turn
from qloragen.export.general import DISORDER, EMPTY, GARBLED, NO_ANSWER, NO_TEXT, TOOLS, LeftOut, general_examples

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ALPACA = {"instruction": "Name a fruit.", "input": "", "output": "An apple."}
CHAT = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Name a fruit."},
        {"role": "assistant", "content": "An apple."},
    ]
}
SAID = Example(
    instruction="Name a fruit.",
    input="",
    output="An apple.",
    system="Be brief.",
    earlier=(Turn("user", "Hi"), Turn("assistant", "Hello.")),
)
PLAIN = SAID.model_copy(update={"system": "", "earlier": ()})


def written(folder: Path, *rows: object, name: str = "general.jsonl") -> Path:
    file = folder / name
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def read(file: Path) -> list[Example | LeftOut]:
    return list(general_examples(file, "general"))


def chat(*turns: tuple[str, str], roles: str = "messages") -> dict[str, object]:
    names = ("role", "content") if roles == "messages" else ("from", "value")
    return {roles: [dict(zip(names, turn, strict=True)) for turn in turns]}


USUAL = [
    (ALPACA, PLAIN),
    ({"instruction": "Name a fruit.", "output": "An apple."}, PLAIN),
    ({"instruction": "Name a fruit.", "input": None, "output": "An apple.", "messages": None}, PLAIN),
    ({**ALPACA, "input": "apple, tree"}, PLAIN.model_copy(update={"input": "apple, tree"})),
    ({**ALPACA, "system": "Be brief.", "history": [["Hi", "Hello."]]}, SAID),
    (CHAT, SAID),
    ({**CHAT, "prompt": "Hi", "prompt_id": 7}, SAID),
    (chat(("human", "Name a fruit."), ("gpt", "An apple."), roles="conversations"), PLAIN),
    (
        {
            "system": "Be brief.",
            **chat(
                *(("human", "Hi"), ("gpt", "Hello."), ("human", "Name a fruit."), ("gpt", "An apple.")),
                roles="conversations",
            ),
        },
        SAID,
    ),
    ({"conversations": CHAT["messages"]}, SAID),
    ({"prompt": "Name a fruit.", "completion": "An apple."}, PLAIN),
    ({"prompt": CHAT["messages"][:-1], "completion": CHAT["messages"][-1:]}, SAID),
    (chat(("system", ""), ("user", "Name a fruit."), ("assistant", "An apple.")), PLAIN),
    (
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Name "}, {"type": "text", "text": "a fruit."}]},
                {"role": "assistant", "content": "An apple.", "tool_calls": None},
            ]
        },
        PLAIN,
    ),
]


@pytest.mark.parametrize(("row", "said"), USUAL)
def test_each_usual_form_says_the_same(row, said, tmp_path):
    found = read(written(tmp_path, row))

    assert found == [said.model_copy(update={"id": "general:1", "source": "general"})]


ODD = [
    (chat(("user", "Hi"), ("assistant", "Hello."), ("user", "Bye")), NO_ANSWER),
    (chat(("system", "Be brief.")), NO_ANSWER),
    ({"messages": []}, NO_ANSWER),
    (chat(("assistant", "Hello."), ("user", "Hi"), ("assistant", "Yes?")), DISORDER),
    (chat(("assistant", "Hello.")), DISORDER),
    (chat(("user", "Hi"), ("user", "You?"), ("user", "There?"), ("assistant", "Yes.")), DISORDER),
    (chat(("user", "Hi"), ("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello.")), DISORDER),
    (chat(("narrator", "Once"), ("assistant", "Hello.")), DISORDER),
    ({**ALPACA, "history": [["Hi"]]}, DISORDER),
    (chat(("user", "Hi"), ("tool", "7"), ("assistant", "It is 7.")), TOOLS),
    ({"messages": [{"role": "assistant", "content": "", "tool_calls": [{"id": "1"}]}]}, TOOLS),
    ({"messages": [{"role": "assistant", "content": None}]}, NO_TEXT),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, NO_TEXT),
    ({"messages": ["Hi"]}, NO_TEXT),
    ({"instruction": "Count.", "output": 7}, NO_TEXT),
    ({"instruction": " ", "output": "An apple."}, EMPTY),
    ({"instruction": "Name a fruit.", "output": "\n"}, EMPTY),
    ({"instruction": "Name a fruit.", "output": "An \ud83c"}, GARBLED),
]


@pytest.mark.parametrize(("row", "reason"), ODD)
def test_a_line_that_holds_nothing_to_learn_from_is_left_out_and_the_next_is_read(row, reason, tmp_path):
    found = read(written(tmp_path, row, ALPACA))

    assert found[0] == LeftOut(reason)
    assert isinstance(found[1], Example)


def parquet_file(folder: Path, rows: list[object]) -> Path:
    file = folder / "general.parquet"
    parquet.write_table(pa.Table.from_pylist(rows), file)
    return file


def as_lines(rows: list[object]) -> bytes:
    return b"\n\n".join(json.dumps(row).encode() for row in rows)


FILES = {
    "a.jsonl": as_lines,
    "lines.json": as_lines,
    "windows.jsonl": lambda rows: b"\xef\xbb\xbf" + as_lines(rows).replace(b"\n", b"\r\n"),
    "array.json": lambda rows: json.dumps(rows).encode(),
    "pretty.jsonl": lambda rows: b"\n " + json.dumps(rows, indent=1).encode(),
    "marked.json": lambda rows: b"\xef\xbb\xbf" + json.dumps(rows).encode(),
    "a.jsonl.gz": lambda rows: gzip.compress(as_lines(rows)),
    "a.json.zst": lambda rows: zstd.compress(json.dumps(rows).encode()),
}


@pytest.mark.parametrize("name", FILES)
def test_lines_and_arrays_are_read_also_compressed(name, tmp_path):
    (tmp_path / name).write_bytes(FILES[name]([ALPACA, CHAT, chat(("user", "Hi"))]))

    found = read(tmp_path / name)

    assert [row.instruction for row in found[:2] if isinstance(row, Example)] == ["Name a fruit.", "Name a fruit."]
    assert found[2] == LeftOut(NO_ANSWER)


def test_parquet_is_read_with_all_forms_in_one_table(tmp_path):
    rows = [{**ALPACA, "messages": None, "extra": 7}, {**CHAT, "instruction": None, "output": None}]

    found = read(parquet_file(tmp_path, rows * 100))

    said = [row for row in found if isinstance(row, Example)]
    assert (len(said), len(found)) == (200, 200)
    assert [said[0].id, said[199].id, said[1].earlier] == ["general:1", "general:200", SAID.earlier]


BAD = [
    (b'{"instruction": "a", "output": "b"}\n{"instruc\n', r"general\.jsonl:2 is not JSON \(.*\); mend or remove it"),
    (b'[{"instruction": "a"', r"general\.jsonl is not JSON \(.*\); mend or remove it"),
    (b'{"messages": "\xff"}', r"general\.jsonl:1 is not JSON \(.*\); mend or remove it"),
    (b'"Hi"\n', r"general\.jsonl:1 is no JSON object; mend or remove it"),
    (b"[1]", r"general\.jsonl:1 is no JSON object"),
    (
        b'\n{"question": "a", "answer": "b"}\n',
        r"general\.jsonl:2 is no general data, which has .* but has 'question', 'answer': rename its fields",
    ),
    (b'{"messages": "Hi"}', r"general\.jsonl:1 is no general data"),
    (b"{}", "but has nothing: rename"),
]


@pytest.mark.parametrize(("content", "message"), BAD)
def test_a_file_of_something_else_is_an_error_that_names_line_and_remedy(content, message, tmp_path):
    file = tmp_path / "general.jsonl"
    file.write_bytes(content)

    with pytest.raises(ExportError, match=message) as error:
        read(file)

    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl.gz", b"no gzip", r"a\.jsonl\.gz cannot be read: "),
        ("a.jsonl.gz", gzip.compress(as_lines([ALPACA] * 100))[:-20], "cannot be read: its compressed data is broken"),
        ("a.jsonl.zst", b"no zstd", "cannot be read: its compressed data is broken"),
        ("a.parquet", b"no parquet", r"a\.parquet cannot be read as Parquet: "),
    ],
)
def test_a_damaged_file_is_a_clear_error(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ExportError, match=message) as error:
        read(tmp_path / name)

    assert "\n" not in str(error.value)


def test_what_is_no_file_is_a_clear_error(tmp_path):
    with pytest.raises(ExportError, match="does not exist; name a file of general data"):
        read(tmp_path / "nowhere.jsonl")
    with pytest.raises(ExportError, match="is no regular file"):
        read(tmp_path)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["user", "assistant", "human", "tool"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["role", "content", "from", "value", "type", "text", "tool_calls"]), inner)
    ),
    max_leaves=12,
)
fields = st.sampled_from([*ALPACA, "messages", "conversations", "prompt", "completion", "system", "history", "x"])


@given(row=st.dictionaries(fields, values, max_size=5))
def test_any_line_is_an_example_left_out_or_an_error_of_ours(row, tmp_path_factory):
    file = written(tmp_path_factory.mktemp("general"), row)

    try:
        (found,) = read(file)
    except ExportError as error:
        assert f"{file}:1 is no general data" in str(error)  # noqa: PT017 - most lines are no error
        return

    if isinstance(found, Example):
        assert found.instruction.strip()
        assert found.output.strip()
        assert [turn.role for turn in found.earlier] == ["user", "assistant"] * (len(found.earlier) // 2)


def test_a_line_that_no_row_could_be_is_refused_without_reading_on(tmp_path):
    file = tmp_path / "endless.jsonl"
    with file.open("wb") as opened:
        opened.write(json.dumps(ALPACA).encode() + b'\n{"instruction": "')
        opened.truncate(20 << 30)  # takes no room on the disk

    with pytest.raises(
        ExportError, match=r"endless\.jsonl:2 is a line of more than 67,108,864 bytes; mend or remove it"
    ):
        read(file)
