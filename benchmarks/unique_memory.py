"""What does knowing a million records take, so that no duplicate gets in: memory, time for each, and time to begin?

Run: python benchmarks/unique_memory.py. Prints a table; --json FILE writes the numbers; --short is quick. Each row is a
process of its own. "judged" makes records one after another, some of them nearly as an earlier one, as a session does;
"filled" remembers records that nobody has written, for the memory alone; "loaded" takes in the records of an earlier
session in a thread, while an event loop looks at its clock.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from resource import RUSAGE_SELF, getrusage
from time import perf_counter, process_time
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from qloragen.assembly import job_of
from qloragen.domain import cells
from qloragen.pipeline.circumstances import circumstances_of
from qloragen.pipeline.job import Job
from qloragen.pipeline.uniqueness import Unique
from qloragen.pipeline.uniqueness.prints import NUMBERS, Place, Print, Subject, print_of
from qloragen.pipeline.uniqueness.records import Records
from qloragen.settings import load
from qloragen.store.run import open_run
from qloragen.types import Record, Usage, digest

INSTRUCTION_WORDS, OUTPUT_WORDS, TYPES = 18, 90, 6
VOCABULARY = 20_000
REPEATED = 0.01
"""Share of records that are an earlier one's with a tenth of the words changed."""
MEGABYTE = 1e6
Row = dict[str, object]


class Text(NamedTuple):
    """What a record says."""

    instruction: str
    output: str
    is_repeated: bool


