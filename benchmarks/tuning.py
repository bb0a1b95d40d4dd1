"""Which concurrency and limits are worth it? A sweep of rehearsals, as a table and a plot.

The knobs are the variables that a run reads. Give one several values, and each combination is rehearsed; those with one
value hold for all:

    QLORAGEN_TPM=200000,500000,1000000 QLORAGEN_MAX_CONCURRENCY=2,4,8,16,32,64 python benchmarks/tuning.py articles/

The first knob in `KNOBS` that is swept is the horizontal axis of the plot, the second its lines, any others its panels.
The provider serves up to the limits of the run, as an account with these limits would, and takes the time that
--profile DIR has seen, or else a second and 15 ms a token. What binds says the letter in the plot: C calls in flight, R
requests per minute, T tokens per minute, L latency (there is nothing to send, and more of anything changes nothing), P
pauses, U the CPU of this machine. A ring marks, in each line, the smallest value that comes within 5 % of its shortest
time, unless it is the last: more than that buys little.

"of limit" is how much of its tightest limit, RPM or TPM of a model, a run uses in the mean; "429s" are calls refused
for the rate, in percent of all. Each rehearsal plays --whole articles by the real pipeline, and as many as --articles
says by what those were like.

Run: python benchmarks/tuning.py [--short] [SOURCE...] [--articles N] [--whole N] [--profile DIR] [--plot F] [--json F];
without SOURCE the articles of examples/articles. --plot writes a .png and an .svg.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tuning_plot import draw

from qloragen import Rehearsal, rehearse
from qloragen.engine.bound import Bound
from qloragen.errors import QloragenError, SettingsError

PREFIX = "QLORAGEN_"
KNOBS = (
    *("max_concurrency", "classify_max_concurrency", "generate_max_concurrency", "auto_max_concurrency"),
    *("tpm", "classify_tpm", "generate_tpm", "rpm", "classify_rpm", "generate_rpm", "open_articles"),
)
USUAL = {"max_concurrency": (2, 4, 8, 16, 32, 64, 128), "tpm": (200_000, 500_000, 1_000_000, 2_000_000)}
BRIEF = {"max_concurrency": (2, 16), "tpm": (200_000, 2_000_000)}
LETTERS = {Bound.CONCURRENCY: "C", Bound.RPM: "R", Bound.TPM: "T", Bound.IDLE: "L", Bound.PAUSED: "P"}
EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "articles"

Values = Mapping[str, int]
"""Knobs that are swept, to their values in one combination."""


@dataclass(frozen=True)
class Played:
    """One combination, and what it came to."""

    values: Values
    hours: float
    usd: float | None
    usd_per_1000_records: float | None
    records: int
    calls: int
    rejected_percent: float
    used_percent: Mapping[str, float]
    """Limit of a model (`RPM of gpt-6-luna`) to how much of it is used, in the mean."""
    in_flight: float
    """Calls without a reply, of all models, in the mean."""
    bound: str
    """What binds, in words."""
    letter: str
    """The same for the plot."""


def main() -> None:
    options = _options()
    swept = dict(swept_in(os.environ)) or (BRIEF if options.short else USUAL)
    for name in swept:
        os.environ.pop(f"{PREFIX}{name.upper()}", None)
    combinations = [dict(zip(swept, values, strict=True)) for values in product(*swept.values())]
    try:
        with ProcessPoolExecutor(min(os.cpu_count() or 1, len(combinations))) as pool:
            played = [*_announced(pool.map(partial(_played, options), combinations), len(combinations))]
    except QloragenError as error:
        sys.exit(f"\n{error}")
    print("\n".join(table(played)))
    if options.plot:
        for place in draw(options.plot, played, _title(options)):
            print(f"wrote {place}")
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in played]), "utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="*", default=[str(EXAMPLES)], metavar="SOURCE", help="files, folders or globs")
    parser.add_argument("--short", action="store_true", help="four combinations of few articles")
    parser.add_argument("--articles", type=int, metavar="N", help="as if there were so many (1,000; 40 with --short)")
    parser.add_argument("--whole", type=int, metavar="N", help="played by the real pipeline (100; 10 with --short)")
    parser.add_argument("--profile", metavar="DIR", help="a run directory: the provider is as it was there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write a plot beside, as .png and .svg")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    if options.articles is None:
        options.articles = 40 if options.short else 1_000
    if options.whole is None:
        options.whole = 10 if options.short else 100
    for place in (options.plot, options.json):
        if place is not None and not place.parent.is_dir():
            parser.error(f"{place} cannot be written: there is no folder {place.parent}")
    return options


def swept_in(environment: Mapping[str, str]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the knobs that are given several values, in the order of `KNOBS`, with their values in order.

    Raises:
        SystemExit: A value is no whole number.
    """
    for name in KNOBS:
        variable = f"{PREFIX}{name.upper()}"
        parts = environment.get(variable, "").split(",")
        if len(parts) > 1:
            try:
                yield name, tuple(sorted({int(part.replace("_", "")) for part in parts}))
            except ValueError:
                raise SystemExit(f"{variable} is {environment[variable]}: give whole numbers, with commas.") from None


