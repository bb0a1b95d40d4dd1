"""What a provider was like with one model, as a run's journal tells it: plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..simulator import Fault, Latency, Model

FEW = 30
"""Replies below which a model's times are little more than chance: the 99th percentile of fewer is their largest."""
_CACHED_TOKENS = 100_000
"""Prompt tokens without any cached one after which a provider is taken to have no prompt cache."""

_OF_REPLIES: Mapping[str, str] = {
    "refusal": "refusal",
    "content_filter": "content_filter",
    "truncated": "length",
    "no_call": "prose_instead_of_call",
    "schema": "wrong_schema_arguments",
}
"""Why a reply is refused, to the fault that makes such a reply. Whatever a check refuses besides is asked for again, as
arguments are that are no JSON."""
_OF_CHECKS = "invalid_arguments"
_PLAIN = "null_content"
"""What cannot be read of a model that is asked for plain text."""
_OF_REQUESTS: Mapping[str, str] = {
    "content_filter": "content_policy",
    "context_length": "context_length",
    "bad_request": "bad_request",
}
"""Why a request is refused for good, to the fault that does so whenever it comes."""
_OF_CALLS: Mapping[str, str] = {
    "timeout": "hang",
    "connection": "reset_after_headers",
    "bad_body": "html_page",
}
"""Why a call that may have been billed brought no reply, to the fault that loses it like that."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What one model was like."""

    replies: int
    """Paid replies that this rests on, those out of batches apart."""
    latency: Latency | None = None
    """Time to first token and for each token, of replies at the default tier; None without any."""
    flex: Latency | None = None
    """The same at the flex tier; None without any."""
    structured: bool = True
    """Whether replies were asked for in a structured form."""
    prompt_tokens: float = 0.0
    """Of a call, on average."""
    completion_tokens: float = 0.0
    """Of a call, on average, the reasoning ones included."""
    reasoning_tokens: float = 0.0
    cached_share: float = 0.0
    """Prompt tokens that were read from the provider's cache, of all."""
    lost: Mapping[str, float] = field(default_factory=dict)
    """Share of the calls that brought no reply and may have been billed, by the engine's reason."""
    refused: Mapping[str, float] = field(default_factory=dict)
    """Share of the replies that nothing could be made of, by reason; of the structured ones, where there are such."""
    given_up: Mapping[str, float] = field(default_factory=dict)
    """Share of the requests that were refused for good without a reply, by the engine's reason."""

    @property
    def few(self) -> bool:
        """Whether so few replies are little more than chance."""
        return self.replies < FEW

    def behaviour(self, model: Model) -> Model:
        """Return `model` with what is known of this one in place of its own."""
        changes = model
        if self.latency is not None:
            changes = replace(changes, latency=replace(self.latency, refusal_s=model.latency.refusal_s))
        if self.flex is not None:
            changes = replace(changes, flex=replace(model.flex, latency=self.flex))
        if self._has_no_cache:
            changes = replace(changes, cache=replace(model.cache, rule="none"))
        return replace(changes, reasoning_tokens=round(self.reasoning_tokens))

    def faults(self, name: str) -> tuple[Fault, ...]:
        """Return the faults that `name` meets as often as this model has met them."""
        rates: dict[tuple[str, bool], float] = {}
        for shares, kinds, other, sticky in (
            (self.lost, _OF_CALLS, None, False),
            (self.given_up, _OF_REQUESTS, None, True),
            (self.refused, _OF_REPLIES if self.structured else {}, _OF_CHECKS if self.structured else _PLAIN, False),
        ):
            for reason, share in shares.items():
                if (kind := kinds.get(reason, other)) and share > 0:
                    rates[kind, sticky] = rates.get((kind, sticky), 0.0) + share
        return tuple(Fault(kind, rate, models=(name,), sticky=sticky) for (kind, sticky), rate in rates.items())

    @property
    def _has_no_cache(self) -> bool:
        return self.cached_share == 0 and self.replies * self.prompt_tokens > _CACHED_TOKENS
