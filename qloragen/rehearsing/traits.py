"""What a provider was like with one model, as a run's journal tells it: plain values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from ..simulator import Fault, Latency, Model
from ..types import InputMode

Count = Annotated[int, Field(ge=0, le=10**15)]
Tokens = Annotated[float, Field(ge=0, le=1e9)]
"""Of one call."""
Share = Annotated[float, Field(ge=0, le=1)]

FEW = 30
"""Replies below which a model's times are little more than chance: the 99th percentile of fewer is their largest."""
_CACHED_TOKENS = 100_000
"""Prompt tokens that could be cached, and are not, after which a provider is taken to have no prompt cache."""

_OF_REPLIES: Mapping[str, str] = {
    "refusal": "refusal",
    "content_filter": "content_filter",
    "length": "length",
    "no_call": "prose_instead_of_call",
    "schema": "invalid_arguments",
}
"""Why a reply is refused, to the fault that makes such a reply, as long as a good one where it can be."""
_OF_CHECKS = "invalid_arguments"
"""What stands for a record that a check refuses: it is asked for again as well."""
_OWN_AGAIN = 0.24
"""How many more of its own records checks refuse for each reply that is asked for again: what comes then is often a
twin. Measured on 40 pages of Apache Cassandra's documentation, with faults in 15 and in 20 % of the replies."""
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
_IN_PASSING = "503"
_OFTEN = 0.01
"""Share of refusals for the rate that is worth a word."""


@dataclass(frozen=True, slots=True)
class Own:
    """What the simulator's own records are like, before anything is made of them: a rehearsal has these anyway."""

    tokens: Mapping[InputMode, float]
    """Completion tokens of a reply with one, on average; of the modes that are known."""
    refused: float
    """Share that checks refuse, most of them as twins."""


USUAL = Own({"evidence": 109.0, "written": 417.0}, 0.04)
"""Measured on 201 pages of Apache Cassandra's documentation."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What one model was like."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    replies: Count
    """Paid replies that this rests on, those out of batches apart."""
    latency: Latency | None = None
    """Time to first token and for each token, of replies at the default tier; None without any."""
    flex: Latency | None = None
    """The same at the flex tier; None without any."""
    structured: bool = True
    """Whether replies were asked for in a structured form."""
    prompt_tokens: Tokens = 0.0
    """Of a call, on average."""
    completion_tokens: Tokens = 0.0
    """Of a call, on average, the reasoning ones included."""
    reasoning_tokens: Tokens = 0.0
    record_tokens: Mapping[InputMode, Tokens] = field(default_factory=dict)
    """Completion tokens of a whole reply with a record, without reasoning, on average; of the modes that there were."""
    cached_share: Share = 0.0
    """Prompt tokens that were read from the provider's cache, of all."""
    shared_tokens: Count = 0
    """Prompt tokens of all calls that make records: most of them begin as others do, and so could be cached."""
    passing: Share = 0.0
    """Share of the calls that failed in passing, the lost ones included; 0 where nobody has counted them."""
    rate_limited: Share = 0.0
    """Share of the calls that were refused for the rate, in the last session. A limit does that, which nobody can tell
    from it: only people are told."""
    no_capacity: Share = 0.0
    """Share of the calls at the flex tier that found no room."""
    lost: Mapping[str, Share] = field(default_factory=dict)
    """Share of the calls that brought no reply and may have been billed, by the engine's reason."""
    refused: Mapping[str, Share] = field(default_factory=dict)
    """Share of the replies that nothing could be made of, by reason; of the structured ones, where there are such."""
    given_up: Mapping[str, Share] = field(default_factory=dict)
    """Share of the requests that were refused for good without a reply, by the engine's reason."""

    @property
    def few(self) -> bool:
        """Whether so few replies are little more than chance."""
        return self.replies < FEW

    @property
    def throttled(self) -> bool:
        """Whether so many calls were refused for the rate that a limit has decided how long the run took."""
        return self.rate_limited > _OFTEN

    def behaviour(self, model: Model, own: Own = USUAL) -> Model:
        """Return `model`, whose records are like `own`, with what is known of this one in place of its own."""
        if self.latency is not None:
            model = replace(model, latency=replace(self.latency, refusal_s=model.latency.refusal_s))
        if self.flex is not None:
            model = replace(model, flex=replace(model.flex, latency=self.flex, unavailable=self.no_capacity))
        if self.shared_tokens > _CACHED_TOKENS and not self.cached_share:
            model = replace(model, cache=replace(model.cache, rule="none"))
        return replace(model, reasoning_tokens=round(self.reasoning_tokens), verbosity=self._verbosity(own))

    def _verbosity(self, own: Own) -> float:
        """Return how many tokens its records have for each one that those of the simulator have."""
        ratios = self._ratios(own) or self._ratios(USUAL)
        return sum(ratios) / len(ratios) if ratios else 1.0

    def _ratios(self, own: Own) -> list[float]:
        known = ((tokens, own.tokens.get(mode)) for mode, tokens in self.record_tokens.items() if tokens > 0)
        return [max(tokens, 1.0) / theirs for tokens, theirs in known if theirs]

    def faults(self, name: str, own: Own = USUAL) -> tuple[Fault, ...]:
        """Return the faults that `name`, whose records are like `own`, meets as often as this model has met them."""
        sticky = _summed(_met(self.given_up, _OF_REQUESTS))
        passing = max(self.passing - sum(self.lost.values()), 0.0)
        lost = _summed([*_met(self.lost, _OF_CALLS), (_IN_PASSING, passing)])
        # Shares are of what is left: of requests that are not given up, and of calls that bring a reply.
        calls = 1 - sum(sticky.values())
        replies = calls * (1 - sum(lost.values()))
        refused = _summed(self._of_replies(own))
        return (
            *(Fault(kind, rate, models=(name,), sticky=True) for kind, rate in sticky.items()),
            *(Fault(kind, rate * calls, models=(name,)) for kind, rate in lost.items()),
            *(Fault(kind, rate * replies, models=(name,)) for kind, rate in refused.items()),
        )

    def _of_replies(self, own: Own) -> Iterator[tuple[str, float]]:
        """Yield faults that make replies of no use."""
        if not self.structured:
            yield _PLAIN, sum(self.refused.values())
            return
        yield from _met(self.refused, _OF_REPLIES)
        form = sum(share for reason, share in self.refused.items() if reason in _OF_REPLIES)
        struck = (sum(self.refused.values()) - own.refused) / (1 + _OWN_AGAIN)
        yield _OF_CHECKS, max(struck - form, 0.0)


def _met(shares: Mapping[str, float], kinds: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    return ((kinds[reason], share) for reason, share in shares.items() if reason in kinds)


def _summed(rates: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return the rates above 0 by kind of fault; together they are 1 at most."""
    sums: dict[str, float] = {}
    for kind, rate in rates:
        if rate > 0:
            sums[kind] = sums.get(kind, 0.0) + rate
    whole = max(sum(sums.values()), 1.0)
    return {kind: rate / whole for kind, rate in sums.items()}
