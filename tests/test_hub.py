"""A folder for `datasets`: it opens, its files are of bounded size, and it is there whole or not at all."""

import pytest

from qloragen.dataset.front_matter import front_matter
from qloragen.dataset.hub import HubFolder, write_card
from qloragen.export import ExportError
from qloragen.export.form import Column, Row

from .consumers import folder_by_datasets, info_by_datasets

COLUMNS: dict[str, Column] = {"text": "text", "messages": "messages", "conversations": "conversations"}


def row(number: int) -> Row:
    return {
        "text": f"Row {number}",
        "messages": [{"role": "user", "content": f"Ask {number}"}, {"role": "assistant", "content": "Say"}],
        "conversations": [{"from": "human", "value": f"Ask {number}"}, {"from": "gpt", "value": "Say"}],
    }


def test_a_folder_opens_in_datasets_with_its_splits_columns_and_counts(tmp_path):
    folder = tmp_path / "data set"
    with HubFolder(folder, COLUMNS) as hub:
        for number in range(5):
            hub.put("test" if number == 4 else "train", row(number))
    write_card(folder, front_matter(COLUMNS, hub.parts, "unknown", ["no"]) + "\n# Text\n")
    (folder / "export.json").write_text('{"not": "a row"}')

    found, info = folder_by_datasets(folder), info_by_datasets(folder)

    assert found == {"train": [row(0), row(1), row(2), row(3)], "test": [row(4)]}
    assert list(info.features) == list(COLUMNS)
    assert {name: split.num_examples for name, split in info.splits.items()} == {"train": 4, "test": 1}
    assert info.download_size == sum(file.stat().st_size for file in folder.rglob("*.parquet"))


def test_rows_go_on_in_a_further_file_when_one_is_full_and_keep_their_order(tmp_path):
    with HubFolder(tmp_path / "set", COLUMNS, shard_bytes=1_000) as hub:
        sizes = [hub.put("train", row(number)) for number in range(20)]
    write_card(tmp_path / "set", front_matter(COLUMNS, hub.parts, "mit", ["en"]))

    part = hub.parts["train"]
    names = [f"data/train-{number:05}-of-{len(part.files):05}.parquet" for number in range(len(part.files))]
    assert list(part.files) == names
    assert sorted(f"data/{file.name}" for file in (tmp_path / "set/data").iterdir()) == names
    assert len(names) == -(-20 // (1_000 // sizes[0]))
    assert (part.rows, part.bytes) == (20, sum(sizes))
    assert folder_by_datasets(tmp_path / "set") == {"train": [row(number) for number in range(20)]}


def test_a_row_larger_than_a_file_may_be_has_a_file_of_its_own(tmp_path):
    with HubFolder(tmp_path, COLUMNS, shard_bytes=1) as hub:
        hub.put("train", row(0))
        hub.put("train", row(1))

    assert len(hub.parts["train"].files) == 2


def test_an_error_leaves_no_files_of_rows(tmp_path):
    with pytest.raises(RuntimeError, match="stop"), HubFolder(tmp_path, COLUMNS) as hub:
        hub.put("train", row(0))
        hub.put("validation", row(1))
        raise RuntimeError("stop")

    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []
    assert hub.parts == {}


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "set").write_text("a file")

    with (
        pytest.raises(ExportError, match=r"train-00000\.parquet cannot be written: "),
        HubFolder(tmp_path / "set", COLUMNS) as hub,
    ):
        hub.put("train", row(0))
    with pytest.raises(ExportError, match=r"README\.md cannot be written: Not a directory"):
        write_card(tmp_path / "set", "")
