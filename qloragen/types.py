"""The vocabulary: small frozen values that travel between the rings. Read this first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b
from operator import add
from typing import Literal, NamedTuple

Format = Literal["markdown", "html", "asciidoc", "rst", "text"]
"""How an article's text is marked up."""

InputMode = Literal["evidence", "written"]
"""Who writes a record's `input`: code, from the paragraphs the model names (evidence), or the model (written)."""

ClassifierName = Literal["numbers", "json", "decisions", "cascade"]
"""Who says which types an article supports: a model in bare numbers, or held in shape by a JSON schema; a probability
for each type; or these first, and a strong model's numbers where they are doubtful."""

ClassifyReads = Literal["article", "outline"]
"""What of an article a classification reads."""

Needs = Literal["code"]
"""What an article must have for a type to be possible at all."""

Shows = Literal["code", "caution", "option", "pair", "steps"]
"""What the input of a record must show for the record to be of its type: code or a command; a warning or limit; a
setting; two things to set against each other; steps or commands."""

Stage = Literal["classify", "generate", "judge"]
"""What a call is for."""


def digest(text: str) -> str:
    """Return 32 hex digits that identify `text` (BLAKE2b, 128 bits, over its UTF-8 bytes)."""
    return blake2b(text.encode("utf-8"), digest_size=16).hexdigest()


# ------------------------------------------------------------------------------------------------ what comes in


@dataclass(frozen=True, slots=True)
class Article:
    """One cleaned document. `content` is what the models read; everything else is provenance and enters no prompt."""

    id: str
    """Opaque and stable; never a path, never formatted into anything."""
    content: str
    title: str | None = None
    url: str | None = None
    format: Format = "markdown"
    content_hash: str = field(init=False)
    """`digest(content)`: the identity of the text, whatever it is called."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "content_hash", digest(self.content))


class SkipReason(StrEnum):
    """Why a piece of a source never becomes an article. The value is the code shown in summaries and logs."""

    MALFORMED = "malformed"
    """Not readable as what it should be: broken JSON, wrong encoding, wrong types."""
    EMPTY = "empty"
    """No visible text."""
    TOO_SHORT = "too_short"
    """Less text than an instruction record can rest on."""
    TOO_LONG = "too_long"
    """More text than the size policy takes."""
    DUPLICATE = "duplicate"
    """Text that an earlier article of this run already had."""
    NEAR_DUPLICATE = "near_duplicate"
    """Nearly the text of an earlier article of this run, with the same heading and code."""
    ID_CONFLICT = "id_conflict"
    """An id that an earlier article of this run had with other text; the first one stays."""


@dataclass(frozen=True, slots=True)
class Skip:
    """Something in a source that cost no call, and why."""

    where: str
    """Source and position for people, escaped: `articles.jsonl:17`, `docs/a.md`."""
    reason: SkipReason
    detail: str = ""
    """One short clause, without article text."""


# ------------------------------------------------------------------------------------------------ what is asked


@dataclass(frozen=True, slots=True)
class InstructionType:
    """One kind of instruction that an article may support; data of the prompt pack."""

    number: int
    """What the classification model answers with; 1 or more, unique in its pack."""
    slug: str
    """Stable name for machines, unique in its pack."""
    name: str
    """Short name for people and for the prompts."""
    always: bool
    """Applies to every article that supports anything at all."""
    applies_when: str
    """Part of the classification prompt: when an article supports this type."""
    guidance: str
    """Part of the generation prompt: what to write."""
    aliases: tuple[str, ...] = ()
    """Other names under which a reply may list this type."""
    needs: Needs | None = None
    """What it cannot do without, for gates; None: nothing that code could see."""
    shows: Shows | None = None
    """What the input of a record of it must show; None: nothing that code could see."""


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message."""

    role: Literal["system", "user", "assistant"]
    text: str
    shared: int = 0
    """How many leading characters of `whole` sibling requests repeat exactly, for providers with explicit prompt-cache
    breakpoints; 0 when nothing is worth caching."""
    head: str = ""
    """What comes before `text`, where many requests hold the same long string: it is in memory once."""

    @property
    def whole(self) -> str:
        """All of what the message says."""
        return self.head + self.text


