"""Records into a place of your own, here a file each. Run: python examples/custom_sink.py ARTICLES RUN_DIRECTORY FOLDER

A sink is any object with this name and these methods; `qloragen.sinks.Sink` says what each of them has to promise. It
gets every record at least once, also after a crash, and the run ends as done only when it has them all.
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

import qloragen


class FolderSink:
    """Keeps each record as `FOLDER/TYPE/ID.json`: the same record twice is the same file, written over."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        # What the run keeps in mind about this folder, it keeps under this name: another folder gets all records anew.
        self.name = f"folder-{sha256(os.fsencode(self._folder)).hexdigest()[:16]}"

    async def __aenter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """There is nothing to close."""

    async def is_empty(self) -> bool:
        """May be left out. Tell whether someone has taken everything away, so that it is to be brought once more."""
        return not any(self._folder.glob("*/*.json"))

    async def put(self, records: Sequence[qloragen.Record]) -> None:
        await asyncio.to_thread(self._write, records)

    async def drop(self, ids: Sequence[str]) -> None:
        await asyncio.to_thread(self._remove, ids)

    def _write(self, records: Sequence[qloragen.Record]) -> None:
        """Return when the disk has them all, so that not even a loss of power takes one. A full disk is an OSError: it
        is tried again."""
        for record in records:
            file = self._folder / record.type_slug / f"{record.id}.json"
            file.parent.mkdir(exist_ok=True)
            unfinished = file.with_suffix(".unfinished")
            with unfinished.open("w", encoding="utf-8") as lines:
                json.dump({part: getattr(record, part) for part in ("instruction", "input", "output")}, lines)
                lines.flush()
                os.fsync(lines.fileno())
            unfinished.replace(file)
        for folder in {self._folder, *(self._folder / record.type_slug for record in records)}:
            _sync(folder)

    def _remove(self, ids: Sequence[str]) -> None:
        for one in ids:
            for file in self._folder.glob(f"*/{one}.json"):
                file.unlink(missing_ok=True)
                _sync(file.parent)


def _sync(folder: Path) -> None:
    """Have the disk keep the names in a folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def main(articles: str, out: str, folder: str) -> None:
    print(qloragen.generate(articles, out, sinks=[FolderSink(Path(folder))]).summary)


main(*sys.argv[1:4])
