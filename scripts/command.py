#!/usr/bin/env python3
"""The command `qloragen`, installed as it is: Ctrl-C and SIGTERM end it with a sentence also while Python loads it.

An entry point could not do that: it loads the package, a third of a second, before anything of ours runs.
"""

import os
import signal
import sys
from importlib import import_module
from types import FrameType


def leave(number: int, _: FrameType | None) -> None:
    """End the process, in which nothing has begun or everything is over."""
    said = f"qloragen: Stopped by {signal.Signals(number).name}. Run the same command again to go on.\n"
    os.write(sys.stderr.fileno(), said.encode())
    os._exit(128 + number)


for each in (signal.SIGINT, signal.SIGTERM):
    signal.signal(each, leave)
import_module("qloragen.cli").command()
