"""The choices of a judge, and the cells, requests and readings that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import orjson

from ..domain.article_block import ArticleBlock
from ..domain.cells import judgement_cell, judgement_key
from ..domain.judging import asking, reading
from ..domain.judging.controls import Control
from ..domain.judging.text import Told, hash_of, told_of
from ..domain.pack import Pack
from ..judgement import Judgement, Verdict
from ..pipeline.job import decoded
from ..types import Article, Cell, Draft, Format, InstructionType, Invalid, Reply, Request, Usage, digest

_UNREADABLE = Invalid("unreadable", "The reply in the journal is no completion.")


@dataclass(frozen=True, slots=True)
class Case:
    """A record, or a control, that is to be judged."""

    record: str
    """Id of the record; of a control, that of the record that it was made from."""
    type: InstructionType
    """The record's."""
    draft: Draft
    told: Told
    """What the judge is told of the type that it is to have."""
    control: str | None = None
    """What kind of control it is; None: a record."""
    planted: bool = False
    """Whether it is a control with a defect."""


def case_of(record: str, type: InstructionType, draft: Draft) -> Case:
    """Return the case that a record is."""
    return Case(record, type, draft, told_of(type))


def case_of_control(record: str, type: InstructionType, control: Control) -> Case:
    """Return the case that a control is, made from a record."""
    return Case(record, type, control.draft, control.told, control.kind, control.planted)


@dataclass(frozen=True, slots=True)
class Judge:
    """Asks one model about records, by the prompt of one pack."""

    pack: Pack
    model: str
    parameters: str = ""
    """What the user has set for the model's replies, as text."""
    max_request_cost_usd: Decimal | None = None
    """Of all attempts at one judgement."""
    fingerprint: str = field(init=False)
    """Of the prompt."""
    id: str = field(init=False)
    """Identifies everything that its judgements depend on besides what is judged."""

    def __post_init__(self) -> None:
        fingerprint = asking.fingerprint(self.pack)
        object.__setattr__(self, "fingerprint", fingerprint)
        object.__setattr__(self, "id", digest(orjson.dumps([self.model, fingerprint, self.parameters]).decode()))

    def cell(self, article: Article, case: Case) -> Cell:
        """Return the cell of a judgement: another text, type or judge makes another one."""
        judged = self._judged(case)
        return judgement_cell(article, type=case.type, model=self.model, fingerprint=self.fingerprint, judged=judged)

    def key(self, content_hash: str, format: Format, case: Case) -> str:
        """Return the key of that cell, for a text that is marked up as `format`."""
        judged = self._judged(case)
        return judgement_key(content_hash, format, model=self.model, fingerprint=self.fingerprint, judged=judged)

    def _judged(self, case: Case) -> str:
        about = [self.id, case.record, hash_of(case.draft), *case.told, case.control, case.planted]
        return orjson.dumps(about).decode()

    def request(self, block: ArticleBlock, case: Case, complaints: Sequence[Invalid], *, shared: bool) -> Request:
        """Return the call for a judgement, with what was wrong with earlier replies.

        `shared`: other calls about the article are to find it in the prompt cache; else nothing is written there.
        """
        request = asking.request(block, case.draft, case.told, self.pack, self.model, complaints=complaints)
        request = request if shared else asking.alone(request)
        return replace(request, max_cost_usd=self.max_request_cost_usd)

    def read(self, article: Article, case: Case, reply: Reply) -> Mapping[str, Verdict] | Invalid:
        """Return the answers of a reply, by question."""
        completion = decoded(reply)
        if completion is None:
            return _UNREADABLE
        return reading.read(completion, self.pack.judge.questions, case.draft, article.content)

    def judgement(self, cell: Cell, case: Case, verdicts: Mapping[str, Verdict], replies: Sequence[Reply]) -> Judgement:
        """Return what a judge says of a case; `replies` are all that was paid for it, the accepted one last."""
        costs = [reply.cost_usd for reply in replies]
        known = [cost for cost in costs if cost is not None]
        return Judgement(
            id=cell.key,
            record=case.record,
            text_hash=hash_of(case.draft),
            judge=self.id,
            article_id=cell.article_id,
            type_slug=case.type.slug,
            content_hash=cell.content_hash,
            model=cell.model,
            prompt_fingerprint=cell.prompt_fingerprint,
            verdicts=verdicts,
            usage=Usage(*map(sum, zip(*(reply.usage for reply in replies), strict=True))),
            cost_usd=sum(known, Decimal(0)) if len(known) == len(costs) else None,
            time=replies[-1].time,
            control=case.control,
            planted=case.planted,
        )
