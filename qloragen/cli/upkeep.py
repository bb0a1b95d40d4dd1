"""The commands that look after a run directory: `verify`, `rebuild` and `retry`."""

from __future__ import annotations

import argparse

from ..upkeep import rebuild as rebuild_run
from ..upkeep import retry as retry_items
from ..upkeep import verify as verify_run
from .exits import SOME_FAILED


def verify(arguments: argparse.Namespace) -> int:
    """Check every line of a run."""
    found = verify_run(arguments.folder)
    print(found)
    if not found.problems:
        print("everything is as it should be")
        return 0
    print(
        f"the next `qloragen generate`, or `qloragen rebuild {arguments.folder}`, sets aside and mends what is damaged"
    )
    return SOME_FAILED


def rebuild(arguments: argparse.Namespace) -> int:
    """Make the sink and the index of a run anew."""
    rebuilt = rebuild_run(arguments.folder)
    for sentence in rebuilt.recovered:
        print(sentence)
    print(f"records.jsonl was written anew from the journal: {rebuilt.records} records")
    return 0


def retry(arguments: argparse.Namespace) -> int:
    """Let the next run ask again for items that were given up."""
    asked = retry_items(arguments.folder, *arguments.reason)
    listed = ", ".join(f"{count} {reason}" for reason, count in asked.most_common())
    print(
        f"the next run asks again for {sum(asked.values())} items that were given up{f' ({listed})' if listed else ''}"
    )
    return 0
