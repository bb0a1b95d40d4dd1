"""How many of several processes that open one run directory at the same moment may work in it? One, and what else?

Each round forks ten processes that are let loose together on an empty run directory. All but one must be refused while
that one has it open, told its process, host and time, and make no call. Half of the winners are then killed, and ten
more processes race for the directory that they leave.

Run: python benchmarks/races.py [--short] [--rounds 1000] [--seed S] [--json FILE]. The seed decides which winners are
killed; who wins is the system's choice. The exit code is 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from crash.job import warm_up
from crash.race import race
from harness import show


def main() -> None:
    options = _options()
    print(f"seed {options.seed}", flush=True)
    warm_up()
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="qloragen-races-") as folder:
        found = race(options.seed, options.rounds, options.processes, Path(folder))
    taken_s = time.monotonic() - started_s
    numbers = {"rounds": found.rounds, "refused": found.refused, "taken over": found.taken_over, "s": taken_s}
    show([{**numbers, "broken promises": len(found.findings)}])
    print("\n".join(found.findings))
    if options.json:
        options.json.write_text(json.dumps({"seed": options.seed, **asdict(found)}, indent=1), "utf-8")
    sys.exit(1 if found.findings else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="10 rounds")
    parser.add_argument("--rounds", type=int, help="default 1000")
    parser.add_argument("--processes", type=int, default=10)
    parser.add_argument("--seed", type=int, help="default: a new one")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    options.rounds = options.rounds or (10 if options.short else 1000)
    options.seed = random.SystemRandom().randrange(10**9) if options.seed is None else options.seed
    return options


if __name__ == "__main__":
    main()
