"""Commands to exit codes: every error that a user can cause is one sentence on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from ..errors import QloragenError, StorageFailed
from ..signals import interrupted_by_signals
from . import calibrate, checks, deliver, estimate, export, generate, judge, look, rehearse, report, simulate, upkeep
from .exits import SIGNALLED, leave, told
from .parser import parser_for

_COMMANDS = {
    "generate": generate.generate,
    "estimate": estimate.estimate,
    "rehearse": rehearse.rehearse,
    "calibrate": calibrate.calibrated,
    "judge": judge.judge,
    "status": look.status,
    "report": report.report,
    "reparse": generate.reparse,
    "export": export.export_records,
    "deliver": deliver.deliver,
    "verify": upkeep.verify,
    "rebuild": upkeep.rebuild,
    "retry": upkeep.retry,
    "packs": look.packs,
    "checks": checks.checks,
    "settings": look.settings,
    "simulate": simulate.simulate,
}


def command() -> NoReturn:
    """Run the command line, and end the process with its exit code."""
    _open_standard_streams()
    code = main()
    if code > SIGNALLED:
        leave(code)
    try:
        sys.stderr.flush()
    except OSError:
        sys.stderr = None  # Python would try once more, and end with a code of its own
    sys.exit(code)


def _open_standard_streams() -> None:
    """Open those that the process was started without: the next files would take their numbers, and what is written to
    standard error would get into them."""
    for number in range(3):
        with suppress(OSError):
            os.fstat(number)
            continue
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003 - takes no keyword; the lowest number
    sys.stdin = sys.stdin or os.fdopen(0)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (see `EXIT_CODES`)."""
    try:
        with interrupted_by_signals():
            parsed = parser_for(_COMMANDS).parse_args(arguments)
            code: int = parsed.command(parsed)
    except QloragenError as error:
        return told(error)
    except BrokenPipeError:
        # Whoever reads our output has seen enough; a second failure at exit would print a traceback.
        sys.stdout = None
        return 0
    except OSError as error:
        return told(_refused(error))
    return code


def _refused(error: OSError) -> StorageFailed:
    """Return in words what the system refuses to do with a file that nobody else has an answer for."""
    file = "A file" if error.filename is None else str(error.filename)
    return StorageFailed(f"{file} cannot be used ({error.strerror}); mend that, or name another place.")
