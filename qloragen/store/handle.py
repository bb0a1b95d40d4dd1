"""The handle on an open run directory: everything that is done is looked up here, and put here first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from os import getpid
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import orjson
from pydantic import ValidationError

from ..errors import StorageFailed
from ..judgement import Judgement
from ..logs import get_logger
from ..types import Article, Cell, LostCall, Record, Rejection, Reply
from .bills import booked_at, lost_in, lost_line
from .files import Files
from .filing import Ends, Filing, refused
from .frame import key_of, kind_of, sink_line
from .index import Index, Mark
from .judgement_lines import judgement_line, standing_of
from .ledger import NOTHING_WORSE
from .lines import (
    Refused,
    article_line,
    article_of,
    asked_line,
    asked_of,
    batch_end_line,
    batch_line,
    cell_fields,
    failed_at,
    failure_line,
    record_in,
    record_line,
    rejection_line,
    reply_line,
    reply_of,
    retry_line,
    types_line,
)
from .recovery import Recovery, recover
from .standing import Standing
from .submissions import AskedInBatch, Submission

_NONE_REFUSED: Refused = MappingProxyType({})

log = get_logger()


class Moment(NamedTuple):
    """A run as it is at one moment, and what has changed since the index was saved."""

    ends: Ends
    mark: Mark
    changes: Mapping[str, Standing]


class Run:
    """An open run directory: everything that is done is looked up here, and everything new is put here first.

    Made by `open_run`. The methods that add take effect at once and queue their line; whoever has to know that it is
    safe waits for the `Committer`, or calls `flush`.
    """

    def __init__(
        self,
        folder: Path,
        files: Files,
        index: Index | None,
        *,
        most_loss_usd: Decimal | None,
        sink: str | None = None,
    ) -> None:
        opened = recover(folder, files, index, most_loss_usd=most_loss_usd, sink=sink)
        self.folder = folder
        self.state = opened.state
        """Read it freely; it changes only through the methods of this class."""
        self.recovery: Recovery = opened.recovery
        """What opening it has found and done."""
        self.sink = opened.sink
        """The name of the file that its results go to."""
        self.filing = Filing(folder, files, index, sealed=opened.sealed, sink=opened.sink)
        self._lines = opened.lines
        self._process = getpid()
        """A forked child has a copy of what is queued, which is not its to write."""
        self._taken_in = True
        """The state says what the lines say. False for good once something came between the two."""

    # ------------------------------------------------------------------------------------------------------ adding

    def add_article(self, article: Article) -> None:
        """Keep the article's text, once, so that replies can be read again without its source."""
        if self.state.article_offset(article.content_hash, article.format) is None:
            at = self._put(article_line(article))
            self.state.add_article(article.content_hash, article.format, article.id, at)
            self._taken_in = True

    def add_reply(self, reply: Reply, *, found: bool = False) -> None:
        """Keep a paid reply. To be called before anything is made of it.

        One that was `found` at the provider takes the place of a call of the cell's that was lost, if one was.
        """
        cell = reply.cell
        at = self._put(reply_line(reply, found=found))
        account = booked_at(cell, reply.tier)
        worst = reply.worst or NOTHING_WORSE
        self.state.add_reply(cell.key, account, reply.usage, reply.cost_usd, at, worst=worst, found=found)
        self._taken_in = True

    def add_lost(self, cell: Cell, call: LostCall, time: datetime) -> None:
        """Keep that a call for `cell` brought no reply, and was or may have been billed."""
        self._put(lost_line(cell, cell_fields(cell), call, time))
        self.state.add_lost(cell.key, lost_in(cell, call))
        self._taken_in = True

    def add_types(self, cell: Cell, types: tuple[int, ...], refused: Refused = _NONE_REFUSED) -> None:
        """Settle a classification; `refused` is what replies have cost that it was not made of, by reason."""
        self.state.add_types(cell.key, types, self._put(types_line(cell, types, refused)), refused)
        self._taken_in = True

    def add_record(self, record: Record, *, revised: bool = False, refused: Refused = _NONE_REFUSED) -> None:
        """Settle a cell with a record, unless it has one; a `revised` one takes the place of the one before.

        `refused` is what replies have cost that it was not made of, by reason.
        """
        has_one = self.state.record_offset(record.id) is not None
        if has_one and not revised:
            return
        line = record_line(record, kind="revised" if revised else "record", refused=refused)
        in_sink = None if has_one or self.state.sink_is_stale else sink_line(line)
        at = self._put(line, in_sink)
        self.state.add_record(record.id, record.type_slug, at, revised=revised, refused=refused)
        self._taken_in = True

    def add_judgement(self, judgement: Judgement, refused: Refused = _NONE_REFUSED) -> None:
        """Settle the judging of a record, unless it is judged.

        `refused` is what replies have cost that it was not made of, by reason.
        """
        if self.state.sunk_offset(judgement.id) is not None:
            return
        line = judgement_line(judgement, refused)
        at = self._put(line, None if self.state.sink_is_stale else sink_line(line))
        self.state.add_judgement(judgement.id, standing_of(judgement), at, refused)
        self._taken_in = True

    def add_rejection(self, rejection: Rejection, refused: Refused = _NONE_REFUSED) -> None:
        """Give a cell up for good; `refused` says why its replies were of no use, where that was not the reason."""
        withdraws = self.state.record_offset(rejection.cell.key) is not None
        at = self._put(rejection_line(rejection, refused, withdraws=withdraws))
        self.state.add_rejection(rejection.cell.key, rejection.reason, at, refused)
        self._taken_in = True

    def add_failure(self, failure: Rejection, time: datetime, *, counts: bool = True) -> None:
        """Give a cell up until the next run; `counts` says that the fault may be its own."""
        at = self._put(failure_line(failure, time, counts=counts))
        self.state.add_failure(failure.cell.key, failure.reason, at, counts=counts)
        self._taken_in = True

    def retry(self, key: str, time: datetime) -> None:
        """Open a rejected cell again."""
        self._put(retry_line(key, time))
        self.state.add_retry(key)
        self._taken_in = True

    def add_asked(self, asked: AskedInBatch) -> None:
        """Keep a request of a batch. To be called before the batch is submitted."""
        at = self._put(asked_line(asked))
        self.state.submissions.add_asked(asked.submission, asked.cell.model, asked.time, at, self.filing.end)
        self._taken_in = True

    def add_batch(self, submission: str, batch: str, time: datetime) -> None:
        """Keep what the provider calls a submission."""
        self._put(batch_line(submission, batch, time))
        self.state.submissions.add_batch(submission, batch)
        self._taken_in = True

    def end_batch(self, submission: str, status: str, time: datetime) -> None:
        """Keep that nothing more comes of a submission."""
        self._put(batch_end_line(submission, status, time))
        self.state.submissions.add_end(submission)
        self._taken_in = True

    # ----------------------------------------------------------------------------------------------------- reading

    def asked(self, submission: Submission) -> Iterator[AskedInBatch]:
        """Yield the requests of a submission that are in the file.

        Raises:
            StorageFailed: The disk refuses.
        """
        for line in self.filing.lines(submission.at, submission.end):
            if kind_of(line) == "asked":
                asked = asked_of(line)
                if asked.submission == submission.name:
                    yield asked

    def request_ids_after(self, at: int) -> Iterator[str | None]:
        """Yield the request id of every paid reply, and of every lost call, that the file has from an offset on.

        Raises:
            StorageFailed: The disk refuses.
        """
        for line in self.filing.lines(at):
            if kind_of(line) == "reply" and (reply := self._reply(line)) is not None:
                yield reply.request_id
            elif kind_of(line) == "lost":
                yield orjson.loads(line).get("request_id")

    def replies(self, key: str) -> list[Reply]:
        """Return the paid replies of an unsettled cell, oldest first; raises StorageFailed when one is damaged."""
        lines = [self.filing.line(at, key) for at in self.state.replies_of(key)]
        return [reply for line in lines if (reply := self._reply(line)) is not None]

    def record(self, key: str) -> Record:
        """Return the record of a cell; raises KeyError when it has none, StorageFailed when it is damaged."""
        at = self.state.record_offset(key)
        if at is None:
            raise KeyError(key)
        return record_in(self.filing.line(at, key))

    def failed_at(self, key: str) -> datetime | None:
        """Return when a cell failed last; None when it stands otherwise."""
        standing = self.state.standing(key)
        return failed_at(self.filing.line(standing.at, key)) if standing and standing.kind == "failure" else None

    def article(self, cell: Cell) -> Article | None:
        """Return the article of a cell; None when the journal does not have it."""
        at = self.state.article_offset(cell.content_hash, cell.format)
        return None if at is None else article_of(self.filing.line(at))

    def all_replies(self, keys: Container[str] | None = None) -> Iterator[Reply]:
        """Yield every paid reply (to the cells `keys`; None: to all) that is in the file, in order of arrival.

        Raises:
            StorageFailed: The disk refuses.
        """
        for line in self.filing.lines():
            if kind_of(line) == "reply" and (keys is None or key_of(line) in keys):
                reply = self._reply(line)
                if reply is not None:
                    yield reply

    def replies_that_count(self) -> Iterator[Reply]:
        """Yield what `all_replies` does, but for replies to cells that were opened again after them.

        Raises:
            StorageFailed: The disk refuses.
        """
        retries = Counter(key_of(line) for line in self.filing.lines() if kind_of(line) == "retry")
        for line in self.filing.lines():
            kind, key = kind_of(line), key_of(line)
            if kind == "retry":
                retries[key] -= 1
            elif kind == "reply" and not retries[key]:
                reply = self._reply(line)
                if reply is not None:
                    yield reply

    def _reply(self, line: bytes) -> Reply | None:
        """Return the reply that a whole line holds; None, which counts as absent, where it is of another program."""
        try:
            return reply_of(line)
        except ValidationError as error:
            what = error.errors()[0]["msg"]
        log.error("reply_unreadable", folder=str(self.folder), cell=key_of(line), error=what)
        return None

    # ------------------------------------------------------------------------------------------------------ keeping

    def moment(self) -> Moment:
        """Return the run as it is now, for `Filing.save`."""
        ends = self.filing.ends
        mark = Mark(
            journal_end=ends.journal,
            lines=self._lines,
            sink_end=None if self.state.sink_is_stale else ends.sink,
            totals=self.state.totals.model_copy(deep=True),
            bills=list(self.state.ledger.bills.items()),
            lost=list(self.state.ledger.lost.items()),
            submissions=self.state.submissions.open(),
        )
        return Moment(ends, mark, self.state.changes())

    def saved(self, moment: Moment) -> None:
        """Forget what the index has now; in the thread that adds."""
        if self.filing.indexed:
            self.state.saved(moment.changes)

    def flush(self) -> None:
        """Write and sync everything that is queued; for those who work without a committer.

        Raises:
            StorageFailed: The disk refuses.
        """
        self.flush_journal()
        if self.state.sink_is_stale:
            self.filing.rebuild_sink(self.state)

    def flush_journal(self) -> None:
        """Do what `flush` does, but for making a stale sink anew, which takes as long as all its records are many.

        Raises:
            StorageFailed: The disk refuses.
        """
        try:
            self.filing.write(self.filing.end)
            self.filing.sync()
            if not self.state.sink_is_stale:
                self.filing.project(self.filing.ends.sink)
        except OSError as error:
            raise refused(self.folder, error) from error

    def close(self) -> None:
        """Write what is queued, and close the files.

        Raises:
            StorageFailed: The disk refuses.
        """
        try:
            try:
                if not self.filing.broken and getpid() == self._process:
                    self._finish()
            finally:
                self.filing.close()
        except OSError as error:
            raise refused(self.folder, error) from error

    def _finish(self) -> None:
        try:
            self.flush()
        except StorageFailed as error:
            if (lost := self.filing.unwritten) == 0:
                raise
            raise StorageFailed(
                f"{error} But the last {lost} lines, with what had just arrived, could not be kept: what was paid for "
                "them is paid again."
            ) from error
        self._seal()

    def _seal(self) -> None:
        if not self._taken_in:
            self.filing.distrust()
            return
        moment = self.moment()
        self.filing.seal(moment.changes, moment.mark)

    def _put(self, line: bytes, in_sink: bytes | None = None) -> int:
        if not self._taken_in:
            raise StorageFailed(f"The run in {self.folder} is not to be gone on with; open it again.")
        self._taken_in = False
        self._lines += 1
        return self.filing.put(line, in_sink)
