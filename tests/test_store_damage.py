"""Files that were changed behind the store's back: nothing damaged is believed, and nothing beside it is lost.

`disks.rounds` says how to see one seed again, and how to try more.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from pydantic import ValidationError

from qloragen.errors import SetupError, StorageFailed
from qloragen.store.aside import MOST_KEPT_BYTES
from qloragen.store.frame import is_whole, sink_line
from qloragen.store.lines import record_line, record_of
from qloragen.store.names import ASIDE, INDEX, JOURNAL, SINK
from qloragen.store.run import open_run, read_run
from qloragen.store.scan import lines

from .disks import Image, Memory, expected_sink, is_sound, quick_folder, rounds, seeded
from .lives import Author, Opened, check, index_files, journal_of, put_index
from .values import a_record, key

ROOT = Path(__file__).resolve().parents[1]

JOURNALS, EDITS = 50, 1_000
"""50,000 edits that are checked line by line."""
RUNS, OPENINGS = 60, 40
"""2,400 edits with which a run is opened."""
BOM = b"\xef\xbb\xbf"


class Edit(NamedTuple):
    """What stands where in a file after someone has been at it."""

    start: int
    end: int
    new: bytes

    def on(self, data: bytes) -> bytes:
        return data[: self.start] + self.new + data[self.end :]


# ------------------------------------------------------------------------------------------------------------ edits


def flip(chance: Random, data: bytes) -> Edit:
    at = chance.randrange(len(data))
    return Edit(at, at + 1, bytes([data[at] ^ 1 << chance.randrange(8)]))


def zeros(chance: Random, data: bytes) -> Edit:
    start, end = part(chance, data)
    return Edit(start, end, bytes(end - start))


def delete(chance: Random, data: bytes) -> Edit:
    return Edit(*part(chance, data), b"")


def insert(chance: Random, data: bytes) -> Edit:
    at = chance.randrange(len(data))
    return Edit(at, at, chance.choice([chance.randbytes(chance.randint(1, 40)), b"\n", b" ", b"\0", b"{}\n", b"x\n"]))


def splice(chance: Random, data: bytes) -> Edit:
    """Glue the first part of one line to the last part of a later one."""
    start = chance.choice(starts(data))
    first = chance.randint(start, data.index(b"\n", start))
    other = chance.choice([start, *(later for later in starts(data) if later >= first)])
    return Edit(first, chance.randint(max(first, other), data.index(b"\n", max(first, other))), b"")


def duplicate(chance: Random, data: bytes) -> Edit:
    start, other = chance.choice(starts(data)), chance.choice(starts(data))
    return Edit(other, other, data[start : data.index(b"\n", start) + 1])


def cut(chance: Random, data: bytes) -> Edit:
    return Edit(chance.randrange(len(data)), len(data), b"")


def upper(chance: Random, data: bytes) -> Edit:
    """Write a checksum in capitals."""
    end = data.index(b"\n", chance.choice(starts(data)))
    return Edit(end - 10, end - 2, data[end - 10 : end - 2].upper())


def carriage(chance: Random, data: bytes) -> Edit:
    end = data.index(b"\n", chance.choice(starts(data)))
    return Edit(end, end, b"\r")


def mark(chance: Random, data: bytes) -> Edit:
    return Edit(0, 0, BOM)


def zeros_after(chance: Random, data: bytes) -> Edit:
    return Edit(len(data), len(data), bytes(chance.randint(1, 5000)))


def unended(chance: Random, data: bytes) -> Edit:
    return Edit(len(data) - 1, len(data), b"")


def text_after(chance: Random, data: bytes) -> Edit:
    return Edit(len(data), len(data), chance.choice([b"\n", b"{}\n", b'{"k":"', chance.randbytes(9)]))


def carriages(chance: Random, data: bytes) -> Edit:
    return Edit(0, len(data), data.replace(b"\n", b"\r\n"))


def nothing(chance: Random, data: bytes) -> Edit:
    return Edit(0, len(data), b"")


def swap(chance: Random, data: bytes) -> Edit:
    """Write something else of the same length."""
    start, end = part(chance, data)
    return Edit(start, end, chance.randbytes(end - start))


def part(chance: Random, data: bytes) -> tuple[int, int]:
    start = chance.randrange(len(data))
    return start, min(start + chance.choice([1, 2, 17, 300, 4096]), len(data))


def starts(data: bytes) -> list[int]:
    found = [0]
    while (at := data.find(b"\n", found[-1])) >= 0:
        found.append(at + 1)
    return found[:-1]


ALL: list[Callable[[Random, bytes], Edit]] = [
    flip,
    zeros,
    delete,
    insert,
    splice,
    duplicate,
    cut,
    upper,
    carriage,
    carriages,
    mark,
    zeros_after,
    unended,
    text_after,
    nothing,
    swap,
]


# ------------------------------------------------------------------------------------------------------------ tests


@pytest.fixture
def folder() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder


def worked_on(folder: Path, chance: Random) -> tuple[Memory, list[dict[str, bytes]]]:
    """Return the files of a run, and its index at several moments; ended in good order or killed."""
    disk = Memory()
    indexes: list[dict[str, bytes]] = [{}]
    put_index(folder, {})
    author = Author(chance)
    for _ in range(2):
        opened = Opened(folder, disk)
        for _ in range(chance.randint(1, 8)):
            author.put(opened.run)
        opened.run.flush()
        indexes.append(index_files(folder))
        if chance.random() < 0.5:
            moment = opened.run.moment()
            opened.run.filing.save(moment.changes, moment.mark, opened.run.filing.checked())
            opened.run.saved(moment)
            author.put(opened.run)
            opened.run.flush()
        opened.close() if chance.random() < 0.5 else opened.kill()
        indexes.append(index_files(folder))
    return disk, indexes


def test_no_damaged_line_passes_for_whole_and_its_neighbours_do(folder):
    for seed in rounds(JOURNALS):
        with seeded(seed, "lines") as chance:
            disk, _ = worked_on(folder, chance)
            journal = journal_of(disk, folder)
            for _ in range(EDITS):
                edit = chance.choice(ALL)(chance, journal)
                assert_only_the_damaged_are_missing(folder, journal, edit)


def assert_only_the_damaged_are_missing(folder: Path, journal: bytes, edit: Edit) -> None:
    disk = Memory()
    disk.put(folder / JOURNAL, edit.on(journal))
    found = [line for _, line, _ in lines(disk, disk.open(folder / JOURNAL)) if is_whole(line)]
    ends = [start - 1 for start in starts(journal)[1:]] + [len(journal) - 1]
    spans = list(zip(starts(journal), ends, strict=True))
    assert set(found) <= {journal[start:end] for start, end in spans}
    untouched = {journal[start:end] for start, end in spans if end < edit.start or start > edit.end}
    assert untouched <= set(found)


def test_a_run_opens_without_what_is_damaged_and_says_so_once(folder):
    for seed in rounds(RUNS):
        with seeded(seed, "runs") as chance:
            disk, indexes = worked_on(folder, chance)
            image = disk.image()
            for _ in range(OPENINGS):
                open_damaged(folder, image, indexes, chance)


def open_damaged(folder: Path, image: Image, indexes: list[dict[str, bytes]], chance: Random) -> None:
    disk = Memory(image)
    put_index(folder, damaged_index(chance.choice([*indexes, indexes[-1]]), chance))
    for name, share in ((JOURNAL, 0.8), (SINK, 0.4)):
        for _ in range(2):
            if disk.data(folder / name) and b"\n" in disk.data(folder / name) and chance.random() < share:
                before = disk.data(folder / name)
                disk.put(folder / name, chance.choice(ALL)(chance, before).on(before))
    assert_mended(folder, disk)


def damaged_index(files: dict[str, bytes], chance: Random) -> dict[str, bytes]:
    """Return the files of an index as they are, or with random bytes in them."""
    if chance.random() < 0.6:
        return files
    edits = [flip, zeros, swap, cut, insert, nothing]
    return {name: chance.choice(edits)(chance, data).on(data) for name, data in files.items() if data}


def assert_mended(folder: Path, disk: Memory) -> None:
    journal, sink = disk.data(folder / JOURNAL), disk.data(folder / SINK)
    numbers, parts, end = damage_of(journal)
    if end == 0 and is_refused(journal, sink):
        with pytest.raises(SetupError), open_run(folder, files=disk):
            pass
        assert (disk.data(folder / JOURNAL), disk.data(folder / SINK)) == (journal, sink)
        return
    with open_run(folder, files=disk) as run:
        missing = bool(end) and not journal[:end].endswith(b"\n")
        assert journal_of(disk, folder).startswith(journal[:end] + b"\n" * missing)
        assert (run.recovery.damaged, run.recovery.torn_bytes) == (numbers, len(journal) - end)
        aside = disk.data(folder / ASIDE / JOURNAL)
        assert all(lost.rstrip(b"\0\n") in aside for lost in [*parts, journal[end:]])
        check(run, disk, folder)
    with open_run(folder, files=disk) as run:
        assert run.recovery.sentences == []
        check(run, disk, folder)


def damage_of(journal: bytes) -> tuple[list[int], list[bytes], int]:
    """Return numbers and bytes of the damaged lines before the last whole one, and where that ends."""
    numbers: list[int] = []
    parts: list[bytes] = []
    at = end = seen = 0
    for number, line in enumerate(journal.split(b"\n"), 1):
        if is_sound(line):
            end, seen = min(at + len(line) + 1, len(journal)), len(parts)
        else:
            numbers.append(number)
            parts.append(line)
        at += len(line) + 1
    return numbers[:seen], parts[:seen], end


def is_refused(journal: bytes, sink: bytes) -> bool:
    """Whether going on would make it worse: nothing is left of the journal, or it is not as this program writes it."""
    first = journal.split(b"\n")[0]
    other = first.startswith(b'{"') and first[:6] != b'{"k":"'[: len(first)]
    records = any(is_record(line) for line in sink.split(b"\n"))
    return records or other or (first.endswith(b"\r") and is_sound(first[:-1]))


def is_record(line: bytes) -> bool:
    try:
        record_of(line)
    except ValidationError:
        return False
    return True


def test_an_index_with_anything_wrong_in_it_is_made_anew(folder):
    for seed in rounds(RUNS):
        with seeded(seed, "index") as chance:
            disk, indexes = worked_on(folder, chance)
            image = disk.image()
            for _ in range(OPENINGS // 2):
                put_index(folder, {name: wrong(data, chance) for name, data in indexes[-1].items()})
                assert_mended(folder, Memory(image))


def wrong(data: bytes, chance: Random) -> bytes:
    return chance.choice([flip, flip, zeros, swap])(chance, data).on(data) if data and chance.random() < 0.7 else data


# -------------------------------------------------------------------------------------------------- on a real disk

WORK = """
import os, sys
from pathlib import Path
from qloragen.store.run import open_run, read_run
from tests.values import a_record
with open_run(Path(sys.argv[1])) as run:
    for n in range(9):
        run.add_record(a_record(f"c{n}"))
    moment = run.moment()
    run.flush()
    run.filing.save(moment.changes, moment.mark, run.filing.checked())
    if sys.argv[2] == "killed":
        os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("end", ["closed", "killed"])
