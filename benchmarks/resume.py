"""What does it cost to open a run of a million records, and to look its cells up?

A run is made through the store's own methods: 2 kB a record, its reply of 1.9 kB, and for every fourth the article, its
classification and what that came to. A million records are 7 GB of files, in a temporary folder (`--folder` chooses
where); making them takes some minutes. Each row is the best of `--repeat` processes of their own. Memory is what the
process had at most beyond what it had with the package imported, and what it holds in the end that no file backs. Files
are in the page cache unless a row says otherwise. Linux only.

Run: python benchmarks/resume.py [--records N] [--short] [--folder DIR] [--json FILE].
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import nan
from pathlib import Path
from typing import NamedTuple

import harness

_WORKER = Path(__file__).with_name("resume_worker.py")
_FILES = ("journal.jsonl", "records.jsonl")
Prepare = Callable[[Path, int], object]


def _nothing(_: Path, __: int) -> None:
    pass


def _kill(folder: Path, records: int) -> None:
    _work("kill", folder, records, killed=True)


def _forget(folder: Path, _: int) -> None:
    for path in folder.glob("index.sqlite*"):
        path.unlink()


def _cool(folder: Path, _: int) -> None:
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _kill_and_cool(folder: Path, records: int) -> None:
    _kill(folder, records)
    _cool(folder, records)


class Case(NamedTuple):
    """A row of the table."""

    name: str
    step: str
    """Of the worker."""
    prepare: Prepare = _nothing
    """What happens to the files before each measurement."""
    once: bool = False
    """Takes long, and is not repeated."""


CASES = (
    Case("opened after it was closed", "open"),
    Case(".. files not in memory", "open", _cool),
    Case("`qloragen status`", "status"),
    Case("every cell looked up", "look up", once=True),
    Case("opened after its process was killed", "open", _kill),
    Case(".. files not in memory", "open", _kill_and_cool, once=True),
    Case("`qloragen status` of such a run", "status", _kill),
    Case("opened without its index", "open", _forget, once=True),
    Case("json.loads of each record", "json sink", once=True),
    Case("orjson.loads of each record", "orjson sink", once=True),
    Case("orjson.loads of each journal line", "orjson journal", once=True),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a quick form of the same")
    parser.add_argument("--records", type=int, help="default 1000000, with --short 20000")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to make the run; kept there, and used again if it is there")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    records = options.records or (20_000 if options.short else 1_000_000)
    with _folder(options.folder) as folder:
        if not (folder / "journal.jsonl").exists():
            print(f"making a run of {records} records in {folder}", file=sys.stderr)
            _work("build", folder, records)
        rows = [_row(case, folder, records, 1 if case.once else options.repeat) for case in CASES]
        sizes = {name: (folder / name).stat().st_size for name in (*_FILES, "index.sqlite")}
    harness.show(rows)
    print(", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in sizes.items()))
    if options.json:
        options.json.write_text(json.dumps({"records": records, "bytes": sizes, "table": rows}, indent=1), "utf-8")


@contextmanager
def _folder(chosen: Path | None) -> Iterator[Path]:
    if chosen:
        yield chosen
        return
    with tempfile.TemporaryDirectory(prefix="qloragen-benchmark-") as folder:
        yield Path(folder) / "run"


def _row(case: Case, folder: Path, records: int, repeat: int) -> harness.Row:
    print(case.name.strip(" ."), file=sys.stderr)
    found: list[Mapping[str, float]] = []
    for _ in range(repeat):
        case.prepare(folder, records)
        found.append(_work(case.step, folder, records))
    return {
        "what": case.name,
        "s": min(one["wall_s"] for one in found),
        "CPU s": min(one["cpu_s"] for one in found),
        "cells or lines a second": nan
        if case.step in {"open", "status"}
        else round(found[-1]["count"] / found[-1]["wall_s"]),
        "peak MiB more": max(one["peak_mib"] for one in found),
        "own MiB more": max(one["anon_mib"] for one in found),
    }


def _work(step: str, folder: Path, records: int, *, killed: bool = False) -> Mapping[str, float]:
    command = [sys.executable, str(_WORKER), step, str(folder), str(records)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own script
    if killed:
        return {}
    if done.returncode:
        sys.exit(f"{step} failed")
    found: Mapping[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