@dataclass(frozen=True, slots=True)
class Function:
    """The one function a model is forced to call; its arguments are the structured answer."""

    name: str
    description: str
    parameters: Mapping[str, object]
    """JSON schema of the arguments: an object, `additionalProperties: false`, all properties required. May carry
    bounds (`maxLength`, `maximum`...); they are left out for models that do not take them."""


class Predicate(NamedTuple):
    """A statement that a model is to judge."""

    name: str
    """Unique in its request; the answer carries it."""
    text: str


@dataclass(frozen=True, slots=True)
class Request:
    """One call to a model; knows nothing of articles."""

    model: str
    messages: tuple[Message, ...]
    max_completion_tokens: int
    function: Function | None = None
    predicates: tuple[Predicate, ...] = ()
    """Statements about the messages whose probabilities are wanted in place of a chat completion: the request goes to
    the endpoint for typed decisions, which takes no function, temperature or cap, and generates no tokens."""
    temperature: float | None = None
    cache_key: str | None = None
    """Routes requests with the same prefix to the same prompt cache, where the provider has such a thing."""
    about: str | None = None
    """Names the text that this request has in common with others, also of other models; None: as `cache_key`. What one
    of them was billed says how many tokens the others have."""
    group: str | None = None
    """Requests of one group get replies of about one length. Where tokens are limited, their cap is lowered to what the
    group needs; a reply that is cut off by it all the same gives the group the whole cap back: ask again. None: the cap
    stays as it is."""
    max_cost_usd: Decimal | None = None
    """What all attempts at this request may cost, those whose bill never came at their worst; None: as `max_lost` of
    the retry policy allows. Needs a model with a known price."""
    max_attempts: int | None = None
    """Failed attempts after which this request is given up, whoever's fault they were; refusals for the rate are none.
    None: as the retry policy says."""
    id: str | None = None
    """Names the request among all that a run ever makes, so that its reply can be known again in a batch that an
    earlier process has submitted; letters, digits and hyphens."""
    follows: bool = False
    """Goes before requests that wait: a prefix that it shares with one that has been answered is in the provider's
    prompt cache, but not for long."""
    metadata: Mapping[str, str] | None = None
    """Asks the provider to store the request and its reply under these words, for the engine's `stored` to find it: 16
    pairs at most, keys of up to 64 characters and values of up to 512. How long it keeps the texts is its own affair. A
    model that turns out to refuse this is asked without it from then on."""


Structure = Literal["tools", "json_schema", "json_object"]
"""How a structured answer is asked for: a forced function tool, or a response format."""

ReplyForm = Literal["tools", "json_schema", "json_object", "decisions"]
"""How a reply holds its structured answer: as a chat completion, or as typed decisions."""


# ------------------------------------------------------------------------------------------------ what comes back


class Usage(NamedTuple):
    """Tokens that one reply, or a sum of replies, was billed for."""

    prompt_tokens: int = 0
    """All input tokens, the cached and the written ones included."""
    cached_tokens: int = 0
    """Input tokens read from the provider's prompt cache."""
    cache_write_tokens: int = 0
    """Input tokens written to the provider's prompt cache, where that is billed."""
    completion_tokens: int = 0
    """All output tokens, the reasoning ones included."""
    reasoning_tokens: int = 0

    def plus(self, other: Usage) -> Usage:
        """Return the sum, field by field."""
        return Usage(*map(add, self, other))


class Worst(NamedTuple):
    """The most that a call can have come to."""

    usd: Decimal | None
    """None when the model's price is unknown."""
    tokens: int
    """Prompt and completion."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One paid reply, decoded."""

    text: str
    """The message's content; empty when there is none."""
    arguments: str | None
    """The structured answer as JSON text, when one was asked for and given: the arguments of the called function,
    or the whole content where a response format was used. Never taken from text that only looks like a call."""
    finish_reason: str
    """As the API says: `stop`, `length`, `tool_calls`, `content_filter`...; `none` when the reply has no choices."""
    refusal: str | None
    usage: Usage
    model: str
    """The model asked for: the key of prices and limits."""
    structure: ReplyForm | None
    """How the structured answer was asked for; `arguments` of decisions are a JSON list of the endpoint's answers."""
    cost_usd: Decimal | None
    """None when the model's price is unknown, or the reply does not say what it is billed for."""
    body: bytes
    """The reply as it came over the wire."""
    tier: str | None = None
    """What it is paid as: `default`, `flex`, `priority`, `batch` or `decisions`; None when the reply does not say."""
    request_id: str | None = None
    latency_s: float = 0.0
    attempts: int = 1
    """HTTP calls that it took, this one included."""
    worst: Worst | None = None
    """The most that it can have come to, where it does not say what it is billed for."""


