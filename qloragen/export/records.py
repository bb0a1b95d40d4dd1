"""The records of a run as examples, one at a time, and the same ones however often they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from .example import SINK, Example, ExportError, Holds, example_of, marked_lines, marks_of, of_any


class Dated(NamedTuple):
    """An example with where its record is, and of when."""

    number: int
    """Of the line, from 1."""
    example: Example
    held: bool
    """Whether its record was made under the run's last circumstances."""


def _all(_number: int) -> bool:
    return True


class Records:
    """The records of a run that count (see `chosen_lines`), as they were when its sink was opened."""

    def __init__(self, sink: BinaryIO, path: Path, holds: Holds) -> None:
        self._sink = sink
        self._path = path
        slugs = set[str]()

        def noting(key: str, slug: str, content_hash: str) -> bool:
            slugs.add(slug)
            return holds(key, slug, content_hash)

        self._marks = marks_of(sink, noting)
        self.slugs = frozenset(slugs)
        """Types that occur."""

    @property
    def lines(self) -> int:
        """How many there are at most."""
        return len(self._marks)

    def each(self, wanted: Callable[[int], bool] = _all) -> Iterator[Dated]:
        """Yield them in their order, holding one at a time; those alone whose line numbers are `wanted`.

        Raises:
            ExportError: A line is not a record, or the disk refuses.
        """
        with _readable(self._path):
            for number, _, line, held in marked_lines(self._sink, self._marks):
                if wanted(number):
                    yield Dated(number, example_of(line, self._path, number), held)


@contextmanager
def opened_records(run_dir: Path, holds: Holds = of_any) -> Iterator[Records]:
    """Open the records of a run; what is added while they are open is left out.

    Raises:
        ExportError: There is no run, it has no records, or they cannot be read.
    """
    none_yet = f"The run in {run_dir} has no records to export; `qloragen status {run_dir}` says how far it came."
    path = run_dir / SINK
    with ExitStack() as files:
        with _readable(path):
            if not run_dir.is_dir():
                raise ExportError(f"There is no run in {run_dir}: no such folder.")
            try:
                sink = files.enter_context(path.open("rb"))
            except FileNotFoundError:
                raise ExportError(none_yet) from None
            records = Records(sink, path, holds)
        if not records.lines:
            raise ExportError(none_yet)
        yield records


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ExportError(f"{path} cannot be read: {error.strerror or error}.") from error


def examples(run_dir: Path, holds: Holds = of_any) -> Iterator[Example]:
    """Yield the examples of a run in the order of its records.

    Raises:
        ExportError: There is no run, it has no records, or a line of it is not a record.
    """
    with opened_records(run_dir, holds) as records:
        for dated in records.each():
            yield dated.example
