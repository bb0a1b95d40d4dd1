"""What a run's journal holds of articles and paid replies, read without opening the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from ..errors import SetupError
from ..types import Article, Reply
from .files import Disk
from .frame import is_whole, kind_of
from .lines import article_of, reply_of
from .names import JOURNAL
from .run import refuse_absent
from .scan import lines


def read_paid(folder: Path) -> Iterator[Article | Reply]:
    """Yield the articles and the paid replies of a run in the order in which they came to its journal, even while
    another process writes there; lines that cannot be read count as absent.

    Raises:
        SetupError: There is no run in `folder`, or it cannot be read.
    """
    refuse_absent(folder)
    try:
        with (folder / JOURNAL).open("rb") as journal:
            for _, line, ended in lines(Disk(), journal.fileno()):
                if ended and is_whole(line) and (found := _found(line)) is not None:
                    yield found
    except OSError as error:
        raise SetupError(f"The run in {folder} cannot be read ({error.strerror}).") from error


def _found(line: bytes) -> Article | Reply | None:
    try:
        match kind_of(line):
            case "article":
                return article_of(line)
            case "reply":
                return reply_of(line)
    except ValidationError:
        pass
    return None
