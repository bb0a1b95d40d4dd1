"""What to make of articles: the choices of a run, and the cells, requests and readings that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import get_args

from ..domain import cells, classify, generate
from ..domain.arguments import ASKED_OUTPUT_CHARS
from ..domain.article_block import ArticleBlock, lay_out
from ..domain.pack import Pack
from ..domain.reply import TypeAnswer
from ..engine.reply import UnreadableReply, decode
from ..types import (
    Article,
    Cell,
    ClassifyForm,
    Completion,
    Draft,
    InputMode,
    InstructionType,
    Invalid,
    Record,
    Reply,
    Request,
    Usage,
)


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
    """The choices that a run's cells depend on."""

    pack: Pack
    classify_model: str
    generate_model: str
    input_mode: InputMode = "evidence"
    classify_form: ClassifyForm = "numbers"
    max_types: int | None = None
    """Most types taken for one article."""
    output_chars: int = ASKED_OUTPUT_CHARS
    temperature: float | None = None
    """For every call; None leaves it to the prompts."""
    max_request_cost_usd: Decimal | None = None
    """For every call, over all its attempts."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Model to what else the user has set for its replies, as text: part of the address of its cells."""
    classification_fingerprint: str = field(init=False)
    _generation_fingerprints: Mapping[tuple[str, InputMode], str] = field(init=False)

    def __post_init__(self) -> None:
        fingerprints = {
            (kind.slug, mode): generate.fingerprint(kind, self.pack, mode)
            for kind in self.pack.types
            for mode in get_args(InputMode)
        }
        object.__setattr__(
            self, "classification_fingerprint", classify.fingerprint(self.pack, self.classify_form, self.max_types)
        )
        object.__setattr__(self, "_generation_fingerprints", fingerprints)

    def fingerprint(self, type: InstructionType, mode: InputMode | None = None) -> str:
        """Return what identifies the generation prompt of `type`; `mode` None is that of the run."""
        return self._generation_fingerprints[type.slug, mode or self.input_mode]

    def classification(self, article: Article) -> Cell:
        """Return the cell of the article's classification."""
        return cells.classification_cell(
            article,
            model=self.classify_model,
            fingerprint=self.classification_fingerprint,
            parameters=self.parameters_of(self.classify_model),
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

    def applicable(self, numbers: tuple[int, ...]) -> tuple[InstructionType, ...]:
        """Return the types to generate for an article whose classification came to `numbers`."""
        return classify.applicable(TypeAnswer(numbers, readable=True), self.pack, self.max_types)

    def classification_request(self, opened: OpenArticle, refused: Sequence[Reply]) -> Request:
        """Return the call that classifies an article; stricter after replies that could not be read."""
        request = classify.request(opened.block, self.pack, self.classify_model, self.classify_form, self.max_types)
        if refused:
            request = classify.stricter(request, _words(refused[-1]), self.pack)
        return self._as_set(request)

    def generation_request(
        self, opened: OpenArticle, type: InstructionType, complaints: Sequence[Invalid], *, shared: bool
    ) -> Request:
        """Return the call that makes the record of `type`, with what was wrong with earlier replies.

        `shared`: other calls about the article are to find it in the prompt cache; else nothing is written there.
        """
        request = generate.request(
            opened.block,
            type,
            self.pack,
            self.generate_model,
            self.input_mode,
            complaints=complaints,
            output_chars=self.output_chars,
        )
        if not shared:
            messages = tuple(replace(message, shared=0) for message in request.messages)
            request = replace(request, messages=messages, cache_key=None)
        return self._as_set(request)

    def read_classification(self, replies: Sequence[Reply]) -> tuple[int, ...] | Invalid:
        """Return the numbers that the last of an article's classification replies comes to.

        A first reply that was cut off may have lost numbers, and is asked again with more room; a second one is taken.
        """
        reply = replies[-1]
        match reply.finish_reason:
            case "content_filter":
                return Invalid("content_filter", "The provider's content filter stopped the reply.", final=True)
            case "length" if len(replies) == 1:
                return Invalid("truncated", "The reply was cut off before its end.")
        answer = classify.parse(_words(reply), self.pack)
        return answer.types if answer.readable else Invalid("unreadable", "The reply names no types for certain.")

    def read_generation(self, opened: OpenArticle, type: InstructionType, reply: Reply) -> Draft | Invalid:
        """Return the draft that a generation reply comes to, judged as strictly as the pack asks."""
        completion = decoded(reply)
        if completion is None:
            return _UNREADABLE
        return generate.parse(completion, opened.block, type, self.pack, reply.cell.input_mode or self.input_mode)

    def parameters_of(self, model: str) -> str:
        """Return what the user has set for the replies of `model`: the temperature, `;`, then fields of the request."""
        temperature = "" if self.temperature is None else f"temperature={self.temperature:g}"
        return f"{temperature};{self.parameters.get(model, '')}"

    def _as_set(self, request: Request) -> Request:
        temperature = request.temperature if self.temperature is None else self.temperature
        return replace(request, temperature=temperature, max_cost_usd=self.max_request_cost_usd)


_UNREADABLE = Invalid("unreadable", "The reply in the journal is no completion.")


def decoded(reply: Reply) -> Completion | None:
    """Return a journalled reply as the engine once returned it, decoded by today's code; None when it is damaged."""
    try:
        return decode(reply.body.encode("utf-8", "replace"), model=reply.cell.model, structure=reply.structure)
    except UnreadableReply:
        return None


def _words(reply: Reply) -> str:
    """Return what a classification reply says, in whichever place it says it."""
    completion = decoded(reply)
    return (completion.arguments or completion.text) if completion else ""


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
    )


def _sum(costs: Iterable[Decimal | None]) -> Decimal | None:
    total = Decimal(0)
    for cost in costs:
        if cost is None:
            return None
        total += cost
    return total
