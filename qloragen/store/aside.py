"""What recovery takes out of a run's files is kept beside them, in `aside/`: nothing is thrown away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from .files import Files, write_all
from .names import ASIDE

_BLOCK_BYTES = 1 << 20
MOST_KEPT_BYTES = 64 << 20
"""What a part that is set aside may have; more can only be a file full of zeros, or something else than a run."""


def keep_part(files: Files, path: Path, file: int, span: tuple[int, int], what: str) -> None:
    """Append the bytes `span` (start, end) of an open file to `aside/NAME`, below a line that says what they are."""
    start, end = span
    # A file that a loss of power has left full of zeros says nothing by them.
    part = b"".join(_blocks(files, file, start, min(end, start + MOST_KEPT_BYTES))).rstrip(b"\0")
    head = f"# {what}: bytes {start} to {end}, set aside {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n"
    target = files.open(_folder(path) / path.name)
    try:
        write_all(files, target, head.encode() + part + b"\n", files.stamp(target).size)
        files.sync(target)
    finally:
        files.close(target)


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


def _blocks(files: Files, file: int, start: int, end: int) -> Iterator[bytes]:
    while start < end and (block := files.read(file, min(_BLOCK_BYTES, end - start), start)):
        yield block
        start += len(block)
