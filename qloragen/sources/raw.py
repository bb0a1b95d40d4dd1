"""Articles as they stand in files, neither cleaned nor judged: to count them, and to draw from them, at little cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..types import Article
from . import files
from .values import Candidate, Options

_DEFAULTS = Options()


def candidates(paths: Sequence[str | Path], options: Options = _DEFAULTS) -> Iterator[Candidate]:
    """Yield what files, folders and globs hold that may be an article, in order. What cannot be parsed is left out. It
    blocks while files are read.

    Raises, from the first step of the iteration: SourceError, when one of the paths cannot be read at all.
    """
    for found in files.units(files.places(paths, options), options, _pass_over):
        if isinstance(found, Candidate):
            yield found


def uncleaned(found: Candidate) -> Article:
    """Return it as something that `read_items` makes an article of, or several, or a skip."""
    return Article(found.id or "", found.content, found.title, found.url, found.format)


def _pass_over() -> None:
    """Take no note of a file that is none of a source."""