@dataclass(frozen=True, slots=True)
class LostCall:
    """A call that was billed, or may have been, and brought no reply that can be used."""

    model: str
    reason: str
    """A code: `timeout`, `connection`, `bad_body`, `cancelled`..."""
    usage: Usage | None
    """What its body says that it is billed for; None when nothing says so."""
    cost_usd: Decimal | None
    """The price of that; None when it is unknown."""
    worst_usd: Decimal | None
    """The most that it can have cost, `cost_usd` where that is known; None when the model's price is unknown."""
    worst_tokens: int
    """The most tokens, prompt and completion, that it can have been billed for; of `usage` where that is known."""
    tier: str | None
    """As what it is or would be paid for; see `Completion.tier`."""
    request_id: str | None = None
    """By which a later process knows it again, where one may come upon it."""


# ------------------------------------------------------------------------------------------------ what is kept


@dataclass(frozen=True, slots=True)
class Cell:
    """One unit of paid work, addressed by everything its answer depends on."""

    key: str
    """`digest` of all the rest that matters; the record's `id`."""
    stage: Stage
    content_hash: str
    format: Format
    """How the article is marked up: it decides where paragraphs end, and so what evidence numbers mean."""
    article_id: str
    model: str
    prompt_fingerprint: str
    type: int | None = None
    """Number of the instruction type; None for a classification."""
    type_slug: str | None = None
    input_mode: InputMode | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A paid reply in the journal: the cell it answers, the bill, and the raw body."""

    cell: Cell
    structure: ReplyForm | None
    finish_reason: str
    usage: Usage
    cost_usd: Decimal | None
    request_id: str | None
    latency_s: float
    time: datetime
    body: str
    tier: str | None = None
    """As what it was paid for; see `Completion.tier`."""
    worst: Worst | None = None
    """See `Completion.worst`."""


class Quality(NamedTuple):
    """What the checks have measured of a record that they let pass."""

    grounded: float = 1.0
    """Share of the input's words that the article has."""
    supported: float = 1.0
    """Share of the output's words that instruction and input have."""
    flags: tuple[str, ...] = ()
    """Codes of what was found and is no reason to refuse the record."""


UNFLAGGED = Quality()


@dataclass(frozen=True, slots=True)
class Draft:
    """What a valid generation reply comes to, before provenance is added."""

    instruction: str
    input: str
    output: str
    quality: Quality = UNFLAGGED


@dataclass(frozen=True, slots=True)
class Invalid:
    """What is wrong with a reply."""

    reason: str
    """A code: `truncated`, `refusal`, `no_call`, `schema`, `placeholder`..."""
    detail: str
    """One sentence that a model can act on when it is asked again."""
    final: bool = False
    """Asking again cannot help."""
    passes_on: bool = False
    """Nothing is wrong: the reply was worth its price, and says that another model is to be asked."""
    also: tuple[str, ...] = ()
    """Codes of what else is wrong; `detail` speaks of it too."""


@dataclass(frozen=True, slots=True)
class Record:
    """One validated instruction record: the three training fields, then where they come from and what they cost."""

    id: str
    article_id: str
    type: int
    type_slug: str
    instruction: str
    input: str
    output: str
    content_hash: str
    title: str | None
    url: str | None
    model: str
    prompt_fingerprint: str
    input_mode: InputMode
    finish_reason: str
    usage: Usage
    """Summed over every reply that was paid for to get this record."""
    cost_usd: Decimal | None
    time: datetime
    """When the accepted reply arrived (UTC)."""
    quality: Quality = UNFLAGGED


@dataclass(frozen=True, slots=True)
class Rejection:
    """A cell that was paid for, or refused by the provider, and gave nothing to keep."""

    cell: Cell
    reason: str
    detail: str
    also: tuple[str, ...] = ()
    """Codes of what else was wrong; see `Invalid.also`."""
