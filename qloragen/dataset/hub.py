"""A folder as Hugging Face's `datasets` opens it: Parquet files of bounded size for each split, below a README.md."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from ..export.containers import Put, opened
from ..export.containers.put import encoded
from ..export.form import Column, Row
from ..export.whole import opened_whole, unwritable
from .splits import SPLITS, Split

SHARD_BYTES = 500_000_000
"""Bytes of rows in a file, before compression, as many as `datasets` itself writes into one."""
CARD = "README.md"
_DATA = "data"


class Part(NamedTuple):
    """What was written of a split."""

    files: tuple[str, ...]
    """Paths in the folder, with `/` between their parts, in the order of the rows."""
    rows: int
    bytes: int
    """Of the rows as JSON, before compression."""
    stored_bytes: int
    """Of the files."""


class HubFolder:
    """Rows of all splits on their way into a folder, which is made. They are in it when the context is left without an
    error.

    with HubFolder(folder, form.columns) as hub:
        hub.put("train", row)
    hub.parts["train"].files  # ("data/train-00000-of-00001.parquet",)
    """

    def __init__(self, folder: Path, columns: Mapping[str, Column], shard_bytes: int = SHARD_BYTES) -> None:
        self.parts: Mapping[Split, Part] = {}
        """Split to what was written, once the context is left: those that have rows, in the order of `SPLITS`."""
        self._folder = folder
        self._columns = columns
        self._shard_bytes = shard_bytes
        self._stack = ExitStack()
        self._shards: dict[Split, _Shards] = {}

    def __enter__(self) -> Self:
        self._stack.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)
        if kind is None:
            with unwritable(self._folder):
                self.parts = {split: self._shards[split].named() for split in SPLITS if split in self._shards}

    def put(self, split: Split, row: Row) -> int:
        """Write a row of a split, and return its bytes as JSON.

        Raises:
            ExportError: It cannot be written, or the extra `parquet` is not installed.
        """
        shards = self._shards.get(split)
        if shards is None:
            shards = self._shards[split] = _Shards(self._folder, split, self._columns, self._shard_bytes)
            self._stack.push(shards)
        return shards.put(row)


class _Shards:
    """The files of one split."""

    def __init__(self, folder: Path, split: Split, columns: Mapping[str, Column], most_bytes: int) -> None:
        self._folder = folder
        self._split = split
        self._columns = columns
        self._most_bytes = most_bytes
        self._open = ExitStack()
        self._put: Put | None = None
        self._shard_bytes = self._rows = self._bytes = 0
        self._files: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def put(self, row: Row) -> int:
        size = len(encoded(row))
        if self._put is None or self._shard_bytes + size > self._most_bytes:
            self._put = self._next()
        self._put(row)
        self._shard_bytes += size
        self._bytes += size
        self._rows += 1
        return size

    def _next(self) -> Put:
        self._open.close()
        file = self._folder / _DATA / f"{self._split}-{len(self._files):05}.parquet"
        self._files.append(file)
        self._shard_bytes = 0
        return self._open.enter_context(opened(file, "parquet", self._columns))

    def named(self) -> Part:
        """Give each file the name that says how many there are."""
        names: list[str] = []
        stored = 0
        for number, file in enumerate(self._files):
            name = f"{self._split}-{number:05}-of-{len(self._files):05}.parquet"
            stored += file.rename(file.with_name(name)).stat().st_size
            names.append(f"{_DATA}/{name}")
        return Part(tuple(names), self._rows, self._bytes, stored)


def write_card(folder: Path, card: str) -> None:
    """Write the card of a dataset into its folder.

    Raises:
        ExportError: It cannot be written.
    """
    with unwritable(folder / CARD), opened_whole(folder / CARD) as write:
        write(card.encode())
