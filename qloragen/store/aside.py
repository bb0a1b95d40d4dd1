"""What recovery takes out of a run's files is kept beside them, in `aside/`: nothing is thrown away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from .files import Files, opened, write_all
from .names import ASIDE

_BLOCK_BYTES = 1 << 20
MOST_KEPT_BYTES = 64 << 20
"""What is worth a copy, where the whole file can be moved instead."""


def keep_part(files: Files, path: Path, file: int, span: tuple[int, int], what: str) -> None:
    """Append the bytes `span` (start, end) of an open file to `aside/NAME`, below a line that says what they are."""
    start, end = span
    head = f"# {what}: bytes {start} to {end}, set aside {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n"
    with opened(files, _folder(path) / path.name) as target:
        at = write_all(files, target, head.encode(), files.stamp(target).size)
        for block in _blocks(files, file, start, _without_zeros(files, file, start, end)):
            at = write_all(files, target, block, at)
        write_all(files, target, b"\n", at)
        files.sync(target)


def keep_whole(files: Files, path: Path) -> Path:
    """Move a file to `aside/NAME.N` and return where it is now."""
    folder = _folder(path)
    number = 1
    while (target := folder / f"{path.name}.{number}").exists():
        number += 1
    files.replace(path, target)
    return target


def _folder(path: Path) -> Path:
    folder = path.parent / ASIDE
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _without_zeros(files: Files, file: int, start: int, end: int) -> int:
    """Return where the zeros begin that a part ends with: a loss of power may leave many, which say nothing."""
    last, at = start, start
    for block in _blocks(files, file, start, end):
        if said := block.rstrip(b"\0"):
            last = at + len(said)
        at += len(block)
    return last


def _blocks(files: Files, file: int, start: int, end: int) -> Iterator[bytes]:
    while start < end and (block := files.read(file, min(_BLOCK_BYTES, end - start), start)):
        yield block
        start += len(block)
