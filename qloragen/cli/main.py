"""Commands to exit codes: every error that a user can cause is one sentence on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from signal import SIGINT
from typing import NoReturn

from ..errors import BudgetReached, Interrupted, QloragenError, SetupError
from ..logs import escape, redact
from ..signals import interrupted_by_signals
from . import generate, look, simulate
from .parser import parser_for

USAGE, BUDGET, STOPPED = 2, 4, 5
SIGNALLED = 128
"""Added to the number of a signal, as shells do."""

_COMMANDS = {
    "generate": generate.generate,
    "status": look.status,
    "reparse": generate.reparse,
    "export": look.export_records,
    "packs": look.packs,
    "settings": look.settings,
    "simulate": simulate.simulate,
}


def command() -> NoReturn:
    """Run the command line, and end the process with its exit code."""
    code = main()
    if code > SIGNALLED:
        _leave(code)
    sys.exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (see `EXIT_CODES`)."""
    try:
        with interrupted_by_signals():
            parsed = parser_for(_COMMANDS).parse_args(arguments)
            code: int = parsed.command(parsed)
    except QloragenError as error:
        print(f"qloragen: {escape(redact(str(error)))}", file=sys.stderr)
        return exit_code(error)
    except BrokenPipeError:
        # Whoever reads our output has seen enough; a second failure at exit would print a traceback.
        sys.stdout = None
        return 0
    return code


def exit_code(error: QloragenError) -> int:
    """Return the exit code that tells `error` to scripts."""
    match error:
        case SetupError():
            return USAGE
        case BudgetReached():
            return BUDGET
        case Interrupted():
            return SIGNALLED + (error.signal or SIGINT)
        case _:
            return STOPPED


def _leave(code: int) -> NoReturn:
    """End the process without its threads: Python would wait for one that hangs in a file that does not answer."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)
