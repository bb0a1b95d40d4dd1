"""What recovery takes out of a run's files is kept beside them, in `aside/`: nothing is thrown away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from .files import Files, opened, write_all
from .names import ASIDE

_BLOCK_BYTES = 1 << 20
MOST_KEPT_BYTES = 64 << 20
"""What is worth a copy, where the whole file can be moved instead."""


class Part(NamedTuple):
    """Some bytes of a file."""

    start: int
    end: int
    what: str
    """In words."""


def keep_part(files: Files, path: Path, file: int, span: tuple[int, int], what: str) -> None:
    """Append the bytes `span` (start, end) of an open file to `aside/NAME`, below a line that says what they are."""
    keep_parts(files, path, file, [Part(*span, what)])


def keep_lines(files: Files, path: Path, file: int, damaged: Iterable[tuple[int, int, int]]) -> None:
    """Append damaged lines (number, start, end) of an open file, in order, to `aside/NAME`, neighbours together."""
    keep_parts(files, path, file, _together(damaged))


def keep_parts(files: Files, path: Path, file: int, parts: Iterable[Part]) -> None:
    """Append parts of an open file to `aside/NAME`, each below a line that says what it is; all are synced at once."""
    with opened(files, _folder(files, path) / path.name) as target:
        at = files.stamp(target).size
        for part in parts:
            at = _append(files, target, at, file, part)
        files.sync(target)


def keep_whole(files: Files, path: Path) -> Path:
    """Move a file to `aside/NAME.N` and return where it is now."""
    folder = _folder(files, path)
    number = 1
    while (target := folder / f"{path.name}.{number}").exists():
        number += 1
    files.replace(path, target)
    return target


def _folder(files: Files, path: Path) -> Path:
    folder = path.parent / ASIDE
    files.make_folder(folder)
    return folder


def _together(damaged: Iterable[tuple[int, int, int]]) -> Iterator[Part]:
    """Join lines that follow each other, up to what is copied at once: long runs of zeros stay parts of their own."""
    run: list[tuple[int, int, int]] = []
    for line in damaged:
        _, start, end = line
        if run and (start != run[-1][2] or end - run[0][1] > _BLOCK_BYTES):
            yield _as_part(run)
            run = []
        run.append(line)
    if run:
        yield _as_part(run)


def _as_part(run: Sequence[tuple[int, int, int]]) -> Part:
    (first, start, _), (last, _, end) = run[0], run[-1]
    return Part(start, end, f"damaged line {first}" if first == last else f"damaged lines {first} to {last}")


def _append(files: Files, target: int, at: int, file: int, part: Part) -> int:
    """Copy a part to offset `at`, and return where it ends."""
    start, end, what = part
    head = f"# {what}: bytes {start} to {end}, set aside {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n"
    at = write_all(files, target, head.encode(), at)
    for block in _blocks(files, file, start, without_zeros(files, file, start, end)):
        at = write_all(files, target, block, at)
    return write_all(files, target, b"\n", at)


def without_zeros(files: Files, file: int, start: int, end: int) -> int:
    """Return where the zeros begin that a part ends with: a loss of power may leave many, which say nothing."""
    while start < end:
        block_at = max(start, end - _BLOCK_BYTES)
        # From the end: a journal of gigabytes mostly ends with a line, and then one block is read.
        if said := b"".join(_blocks(files, file, block_at, end)).rstrip(b"\0"):
            return block_at + len(said)
        end = block_at
    return start


def _blocks(files: Files, file: int, start: int, end: int) -> Iterator[bytes]:
    while start < end and (block := files.read(file, min(_BLOCK_BYTES, end - start), start)):
        yield block
        start += len(block)
