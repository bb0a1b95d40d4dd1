"""One step of `resume`, in a process that has imported nothing but the store.

Usage: python resume_worker.py STEP FOLDER RECORDS. Prints what it took as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from pathlib import Path

import orjson

_ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(_ROOT))

from material import Story, cell_keys, stories

from qloragen.store.handle import Run
from qloragen.store.run import open_run, read_run
from qloragen.store.state import State

SAVE_EVERY = 5_000
"""As the committer does: changes after which the index is brought up to date."""

Step = Callable[[Path, int], int | Collection[object]]
"""Gets the folder and how many records it has; returns what it has gone through, or how many that were."""

_opened = ExitStack()
"""The run that is held open until the memory is measured."""


def main() -> None:
    step, folder, records = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    before = _memory()
    cpu_s, started_s = time.process_time(), time.perf_counter()
    done = _STEPS[step](folder, records)
    wall_s, used_s = time.perf_counter() - started_s, time.process_time() - cpu_s
    more = {name: value - before[name] for name, value in _memory().items()}
    print(
        json.dumps({"wall_s": wall_s, "cpu_s": used_s, "count": done if isinstance(done, int) else len(done), **more})
    )
    _opened.close()


def _memory() -> dict[str, float]:
    """Return the peak of all memory, and what is the process's own now, in MiB; Linux only.

    `ru_maxrss` will not do: it begins with what the process had before it became this program.
    """
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    kib = {name: int(fields[name].split()[0]) for name in ("VmHWM", "RssAnon")}
    return {"peak_mib": kib["VmHWM"] / 1024, "anon_mib": kib["RssAnon"] / 1024}


def _build(folder: Path, records: int) -> int:
    """Make a run through the store's own methods, ended in good order."""
    with open_run(folder) as run:
        for story in stories(records):
            _add(run, story)
            if run.state.unsaved >= SAVE_EVERY:
                _save(run)
    return records


def _kill(folder: Path, records: int) -> int:
    """Add as much as the index may lag behind, and die."""
    with open_run(folder) as run:
        first = run.state.totals.classified
        for story in stories(records, first=first):
            if run.state.unsaved >= SAVE_EVERY:
                break
            _add(run, story)
        run.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    return records


def _save(run: Run) -> None:
    run.flush()
    moment = run.moment()
    run.filing.save(moment.changes, moment.mark, run.filing.checked())
    run.saved(moment)


def _add(run: Run, story: Story) -> None:
    run.add_article(story.article)
    run.add_reply(story.classified)
    run.add_types(story.classified.cell, (1, 2, 3, 4))
    for reply, record in story.generated:
        run.add_reply(reply)
        run.add_record(record)


def _open(folder: Path, records: int) -> int:
    return _of(_opened.enter_context(open_run(folder)).state, records)


def _status(folder: Path, records: int) -> int:
    return _of(read_run(folder), records)


def _of(state: State, records: int) -> int:
    assert state.totals.records >= records
    return state.totals.records


def _look_up(folder: Path, records: int) -> int:
    """The keys are made as they are asked for, as by a plan."""
    settled = _opened.enter_context(open_run(folder)).state.settled
    assert all(map(settled, cell_keys(records)))
    return records


def _parse(loads: Callable[[bytes], dict[str, object]], name: str, key: str) -> Step:
    """As most tools resume: parse each line of a file, and remember what is there."""

    def parse(folder: Path, _: int) -> Collection[object]:
        with (folder / name).open("rb") as lines:
            return [line[key] for line in map(loads, lines)]

    return parse


_STEPS: Mapping[str, Step] = {
    "build": _build,
    "kill": _kill,
    "open": _open,
    "status": _status,
    "look up": _look_up,
    "json sink": _parse(json.loads, "records.jsonl", "id"),
    "orjson sink": _parse(orjson.loads, "records.jsonl", "id"),
    "orjson journal": _parse(orjson.loads, "journal.jsonl", "k"),
}

if __name__ == "__main__":
    main()
