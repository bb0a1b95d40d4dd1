"""What is left of a run of 100 articles after each fault, and what does it cost to go on?

Every peer makes one row for each article against the simulator, in a process of its own: 20 calls in flight, replies
after 0.1 s, a timeout of 3 s for each call, its own retries as they come. Then the same command is run again in the
same directory, with the provider mended where the fault was the provider's. `fault_cells.py` has the faults: of calls,
of the whole provider, of the process (in the middle of the run), of its state file (after a SIGKILL), of its disk.

A cell of the table reads: good rows, and bad ones where there are any (cut, empty, changed, unreadable, twice); calls
that asked for a row, replies billed for a question that had been billed before; exit code. After "then": the same for
the second run of the command. qloragen makes another call for each article, its classification, shown after a "+".

Run: python benchmarks/faults.py [--short] [--only A,B] [--peers A,B] [--peer-python NAME=PYTHON] [--json FILE].
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import harness
from fault_cells import CELLS, Cell, outage
from fault_runs import HANGS, OUTPUT, Found, Part, Peer, Unable, own_command, run, task_command
from peers.rows import Task

IN_FLIGHT, TIMEOUT_S = 20, 3
ELSEWHERE = ("curator", "distilabel")
"""Peers that run only with `--peer-python NAME=PYTHON`."""


def peers(pythons: Mapping[str, str]) -> dict[str, Peer]:
    """Return every peer by name."""
    return {
        "qloragen": Peer(
            "qloragen",
            partial(own_command, in_flight=IN_FLIGHT, timeout_s=TIMEOUT_S),
            "records.jsonl",
            "journal.jsonl",
            classifies=True,
        ),
        "naive": Peer("gather and append", _command(sys.executable, "naive_rows"), "dataset.jsonl", "dataset.jsonl"),
        "curator": Peer(
            "curator", _command(pythons.get("curator", ""), "curator_rows"), "dataset.jsonl", "*/responses_0.jsonl"
        ),
        "distilabel": Peer(
            "distilabel", _command(pythons.get("distilabel", ""), "distilabel_rows"), "dataset.jsonl", None
        ),
    }


def _command(python: str, module: str) -> partial[list[str]]:
    return partial(_task_command, python, module)


def _task_command(python: str, module: str, articles: Path, folder: Path, base_url: str) -> list[str]:
    task = Task(str(articles), str(folder), base_url, IN_FLIGHT, TIMEOUT_S)
    return task_command(python, module, json.dumps(asdict(task)))


# ------------------------------------------------------------------------------------------------------------ the table


def main() -> None:
    options = _options()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs would ignore it
    chosen = [_shortened(cell) if options.short else cell for cell in CELLS if cell.name in options.only]
    every = peers(options.pythons)
    found: dict[str, dict[str, Found | str]] = {}
    for cell in chosen:
        found[cell.name] = {
            name: _found(every[name], cell, options.keep, short=options.short) for name in options.peers
        }
    harness.show(_table(chosen, [every[name] for name in options.peers], found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1, default=asdict), "utf-8")


def _options() -> argparse.Namespace:
    names = tuple(cell.name for cell in CELLS)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="50 articles, and an outage of 3 s")
    parser.add_argument("--only", type=_Names(names), default=names, metavar="A,B", help=f"of {', '.join(names)}")
    parser.add_argument("--peers", type=_Names((*peers({}),)), default=("qloragen", "naive"), metavar="A,B")
    parser.add_argument("--peer-python", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave what the runs wrote and printed here")
    options = parser.parse_args()
    options.pythons = dict(pair.split("=", 1) for pair in options.peer_python)
    options.peers = tuple(dict.fromkeys((*options.peers, *options.pythons)))
    if missing := [name for name in options.peers if name in ELSEWHERE and name not in options.pythons]:
        parser.error(f"{missing[0]} needs an environment of its own: --peer-python {missing[0]}=PYTHON")
    return options


class _Names:
    """Take names that are separated by commas."""

    def __init__(self, known: Sequence[str]) -> None:
        self._known = known

    def __call__(self, text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        if unknown := [name for name in names if name not in self._known]:
            raise argparse.ArgumentTypeError(f"{unknown[0]} is not one of {', '.join(self._known)}")
        return names


def _shortened(cell: Cell) -> Cell:
    return replace(cell, title="503 for 3 s", strikes=outage(0.25, 3)) if cell.name == "503" else cell


def _found(peer: Peer, cell: Cell, keep: Path | None, *, short: bool) -> Found | str:
    print(f"{cell.title}: {peer.title}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="qloragen-faults-") as folder:
        try:
            return run(peer, cell, 50 if short else 100, Path(folder))
        except Unable as why:
            return str(why)
        finally:
            if keep:
                shutil.copytree(folder, keep / f"{cell.name}-{peer.title}")


def _table(
    cells: Sequence[Cell], shown: Sequence[Peer], found: Mapping[str, Mapping[str, Found | str]]
) -> list[harness.Row]:
    rows = [[cell.title, *map(_told, found[cell.name].values(), shown)] for cell in cells]
    leaks = [[results[name] for results in found.values()] for name in next(iter(found.values()))]
    rows.append(["API key in files or output", *map(_leaked, leaks)])
    names = ["fault", *(peer.title for peer in shown)]
    return [dict(zip(names, row, strict=True)) for row in rows]


def _leaked(results: Sequence[Found | str]) -> str:
    places = [place for result in results if isinstance(result, Found) for place in result.key_in]
    printed = places.count(OUTPUT)
    return f"{len(places) - printed} files, printed in {printed} cells" if places else "nowhere"


def _told(result: Found | str, peer: Peer) -> str:
    if isinstance(result, str):
        return f"({result})"
    first = _part(result.first, peer)
    return f"{first}; then {_part(result.then, peer)}" if result.then else first


def _part(part: Part, peer: Peer) -> str:
    bad = f" and {part.bad} bad" if part.bad else ""
    others = f"+{part.account.others}" if peer.classifies else ""
    again = f", {part.account.again} paid again" if part.account.again else ""
    return f"{part.good}{bad}, {part.account.calls}{others} calls{again}, {' and '.join(map(_ended, part.exits))}"


def _ended(exit: str) -> str:
    return exit if exit == HANGS else f"exit {exit}"


if __name__ == "__main__":
    main()
