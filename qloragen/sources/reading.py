"""The way of a source: open, parse, clean, gate, size, de-duplicate; out come articles, and skips that say why not.

Files are read and cleaned in a worker thread, in batches that grow from one unit, so that the first article is early
and the event loop stays free. An iterable of the caller is pulled in the event loop, one item at a time and only when
the next one is asked for; long texts and pages are cleaned in a worker thread.
"""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import suppress
from pathlib import Path

import anyio.lowlevel
import anyio.to_thread

from ..errors import SourceError
from ..types import Article, Skip, SkipReason
from . import files, objects
from .refine import Desk, Refined, Unit, refine
from .values import Candidate, Found, Item, Options, Summary, printable

MAX_BATCH = 64
"""Units that one visit to the worker thread reads and cleans, if they are short."""
MAX_BATCH_TEXT = 500_000
"""Characters after which a visit ends, however few the units."""
SHORT = 20_000
"""Characters up to which a text that is no HTML is cleaned in the event loop (well under a millisecond)."""

_DEFAULTS = Options()


class Reading(AsyncIterator[Item]):
    """An iteration over a source, with a running summary.

    Every unit of the source gives an article or several (parts with the ids `<id>#part-1`, `<id>#part-2`...), or one
    `Skip`, or nothing if it is a blank line. Close it with `aclose` when it is not read to the end.
    """

    def __init__(self, items: AsyncGenerator[Item, None], summary: Summary) -> None:
        self._items = items
        self.summary = summary
        """What became of the units so far."""

    async def __anext__(self) -> Item:
        return await anext(self._items)

    async def aclose(self) -> None:
        """Close the files that are open."""
        await self._items.aclose()


Source = str | Path | Iterable[str | Path | Mapping[str, object] | Article] | AsyncIterable[object]
"""What `read` takes."""


def read(source: Source, options: Options = _DEFAULTS) -> Reading:
    """Read a path, several paths, or articles.

    One `str` or `Path` is a path, and so is each element of a list or tuple of nothing but `Path`s. In any other
    iterable each item is an article: a `str` is its text. `read_paths` and `read_items` do not guess.
    """
    if isinstance(source, str | Path):
        return read_paths(source, options)
    if isinstance(source, list | tuple):
        paths = [item for item in source if isinstance(item, Path)]
        if paths and len(paths) == len(source):
            return read_paths(paths, options)
    return read_items(source, options)


def read_paths(paths: str | Path | Iterable[str | Path], options: Options = _DEFAULTS) -> Reading:
    """Read files, folders and glob patterns, in the order given.

    Raises, from the first step of the iteration: SourceError, when one of them cannot be read at all.
    """
    summary = Summary()
    wanted = [paths] if isinstance(paths, str | Path) else list(paths)
    return Reading(_from_files(wanted, options, summary), summary)


def read_items(items: Iterable[object] | AsyncIterable[object], options: Options = _DEFAULTS) -> Reading:
    """Read articles that the caller has: texts, dicts with the fields of `Options.fields`, or `Article`s.

    A text is an article, never a path. Other things in the iterable become skips.
    Raises: SourceError, when `items` is itself one article or path.
    """
    if isinstance(items, str | bytes | Path | Mapping | Article):
        splits = ", ".join(map(str, items)) if isinstance(items, Mapping) and _holds_collections(items) else ""
        remedy = f"give one of those in it ({printable(splits)})" if splits else "put it in a list, or read paths"
        raise SourceError(f"a single {type(items).__name__} is no collection of articles; {remedy}")
    summary = Summary()
    return Reading(_from_items(items, options, summary), summary)


def _holds_collections(source: Mapping[object, object]) -> bool:
    """Tell whether a mapping is one of collections, as `load_dataset` gives all splits of a dataset, and no article."""
    return all(
        isinstance(value, Iterable) and not isinstance(value, str | bytes | list | Mapping) for value in source.values()
    )


async def _from_files(paths: Sequence[str | Path], options: Options, summary: Summary) -> AsyncGenerator[Item, None]:
    desk = Desk(summary, options)
    refined = _refined_files(paths, options, summary)
    size = 1
    try:
        # A file may hang, on a file system that does not answer; nobody must wait for the thread then.
        while batch := await anyio.to_thread.run_sync(_batch, refined, size, abandon_on_cancel=True):
            for unit in batch:
                for item in desk.admit(unit):
                    yield item
            size = min(2 * size, MAX_BATCH)
    finally:
        # While the thread is in it, it cannot be closed; it closes its files when the thread lets go of it.
        with suppress(ValueError):
            refined.close()


def _batch(refined: Generator[Unit, None, None], size: int) -> list[Unit]:
    """Take up to `size` units; an empty list is the end."""
    batch: list[Unit] = []
    text = 0
    for unit in refined:
        batch.append(unit)
        text += len(unit.whole.content) if isinstance(unit, Refined) else 0
        if len(batch) >= size or text > MAX_BATCH_TEXT:
            break
    return batch


def _refined_files(paths: Sequence[str | Path], options: Options, summary: Summary) -> Generator[Unit, None, None]:
    def ignore() -> None:
        summary.ignored_files += 1

    for found in files.units(files.places(paths, options), options, ignore):
        yield refine(found, options)


async def _from_items(
    items: Iterable[object] | AsyncIterable[object], options: Options, summary: Summary
) -> AsyncGenerator[Item, None]:
    desk = Desk(summary, options)
    number = 0
    async for given in _each(items):
        number += 1
        found = _found(given, f"items:{number}", options)
        if isinstance(found, Candidate) and _takes_long(found, options):
            unit = await anyio.to_thread.run_sync(refine, found, options)
        else:
            unit = refine(found, options)
        for item in desk.admit(unit):
            yield item


async def _each(items: Iterable[object] | AsyncIterable[object]) -> AsyncGenerator[object, None]:
    """Iterate over either kind, letting the event loop run between the items of a plain one."""
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
        return
    for item in items:
        yield item
        await anyio.lowlevel.checkpoint()


def _takes_long(found: Candidate, options: Options) -> bool:
    short = SHORT if options.similarity is None else SHORT // 10  # a sketch takes ten times as long as cleaning
    return found.format == "html" or len(found.content) > short


def _found(given: object, where: str, options: Options) -> Found:
    try:
        match given:
            case str():
                return Candidate(where, given, format=options.format)
            case Article():
                identity = objects.whole_identity(given.id)
                return Candidate(where, given.content, identity, given.title, given.url, given.format)
            case Mapping():
                return objects.candidate(given, where, options)
            case _:
                return Skip(where, SkipReason.MALFORMED, f"neither text, a dict nor an Article: {type(given).__name__}")
    except objects.MalformedError as error:
        return Skip(where, SkipReason.MALFORMED, str(error))
