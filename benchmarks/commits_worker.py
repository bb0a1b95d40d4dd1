"""One way of storing records, in a process of its own on one core; see `commits`.

Usage: python commits_worker.py WAY FOLDER RECORDS PRODUCERS [CORE]. Prints what it took as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import anyio

_ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(_ROOT))

from material import Answered, stories

from qloragen.store.committer import Committer, Durability, Terms, committing
from qloragen.store.files import Disk
from qloragen.store.handle import Run
from qloragen.store.lines import record_line
from qloragen.store.run import open_run

Delays = list[float]
"""From handing a record over to knowing that it is safe, in seconds; of each record."""


class Work(NamedTuple):
    """What there is to store, and where."""

    folder: Path
    answers: list[Answered]
    producers: int


def main() -> None:
    way, folder, records, producers, *core = sys.argv[1:]
    if core:
        os.sched_setaffinity(0, {int(core[0])})
    work = Work(Path(folder), list(islice(_answers(), int(records))), int(producers))
    gc.freeze()  # what there is to store is there only to be measured with
    print(json.dumps(_WAYS[way](work)))


def _answers() -> Iterator[Answered]:
    for story in stories(sys.maxsize // 2):
        yield from story.generated


def _measured(delays: Delays, started: tuple[float, float]) -> dict[str, float]:
    wall_s, cpu_s = time.perf_counter() - started[0], time.process_time() - started[1]
    ordered = sorted(delays)
    return {
        "records_per_s": len(ordered) / wall_s,
        "cpu_us": 1e6 * cpu_s / len(ordered),
        "p50_ms": 1000 * ordered[len(ordered) // 2],
        "p99_ms": 1000 * ordered[len(ordered) * 99 // 100],
        "max_ms": 1000 * ordered[-1],
    }


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


# ---------------------------------------------------------------------------------------------------- our own store


class SlowDisk(Disk):
    """A disk whose sync takes so many seconds more."""

    def __init__(self, sync_s: float) -> None:
        self._sync_s = sync_s

    def sync(self, file: int) -> None:
        time.sleep(self._sync_s)
        super().sync(file)


def _store(
    work: Work, *, durability: Durability = "group", replies: bool = False, sync_s: float = 0.0
) -> dict[str, float]:
    disk = SlowDisk(sync_s) if sync_s else Disk()
    with open_run(work.folder / "run", files=disk) as run:
        return asyncio.run(_committed(run, work, Terms(durability), replies=replies))


async def _committed(run: Run, work: Work, terms: Terms, *, replies: bool) -> dict[str, float]:
    delays: Delays = []
    async with committing(run, terms) as committer:
        started = _now()
        waiting = iter(work.answers)
        produce = _answer_and_record if replies else _record
        async with anyio.create_task_group() as producers:
            for _ in range(work.producers):
                producers.start_soon(produce, run, committer, waiting, delays)
        return _measured(delays, started)


async def _record(run: Run, committer: Committer, waiting: Iterator[Answered], delays: Delays) -> None:
    for answer in waiting:
        added_s = time.perf_counter()
        run.add_record(answer.record)
        await committer.durable()
        delays.append(time.perf_counter() - added_s)


async def _answer_and_record(run: Run, committer: Committer, waiting: Iterator[Answered], delays: Delays) -> None:
    for reply, record in waiting:
        run.add_reply(reply)
        await committer.kept()
        added_s = time.perf_counter()
        run.add_record(record)
        await committer.durable()
        delays.append(time.perf_counter() - added_s)


# ---------------------------------------------------------------------------------------------------------- others


def _write(work: Work, *, line: Callable[[Answered], bytes], sync: bool) -> dict[str, float]:
    """Write each line as it comes, in a loop."""
    delays: Delays = []
    with (work.folder / "records").open("wb", buffering=0) as file:
        started = _now()
        for answer in work.answers:
            added_s = time.perf_counter()
            file.write(line(answer) + b"\n")
            if sync:
                os.fdatasync(file.fileno())
            delays.append(time.perf_counter() - added_s)
        return _measured(delays, started)


def _usual(answer: Answered) -> bytes:
    record = answer.record
    fields = {name: getattr(record, name) for name in record.__slots__}
    return json.dumps({**fields, "usage": record.usage._asdict()}, default=str).encode()


def _sqlite(work: Work, *, synchronous: str, together: int) -> dict[str, float]:
    """Insert rows, so many in a transaction; WAL."""
    delays: Delays = []
    database = sqlite3.connect(work.folder / "records.sqlite", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(f"PRAGMA synchronous = {synchronous}")
    database.execute("CREATE TABLE records (id TEXT PRIMARY KEY, line BLOB)")
    started, waiting = _now(), iter(work.answers)
    while batch := list(islice(waiting, together)):
        added_s = time.perf_counter()
        database.execute("BEGIN")
        for answer in batch:
            database.execute("INSERT INTO records VALUES (?, ?)", (answer.record.id, record_line(answer.record)))
        database.execute("COMMIT")
        delays.extend([time.perf_counter() - added_s] * len(batch))
    return _measured(delays, started)


_WAYS: Mapping[str, Callable[[Work], dict[str, float]]] = {
    "group": _store,
    "group, replies": partial(_store, replies=True),
    "process": partial(_store, durability="process"),
    "record": partial(_store, durability="record"),
    "sync 20 ms": partial(_store, sync_s=0.02),
    "sync 100 ms": partial(_store, sync_s=0.1),
    "each synced": partial(_write, line=lambda answer: record_line(answer.record), sync=True),
    "json": partial(_write, line=_usual, sync=False),
    "sqlite normal": partial(_sqlite, synchronous="NORMAL", together=1),
    "sqlite full": partial(_sqlite, synchronous="FULL", together=1),
    "sqlite normal, 1000": partial(_sqlite, synchronous="NORMAL", together=1000),
    "sqlite full, 1000": partial(_sqlite, synchronous="FULL", together=1000),
}

if __name__ == "__main__":
    main()
