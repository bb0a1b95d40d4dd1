"""The commands that look after a run directory: `verify`, `rebuild` and `retry`."""

from __future__ import annotations

import argparse

from ..store.names import SINK
from ..upkeep import obstacle, waiting
from ..upkeep import rebuild as rebuild_run
from ..upkeep import retry as retry_items
from ..upkeep import verify as verify_run
from ..words import counted
from .exits import SOME_FAILED


def verify(arguments: argparse.Namespace) -> int:
    """Check every line of a run."""
    found = verify_run(arguments.folder)
    print(found if found.lines else "the journal is empty")
    if not found.problems:
        print("everything is as it should be")
        return 0
    print(
        obstacle(arguments.folder)
        or f"the next `qloragen generate`, or `qloragen rebuild {arguments.folder}`, sets aside and mends what is "
        "damaged"
    )
    return SOME_FAILED


def rebuild(arguments: argparse.Namespace) -> int:
    """Make the sink and the index of a run anew."""
    rebuilt = rebuild_run(arguments.folder)
    for sentence in rebuilt.recovered:
        print(sentence)
    noun = "record" if rebuilt.sink == SINK else "judgement"
    print(f"{rebuilt.sink} was written anew from the journal: {counted(rebuilt.records, noun)}")
    return 0


def retry(arguments: argparse.Namespace) -> int:
    """Let the next run ask again for items that were given up."""
    asked = retry_items(arguments.folder, *arguments.reason)
    listed = ", ".join(f"{count} {reason}" for reason, count in asked.most_common())
    for_now = waiting(arguments.folder)
    if asked:
        were = "was" if asked.total() == 1 else "were"
        print(f"the next run asks again for {counted(asked.total(), 'item')} that {were} given up ({listed})")
    else:
        print("nothing was given up for good")
    if for_now:
        is_ = "is" if for_now == 1 else "are"
        print(f"{counted(for_now, 'item')} failed only for now, and {is_} asked for again anyway")
    return 0
