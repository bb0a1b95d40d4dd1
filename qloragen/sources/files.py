"""Files: which ones a path, folder or glob means, and what is in them.

Folders are read in sorted order, without hidden files, links to folders, links that lead out of the folder, what is
no regular file, run directories of ours, and what lies beside the rows of a dataset. Files with unknown endings are
passed over and counted, and so are `.json` files, which in folders are mostly configuration.
A file's name, which is a document's id, is its path relative to the deepest folder that holds all that was asked for,
with `/` between the parts.
"""

from __future__ import annotations

import glob
import gzip
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..errors import SourceError
from ..types import Format, Skip, SkipReason
from . import columnar, documents, hub, jsonl
from .values import Found, Options, Stream, printable

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DOCUMENTS: Mapping[str, Format] = {
    **dict.fromkeys((".md", ".markdown"), "markdown"),
    **dict.fromkeys((".html", ".htm"), "html"),
    **dict.fromkeys((".adoc", ".asciidoc"), "asciidoc"),
    ".rst": "rst",
    **dict.fromkeys((".txt", ".text", ".spec"), "text"),
}
COLUMNAR: Mapping[str, Callable[[Stream, str, Options], Iterator[Found]]] = {
    ".parquet": columnar.parquet,
    ".arrow": columnar.ipc,
}
OBJECTS: Mapping[str, Callable[[Stream, str, Options], Iterator[Found]]] = {
    **dict.fromkeys((".jsonl", ".ndjson"), jsonl.lines),
    ".json": jsonl.array,
    **COLUMNAR,
}
KNOWN = frozenset((*DOCUMENTS, *OBJECTS))
COMPRESSED = (".gz", ".zst")
_BROKEN = (OSError, EOFError, zlib.error, zstd.ZstdError)


@dataclass(frozen=True, slots=True)
class Place:
    """One thing that was asked for: a file, a folder, or the matches of a glob."""

    root: Path
    """The folder that relative names begin at."""
    files: Callable[[], Iterator[Path]]
    """Every file, known or not, in order."""
    endings: frozenset[str]
    """Of the files that are wanted."""
    named: bool = False
    """The file itself was asked for, whatever lies beside it."""

    def wants(self, path: Path) -> bool:
        """Tell whether one of the files is to be read."""
        if path.name.startswith(".") or extension(path.name) not in self.endings:
            return False
        if not self.named and hub.beside_the_rows(path):
            return False
        within = not path.is_symlink() or path.resolve().is_relative_to(self.root.resolve())
        return within and path.is_file() and not _in_run(path, self.root)


def extension(name: str) -> str:
    """The ending that says what is in a file, in lower case: `.jsonl` of `a.JSONL.gz`."""
    path = Path(name.lower())
    return Path(path.stem).suffix if path.suffix in COMPRESSED else path.suffix


def places(sources: Sequence[str | Path], options: Options) -> list[Place]:
    """Look up what was asked for. Raises: SourceError, for the first that cannot be read."""
    if not sources:
        raise SourceError("no source was named; name a file, a folder or a glob pattern")
    found = [_place(source, options) for source in sources]
    if not columnar.available():
        _refuse_columns(found)
    return found


def units(found: Sequence[Place], options: Options, ignore: Callable[[], None]) -> Iterator[Found]:
    """Yield everything in the files of all places, calling `ignore` for every file that is passed over."""
    common = Path(os.path.commonpath([place.root for place in found]))
    for place in found:
        for path in place.files():
            if place.wants(path):
                yield from _units(path, _name(path, common), options)
            else:
                ignore()


def _refuse_columns(found: Sequence[Place]) -> None:
    """Raise SourceError for the first file that cannot be read without pyarrow, before anything is paid for."""
    for place in found:
        for path in place.files():
            if extension(path.name) in COLUMNAR and place.wants(path):
                raise SourceError(f"{printable(str(path))} cannot be read: {columnar.NEEDED}")


