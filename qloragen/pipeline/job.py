"""What to make of articles: the choices of a run, and the cells, requests and readings that follow from them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import get_args

from ..domain import cells, generate
from ..domain.applicable import applicable, possible
from ..domain.arguments import ASKED_OUTPUT_CHARS
from ..domain.article_block import ArticleBlock, enclosed, lay_out
from ..domain.classifiers import Classifier, Subject
from ..domain.outline import TOKENS, VERSION, outline
from ..domain.pack import Pack
from ..engine.reply import UnreadableReply, decode
from ..thresholds import Thresholds
from ..types import (
    Article,
    Cell,
    ClassifyReads,
    Completion,
    Draft,
    InputMode,
    InstructionType,
    Invalid,
    Record,
    Reply,
    ReplyForm,
    Request,
    Usage,
    digest,
)
from .classifying import next_request, numbers_read


class OpenArticle:
    """An article that is being worked on, laid out for prompts when the first prompt needs it."""

    def __init__(self, article: Article) -> None:
        self.article = article

    @cached_property
    def block(self) -> ArticleBlock:
        """The article as it stands in prompts."""
        return lay_out(self.article)


@dataclass(frozen=True, slots=True)
class Job:
    """The choices that a run's cells depend on.

    Raises:
        ClassifierFailed: The classifier makes no call for an empty article.
    """

    pack: Pack
    classifier: Classifier
    generate_model: str
    input_mode: InputMode = "evidence"
    classify_reads: ClassifyReads = "article"
    gates: bool = False
    """Leave out types for which an article does not have what they need. Part of no address: what a gate stops is not
    asked for, and there again without one."""
    max_types: int | None = None
    """Most types taken for one article."""
    record_asks: int = 2
    """Most replies asked for one record: what is wrong with one is told when the next is asked for."""
    thresholds: Thresholds = field(default_factory=Thresholds)
    """What is good enough. Part of no address: replies are read again by others for nothing."""
    output_chars: int = ASKED_OUTPUT_CHARS
    temperature: float | None = None
    """For every call; None leaves it to the prompts."""
    max_request_cost_usd: Decimal | None = None
    """For every call, over all its attempts."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Model to what else the user has set for its replies, as text: part of the address of its cells."""
    classification_fingerprint: str = field(init=False)
    classification_parameters: str = field(init=False)
    """As `parameters_of`, of all models of the classifier."""
    _generation_fingerprints: Mapping[tuple[str, InputMode], str] = field(init=False)

    def __post_init__(self) -> None:
        fingerprints = {
            (kind.slug, mode): generate.fingerprint(kind, self.pack, mode)
            for kind in self.pack.types
            for mode in get_args(InputMode)
        }
        object.__setattr__(self, "classification_fingerprint", self._classification_fingerprint())
        object.__setattr__(self, "classification_parameters", self._classification_parameters())
        object.__setattr__(self, "_generation_fingerprints", fingerprints)

    @property
    def deciding_models(self) -> frozenset[str]:
        """The models that are asked for decisions."""
        asked = self.classification_requests(OpenArticle(Article("", "")))
        return frozenset(request.model for request in asked if request.predicates)

    @property
    def classify_model(self) -> str:
        """The model that has the last word in classifications."""
        return self.classifier.models[-1]

    @property
    def classified_by(self) -> str:
        """The classifier, and what it reads, for people."""
        return self.classifier.name if self.classify_reads == "article" else f"{self.classifier.name} of outlines"

    def fingerprint(self, type: InstructionType, mode: InputMode | None = None) -> str:
        """Return what identifies the generation prompt of `type`; `mode` None is that of the run."""
        return self._generation_fingerprints[type.slug, mode or self.input_mode]

    def classification(self, article: Article) -> Cell:
        """Return the cell of the article's classification."""
        return cells.classification_cell(
            article,
            model=self.classify_model,
            fingerprint=self.classification_fingerprint,
            parameters=self.classification_parameters,
        )

    def generation(self, article: Article, type: InstructionType) -> Cell:
        """Return the cell of the article's record of `type`."""
        return cells.generation_cell(
            article,
            type,
            model=self.generate_model,
            fingerprint=self.fingerprint(type),
            parameters=self.parameters_of(self.generate_model),
            mode=self.input_mode,
        )

    def applicable(self, numbers: Collection[int], article: Article) -> tuple[InstructionType, ...]:
        """Return the types to generate for an article whose classification came to `numbers`."""
        return applicable(numbers, self._possible(article), self.max_types)

    def classification_request(self, opened: OpenArticle, refused: Sequence[Reply]) -> Request:
        """Return the next call that classifies an article, after replies that came to nothing."""
        replies = [_whole(reply) for reply in refused]
        return self._as_set(next_request(self.classifier, self._subject(opened), replies))

    def classification_requests(self, opened: OpenArticle) -> tuple[Request, ...]:
        """Return all calls that it may take to classify an article, as they are if no reply says anything."""
        subject, requests = self._subject(opened), list[Request]()
        while len(requests) < self.classifier.most_asks:
            silent = [_silent("decisions" if request.predicates else None) for request in requests]
            requests.append(self._as_set(next_request(self.classifier, subject, silent)))
        return tuple(requests)

    def generation_request(
        self,
        opened: OpenArticle,
        type: InstructionType,
        complaints: Sequence[Invalid],
        others: Sequence[str] = (),
        *,
        shared: bool,
    ) -> Request:
        """Return the call that makes the record of `type`, with what was wrong with earlier replies, and what `others`
        of the article ask.

        `shared`: other calls about the article are to find it in the prompt cache; else nothing is written there.
        """
        request = generate.request(
            opened.block,
            type,
            self.pack,
            self.generate_model,
            self.input_mode,
            remarks=generate.Remarks(complaints, others),
            output_chars=self.output_chars,
        )
        if not shared:
            messages = tuple(replace(message, shared=0) for message in request.messages)
            request = replace(request, messages=messages, cache_key=None)
        return self._as_set(request)

    def read_classification(self, replies: Sequence[Reply]) -> tuple[int, ...] | Invalid:
        """Return the numbers that an article's classification replies come to; only the last one needs its body."""
        return numbers_read(self.classifier, self.pack, [_whole(reply) for reply in replies])

    def read_generation(self, opened: OpenArticle, type: InstructionType, reply: Reply) -> Draft | Invalid:
        """Return the draft that a generation reply comes to, judged as strictly as the pack asks."""
        completion = decoded(reply)
        if completion is None:
            return _UNREADABLE
        mode = reply.cell.input_mode or self.input_mode
        return generate.parse(completion, opened.block, type, self.pack, mode, self.thresholds)

    def parameters_of(self, model: str) -> str:
        """Return what the user has set for the replies of `model`: the temperature, `;`, then fields of the request."""
        return f"{self._heat};{self.parameters.get(model, '')}"

    @property
    def _heat(self) -> str:
        return "" if self.temperature is None else f"temperature={self.temperature:g}"

    def _as_set(self, request: Request) -> Request:
        temperature = request.temperature if self.temperature is None or request.predicates else self.temperature
        return replace(request, temperature=temperature, max_cost_usd=self.max_request_cost_usd)

    def _possible(self, article: Article) -> tuple[InstructionType, ...]:
        return possible(article, self.pack.types) if self.gates else self.pack.types

    def _subject(self, opened: OpenArticle) -> Subject:
        block, article = opened.block, opened.article
        text = enclosed(block.tag, article.content)  # not to be kept: the records are made from another
        if self.classify_reads == "outline":
            text = enclosed(block.tag, outline(article.content, article.format))
        return Subject(article, text, self.pack)

    def _classification_parameters(self) -> str:
        asked = self.classification_requests(OpenArticle(Article("", "")))
        heat = "" if all(request.predicates for request in asked) else self._heat
        told = {request.model for request in asked if not request.predicates}
        untold = {request.model for request in asked} - told  # decisions take no parameters
        own = [self.parameters.get(model, "") for model in self.classifier.models if model not in untold]
        return f"{heat};{_LINE_END.join(own) if any(own) else ''}"

    def _classification_fingerprint(self) -> str:
        whole = self.classifier.fingerprint(self.pack)
        return whole if self.classify_reads == "article" else digest(f"{whole} outline {VERSION} {TOKENS}")


