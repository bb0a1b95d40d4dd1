"""Loss of power, modelled: whatever of what was not synced the disk has kept, nothing acknowledged is lost.

Each page that was written and not synced is there, or old, or full of zeros, or the file ends before it. `disks.rounds`
says how to see one seed again, and how to try more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from qloragen.store.lines import record_line
from qloragen.store.names import JOURNAL

from .disks import Image, Memory, after_power_cut, quick_folder, rounds, seeded, sound_lines
from .lives import Author, Opened, check, index_files, journal_of, put_index
from .values import a_record

NEXT = a_record("what is done next")
LIVES, CUTS_A_LIFE = 144, 40
"""5,000 cuts together; a short life has less than its share."""


@dataclass
class Cut:
    """A moment at which power may fail."""

    image: Image
    acknowledged: bytes
    """What the journal must still begin with."""
    indexes: list[dict[str, bytes]]
    """Files of the index as they were at some moments up to then."""


@dataclass
class Life:
    """A run at work, with what is seen of it at random moments."""

    folder: Path
    chance: Random
    cuts: list[Cut] = field(default_factory=list)
    written: set[bytes] = field(default_factory=set)
    """Every line that was ever written."""

    def __post_init__(self) -> None:
        self.disk = Memory(snapshot=self._look)
        self._acknowledged = b""
        self._indexes: list[dict[str, bytes]] = [{}]
        put_index(self.folder, {})

    def lead(self) -> None:
        """Work for a while, in one or more processes."""
        author = Author(self.chance)
        for _ in range(self.chance.randint(1, 3)):
            opened = Opened(self.folder, self.disk, index=self.chance.random() < 0.8)
            self._acknowledge()  # what an opened run has is taken for done
            self._notice()
            for _ in range(self.chance.randint(3, 12)):
                for _ in range(self.chance.randint(1, 5)):
                    author.put(opened.run)
                self._act(opened)
            self._leave(opened)
        self.written.add(record_line(NEXT))
        self.written.update(sound_lines(journal_of(self.disk, self.folder)))

    def _act(self, opened: Opened) -> None:
        run = opened.run
        match self.chance.randrange(6):
            case 0:
                run.filing.write(run.filing.end)  # as for a reply that is to survive the death of the process
            case 1:
                run.filing.write(run.filing.end)
                run.filing.sync()
                self._acknowledge()
            case 2 | 3:
                run.flush()
                self._acknowledge()
            case 4:
                moment = run.moment()
                run.filing.write(moment.ends.journal)
                run.filing.sync()
                run.filing.project(moment.ends.sink)
                run.filing.save(moment.changes, moment.mark, run.filing.checked())
                run.saved(moment)
                self._acknowledge()
            case 5:
                run.filing.write(run.filing.end)  # as for those who leave it to the kernel when to write
                if not run.filing.synced:
                    run.filing.sync()
                run.filing.project(run.filing.ends.sink)
        self._notice()

    def _leave(self, opened: Opened) -> None:
        if self.chance.random() < 0.5:
            opened.close()
            self._acknowledge()
        else:
            opened.kill()
        self._notice()

    def _acknowledge(self) -> None:
        self._acknowledged = journal_of(self.disk, self.folder)

    def _notice(self) -> None:
        self._indexes.append(index_files(self.folder))

    def _look(self) -> None:
        if self.chance.random() < 0.4:
            self._indexes.append(index_files(self.folder))
            self.cuts.append(Cut(self.disk.image(), self._acknowledged, self._indexes[-3:]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder


@pytest.mark.parametrize("page_bytes", [4096, 512])
def test_a_loss_of_power_takes_nothing_acknowledged_and_brings_nothing_up(folder, page_bytes):

    for seed in rounds(LIVES // 2):
        with seeded(seed, page_bytes) as chance:
            cut_often(folder, chance, page_bytes)


def cut_often(folder: Path, chance: Random, page_bytes: int) -> int:
    life = Life(folder, chance)
    life.lead()
    cuts = chance.sample(life.cuts, min(len(life.cuts), CUTS_A_LIFE))
    for cut in cuts:
        put_index(folder, chance.choice([*cut.indexes, {}]))
        disk = Memory(after_power_cut(cut.image, chance, page_bytes))
        if chance.random() < 0.3:
            disk = cut_while_recovering(folder, disk, chance, page_bytes)
        opened = Opened(folder, disk)
        judge(opened, disk, folder, cut, life.written)
        opened.run.add_record(NEXT)
        opened.run.flush()
        opened.close() if chance.random() < 0.5 else opened.kill()
        again = Opened(folder, disk, index=chance.random() < 0.5)
        assert again.run.recovery.sentences == []
        assert again.run.record(NEXT.id) == NEXT
        judge(again, disk, folder, cut, life.written)
        again.kill()
    return len(cuts)


def cut_while_recovering(folder: Path, disk: Memory, chance: Random, page_bytes: int) -> Memory:
    """Let power fail once more, somewhere in putting things in order."""
    moments: list[tuple[Image, dict[str, bytes]]] = []

    def look() -> None:
        if not moments or chance.random() < 0.3:
            moments.append((disk.image(), index_files(folder)))

    disk.snapshot = look
    opened = Opened(folder, disk)
    opened.run.flush()
    opened.kill()
    image, index = chance.choice(moments)
    put_index(folder, index)
    return Memory(after_power_cut(image, chance, page_bytes))


def judge(opened: Opened, disk: Memory, folder: Path, cut: Cut, written: set[bytes]) -> None:
    opened.run.flush()
    journal = disk.data(folder / JOURNAL)
    assert journal.startswith(cut.acknowledged), "an acknowledged line is lost"
    invented = {line for line in sound_lines(journal) if b'"t":"damaged"' not in line} - written
    assert not invented
    check(opened.run, disk, folder)
