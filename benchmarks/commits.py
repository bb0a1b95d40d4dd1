"""How many records of 2 kB can be stored in a second on one core, and how long until each is safe?

Our store (journal, sink and index) as the pipeline uses it: so many producers as `--producers` says each add a record
and wait until it is acknowledged; where the row says so, each adds the reply before, and waits until that is with the
kernel. The others are loops without concurrency. Each way runs in a process of its own, all threads on one core,
in a fresh folder under `--folder` (a temporary one, which may be on another kind of disk); the best of `--repeat` by
records a second. Delays are from handing a record over to knowing that it is safe. CPU time is of the whole process and
leaves out making the records. The rows with a slow disk add a sleep to each sync. Linux only.

Run: python benchmarks/commits.py [--records N] [--short] [--folder DIR] [--json FILE].
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import harness

_WORKER = Path(__file__).with_name("commits_worker.py")


class Way(NamedTuple):
    """A row of the table."""

    name: str
    key: str
    """Of the worker."""
    slow: bool = False
    """Waits for the disk with each record: a tenth of the records will do."""


WAYS = (
    Way("qloragen, group (default)", "group"),
    Way(".. each after its reply", "group, replies"),
    Way(".. sync takes 20 ms more", "sync 20 ms"),
    Way(".. sync takes 100 ms more", "sync 100 ms"),
    Way("qloragen, process (no sync)", "process"),
    Way("qloragen, record (no waiting)", "record"),
    Way("write, fdatasync for each record", "each synced", slow=True),
    Way("json.dumps, write (no sync)", "json"),
    Way("sqlite WAL, FULL, commit each", "sqlite full", slow=True),
    Way("sqlite WAL, NORMAL, commit each", "sqlite normal"),
    Way("sqlite WAL, FULL, commit 1,000", "sqlite full, 1000"),
    Way("sqlite WAL, NORMAL, commit 1,000", "sqlite normal, 1000"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a quick form of the same")
    parser.add_argument("--records", type=int, help="default 60000, with --short 5000")
    parser.add_argument("--producers", type=int, default=2000)
    parser.add_argument("--repeat", type=int, help="default 3, with --short 1")
    parser.add_argument("--only", action="append", choices=[way.key for way in WAYS], help="only this way, and others")
    parser.add_argument("--folder", type=Path, help="on which disk")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    records = options.records or (5_000 if options.short else 60_000)
    found: dict[Way, list[Mapping[str, float]]] = {
        way: [] for way in WAYS if options.only is None or way.key in options.only
    }
    for turn in range(options.repeat or (1 if options.short else 3)):
        for way, runs in found.items():
            print(f"{way.name.strip(' .')}, {turn + 1}", file=sys.stderr)
            runs.append(_work(way, options.folder, records, options.producers))
    rows = [_row(way, runs) for way, runs in found.items()]
    harness.show(rows)
    if options.json:
        numbers = {"records": records, "table": rows, "runs": {way.key: runs for way, runs in found.items()}}
        options.json.write_text(json.dumps(numbers, indent=1), "utf-8")


def _row(way: Way, runs: list[Mapping[str, float]]) -> harness.Row:
    best = max(runs, key=lambda run: run["records_per_s"])
    return {
        "way": way.name,
        "records/s": round(best["records_per_s"]),
        "CPU us/record": min(run["cpu_us"] for run in runs),
        **{f"delay ms, {name}": best[f"{name}_ms"] for name in ("p50", "p99", "max")},
    }


def _work(way: Way, disk: Path | None, records: int, producers: int) -> Mapping[str, float]:
    core, _ = harness.cores()
    with tempfile.TemporaryDirectory(prefix="qloragen-benchmark-", dir=disk) as folder:
        some = max(1, records // 10) if way.slow else records
        command = [sys.executable, str(_WORKER), way.key, folder, str(some), str(producers)]
        command += [] if core is None else [str(core)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own script
    if done.returncode:
        sys.exit(f"{way.name} failed")
    found: Mapping[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
