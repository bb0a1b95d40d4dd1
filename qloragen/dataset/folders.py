"""A folder of files that appears as a whole, in the place of an earlier one of its kind and of nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree

import orjson

from ..export import ExportError

ABOUT = "export.json"
"""Says what an export holds; whose folder has it can be replaced by another export."""


@contextmanager
def opened_folder(out: Path) -> Iterator[Path]:
    """Make a folder beside `out`, and move it there when the context is left without an error. Readers see the earlier
    folder or the complete new one; for an instant between, none.

    Raises:
        ExportError: `out` is something else than an earlier export, or cannot be written.
    """
    target = out.resolve()
    _refuse(out, target)
    made = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        rmtree(made, ignore_errors=True)
        with _named(out):
            made.mkdir(parents=True)
        yield made
        with _named(out):
            _move(made, target)
    finally:
        rmtree(made, ignore_errors=True)


def write_about(folder: Path, about: object) -> None:
    """Say what a folder holds.

    Raises:
        ExportError: It cannot be written.
    """
    with _named(folder):
        (folder / ABOUT).write_bytes(orjson.dumps(about, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _refuse(out: Path, target: Path) -> None:
    """Make sure that nothing is lost which no export has made."""
    if not target.exists():
        return
    if not target.is_dir():
        raise ExportError(f"{out} is a file, and a folder is to be made: name another one.")
    ours = _made_before(target)
    there = (path.relative_to(target).as_posix() for path in target.rglob("*") if not path.is_dir())
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
    if not target.exists():
        made.rename(target)
        return
    old = target.with_name(f"{made.name}.old")
    target.rename(old)
    try:
        made.rename(target)
    except OSError:
        old.rename(target)
        raise
    rmtree(old)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror or error}.") from error
