"""Containers by name, and a file of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from ..example import ExportError
from ..form import Column, Row
from ..whole import Write, opened_whole, refuse_files_of_runs, unwritten
from .json import json
from .jsonl import jsonl
from .parquet import parquet
from .put import Container, Put

_CONTAINERS: Mapping[str, Container] = {"jsonl": jsonl, "json": json, "parquet": parquet}

CONTAINERS: tuple[str, ...] = tuple(_CONTAINERS)
"""Names; each is also the ending of such a file."""

_DEFAULT = "jsonl"


def container_of(path: Path) -> str:
    """Return the container that the ending of a file's name stands for, one of `.gz` aside: `.jsonl`, `.json` or
    `.parquet`, in any case; `jsonl` for any other name, as those of pipes and devices."""
    plain = Path(path.name[:-3] if path.name.lower().endswith(".gz") else path.name)
    ending = plain.suffix.lower().removeprefix(".")
    return ending if ending in _CONTAINERS else _DEFAULT


def rows_to(write: Write, container: str, columns: Mapping[str, Column]) -> AbstractContextManager[Put]:
    """Return what lays out rows with these columns for `write`, which may be standard output's.

    Entering it raises `ExportError` when a package is missing; OSErrors of `write` pass through.

    Raises:
        ExportError: There is no such container.
    """
    if container not in _CONTAINERS:
        raise ExportError(f"There is no container {container}; the containers are {', '.join(CONTAINERS)}.")
    return _CONTAINERS[container](write, columns)


@contextmanager
def opened(path: Path, container: str, columns: Mapping[str, Column]) -> Iterator[Put]:
    """Open a file for rows with these columns. It appears when the context is left without an error, in place of an
    earlier one; its folders are made. What has a name that ends in `.gz` is compressed; a pipe or device is simply
    written to. Memory does not grow with the number of rows.

    Raises:
        ExportError: It cannot be written, is a file of a run, there is no such container, a package for it is missing,
            or a row has text that no file can hold. Errors of the caller's own pass through.
    """
    refuse_files_of_runs(path)
    if container == "parquet" and path.suffix.lower() == ".gz":
        raise ExportError(f"{path} would be compressed twice, and nothing reads that: leave out `.gz`.")
    callers: OSError | None = None
    try:
        with opened_whole(path) as write, rows_to(write, container, columns) as put:
            try:
                yield _naming(path, put)
            except OSError as error:
                callers = error
                raise
    except OSError as error:
        if error is callers:
            raise
        raise unwritten(path, error) from error


def _naming(path: Path, put: Put) -> Put:
    """Return `put` with errors that name the file, so that no caller takes them for errors of its own."""

    def put_here(row: Row) -> int:
        try:
            return put(row)
        except OSError as error:
            raise unwritten(path, error) from error

    return put_here
