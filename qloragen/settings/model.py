"""What is set for one model: limits, prices, and what it accepts."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ..types import Structure

_MOST_AT_ONCE = 100_000
"""Calls in flight, and articles that are worked on: each is a task, and more would fill the memory before they help."""
Count = Annotated[int, Field(ge=1, lt=2**63)]
AtOnce = Annotated[int, Field(ge=1, le=_MOST_AT_ONCE)]
Name = Annotated[str, Field(min_length=1)]
StructureChoice = Literal["auto", Structure]
Usd = Annotated[Decimal, Field(ge=0)]


def _scalar(value: object) -> object:
    if not isinstance(value, str | int | float):
        # Said here, because a union's own message names only its first member.
        raise ValueError("must be text, a number, true or false")  # noqa: TRY004 - pydantic takes no TypeError
    return value


Scalar = Annotated[str | int | float | bool, BeforeValidator(_scalar)]


def _concurrency(value: object) -> object:
    """Take whole numbers, also as text, and `auto`; said here for one message in place of a union's two."""
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_AT_ONCE):
        return value
    if isinstance(value, str) and value.strip().isdecimal() and 1 <= int(value) <= _MOST_AT_ONCE:
        return int(value)
    raise ValueError(f"must be a whole number from 1 to {_MOST_AT_ONCE:,}, or auto")


Concurrency = Annotated[int | Literal["auto"], BeforeValidator(_concurrency)]


class ModelLimits(NamedTuple):
    """What one model may be asked for."""

    rpm: int | None
    """Requests per minute; None: as the server announces."""
    tpm: int | None
    """Tokens per minute, prompt and completion; None: as the server announces."""
    max_concurrency: int | Literal["auto"]
    """Calls in flight."""


class TierPrice(BaseModel):
    """USD per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Usd
    completion: Usd
    cached: Usd | None = None
    """Prompt tokens read from the provider's cache; None: as `prompt`."""
    cache_write: Usd | None = None
    """Prompt tokens written to the provider's cache; None: as `prompt`."""


class Price(TierPrice):
    """The standard price, and those of other tiers; one that is not given costs the standard price."""

    flex: TierPrice | None = None
    priority: TierPrice | None = None
    batch: TierPrice | None = None
    decisions: TierPrice | None = None


class ModelSettings(BaseModel):
    """What is set for one model, instead of everything less specific and of what its family is known to accept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rpm: Count | None = Field(None, description="Requests per minute")
    tpm: Count | None = Field(None, description="Tokens per minute, prompt and completion")
    max_concurrency: Concurrency | None = Field(None, description="Calls in flight, or auto")
    batch_enqueued_tokens: Count | None = Field(None, description="Most prompt tokens in batches that have not ended")
    price: Price | None = Field(None, description="USD per million tokens, instead of the price list's")
    max_cost_usd: Usd | None = Field(None, description="Spending limit of the model in USD, over all resumes")
    max_tokens: Count | None = Field(None, description="Limit of the model in tokens, over all resumes")
    max_calls: Count | None = Field(None, description="Limit of the model in calls, over all resumes")
    structure: StructureChoice | None = Field(None, description="How structured answers are asked for")
    context_tokens: Count | None = Field(None, description="Context window: prompt and completion together")
    parameters: dict[str, Scalar] | None = Field(None, description="Fields of the request body, sent every time")
    cap_parameter: Literal["max_completion_tokens", "max_tokens"] | None = Field(
        None, description="Name of the cap on completion tokens"
    )
    reasoning_allowance_tokens: int | None = Field(None, ge=0, description="Added to every cap, for thinking")
    sampling: bool | None = Field(None, description="Takes a temperature")
    bounds: bool | None = Field(None, description="Takes schemas with maxLength, minimum and the like")
    cache: Literal["explicit", "automatic", "none"] | None = Field(
        None, description="Prompt cache: explicit breakpoints, nothing to say, or none"
    )
    cache_key: bool | None = Field(None, description="Takes prompt_cache_key")
    service_tier: Name | None = Field(None, description="Service tier to ask for")
    decisions: bool | None = Field(None, description="Judges predicates at the endpoint for typed decisions")
