"""Runs one peer of `faults` once, in a process and perhaps an interpreter of its own.

Usage: python fault_worker.py MODULE TASK
"""

from __future__ import annotations

import json
import sys
from importlib import import_module

from peers.rows import Task


def main() -> None:
    module, task = sys.argv[1:]
    import_module(f"peers.{module}").main(Task(**json.loads(task)))


if __name__ == "__main__":
    main()
