"""From settings to the parts of a run: its prompts, its models with limits and prices, and how sources are read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from decimal import Decimal
from math import ceil
from pathlib import Path
from typing import Literal

import orjson

from .catalogue import refuse_unknown_codes
from .domain.classifiers import EVEN, SUBSTANCE, Cascade, Classifier, Decisions, Json, Numbers, Thresholds
from .domain.pack import Pack
from .engine.budget import Budget
from .engine.capacity import FLEX
from .engine.client import Client, connect
from .engine.engine import Engine
from .engine.models import Family, family, overridden
from .engine.pricing import Price, lookup
from .engine.retry import RetryPolicy
from .engine.spec import ModelSpec
from .errors import SettingsError
from .local import LocalServer
from .logs import without_secrets
from .observing import Observer
from .packs import load_pack
from .pipeline.classifying import check
from .pipeline.job import Job, OpenArticle
from .pipeline.salvage import NoSalvage, Salvage, StoredReplies
from .settings import ModelLimits, Settings
from .settings import Price as PriceSettings
from .sources import Fields, Options
from .store.committer import Terms
from .types import Article, Request, Structure

LOCAL_KEY = "local"
"""A server on this machine takes any key, and must not be sent a real one."""
BEYOND_THE_SMALLEST = (
    *("placeholder", "prompt_echo", "prompt_leak", "paragraph_number"),
    *("article_talk", "refusal", "role_swap", "dangling"),
    *("missing_evidence", "unsupported", "unsupported_number", "unsupported_name"),
)
"""Checks of what a record says. The model of the package passes hardly any, so its runs would show no record; those of
form, privacy and repetition it has to pass."""
_BYTES_PER_TOKEN = 3
"""As the size policy of `sources` estimates: on the safe side."""


def weights_of(settings: Settings) -> Path | None:
    """Return the file of the model that is to run on this machine; None: the one of the package.

    Raises:
        SettingsError: It is to answer in batches, or to judge statements.
    """
    if settings.batch:
        raise SettingsError("A model on this machine has no Batch API: leave out batch, or local.")
    if settings.classifier in {"decisions", "cascade"}:
        raise SettingsError(
            f"A model on this machine judges no statements, as classifier = {settings.classifier} needs it: leave it"
            " out, or local."
        )
    return settings.local if isinstance(settings.local, Path) else None


def locally(settings: Settings, server: LocalServer) -> Settings:
    """Return `settings` with both models served by `server`, at no cost.

    The model of the package would list all types for some articles and never end its outputs, so both are bounded, and
    what hardly any record of it passes is noted in the record unless a setting says otherwise.
    """
    free = PriceSettings(prompt=Decimal(0), completion=Decimal(0))
    defaults = {"price": free, "context_tokens": server.context_tokens, "structure": "json_schema"}
    own = settings.own(server.model)
    missing = {name: value for name, value in defaults.items() if getattr(own, name) is None}
    return settings.model_copy(
        update={
            **(_for_the_smallest(settings) if settings.local is True else {}),
            "base_url": server.base_url,
            "classify_model": server.model,
            "generate_model": server.model,
            "max_concurrency": server.slots,
            "classifier": "json",
            "models": {**settings.models, server.model: own.model_copy(update=missing)},
        }
    )


def _for_the_smallest(settings: Settings) -> dict[str, object]:
    actions = {**dict.fromkeys(BEYOND_THE_SMALLEST, "flag"), **settings.checks.actions}
    return {
        "max_types": 4 if settings.max_types is None else settings.max_types,
        "output_chars": 300,
        "checks": settings.checks.model_copy(update={"actions": actions}),
    }


def job_of(settings: Settings, classifier: Classifier | None = None) -> Job:
    """Return what is to be made of articles; a `classifier` of the caller's own takes the place of the one that is set.

    Raises:
        PackError: The prompt pack has a mistake.
        SettingsError: A threshold is for a type that the pack does not have, or an action for no known check.
        SetupError: The caller's classifier is not what `Classifier` asks for.
        ClassifierFailed: It makes no call for an empty article.
    """
    pack = load_pack(settings.pack, settings.pack_variables)
    refuse_unknown_codes(settings.checks)
    classifier = classifier or classifier_of(settings, pack)
    check(classifier, pack)
    return Job(
        pack=pack,
        classifier=classifier,
        generate_model=settings.generate_model,
        input_mode=settings.input,
        classify_reads=settings.classify_reads,
        gates=settings.gates,
        max_types=settings.max_types,
        record_asks=settings.record_asks,
        thresholds=settings.checks,
        output_chars=settings.output_chars,
        temperature=settings.temperature,
        max_request_cost_usd=settings.max_request_cost_usd,
        parameters={model: own_parameters(settings, model) for model in settings.for_run(classifier.models)},
    )


def classifier_of(settings: Settings, pack: Pack) -> Classifier:
    """Return the classifier that is set.

    Raises:
        SettingsError: A threshold is for a type that the pack does not have.
    """
    numbers = Numbers(settings.classify_model)
    match settings.classifier:
        case "numbers":
            return numbers
        case "json":
            return Json(settings.classify_model, settings.max_types)
        case "decisions":
            return Decisions(settings.decide_model, _thresholds(settings, pack))
        case "cascade":
            return Cascade(Decisions(settings.decide_model, _thresholds(settings, pack)), numbers)


def _thresholds(settings: Settings, pack: Pack) -> Thresholds:
    given = settings.decision_threshold
    if not isinstance(given, dict):
        return Thresholds(given)
    slugs = [kind.slug for kind in pack.types if not kind.always]
    for name in given:
        if name not in {*slugs, SUBSTANCE, _OTHERS}:
            raise SettingsError(
                f"decision_threshold has {name!r}, which is no type of the pack that is judged; it may have "
                f"{', '.join((_OTHERS, SUBSTANCE, *slugs))}."
            )
    return Thresholds(given.get(_OTHERS, EVEN), {name: value for name, value in given.items() if name != _OTHERS})


_OTHERS = "default"
"""Stands for types without a threshold of their own."""


def own_parameters(settings: Settings, model: str) -> str:
    """Return what is set for the replies of `model`, without secrets: they say nothing about replies, change with time,
    and this text is written down."""
    own = settings.own(model).parameters
    return orjson.dumps(without_secrets({**own}), option=orjson.OPT_SORT_KEYS).decode() if own else ""


def specs_of(settings: Settings, classify_models: Collection[str] | None = None) -> tuple[ModelSpec, ...]:
    """Return the models of a run; `classify_models` are those of a classifier of the caller's own.

    Prices that are not set come from the price list, a slow import.

    Raises:
        SettingsError: The cost of a request is bounded, and the price of a model is unknown.
    """
    specs = tuple(_spec(settings, model, limits) for model, limits in settings.for_run(classify_models).items())
    for spec in specs:
        _refuse_unpriced(settings, spec)
    return specs


def _refuse_unpriced(settings: Settings, spec: ModelSpec) -> None:
    if settings.max_request_cost_usd is not None and spec.price is None:
        raise SettingsError(
            f"The price of model {spec.name} is unknown, so max_request_cost_usd cannot be kept:"
            " set the model's price, or leave it out."
        )


def specs_besides(settings: Settings, specs: Sequence[ModelSpec], models: Iterable[str]) -> tuple[ModelSpec, ...]:
    """Return those of `models` that a run calls no more: there are batches of theirs to collect."""
    known = {spec.name for spec in specs}
    return tuple(_spec(settings, model, settings.for_model(model, [])) for model in sorted({*models} - known))


def judge_spec(settings: Settings, model: str) -> ModelSpec:
    """Return the model that judges records.

    Raises:
        SettingsError: The cost of a request is bounded, and the price of the model is unknown.
    """
    spec = _spec(settings, model, settings.for_model(model, ["judge"]))
    _refuse_unpriced(settings, spec)
    return spec


def connection_of(
    settings: Settings, specs: Sequence[ModelSpec], base_url: str | None
) -> AbstractAsyncContextManager[Client]:
    """Return the way to the provider, to be opened.

    Raises, when it is opened:
        AccessDenied: There is no key.
    """
    return connect(
        base_url=base_url,
        api_key=LOCAL_KEY if settings.local else None,
        max_connections=sum(spec.most_in_flight for spec in specs),
        timeout_s=settings.timeout_s,
        transport=settings.transport,
    )


def engine_of(
    settings: Settings,
    client: Client,
    specs: Sequence[ModelSpec],
    budget: Budget,
    *,
    observer: Observer | None = None,
) -> Engine:
    """Return the engine of a run; `observer` is told of its calls."""
    retry = RetryPolicy(
        max_attempts=settings.max_attempts, timeout_s=settings.timeout_s, patience_s=settings.max_outage_s
    )
    return Engine(client, specs, retry=retry, budget=budget, observer=observer)


def salvage_of(settings: Settings, run: str, specs: Sequence[ModelSpec], engine: Engine) -> Salvage:
    """Return what looks for replies that the provider has stored for the run by that name, where that is asked for."""
    return (
        StoredReplies(run, {spec.name: spec.price for spec in specs}, engine.book) if settings.salvage else NoSalvage()
    )


def terms_of(settings: Settings, trouble: Callable[[str | None], None]) -> Terms:
    """Return how safe the lines of a run are to be; `trouble` is told when the disk refuses them."""
    return Terms(settings.durability, settings.commit_ms / 1000, settings.max_outage_s, trouble)


def options_of(settings: Settings, job: Job, specs: Sequence[ModelSpec]) -> Options:
    """Return how sources are read: no article may be larger than every model of the run can take.

    Raises:
        SettingsError: A model has no room for any article.
    """
    room = [
        _room_tokens(spec, request) for spec in specs for request in _empty_requests(job) if request.model == spec.name
    ]
    max_tokens = min([settings.max_article_tokens, *(tokens for tokens in room if tokens is not None)])
    return Options(
        fields=Fields(
            id=settings.field_id,
            content=settings.field_content,
            title=settings.field_title,
            url=settings.field_url,
            format=settings.field_format,
        ),
        min_text=settings.min_article_chars,
        max_tokens=max_tokens,
        oversize=settings.oversize,
        similarity=settings.near_duplicate_similarity if settings.near_duplicates == "skip" else None,
    )


def _spec(settings: Settings, model: str, limits: ModelLimits) -> ModelSpec:
    own = settings.own(model)
    return ModelSpec(
        name=model,
        family=_family(settings, model),
        price=price_of(own.price) if own.price else lookup(model, base_url=settings.base_url),
        rpm=limits.rpm,
        tpm=limits.tpm,
        max_concurrency=limits.max_concurrency,
        auto_maximum=settings.auto_max_concurrency,
        structure=_chosen_structure(settings, model),
    )


def _family(settings: Settings, model: str) -> Family:
    """Return what `model` accepts, at the flex tier if that is wished and nothing else is set for it."""
    kind = overridden(family(model), settings.family_changes(model))
    at_flex = settings.flex and kind.service_tier is None and FLEX in kind.service_tiers
    return replace(kind, service_tier=FLEX) if at_flex else kind


def price_of(own: PriceSettings) -> Price:
    """Return a price of the user's own."""
    tiers = {tier: Price(**fields) for tier in _TIERS if (fields := own.model_dump()[tier]) is not None}
    return Price(own.prompt, own.completion, own.cached, own.cache_write, tiers=tiers)


