"""The sink as a function of the journal: the lines of the records or judgements that count, in the journal's order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from .aside import MOST_KEPT_BYTES, keep_part, keep_whole
from .files import Files, opened, write_all
from .frame import is_whole, key_of, kind_of, sink_line
from .scan import checksum, lines
from .state import State

SUNK = frozenset({"record", "revised", "judgement"})
"""Kinds of lines that stand in the sink."""
_BATCH_BYTES = 4 << 20


def projected(files: Files, journal: int, state: State, start: int = 0) -> Iterator[bytes]:
    """Yield what the sink should hold for the journal from offset `start`, in batches of whole lines."""
    batch: list[bytes] = []
    size = 0
    for at, line, ended in lines(files, journal, start):
        if not ended or not is_whole(line) or kind_of(line) not in SUNK:
            continue
        if state.sunk_offset(key_of(line)) != at:
            continue
        batch.append(sink_line(line))
        size += len(line)
        if size > _BATCH_BYTES:
            yield b"\n".join([*batch, b""])
            batch, size = [], 0
    if batch:
        yield b"\n".join([*batch, b""])


def mend(files: Files, path: Path, journal: int, state: State, start: tuple[int, int] = (0, 0)) -> str | None:
    """Make the sink at `path` hold what the journal says; returns what had to be done, in words.

    `start` are offsets in journal and sink before which they are known to agree. What does not belong in the sink is
    set aside: its end, or where much would have to be cut off, the whole file.
    """
    with opened(files, path) as sink:
        size = files.stamp(sink).size
        expected = projected(files, journal, state, start[0])
        good, batch = agreeing(files, sink, expected, start[1])
        if good == size and not batch:
            return None
        if size - good <= MOST_KEPT_BYTES:
            return _completed(files, path, sink, (good, size), _chained(batch, expected))
    aside = keep_whole(files, path)
    rebuild(files, path, projected(files, journal, state))
    return f"{path.name} was not as it should be: it is now {aside.relative_to(path.parent)}, and was written anew"


def rebuild(files: Files, path: Path, expected: Iterable[bytes]) -> int:
    """Write the file at `path` anew, at once or, on any failure, not at all; returns its CRC-32."""
    draft = path.with_name(f"{path.name}.new")
    with ExitStack() as on_failure:
        on_failure.callback(_drop, files, draft)
        with opened(files, draft) as file:
            files.cut(file, 0)
            _write(files, file, expected, 0)
            files.sync(file)
            crc = checksum(files, file, 0, files.stamp(file).size)
        files.replace(draft, path)
        on_failure.pop_all()
    return crc or 0


def agreeing(files: Files, sink: int, expected: Iterator[bytes], at: int) -> tuple[int, bytes]:
    """Return up to where the sink is as expected, and what should come next of the batch that it ends in."""
    for batch in expected:
        there = _read(files, sink, len(batch), at)
        if there != batch:
            common = _common(there, batch)
            return at + common, batch[common:]
        at += len(batch)
    return at, b""


def _completed(files: Files, path: Path, sink: int, bad: tuple[int, int], rest: Iterator[bytes]) -> str:
    start, end = bad
    if start < end:
        keep_part(files, path, sink, bad, "not what the journal says")
        files.cut(sink, start)
    restored = _write(files, sink, rest, start)
    files.sync(sink)
    done = [f"{end - start} bytes were set aside"] if start < end else []
    done += [f"{restored} lines that were missing were written from the journal"] if restored else []
    return f"{path.name}: {' and '.join(done)}"


def _drop(files: Files, draft: Path) -> None:
    """Give back the space of a draft, which a full disk needs; it is the first failure that should be told."""
    with suppress(OSError):
        files.remove(draft)


def _chained(batch: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    if batch:
        yield batch
    yield from others


def _write(files: Files, file: int, batches: Iterable[bytes], at: int) -> int:
    """Write batches from offset `at` and return how many lines they have."""
    count = 0
    for batch in batches:
        at = write_all(files, file, batch, at)
        count += batch.count(b"\n")
    return count


def _read(files: Files, file: int, count: int, at: int) -> bytes:
    parts: list[bytes] = []
    while count and (block := files.read(file, count, at)):
        parts.append(block)
        count, at = count - len(block), at + len(block)
    return b"".join(parts)


def _common(one: bytes, other: bytes) -> int:
    """Return the length of the longest common start that ends with a line."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return one.rfind(b"\n", 0, low) + 1