@pytest.mark.parametrize("name", [JOURNAL, SINK])
def test_an_edit_of_the_same_size_is_found_however_the_run_ended(tmp_path, name, end):
    subprocess.run([sys.executable, "-c", WORK, tmp_path / "run", end], cwd=ROOT, check=False)
    file = tmp_path / "run" / name
    before = file.read_bytes()
    file.write_bytes(before.replace(key("c4").encode(), key("other").encode()))

    with open_run(tmp_path / "run") as run:
        assert run.recovery.damaged == ([5] if name == JOURNAL else [])
        assert (run.state.record_offset(key("c4")) is None) == (name == JOURNAL)
        run.add_record(a_record("c4"))
    assert len(before.splitlines()) == 9
    with open_run(tmp_path / "run") as run:
        assert run.recovery.sentences == []
        assert run.state.totals.records == 9
        sink = (tmp_path / "run" / SINK).read_bytes()
        assert sink == expected_sink((tmp_path / "run" / JOURNAL).read_bytes())
        assert sorted(sink.splitlines()) == sorted(sink_line(record_line(a_record(f"c{n}"))) for n in range(9))


@pytest.mark.parametrize("count", range(30))
def test_a_first_line_that_was_torn_anywhere_is_no_other_programs_file(tmp_path, count):
    (tmp_path / JOURNAL).write_bytes(record_line(a_record())[:count])

    with open_run(tmp_path) as run:
        assert run.recovery.torn_bytes == count
        run.add_record(a_record())
        assert run.record(key("c1")) == a_record()


