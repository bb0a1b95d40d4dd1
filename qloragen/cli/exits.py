"""How the command ends: an error's sentence on standard error, and its exit code."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from signal import SIGINT
from typing import NoReturn

from ..errors import BudgetReached, Interrupted, QloragenError, SetupError
from ..logs import escape, get_logger, in_json, redact

USAGE, SOME_FAILED, BUDGET, STOPPED = 2, 3, 4, 5
SIGNALLED = 128
"""Added to the number of a signal, as shells do."""

log = get_logger()


def told(error: QloragenError) -> int:
    """Tell people about `error`, or programs that read log lines, and return the exit code that tells scripts."""
    code = _code(error)
    said = {"reason": type(error).__name__, "why": str(error), "exit_code": code}
    if not in_json():
        _say(f"qloragen: {escape(redact(str(error)))}")
    elif isinstance(error, BudgetReached | Interrupted):
        log.warning("command_stopped", **said)
    else:
        log.error("command_stopped", **said)
    return code


def remark(text: str) -> None:
    """Tell people something in passing; programs that read log lines are spared it."""
    if not in_json():
        _say(text)


def _say(text: str) -> None:
    """Write to standard error, unless nobody reads that any more: a command goes on, and its code tells scripts."""
    with suppress(OSError):
        print(text, file=sys.stderr)


def _code(error: QloragenError) -> int:
    match error:
        case SetupError():
            return USAGE
        case BudgetReached():
            return BUDGET
        case Interrupted():
            return SIGNALLED + (error.signal or SIGINT)
        case _:
            return STOPPED


def leave(code: int) -> NoReturn:
    """End the process without its threads: Python would wait for one that hangs in a file that does not answer."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)


def leave_at_once(error: Interrupted) -> NoReturn:
    """End the process, whatever it is at, with the sentence and code of `error`."""
    leave(told(error))