_TIERS = ("flex", "priority", "batch", "decisions")


def _chosen_structure(settings: Settings, model: str) -> Structure | Literal["auto"] | None:
    """Return what the user has chosen; None leaves it to what is known of models by that name."""
    return settings.own(model).structure or (None if settings.structure == "auto" else settings.structure)


def _empty_requests(job: Job) -> tuple[Request, ...]:
    """Return the run's largest requests, without an article in them."""
    nothing = OpenArticle(Article("", ""))
    longest = max(job.pack.types, key=lambda kind: len(kind.guidance))
    first_asked = {request.model: request for request in reversed(job.classification_requests(nothing))}
    return *first_asked.values(), job.generation_request(nothing, longest, (), shared=False)


def _room_tokens(spec: ModelSpec, request: Request) -> int | None:
    """Return how many tokens an article may have for `spec` to take `request` with it; None: as many as it likes."""
    bounds = [bound for bound in (spec.family.context_tokens, spec.tpm) if bound is not None]
    if not bounds:
        return None
    texts = [message.whole for message in request.messages] + [predicate.text for predicate in request.predicates]
    prompt = sum(len(text.encode()) for text in texts)
    room = min(bounds) - ceil(prompt / _BYTES_PER_TOKEN) - request.max_completion_tokens
    if room < _LEAST_ARTICLE_TOKENS:
        raise SettingsError(
            f"Model {spec.name} may take {min(bounds)} tokens at once, of which prompt and reply need "
            f"{min(bounds) - room}; raise context_tokens or tpm, or choose another model."
        )
    return room


_LEAST_ARTICLE_TOKENS = 200
"""Room for an article below which splitting would only make crumbs."""
