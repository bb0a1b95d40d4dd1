"""The knobs themselves: names, units, defaults, and what each may be."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal
from math import nan
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from ..logs import redact, without_secrets
from ..thresholds import Thresholds
from ..types import ClassifierName, ClassifyReads, InputMode, Stage
from .layers import below_environment
from .model import AtOnce, Concurrency, Count, ModelLimits, ModelSettings, Name, StructureChoice, Usd


def _web_address(url: str) -> str:
    try:
        address = urlsplit(url)
        whole = address.scheme in {"http", "https"} and bool(address.hostname) and address.port != 0
    except ValueError:  # no IPv6 address, or no port: the words for that would quote a piece of it
        whole = False
    if not whole:
        raise ValueError("must be a web address such as https://api.openai.com/v1 or http://127.0.0.1:8000/v1")
    return url.rstrip("/")


def _threshold(value: object) -> object:
    """Take a probability, also as text, or a table of them; said here for one message in place of a union's many."""
    table = value if isinstance(value, dict) else {"": value}
    try:
        found = {str(name): float(str(part)) for name, part in table.items()}
    except ValueError:
        found = {"": nan}
    if all(0 <= part <= 1 for part in found.values()):
        return found if isinstance(value, dict) else found[""]
    raise ValueError("must be a probability from 0 to 1, or a table of them by the slug of a type")


Threshold = Annotated[float | dict[str, float], BeforeValidator(_threshold)]


def _parted(value: object) -> object:
    return [name for part in value.split(",") if (name := part.strip())] if isinstance(value, str) else value


SinkNames = Annotated[tuple[Name, ...], NoDecode, BeforeValidator(_parted)]

TABLES = ("models", "pack_variables", "checks")
"""Knobs with knobs, or names of the user's own, inside."""

_NOT_OF_FAMILIES = {
    "batch_enqueued_tokens",
    "max_calls",
    "max_concurrency",
    "max_cost_usd",
    "max_tokens",
    "price",
    "rpm",
    "tpm",
}


