"""The run directory: `journal.jsonl` (the truth), `records.jsonl` (its projection, the sink) and `run.json`."""

from __future__ import annotations

import fcntl
import os
import socket
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from pydantic import ValidationError

from ..errors import RunLocked, SetupError, StorageFailed
from .lines import (
    ArticleLine,
    RecordLine,
    ReplyLine,
    article_line,
    article_of,
    parse_journal_line,
    record_line,
    record_of,
    rejection_line,
    reply_line,
    reply_of,
    types_line,
)
from .log import Log, lines
from .state import State, read_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ..types import Article, Cell, Record, Rejection, Reply

JOURNAL = "journal.jsonl"
SINK = "records.jsonl"
MANIFEST = "run.json"
LOCK = ".lock"


class Run:
    """An open run directory: everything that is done is looked up here, and everything new is written here first.

    Made by `open_run`. Methods that write return once the line is with the kernel, so that it survives the death of
    the process, and raise `StorageFailed` when it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._journal = Log(folder / JOURNAL)
        self._sink = Log(folder / SINK)
        self.state: State = read_state(folder / JOURNAL, folder / SINK)
        """Read it freely; it changes only through the methods of this class."""

    @property
    def torn_bytes(self) -> int:
        """Bytes of unfinished last lines that a crash had left and opening cut off."""
        return self._journal.torn_bytes + self._sink.torn_bytes

    def add_article(self, article: Article) -> None:
        """Keep the article's text, once, so that replies can be read again without its source."""
        if (article.content_hash, article.format) not in self.state.articles:
            self._journal.check_in_place()
            self.state.add_article(article.content_hash, article.format, self._journal.append(article_line(article)))

    def add_reply(self, reply: Reply) -> None:
        """Keep a paid reply. To be called before anything is made of it."""
        self.state.add_reply(reply, self._journal.append(reply_line(reply)))

    def add_types(self, cell: Cell, types: tuple[int, ...]) -> None:
        """Settle a classification."""
        self._journal.append(types_line(cell, types))
        self.state.add_types(cell.key, types)

    def add_record(self, record: Record) -> None:
        """Append a record to the sink, unless it is there already."""
        if record.id in self.state.records:
            return
        self.state.add_record(record, self._sink.append(record_line(record)))

    def add_rejection(self, rejection: Rejection) -> None:
        """Give a cell up for good."""
        self._journal.append(rejection_line(rejection, kind="rejection"))
        self.state.add_rejection(rejection)

    def add_failure(self, failure: Rejection) -> None:
        """Give a cell up until the next run."""
        self._journal.append(rejection_line(failure, kind="failure"))
        self.state.add_failure(failure)

    def replies(self, key: str) -> list[Reply]:
        """Return the paid replies of an unsettled cell, oldest first."""
        return [self._reply_at(offset) for offset in self.state.replies.get(key, ())]

    def record(self, key: str) -> Record:
        """Return the record of a cell; raises KeyError when it has none."""
        return record_of(RecordLine.model_validate_json(self._sink.read(self.state.records[key])))

    def article(self, cell: Cell) -> Article:
        """Return the article of a cell; raises KeyError when the journal does not have it."""
        line = parse_journal_line(self._journal.read(self.state.articles[cell.content_hash, cell.format]))
        assert isinstance(line, ArticleLine)
        return article_of(line)

    def all_replies(self) -> Iterator[Reply]:
        """Yield every paid reply in the order of arrival."""
        for _, raw in lines(self.folder / JOURNAL):
            try:
                line = parse_journal_line(raw)
            except ValidationError:
                continue
            if isinstance(line, ReplyLine):
                yield reply_of(line)

    def replace_records(self, records: Iterable[Record]) -> None:
        """Put `records` in the place of the whole sink: at once or, on any failure, not at all."""
        draft = self.folder / f"{SINK}.new"
        draft.unlink(missing_ok=True)
        fresh = State()
        sink = Log(draft)
        try:
            for record in records:
                fresh.add_record(record, sink.append(record_line(record)))
        finally:
            sink.close()
        self._sink.close()
        try:
            draft.replace(self.folder / SINK)
        except OSError as error:
            raise StorageFailed(f"{self.folder / SINK} cannot be replaced ({error.strerror}).") from error
        finally:
            self._sink = Log(self.folder / SINK)
        self.state.replace_records(fresh)

    def write_manifest(self, manifest: Mapping[str, object]) -> None:
        """Replace `run.json` at once."""
        write_json(self.folder / MANIFEST, manifest)

    def close(self) -> None:
        """Close the files."""
        self._journal.close()
        self._sink.close()

    def _reply_at(self, offset: int) -> Reply:
        line = parse_journal_line(self._journal.read(offset))
        assert isinstance(line, ReplyLine)
        return reply_of(line)


@contextmanager
def open_run(folder: Path) -> Iterator[Run]:
    """Open the run directory `folder`, made when absent, for this process alone; closed at the end of the block.

    Raises:
        RunLocked: Another process has it open.
        StorageFailed: It cannot be made or read.
        SetupError: `folder` is a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except FileExistsError as error:
        raise SetupError(f"{folder} is a file; give a directory for the run with --out.") from error
    except OSError as error:
        raise StorageFailed(f"{folder} cannot be made ({error.strerror}); choose another directory.") from error
    with _locked(folder / LOCK):
        try:
            run = Run(folder)
        except OSError as error:
            raise StorageFailed(f"{folder} cannot be read ({error.strerror}); mend that, then run it again.") from error
        try:
            yield run
        finally:
            run.close()


def read_run(folder: Path) -> State:
    """Read a run's files without opening it, even while another process writes them.

    Raises:
        SetupError: There is no run in `folder`.
    """
    _refuse_absent(folder)
    try:
        return read_state(folder / JOURNAL, folder / SINK)
    except OSError as error:
        raise SetupError(f"The run in {folder} cannot be read ({error.strerror}).") from error


def in_use(folder: Path) -> bool:
    """Say whether a process works in the run directory at this moment."""
    try:
        with (folder / LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def read_records(folder: Path) -> Iterator[Record]:
    """Yield the records of a run, in the order in which they were made, without opening it.

    Raises:
        SetupError: There is no run in `folder`.
    """
    _refuse_absent(folder)
    for _, line in lines(folder / SINK):
        yield record_of(RecordLine.model_validate_json(line))


def _refuse_absent(folder: Path) -> None:
    if not (folder / JOURNAL).exists():
        raise SetupError(f"There is no run in {folder}; give the directory that a run was started with (--out).")


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Write `value` to `path` so that a reader sees either the old file or the new one."""
    draft = path.with_name(f"{path.name}.new")
    try:
        draft.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z) + b"\n")
        draft.replace(path)
    except OSError as error:
        raise StorageFailed(f"{path} cannot be written ({error.strerror}).") from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageFailed(f"{path} cannot be opened ({error.strerror}); mend that, then run it again.") from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(file, 200).decode("utf-8", "replace").strip() or "another process"
            raise RunLocked(
                f"{path.parent} is in use by {owner}; wait for it to end, or choose another directory."
            ) from error
        os.ftruncate(file, 0)
        os.pwrite(file, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        yield
    finally:
        os.close(file)