def _place(source: str | Path, options: Options) -> Place:
    path = Path(os.path.abspath(source))  # noqa: PTH100 - Path.resolve would follow links, and names would change
    try:
        return (
            _folder(path, options) if path.is_dir() else _file(path) if path.exists() else _glob(str(source), options)
        )
    except OSError as error:
        raise SourceError(f"{printable(str(source))} cannot be read: {_why(error)}") from error


def _file(path: Path) -> Place:
    shown = printable(str(path))
    if not path.is_file():
        raise SourceError(f"{shown} is neither a file nor a folder; save what it gives to a file, and name that")
    if extension(path.name) not in KNOWN:
        raise SourceError(f"{shown} has no known ending; known are {_listed(KNOWN)}, each also with .gz or .zst")
    try:
        with closing(_opened(path)) as stream:
            stream.read(1)
    except _BROKEN as error:
        raise SourceError(f"{shown} cannot be read: {_why(error)}") from error
    return Place(path.parent, lambda: iter((path,)), KNOWN, named=True)


def _folder(path: Path, options: Options) -> Place:
    endings = KNOWN & (options.extensions or KNOWN - {".json"})
    place = Place(path, partial(_walk, path), endings)
    if not any(map(place.wants, place.files())):
        raise SourceError(f"{printable(str(path))} holds no file that ends in {_listed(endings)}")
    return place


def _glob(pattern: str, options: Options) -> Place:
    if not glob.has_magic(pattern):
        raise SourceError(f"{printable(pattern)} does not exist")
    absolute = Path(os.path.abspath(pattern))  # noqa: PTH100 - as above
    parts = absolute.parts
    root = Path(*parts[: next(at for at, part in enumerate(parts) if glob.has_magic(part))])
    matches = [Path(match) for match in sorted(glob.iglob(str(absolute), recursive=True))]  # noqa: PTH207 - absolute
    endings = KNOWN & (options.extensions or KNOWN)
    place = Place(root, lambda: (match for match in matches if not match.is_dir()), endings)
    if not any(map(place.wants, matches)):
        raise SourceError(f"nothing readable matches {printable(pattern)}")
    return place


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder, then those of the folders in it; a folder that cannot be listed comes as itself."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        yield folder
        return
    yield from (entry for entry in entries if not entry.is_dir())
    for entry in filter(Path.is_dir, entries):
        if entry.name.startswith(".") or entry.is_symlink():
            yield entry
        else:
            yield from _walk(entry)


def _in_run(path: Path, root: Path) -> bool:
    """Whether a folder between `root` and the file is a run directory."""
    inner = len(path.relative_to(root).parts) - 1
    return any(map(_is_run, path.parents[:inner]))


def _is_run(folder: Path) -> bool:
    """Whether a folder is where a run keeps its answers, which are no articles (`generate docs --out docs/run`)."""
    return (folder / "journal.jsonl").exists() and any((folder / name).exists() for name in ("run.json", ".lock"))


def _name(path: Path, common: Path) -> str:
    return path.relative_to(common).as_posix().encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _units(path: Path, name: str, options: Options) -> Iterator[Found]:
    where = printable(name)
    try:
        with closing(_opened(path)) as stream:
            ending = extension(path.name)
            if ending in DOCUMENTS:
                yield from documents.document(stream, name, DOCUMENTS[ending])
            else:
                yield from OBJECTS[ending](stream, where, options)
    except _BROKEN as error:
        yield Skip(where, SkipReason.MALFORMED, f"cannot be read to the end: {_why(error)}")


def _opened(path: Path) -> Stream:
    match path.suffix.lower():
        case ".gz":
            return gzip.open(path, "rb")
        case ".zst":
            return zstd.open(path, "rb")
        case _:
            return path.open("rb")


def _why(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "its compressed data is broken or ends early"


def _listed(endings: Iterable[str]) -> str:
    return ", ".join(sorted(endings))