def main() -> None:
    options = _options()
    if options.row:
        measure = {"judged": _judged, "filled": _filled, "loaded": _loaded}[options.row]
        print(json.dumps(measure(options.records)))
        return
    counts = [2_000] if options.short else [10_000, 100_000, 1_000_000]
    rows = [_in_a_process(name, count) for count in counts for name in ("judged", "filled", "loaded")]
    for row in rows:
        print(", ".join(f"{name} {value}" for name, value in row.items()))
    if options.json:
        options.json.write_text(json.dumps(rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--row", choices=["judged", "filled", "loaded"], help="only this one, in this process")
    parser.add_argument("--records", type=int, default=1_000_000, help="with --row: how many")
    return parser.parse_args()


def _in_a_process(name: str, count: int) -> Row:
    command = [sys.executable, __file__, "--row", name, "--records", str(count)]
    said: Row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603 - ourselves
    return said


def _texts(count: int) -> Iterator[Text]:
    random = Random(1)  # noqa: S311 - not for secrets
    words = ["".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=random.randint(3, 10))) for _ in range(VOCABULARY)]
    earlier: list[list[str]] = []
    for _ in range(count):
        instruction = " ".join(random.choices(words, k=INSTRUCTION_WORDS))
        said = random.choices(words, k=OUTPUT_WORDS)
        is_repeated = bool(earlier) and random.random() < REPEATED
        if is_repeated:
            said = list(random.choice(earlier))
            at = random.randrange(OUTPUT_WORDS - OUTPUT_WORDS // 10)
            said[at : at + OUTPUT_WORDS // 10] = random.choices(words, k=OUTPUT_WORDS // 10)
        elif len(earlier) < 10_000:
            earlier.append(said)
        yield Text(instruction, " ".join(said), is_repeated)


def _judged(count: int) -> Row:
    before = _resident_mb()
    records, spent_s, longest_s = Records(), 0.0, 0.0
    found = planted = wrong = 0
    for number, text in enumerate(_texts(count)):
        subject = Subject(
            digest(str(number)), f"a{number // TYPES}", digest(f"t{number // TYPES}"), str(number % TYPES)
        )
        began_s = process_time()
        printed = print_of(subject, text.instruction, text.output)
        like = records.find(printed, 0.6)
        if like is None:
            records.add(printed)
        took_s = process_time() - began_s
        spent_s, longest_s = spent_s + took_s, max(longest_s, took_s)
        planted += text.is_repeated
        found += text.is_repeated and like is not None
        wrong += not text.is_repeated and like is not None
    return {
        "row": "judged",
        "records": count,
        "us each": round(spent_s / count * 1e6, 1),
        "longest ms": round(longest_s * 1e3, 1),
        "resident MB": _resident_mb(),
        "before MB": before,
        "repeated": planted,
        "found": found,
        "wrong": wrong,
    }


def _filled(count: int) -> Row:
    before, random = _resident_mb(), Random(1)  # noqa: S311 - not for secrets
    records, longest_s, began_s = Records(), 0.0, process_time()
    for _ in range(count):
        sketch = array("I", random.randbytes(4 * NUMBERS - 4))
        sketch.append(0)
        added_s = process_time()
        place = Place(random.getrandbits(32), random.getrandbits(32), 0, 0)
        records.add(Print(random.randbytes(16), place, sketch))
        longest_s = max(longest_s, process_time() - added_s)
    return {
        "row": "filled",
        "records": count,
        "us each": round((process_time() - began_s) / count * 1e6, 1),
        "longest ms": round(longest_s * 1e3, 1),
        "resident MB": _resident_mb(),
        "before MB": before,
    }


def _loaded(count: int) -> Row:
    job = job_of(load())
    with tempfile.TemporaryDirectory() as folder:
        with open_run(Path(folder)) as run:
            for record in _records(job, count):
                run.add_record(record)
                if run.filing.end - run.filing.written > 4 << 20:
                    run.flush_journal()
        with open_run(Path(folder)) as run:
            unique = Unique(run, job)
            began_s, began_cpu_s = perf_counter(), process_time()
            late_s = asyncio.run(_beside(unique))
            return {
                "row": "loaded",
                "records": count,
                "s": round(perf_counter() - began_s, 1),
                "CPU s": round(process_time() - began_cpu_s, 1),
                "loop late ms, longest": round(late_s[-1] * 1e3, 1),
                "of 1,000 the 999th": round(late_s[len(late_s) * 999 // 1_000] * 1e3, 1),
                "resident MB": _resident_mb(),
            }


async def _beside(unique: Unique) -> list[float]:
    """Load in a thread; returns by how much the loop woke up late, in order."""
    late_s: list[float] = []
    loading = asyncio.ensure_future(asyncio.to_thread(unique.load))
    while not loading.done():
        began_s = perf_counter()
        await asyncio.sleep(0.001)
        late_s.append(perf_counter() - began_s - 0.001)
    await loading
    return sorted(late_s)


def _records(job: Job, count: int) -> Iterator[Record]:
    terms = circumstances_of(job)
    kinds = job.pack.types[:TYPES]
    for number, text in enumerate(_texts(count)):
        kind, article = kinds[number % TYPES], number // TYPES
        content_hash = digest(f"t{article}")
        key = cells.generation_key(
            content_hash,
            "markdown",
            kind.slug,
            model=job.generate_model,
            fingerprint=job.fingerprint(kind),
            parameters=terms.generate_parameters,
            mode=job.input_mode,
        )
        yield Record(
            id=key,
            article_id=f"a{article}",
            type=kind.number,
            type_slug=kind.slug,
            instruction=text.instruction,
            input=text.output,
            output=text.output,
            content_hash=content_hash,
            title=None,
            url=None,
            model=job.generate_model,
            prompt_fingerprint=job.fingerprint(kind),
            input_mode=job.input_mode,
            finish_reason="stop",
            usage=Usage(1_000, 0, 0, 100, 0),
            cost_usd=Decimal("0.001"),
            time=datetime(2026, 11, 29, tzinfo=UTC),
        )


def _resident_mb() -> int:
    """Return the most memory that this process ever had."""
    return round(getrusage(RUSAGE_SELF).ru_maxrss * 1_024 / MEGABYTE)


if __name__ == "__main__":
    main()
