"""Disks that fail, disks that lose power, and what a run's files should hold: for the hard tests of the store.

Every random test takes its numbers from `rounds`: a failure names the seed, and `STORE_SEED=<seed> pytest -k <test>`
runs that one alone. `STORE_ROUNDS=<factor>` multiplies how many there are (100 for a night).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple
from zlib import crc32

import orjson

from qloragen.store.files import Files, Stamp

# ---------------------------------------------------------------------------------------------------- random numbers


@contextmanager
def seeded(seed: int, variant: object = "") -> Iterator[Random]:
    """Yield the random numbers of `seed` for one variant; an error of the block says how to see it again."""
    try:
        yield Random(f"{seed} {variant}")  # noqa: S311 - nothing secret
    except BaseException as error:
        error.add_note(f"Seen with seed {seed}: STORE_SEED={seed} runs it again, alone.")
        raise


def rounds(count: int) -> Iterable[int]:
    """Return the seeds of a random test."""
    alone = os.environ.get("STORE_SEED")
    return [int(alone)] if alone else range(int(count * float(os.environ.get("STORE_ROUNDS", "1"))))


# ------------------------------------------------------------------------------------------------------- quick folders


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A folder in memory, where the system has one: SQLite has its own way to the disk, and waits for it."""
    memory = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a private folder in it
    folder = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


# ----------------------------------------------------------------------------------------------- a disk in memory


class Content(NamedTuple):
    """One file at one moment."""

    number: int
    data: bytes
    """As a reader sees it."""
    safe: bytes
    """As it was when it was synced last."""
    low: int
    """Bytes before this have not been touched since."""
    mtimes_ns: tuple[int, ...]
    """All times of change since then; the last one counts."""


@dataclass
class _File:
    number: int
    data: bytearray
    safe: bytes
    low: int
    mtimes_ns: list[int]

    def touched(self, at: int, now_ns: int) -> None:
        self.low = min(self.low, at)
        self.mtimes_ns.append(now_ns)


Image = dict[Path, Content]
"""All files of a disk at one moment."""


class Memory:
    """A disk in memory. `snapshot` is called before each operation: between two of them is when power fails."""

    def __init__(self, image: Image | None = None, snapshot: Callable[[], None] = lambda: None) -> None:
        self.operations = 0
        self.snapshot = snapshot
        self._names = {
            path: _File(
                content.number, bytearray(content.data), content.data, len(content.data), [content.mtimes_ns[-1]]
            )
            for path, content in (image or {}).items()
        }
        self._numbers = max((file.number for file in self._names.values()), default=0)
        self._open: dict[int, _File] = {}
        self._descriptors = 0
        self._now_ns = max((file.mtimes_ns[-1] for file in self._names.values()), default=2 * 10**18)

    def image(self) -> Image:
        """Return all files as they are now."""
        return {
            path: Content(file.number, bytes(file.data), file.safe, file.low, tuple(file.mtimes_ns))
            for path, file in self._names.items()
        }

    def data(self, path: Path) -> bytes:
        """Return what a file holds; nothing when there is none."""
        return bytes(self._names[path].data) if path in self._names else b""

    def put(self, path: Path, data: bytes) -> None:
        """Let someone else change a file in its place."""
        file = self._named(path)
        file.data[:] = data
        file.safe, file.low = data, len(data)
        file.mtimes_ns = [self._tick()]

    def open(self, path: Path) -> int:
        self._step()
        self._descriptors += 1
        self._open[self._descriptors] = self._named(path)
        return self._descriptors

    def read(self, file: int, count: int, offset: int) -> bytes:
        self._step()
        return bytes(memoryview(self._open[file].data)[offset : offset + count])

    def write(self, file: int, data: memoryview, offset: int) -> int:
        self._step()
        there = self._open[file]
        assert offset <= len(there.data), "nobody should leave a hole"
        there.data[offset : offset + len(data)] = data
        there.touched(offset, self._tick())
        return len(data)

    def sync(self, file: int) -> None:
        self._step()
        there = self._open[file]
        there.safe, there.low = bytes(there.data), len(there.data)

    def cut(self, file: int, size: int) -> None:
        self._step()
        there = self._open[file]
        if size < len(there.data):
            del there.data[size:]
        there.touched(size, self._tick())

    def stamp(self, file: int) -> Stamp:
        self._step()
        there = self._open[file]
        return Stamp(there.number, len(there.data), there.mtimes_ns[-1])

    def set_mtime(self, file: int, mtime_ns: int) -> None:
        self._step()
        self._open[file].mtimes_ns.append(mtime_ns)

    def is_at(self, path: Path, file: int) -> bool:
        self._step()
        return self._names.get(path) is self._open[file]

    def replace(self, draft: Path, path: Path) -> None:
        # A rename that is not synced yet is undone by a loss of power or is not: as before it, or as after it.
        self._step()
        self._names[path] = self._names.pop(draft)

    def remove(self, path: Path) -> None:
        self._step()
        self._names.pop(path, None)

    def make_folder(self, path: Path) -> None:
        # For real: the lock and the index are not in memory.
        self._step()
        path.mkdir(parents=True, exist_ok=True)

    def close(self, file: int) -> None:
        self._step()
        del self._open[file]

    def _named(self, path: Path) -> _File:
        if path not in self._names:
            self._numbers += 1
            self._names[path] = _File(self._numbers, bytearray(), b"", 0, [self._tick()])
        return self._names[path]

    def _step(self) -> None:
        self.snapshot()
        self.operations += 1

    def _tick(self) -> int:
        self._now_ns += 1_000_000
        return self._now_ns


