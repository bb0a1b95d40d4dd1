"""One record: asked for, read, compared with the others, and kept."""

from __future__ import annotations

from dataclasses import replace

from ..store.handle import Run
from ..types import Cell, InstructionType, Invalid, Reply, Request
from .job import Job, OpenArticle, record_of
from .prefix import Prefix
from .reading import Reader
from .refused import Settled
from .settling import Settling
from .uniqueness import Candidate, Loading, Siblings, Unique


class Maker:
    """Makes the records of one session."""

    def __init__(self, job: Job, run: Run, settling: Settling, reader: Reader, unique: Unique) -> None:
        self.loading = Loading(unique)
        """Whoever stops the run gives it up."""
        self._job = job
        self._run = run
        self._settling = settling
        self._reader = reader
        self._unique = unique

    async def make(
        self, cell: Cell, opened: OpenArticle, type: InstructionType, prefix: Prefix, siblings: Siblings
    ) -> bool:
        """Put the record of a cell into the run, or why there is none; returns whether there is one.

        Raises:
            RunStopped: The run has stopped before its replies were judged; they are kept.
        """

        def build(_: list[Reply], complaints: list[Invalid]) -> Request:
            prefix.asks()
            others = siblings.instructions(cell.key)
            request = self._job.generation_request(opened, type, complaints, others, shared=prefix.shared)
            return replace(request, follows=prefix.written)

        async def read(replies: list[Reply]) -> Candidate | Invalid:
            draft = await self._reader.draft(opened, type, replies[-1])
            if isinstance(draft, Invalid):
                prefix.answered()
                return draft
            siblings.draft(cell.key, type.number, draft.instruction)
            prefix.answered()  # from here on the others are told of it
            await self.loading.done()
            candidate = self._unique.candidate(cell, opened.article.id, draft)
            judged = self._unique.judge(candidate, siblings)
            if isinstance(judged, Invalid):
                siblings.withdraw(cell.key)
            return judged

        self._run.add_article(opened.article)
        try:
            settled = await self._settling.settle(cell, build, read, self._job.record_asks)
            if settled:  # nothing is awaited since it was judged
                self._keep(opened, type, settled, siblings)
            return settled is not None
        finally:
            siblings.withdraw(cell.key)

    def _keep(
        self, opened: OpenArticle, type: InstructionType, settled: Settled[Candidate], siblings: Siblings
    ) -> None:
        record = record_of(opened.article, type, settled.answer.draft, settled.replies)
        self._run.add_record(record, refused=settled.refused)
        self._unique.add(settled.answer, siblings)
