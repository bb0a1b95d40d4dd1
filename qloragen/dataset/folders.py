"""A folder of files that appears as a whole, in the place of an earlier one of its kind and of nothing else."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import orjson

from ..export import ExportError
from ..export.drafts import drafted, new_folder
from ..export.whole import make_folders_above, opened_whole, resolved, unwritable

ABOUT = "export.json"
"""Says what an export holds; whose folder has it can be replaced by another export."""

_HERE, _EXCHANGE = -100, 2
"""AT_FDCWD and RENAME_EXCHANGE of Linux."""


@contextmanager
def opened_folder(out: Path) -> Iterator[Path]:
    """Make a folder beside `out`, and move it there when the context is left without an error. Readers see the earlier
    folder or the complete new one; on systems other than Linux, for an instant between, none. What a killed process
    has left of its folder for `out` is removed.

    Raises:
        ExportError: `out` is something else than an earlier export, or cannot be written.
    """
    with ExitStack() as drafts:
        with unwritable(out):
            target = resolved(out)
            make_folders_above(target)
            with _alone(target.parent):
                _refuse(out, target)
            made, _ = drafts.enter_context(drafted(target, new_folder))
        with _naming(out, made):
            yield made
        with unwritable(out), _alone(target.parent):
            _refuse(out, target)  # once more: someone may have put something there meanwhile
            _move(made, target)


@contextmanager
def _naming(out: Path, made: Path) -> Iterator[None]:
    """Let errors of files in the folder name them by where they would have been."""
    try:
        yield
    except ExportError as error:
        raise ExportError(str(error).replace(str(made), str(out))) from error


def write_about(folder: Path, about: object) -> None:
    """Say what a folder holds.

    Raises:
        ExportError: It cannot be written.
    """
    with unwritable(folder), opened_whole(folder / ABOUT) as write:
        write(orjson.dumps(about, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other exports from replacing anything in a folder within the block, which is short. Raises OSError."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _refuse(out: Path, target: Path) -> None:
    """Make sure that nothing is lost which no export has made."""
    if not target.exists():
        return
    if not target.is_dir():
        raise ExportError(f"{out} is a file, and a folder is to be made: name another one.")
    ours = _made_before(target)
    there = (
        path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_symlink() or not path.is_dir()
    )
    strange = next((name for name in there if name not in ours), None)
    if strange:
        raise ExportError(f"{out} holds {strange}, which no export has made: name another folder, or empty it first.")


def _made_before(target: Path) -> set[str]:
    """Return the files of an earlier export."""
    try:
        match orjson.loads((target / ABOUT).read_bytes()):
            case {"made": [*names]}:
                return {ABOUT, *map(str, names)}
    except (OSError, orjson.JSONDecodeError):
        pass
    return set()


def _move(made: Path, target: Path) -> None:
    """Give `made` the name `target`; an earlier export that has it gets the name of `made`."""
    try:
        made.rename(target)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
        if not exchanged(made, target):
            exchange_in_steps(made, target)


def exchanged(one: Path, other: Path) -> bool:
    """Exchange the names of two folders at once, so that both are there at every moment; False where neither the system
    nor the disk can. Raises OSError."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    if rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}:
        return False
    raise OSError(code, os.strerror(code), str(other))


def exchange_in_steps(one: Path, other: Path) -> None:
    """Exchange the names of two folders. Whoever looks between the steps finds `other` missing; a process that is
    killed there leaves it beside, with the ending `.old`. Raises OSError."""
    between = one.with_suffix(".old")
    other.rename(between)
    try:
        one.rename(other)
    except OSError:
        between.rename(other)
        raise
    between.rename(one)