def after_power_cut(image: Image, chance: Random, page_bytes: int) -> Image:
    """Return what is on the disk when power comes back."""
    return {path: _survived(content, chance, page_bytes) for path, content in image.items()}


def _survived(content: Content, chance: Random, page_bytes: int) -> Content:
    number, data, safe, low, mtimes_ns = content
    mtimes_ns = (chance.choice(mtimes_ns),)
    if low == len(data) == len(safe):
        return Content(number, data, data, low, mtimes_ns)
    survived = bytearray(safe[:low])
    for page in range(low // page_bytes, max(len(data), len(safe)) // page_bytes + 1):
        start, end = max(low, page * page_bytes), (page + 1) * page_bytes
        survived += chance.choice([data[start:end], data[start:end], safe[start:end], b""]).ljust(end - start, b"\0")
    # The size is the new one, the old one, or one that it had on the way, when the blocks were handed to the disk.
    borders = range(low // page_bytes * page_bytes, len(data) + 1, page_bytes)
    sizes = [len(data), len(data), len(safe), low, *([chance.choice(borders)] if borders else [])]
    whole = bytes(survived[: max(chance.choice(sizes), low)])
    return Content(number, whole, whole, len(whole), mtimes_ns)


# -------------------------------------------------------------------------------------------------- a disk that fails


class Operation(NamedTuple):
    """One operation of the file layer."""

    number: int
    """From 0."""
    name: str
    path: Path


@dataclass
class Faulty:
    """A disk whose operations fail as `fault` says: with an errno, with none, or (-1) by doing half of it.

    Half a write or read is short; half of anything else is nothing special.
    """

    fault: Callable[[Operation], int | None] = lambda _: None
    disk: Files = field(default_factory=Memory)
    log: list[Operation] = field(default_factory=list)
    failed: list[Operation] = field(default_factory=list)
    refused: bool = False
    """Whether something has failed and not only been half done."""
    _paths: dict[int, Path] = field(default_factory=dict)

    def open(self, path: Path) -> int:
        self._do("open", path)
        file = self.disk.open(path)
        self._paths[file] = path
        return file

    def read(self, file: int, count: int, offset: int) -> bytes:
        short = self._do("read", self._paths[file])
        return self.disk.read(file, max(count // 2, 1) if short else count, offset)

    def write(self, file: int, data: memoryview, offset: int) -> int:
        short = self._do("write", self._paths[file])
        return self.disk.write(file, data[: max(len(data) // 2, 1)] if short else data, offset)

    def sync(self, file: int) -> None:
        self._do("sync", self._paths[file])
        self.disk.sync(file)

    def cut(self, file: int, size: int) -> None:
        self._do("cut", self._paths[file])
        self.disk.cut(file, size)

    def stamp(self, file: int) -> Stamp:
        self._do("stamp", self._paths[file])
        return self.disk.stamp(file)

    def set_mtime(self, file: int, mtime_ns: int) -> None:
        self._do("set_mtime", self._paths[file])
        self.disk.set_mtime(file, mtime_ns)

    def is_at(self, path: Path, file: int) -> bool:
        self._do("is_at", path)
        return self.disk.is_at(path, file)

    def replace(self, draft: Path, path: Path) -> None:
        self._do("replace", path)
        self.disk.replace(draft, path)

    def remove(self, path: Path) -> None:
        self._do("remove", path)
        self.disk.remove(path)

    def make_folder(self, path: Path) -> None:
        self._do("make_folder", path)
        self.disk.make_folder(path)

    def close(self, file: int) -> None:
        # The descriptor is gone also when closing reports an error (Linux, close(2)).
        path = self._paths.pop(file)
        self.disk.close(file)
        self._do("close", path)

    @property
    def only_half(self) -> bool:
        """Whether all that went wrong is that something was half done, which is no failure."""
        return bool(self.failed) and not self.refused

    @property
    def left_open(self) -> list[Path]:
        """Files of which a descriptor is open."""
        return list(self._paths.values())

    def _do(self, name: str, path: Path) -> bool:
        operation = Operation(len(self.log), name, path)
        self.log.append(operation)
        error = self.fault(operation)
        if error is None:
            return False
        self.failed.append(operation)
        if error > 0:
            self.refused = True
            raise OSError(error, os.strerror(error))
        return True


# ----------------------------------------------------------------------------------- what a run's files should hold


def is_sound(line: bytes) -> bool:
    """Whether a journal line is as it was written, by the words of its definition."""
    start, mark, checksum = line.rpartition(b',"c":"')
    return bool(mark) and line.startswith(b'{"k":"') and checksum == b'%08x"}' % crc32(start)


def sound_lines(journal: bytes) -> list[bytes]:
    """Return the lines of a journal that count."""
    return [line for line in journal.split(b"\n")[:-1] if is_sound(line)]


def expected_sink(journal: bytes) -> bytes:
    """Return the projection of a journal, worked out from its JSON and not from its bytes."""
    rejected: set[str] = set()
    records: dict[str, dict[str, object]] = {}
    for fields in map(orjson.loads, sound_lines(journal)):
        key, kind = fields["k"], fields["t"]
        if kind == "rejection":
            records.pop(key, None)
            rejected.add(key)
        elif kind == "revised" or (kind == "record" and key not in records):
            records.pop(key, None)
            rejected.discard(key)
            records[key] = fields
    return b"".join(map(_as_sink_line, records.values()))


def _as_sink_line(fields: dict[str, object]) -> bytes:
    kept = {name: value for name, value in fields.items() if name not in {"k", "t", "c", "refused"}}
    return orjson.dumps({"id": fields["k"], **kept}) + b"\n"
