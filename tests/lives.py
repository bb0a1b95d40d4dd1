"""Random lives of a run directory, in memory but for the index, which SQLite keeps in a real folder."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from random import Random

from qloragen.store.handle import Run
from qloragen.store.index import Index, open_index
from qloragen.store.lines import record_line, reply_line
from qloragen.store.money import Paid
from qloragen.store.names import INDEX, JOURNAL, SINK
from qloragen.store.reading import read_journal
from qloragen.store.state import State
from qloragen.types import Rejection

from .disks import Memory, expected_sink
from .values import NOON, a_cell, a_classification, a_record, a_reply, an_article, key

SECTORS = (512, 4096)
INDEX_FILES = (INDEX, f"{INDEX}-wal", f"{INDEX}-sum")
"""What SQLite needs after the death of a process; it makes the rest anew."""


class Author:
    """Puts random lines into a run, many of them so long that they end where a sector of the disk does."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._count = 0

    def put(self, run: Run) -> None:
        """Add one line, of any kind."""
        adding = self._chance.choices(
            (self._record, self._reply, self._revised, self._rejection, self._others), (5, 4, 1, 1, 2)
        )[0]
        adding(run)

    def _record(self, run: Run) -> None:
        self._count += 1
        name = f"c{self._count}"
        empty = len(record_line(a_record(name, output="")))
        refused = {"schema": Paid(1, Decimal("0.0012"), 0)} if self._chance.random() < 0.2 else {}
        run.add_record(a_record(name, output="x" * self._length(run.filing.end + empty)), refused=refused)

    def _reply(self, run: Run) -> None:
        cell = a_cell(f"c{self._count + self._chance.randint(0, 2)}")
        empty = len(reply_line(a_reply(cell, body="")))
        run.add_reply(a_reply(cell, body="x" * self._length(run.filing.end + empty)))

    def _revised(self, run: Run) -> None:
        name = self._known()
        if run.state.record_offset(key(name)) is not None:
            run.add_record(a_record(name, output=f"Revised {self._chance.random()}"), revised=True)

    def _rejection(self, run: Run) -> None:
        run.add_rejection(Rejection(a_cell(self._known()), self._chance.choice(["refusal", "schema"]), "No."))

    def _others(self, run: Run) -> None:
        name = self._known()
        match self._chance.randrange(4):
            case 0:
                run.add_article(an_article(f"Text {self._count}", id=name))
            case 1:
                run.add_types(a_classification(f"k{name}"), (1, 2))
            case 2:
                run.add_failure(Rejection(a_cell(name), "timeout", "Slow."), NOON)
            case 3 if run.state.rejection_of(key(name)):
                run.retry(key(name), NOON)

    def _known(self) -> str:
        return f"c{self._chance.randint(1, self._count + 2)}"

    def _length(self, least_end: int) -> int:
        """Return how long a text is to be, if its line would end, without it and its LF, at `least_end`."""
        if self._chance.random() < 0.5:
            return self._chance.randint(1, 900)
        return -(least_end + 1) % self._chance.choice(SECTORS)


def index_files(folder: Path) -> dict[str, bytes]:
    """Return the files of the index as they are now."""
    return {name: (folder / name).read_bytes() for name in INDEX_FILES if (folder / name).exists()}


def put_index(folder: Path, files: dict[str, bytes]) -> None:
    """Let the index be that of another moment; absent when there are no files."""
    for name in (*INDEX_FILES, f"{INDEX}-shm"):
        (folder / name).unlink(missing_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


class Opened:
    """A run on a disk in memory, which can be left in any way."""

    def __init__(self, folder: Path, disk: Memory, *, index: bool = True) -> None:
        self.index: Index | None = open_index(folder / INDEX) if index else None
        self._folder = folder
        self.run = Run(folder, disk, self.index, most_loss_usd=None)

    def close(self) -> None:
        """End in good order."""
        self.run.close()

    def kill(self) -> None:
        """Let go of everything as the system does when a process dies: what was written is there, and no more."""
        if self.index:
            files = index_files(self._folder)
            self.index.close()
            put_index(self._folder, files)


def journal_of(disk: Memory, folder: Path) -> bytes:
    """Return what the journal holds."""
    return disk.data(folder / JOURNAL)


def check(run: Run, disk: Memory, folder: Path) -> None:
    """Make sure that a run that was just opened stands as its journal says, and its sink as well."""
    assert disk.data(folder / SINK) == expected_sink(journal_of(disk, folder))
    state = State()
    file = disk.open(folder / JOURNAL)
    contents = read_journal(disk, file, state, None, None)
    disk.close(file)
    assert not contents.damaged
    assert run.state.totals == state.totals
    assert run.state.ledger.bills == state.ledger.bills
    assert {key: run.state.standing(key) for key in state.changes()} == state.changes()
