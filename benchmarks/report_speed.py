"""What does `qloragen report` cost in time and memory, for how many records?

A run is made through the store's own methods, as for `resume.py`: 2 kB a record, its reply of 1.9 kB, and for every
fourth the article and its classification; one reply of twenty is refused, and one pair of fifty given up. Each row is a
process of its own, with the package imported before. Memory is what it had at most beyond that; files are in the page
cache. Linux only.

Run: python benchmarks/report_speed.py [--records N] [--short] [--folder DIR] [--json FILE].
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import harness
from material import Answered, stories

from qloragen.report.gather import gathered
from qloragen.report.html import write_html
from qloragen.report.moment import moment_of
from qloragen.report.presence import Presence
from qloragen.report.survey import survey
from qloragen.report.text import render
from qloragen.store.handle import Run
from qloragen.store.money import Paid
from qloragen.store.run import open_run
from qloragen.types import Rejection

SAVE_EVERY = 5_000
SLUGS = ("section-summary", "wider-field", "concept", "advice")
_REFUSED = {"schema": Paid(1, Decimal("0.00024150"), 0)}
_EVERY_REFUSED, _EVERY_GIVEN_UP = 20, 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a quick form of the same")
    parser.add_argument("--records", type=int, help="default 200000, with --short 4000")
    parser.add_argument("--folder", type=Path, help="where to make the run; kept there, and used again if it is there")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    records = options.records or (4_000 if options.short else 200_000)
    if options.step:
        print(json.dumps(_measured(STEPS[options.step], options.folder)))
        return
    with _folder(options.folder) as folder:
        if not (folder / "journal.jsonl").exists():
            print(f"making a run of {records} records in {folder}", file=sys.stderr)
            _build(folder, records)
        rows = [_row(step, folder, records) for step in STEPS]
        size = (folder / "journal.jsonl").stat().st_size
    harness.show(rows)
    print(f"{records} records, a journal of {size / 1e6:.0f} MB")
    if options.json:
        options.json.write_text(
            json.dumps({"records": records, "journal_bytes": size, "table": rows}, indent=1), "utf-8"
        )


def _text(folder: Path) -> None:
    with gathered(folder) as found:
        render(found.report)


def _page(folder: Path) -> None:
    with gathered(folder) as found:
        chosen = found.browsing(10_000)
        write_html(found.report, found.records(chosen), found.articles, folder / "page.html")


def _counts(folder: Path) -> None:
    with moment_of(folder) as moment:
        survey(moment, Presence(None))


STEPS: Mapping[str, Callable[[Path], None]] = {"cells counted": _counts, "text": _text, "page of 10,000": _page}


@contextmanager
def _folder(chosen: Path | None) -> Iterator[Path]:
    if chosen:
        yield chosen
        return
    with tempfile.TemporaryDirectory(prefix="qloragen-benchmark-") as folder:
        yield Path(folder) / "run"


def _build(folder: Path, records: int) -> None:
    with open_run(folder) as run:
        for number, story in enumerate(stories(records)):
            run.add_article(story.article)
            run.add_reply(story.classified)
            run.add_types(story.classified.cell, (1, 2, 6, 9))
            for kind, made in enumerate(story.generated):
                _add(run, made, number, kind)
            if run.state.unsaved >= SAVE_EVERY:
                _save(run)


def _add(run: Run, made: Answered, number: int, kind: int) -> None:
    place, slug = 4 * number + kind, SLUGS[kind]
    moment = made.reply.time + timedelta(seconds=number)
    cell = replace(made.reply.cell, type_slug=slug)
    reply = replace(made.reply, cell=cell, time=moment)
    run.add_reply(reply)
    if place % _EVERY_GIVEN_UP == 0:
        run.add_rejection(Rejection(cell, "schema", "The field `output` is missing."), {})
        return
    refused = {}
    if place % _EVERY_REFUSED == 1:
        run.add_reply(reply)
        refused = _REFUSED
    run.add_record(replace(made.record, type_slug=slug, time=moment), refused=refused)


def _save(run: Run) -> None:
    run.flush()
    moment = run.moment()
    run.filing.save(moment.changes, moment.mark, run.filing.checked())
    run.saved(moment)


def _row(step: str, folder: Path, records: int) -> harness.Row:
    print(step, file=sys.stderr)
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - our own script
    found: Mapping[str, float] = json.loads(done.stdout)
    return {
        "what": step,
        "s": found["wall_s"],
        "CPU s": found["cpu_s"],
        "records a second of CPU": round(records / found["cpu_s"]),
        "peak MiB more": found["peak_mib"],
        "bytes a record": round(found["peak_mib"] * 1024 * 1024 / records),
    }


def _measured(step: Callable[[Path], None], folder: Path) -> Mapping[str, float]:
    before, started_s, cpu_s = _peak_mib(), time.perf_counter(), time.process_time()
    step(folder)
    taken = {"wall_s": time.perf_counter() - started_s, "cpu_s": time.process_time() - cpu_s}
    return {**taken, "peak_mib": _peak_mib() - before}


def _peak_mib() -> float:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields["VmHWM"].split()[0]) / 1024


if __name__ == "__main__":
    main()