class Settings(BaseSettings):
    """Every knob; reads the environment and `qloragen.toml` for what is not given. `load` gives clearer errors."""

    model_config = SettingsConfigDict(
        env_prefix="QLORAGEN_", env_ignore_empty=True, env_parse_none_str="none", extra="forbid", frozen=True
    )

    base_url: Annotated[str, AfterValidator(_web_address)] | None = Field(
        None, description="Address of the OpenAI-compatible API, up to and with /v1; unset: OpenAI's"
    )
    classify_model: Name = Field("gpt-6-sol", description="Model that decides which instruction types an article has")
    generate_model: Name = Field("gpt-6-luna", description="Model that writes the records")

    max_concurrency: Concurrency = Field(
        "auto", description="Calls in flight per model; auto finds out how many are worth it"
    )
    auto_max_concurrency: AtOnce = Field(512, description="Most calls in flight per model that auto goes up to")
    rpm: Count | None = Field(None, description="Requests per minute per model; unset: as the server announces")
    tpm: Count | None = Field(
        None, description="Tokens per minute per model, prompt and completion; unset: as the server announces"
    )
    classify_max_concurrency: Concurrency | None = Field(None, description="Calls in flight for classifications")
    classify_rpm: Count | None = Field(None, description="Requests per minute for classifications")
    classify_tpm: Count | None = Field(None, description="Tokens per minute for classifications")
    generate_max_concurrency: Concurrency | None = Field(None, description="Calls in flight for generations")
    generate_rpm: Count | None = Field(None, description="Requests per minute for generations")
    generate_tpm: Count | None = Field(None, description="Tokens per minute for generations")
    models: dict[Name, ModelSettings] = Field(
        default_factory=dict,
        description="Per model: rpm, tpm, max_concurrency, price (prompt, cached, cache_write, completion: USD per "
        "million tokens; the same under flex, priority, batch, decisions), max_cost_usd, max_tokens, max_calls, "
        "structure, context_tokens, and what it accepts; JSON in the environment",
    )

    input: InputMode = Field(
        "evidence", description="Who writes a record's input: code, from paragraphs the model names, or the model"
    )
    classifier: ClassifierName = Field(
        "numbers",
        description="Who says which types an article has: classify_model in bare numbers, or in json (for small models "
        "that would talk); decide_model by probabilities (decisions); or it first, and numbers in doubt (cascade)",
    )
    decide_model: Name = Field("gpt-6-luna", description="Model of the classifiers decisions and cascade")
    decision_threshold: Threshold = Field(
        0.5,
        description="Probability from which on a type applies, for all types, or a table by slug (default: others); "
        "a change costs nothing: what is paid for is read again",
    )
    classify_reads: ClassifyReads = Field(
        "article", description="What a classification reads: the article, or the outline of one longer than 800 tokens"
    )
    gates: bool = Field(
        False,  # noqa: FBT003 - pydantic's way to say a default
        description="Leave out types for which an article does not have what the pack says they need, such as code",
    )
    max_types: Annotated[int, Field(ge=0)] | None = Field(
        None,
        description="Instruction types taken per article at most; unset: all that apply; 0: they are classified only",
    )
    output_chars: Annotated[int, Field(ge=100)] = Field(
        1_500, description="Longest output, in characters, where a server holds replies to their schema"
    )
    record_asks: Annotated[int, Field(ge=1, le=5)] = Field(
        2, description="Replies asked for one record at most: a refused one is asked for again, with all reasons"
    )
    structure: StructureChoice = Field(
        "auto", description="How structured answers are asked for; auto tries and remembers"
    )
    temperature: float | None = Field(
        None, ge=0, le=2, allow_inf_nan=False, description="Sampling temperature, for models that take one"
    )
    pack: Path | None = Field(None, description="Folder of the prompt pack; unset: the one that is built in")
    pack_variables: dict[str, str] = Field(
        default_factory=dict, description="Values for variables of the prompt pack; JSON in the environment"
    )

    checks: Thresholds = Field(
        default_factory=Thresholds,
        description="Thresholds of the checks of records, and what is done about what they find; `qloragen checks` "
        "lists them; JSON in the environment; `qloragen reparse` applies others to what is paid for",
    )

    judge_model: Name | None = Field(
        None, description="Model that judges records (`qloragen judge`): of another family than the one that made them"
    )
    judge_same_family: bool = Field(
        False,  # noqa: FBT003 - pydantic's way to say a default
        description="Let a model judge records of a model of its own family, though it is likely to like them",
    )
    judge_controls: float = Field(
        0.05, ge=0, le=0.5, allow_inf_nan=False, description="Share of what is judged that are controls; 40 at least"
    )
    judge_min_recall: float = Field(
        0.8,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of planted defects that a judge has to find for records to be chosen by it",
    )

    max_cost_usd: Usd | None = Field(None, description="Spending limit of the run in USD, over all its resumes")
    max_tokens: Count | None = Field(
        None, description="Limit of the run in tokens, prompt and completion, over all its resumes"
    )
    max_calls: Count | None = Field(
        None, description="Limit of the run in calls that are or may be billed, over all its resumes"
    )
    max_request_cost_usd: Usd | None = Field(
        None,
        description="Most USD that all attempts at one answer may cost, lost bills at their worst",
    )
    confirm_above_usd: Usd = Field(
        Decimal(1), description="USD above which changed models, prompts, parameters or texts are asked about first"
    )
    accept_changes: bool = Field(
        False,  # noqa: FBT003 - pydantic's way to say a default
        description="Go on without asking when work that is done is to be paid for again",
    )
    transport: Literal["openai", "aiohttp"] = Field(
        "openai", description="Who sends the bytes: OpenAI's client, or aiohttp alone at two thirds of the CPU time"
    )
    timeout_s: float = Field(
        120, gt=0, allow_inf_nan=False, description="Most seconds one attempt of a call may take; adapts downwards"
    )
    max_attempts: Count = Field(
        10, description="HTTP calls that one answer may take before it is given up for this run; five that fail alike"
    )
    max_outage_s: float = Field(
        21_600, gt=0, allow_inf_nan=False, description="Seconds of nothing but failures after which the run stops"
    )
    grace_s: float = Field(
        60, gt=0, allow_inf_nan=False, description="Seconds that calls in flight get to finish after a signal to stop"
    )
    durability: Literal["process", "group", "record"] = Field(
        "group",
        description="When a record counts as done: with the kernel (process), synced with its group, or synced at once",
    )
    commit_ms: float = Field(
        50, gt=0, le=10_000, allow_inf_nan=False, description="Most milliseconds that a group waits for more lines"
    )
    salvage: bool = Field(
        False,  # noqa: FBT003 - pydantic's way to say a default
        description="Let the provider store calls, and adopt after a crash what it had finished; it keeps your texts",
    )
    open_articles: AtOnce | None = Field(
        None, description="Articles worked on at once; unset: what keeps both models' calls in flight; in batches 7,500"
    )
    flex: bool = Field(
        False,  # noqa: FBT003 - pydantic's way to say a default
        description="Ask for the flex tier of every model that has one: half the price, slower, not always there; "
        "attempts may take 900 s",
    )
    batch: bool = Field(
        False,  # noqa: FBT003 - pydantic's way to say a default
        description="Ask through the Batch API: half the price, replies within 24 hours",
    )
    batch_gather_s: float = Field(
        10, gt=0, allow_inf_nan=False, description="Seconds without a new request after which a batch is submitted"
    )
    batch_poll_s: float = Field(60, gt=0, allow_inf_nan=False, description="Seconds between two looks at a batch")
    batch_enqueued_tokens: Count | None = Field(
        None, description="Most prompt tokens per model in batches that have not ended; unset: as the provider says"
    )

    sinks: SinkNames = Field(
        (),
        description="Where records go besides the run directory: sqlite:FILE, sqlite:FILE#TABLE or "
        "astra:KEYSPACE.COLLECTION; several with commas, or as a list",
    )

    max_article_tokens: Count = Field(16_000, description="Estimated tokens above which an article is oversized")
    oversize: Literal["split", "skip"] = Field(
        "split", description="Oversized articles: split at paragraphs into articles of their own, or skip"
    )
    min_article_chars: int = Field(
        150, ge=0, description="Letters and digits below which an article is skipped; Chinese, Japanese, Korean count 3"
    )
    near_duplicates: Literal["keep", "skip"] = Field(
        "keep", description="Articles with nearly the text, and the heading and code, of an earlier one: keep or skip"
    )
    near_duplicate_similarity: float = Field(
        0.9, ge=0.8, le=1, description="Share of five-word runs in common that makes near-duplicates"
    )
    field_id: Name = Field("id", description="JSONL field with the article's id")
    field_content: Name = Field("content", description="JSONL field with the article's text")
    field_title: Name = Field("title", description="JSONL field with the article's title")
    field_url: Name = Field("url", description="JSONL field with the article's address")
    field_format: Name = Field("format", description="JSONL field that says how the text is marked up")

    local: bool | Path | None = Field(
        None, description="Run a language model on this machine: true for the one in the package, or a GGUF file"
    )
    log_format: Literal["console", "json"] = Field("console", description="Form of the log lines of the command line")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged")
    telemetry: bool = Field(
        False,  # noqa: FBT003 - pydantic's way to say a default
        description="Traces and metrics by OpenTelemetry, with the extra `otel`; OTEL_* variables say where they go",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings  # one file is enough, and the key is not ours to keep
        return init_settings, env_settings, *below_environment(settings_cls)

    def for_model(self, model: str, stages: Collection[Stage]) -> ModelLimits:
        """Return the limits of `model` where it serves `stages`: its own, else the stage's, else everyone's.

        A model that serves both stages gets the smaller of their limits.
        """
        own = self.own(model)
        lanes = [self._for_stage(stage) for stage in stages] or [self._for_all()]
        return ModelLimits(
            own.rpm or _least(lane.rpm for lane in lanes),
            own.tpm or _least(lane.tpm for lane in lanes),
            own.max_concurrency or _fewest(lane.max_concurrency for lane in lanes),
        )

    @property
    def classify_models(self) -> tuple[str, ...]:
        """The one or two models that the classifier calls."""
        match self.classifier:
            case "numbers" | "json":
                return (self.classify_model,)
            case "decisions":
                return (self.decide_model,)
            case "cascade":
                return (self.decide_model, self.classify_model)

    def for_run(self, classify_models: Collection[str] | None = None) -> dict[str, ModelLimits]:
        """Return the limits of all models that the run calls, by name; `classify_models` are those of a classifier of
        the caller's own."""
        calls: list[tuple[str, Stage]] = [(model, "classify") for model in classify_models or self.classify_models]
        calls.append((self.generate_model, "generate"))
        return {model: self.for_model(model, [stage for other, stage in calls if other == model]) for model, _ in calls}

    def own(self, model: str) -> ModelSettings:
        """Return what is set for `model` alone; all unset for a model without an entry."""
        return self.models.get(model, ModelSettings())

    def family_changes(self, model: str) -> dict[str, object]:
        """Return what is set about the requests that `model` accepts, by the engine's names for it."""
        everyones = {} if self.structure == "auto" else {"structure": self.structure}
        return everyones | self.own(model).model_dump(exclude_none=True, exclude=_NOT_OF_FAMILIES)

    def public(self) -> dict[str, JsonValue]:
        """Return every knob as JSON values, without the credentials that an address or a table can hold."""
        values: dict[str, JsonValue] = self.model_dump(mode="json")
        tables = {name: without_secrets(values[name]) for name in TABLES}
        return values | tables | {"base_url": _without_values(self.base_url) if self.base_url else None}

    def _for_stage(self, stage: Stage) -> ModelLimits:
        rpm, tpm, max_concurrency = self._for_all()
        match stage:
            case "classify":
                return ModelLimits(
                    self.classify_rpm or rpm, self.classify_tpm or tpm, self.classify_max_concurrency or max_concurrency
                )
            case "generate":
                return ModelLimits(
                    self.generate_rpm or rpm, self.generate_tpm or tpm, self.generate_max_concurrency or max_concurrency
                )
            case "judge":
                return ModelLimits(rpm, tpm, max_concurrency)

    def _for_all(self) -> ModelLimits:
        return ModelLimits(self.rpm, self.tpm, self.max_concurrency)


def _without_values(url: str) -> str:
    """Return an address without credentials and without the values of its query: any of them may be a key."""
    address, mark, query = url.partition("?")
    if not mark:
        return redact(url)
    fields = (field.partition("=") for field in query.split("&"))
    return f"{redact(address)}?" + "&".join(f"{name}=***" if equals else "***" for name, equals, _ in fields)


def _least(limits: Iterable[int | None]) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


def _fewest(counts: Iterable[int | Literal["auto"]]) -> int | Literal["auto"]:
    return min((count for count in counts if count != "auto"), default="auto")