def test_a_long_torn_end_is_kept_whole_but_for_zeros(tmp_path):
    torn = b'{"k":"' + b"x" * (MOST_KEPT_BYTES + 9)
    (tmp_path / JOURNAL).write_bytes(record_line(a_record()) + b"\n" + torn + bytes(99_999))

    with open_run(tmp_path) as run:
        assert run.recovery.torn_bytes == len(torn) + 99_999
    assert (tmp_path / ASIDE / JOURNAL).read_bytes().endswith(b"\n" + torn + b"\n")


def test_an_index_that_is_damaged_while_a_run_is_open_stops_it_in_words_and_is_made_anew(folder):
    names = [f"c{n}" for n in range(3_000)]
    with open_run(folder) as run:
        for name in names:
            run.add_record(a_record(name))
    file = folder / INDEX
    with open_run(folder) as run:
        run.add_record(a_record("more"))
        file.write_bytes(file.read_bytes()[:8192] + bytes(file.stat().st_size - 8192))
        with pytest.raises(StorageFailed, match="run the same command again"):
            for name in names:
                run.state.settled(key(name))

    with open_run(folder) as run:
        assert run.recovery.lines_read == len(names) + 1
        assert all(run.state.settled(key(name)) for name in [*names, "more"])


@pytest.mark.parametrize("at", [0, 20, 100, 4096, 5000, 9000])
def test_a_damaged_index_is_no_hindrance_to_reading_a_run(folder, at):
    with open_run(folder) as run:
        for n in range(100):
            run.add_record(a_record(f"c{n}"))
    index = (folder / INDEX).read_bytes()
    (folder / INDEX).write_bytes(index[:at] + bytes(b ^ 255 for b in index[at : at + 500]) + index[at + 500 :])

    assert read_run(folder).totals.records == 100