_LINE_END = "\n"
_UNREADABLE = Invalid("unreadable", "The reply in the journal is no completion.")


def decoded(reply: Reply) -> Completion | None:
    """Return a journalled reply as the engine once returned it, decoded by today's code; None when it is damaged."""
    try:
        return decode(reply.body.encode("utf-8", "replace"), model=reply.cell.model, structure=reply.structure)
    except UnreadableReply:
        return None


def _whole(reply: Reply) -> Completion:
    """Return a journalled reply as the engine once returned it, or in its place one that says nothing."""
    return decoded(reply) or replace(_silent(reply.structure), finish_reason=reply.finish_reason)


def _silent(structure: ReplyForm | None) -> Completion:
    return Completion(
        text="",
        arguments=None,
        finish_reason="stop",
        refusal=None,
        usage=Usage(),
        model="",
        structure=structure,
        cost_usd=None,
        body=b"",
    )


def reply_of(cell: Cell, completion: Completion, time: datetime) -> Reply:
    """Return what the journal keeps of a completion that arrived at `time`."""
    return Reply(
        cell=cell,
        structure=completion.structure,
        finish_reason=completion.finish_reason,
        usage=completion.usage,
        cost_usd=completion.cost_usd,
        request_id=completion.request_id,
        latency_s=completion.latency_s,
        time=time,
        body=completion.body.decode("utf-8", "replace"),
        tier=completion.tier,
        worst=completion.worst,
    )


def record_of(article: Article, type: InstructionType, draft: Draft, replies: list[Reply]) -> Record:
    """Return the record that `draft` becomes; `replies` are all that was paid for it, the accepted one last."""
    accepted = replies[-1]
    cell = accepted.cell
    return Record(
        id=cell.key,
        article_id=article.id,
        type=type.number,
        type_slug=type.slug,
        instruction=draft.instruction,
        input=draft.input,
        output=draft.output,
        content_hash=cell.content_hash,
        title=article.title,
        url=article.url,
        model=cell.model,
        prompt_fingerprint=cell.prompt_fingerprint,
        input_mode=cell.input_mode or "evidence",
        finish_reason=accepted.finish_reason,
        usage=Usage(*map(sum, zip(*(reply.usage for reply in replies), strict=True))),
        cost_usd=_sum(reply.cost_usd for reply in replies),
        time=accepted.time,
        quality=draft.quality,
    )


def _sum(costs: Iterable[Decimal | None]) -> Decimal | None:
    total = Decimal(0)
    for cost in costs:
        if cost is None:
            return None
        total += cost
    return total