def _announced(found: Iterator[Played], of: int) -> Iterator[Played]:
    for number, one in enumerate(found, 1):
        print(f"\r{number} of {of}", end="" if number < of else "\n", file=sys.stderr, flush=True)
        yield one


def _title(options: argparse.Namespace) -> str:
    names = ", ".join(Path(source).name for source in options.source)
    times = f"times as in {options.profile}" if options.profile else "a call takes 1 s and 15 ms a token"
    return f"A rehearsed run of {options.articles:,} articles like those of {names}\n({times})"


# ------------------------------------------------------------------------------------------------------- one rehearsal


def _played(options: argparse.Namespace, values: Values) -> Played:
    """Rehearse one combination, in a process that may set its own variables.

    Raises:
        SettingsError: The run ends before all is done.
    """
    os.environ.update({f"{PREFIX}{name.upper()}": str(value) for name, value in values.items()})
    found = rehearse(
        [Path(source) for source in options.source],
        articles=options.articles,
        whole=options.whole,
        provider=options.profile,
        advice=False,
    )
    if found.observed.stopped:
        said = ", ".join(f"{name} {value:,}" for name, value in values.items())
        raise SettingsError(f"With {said} the run ends early, so that its time says nothing. {found.observed.stopped}")
    bound, letter = _bound(found)
    rejected = sum(model.rate_limited for model in found.observed.models.values())
    each = found.usd_per_1000_records
    return Played(
        values,
        max(found.makespan_s, found.cpu.work_s) / 3600,
        None if found.cost_usd is None else float(found.cost_usd),
        None if each is None else float(each),
        found.records,
        found.calls,
        100 * rejected / found.calls,
        dict(_used(found)),
        _in_flight(found),
        bound,
        letter,
    )


def _bound(found: Rehearsal) -> tuple[str, str]:
    first = next(iter(found.bindings), None)
    if first is None:
        return "nothing", ""
    if first.bound is None:
        return "CPU", "U"
    if first.bound is Bound.IDLE:
        return "latency", "L"
    return f"{first.bound} of {first.model}, {first.share:.0%}", LETTERS.get(first.bound, "?")


def _used(found: Rehearsal) -> Iterator[tuple[str, float]]:
    minutes = found.makespan_s / 60
    for name, seen in found.observed.models.items():
        usage = found.observed.usage.get(name)
        tokens = usage.prompt_tokens + usage.completion_tokens if usage else 0
        for limit, most, used in (("RPM", seen.rpm, seen.sent), ("TPM", seen.tpm, tokens)):
            if most and minutes:
                yield f"{limit} of {name}", 100 * used / (most * minutes)


def _in_flight(found: Rehearsal) -> float:
    spans = [moment for moments in found.observed.moments.values() for moment in moments]
    busy_s = sum(moment.in_flight * moment.duration_s for moment in spans)
    return busy_s / found.makespan_s if found.makespan_s else 0.0


# ----------------------------------------------------------------------------------------------------------- the table


def table(played: Sequence[Played]) -> list[str]:
    """Return a row for each combination, the shortest time of all marked."""
    knobs = [*played[0].values]
    heads = (*knobs, "time", "USD", "USD/1,000", "of limit", "in flight", "429s %", "bound by")
    least = min(one.hours for one in played)
    rows = [heads, *(_cells(one, knobs, fastest=one.hours == least) for one in played)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads) - 1)]
    return [
        "  ".join([*(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    ]


def _cells(one: Played, knobs: Sequence[str], *, fastest: bool) -> tuple[str, ...]:
    used = max(one.used_percent.values(), default=None)
    return (
        *(f"{one.values[knob]:,}" for knob in knobs),
        spelt(one.hours) + ("*" if fastest else " "),
        "unknown" if one.usd is None else f"{one.usd:,.2f}",
        "unknown" if one.usd_per_1000_records is None else f"{one.usd_per_1000_records:.3f}",
        "none" if used is None else f"{used:.0f}%",
        f"{one.in_flight:.1f}",
        f"{one.rejected_percent:.1f}",
        one.bound,
    )


def spelt(hours: float) -> str:
    """Return a time in the unit that suits it."""
    if hours < 1 / 30:
        return f"{3600 * hours:.0f} s"
    return f"{60 * hours:.0f} min" if hours < 1.5 else f"{hours:.1f} h"


if __name__ == "__main__":
    main()
