"""What replies are expected to come to, and where that is known from: the pack's prior, or replies paid for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal, get_args

from ..domain.pack import Pack
from ..domain.prior import Prior, Range
from ..errors import SettingsError
from ..types import InputMode, Stage
from ..words import counted

End = Literal["low", "likely", "high"]
"""The ends of a range, and what is likely between them."""
ENDS: tuple[End, ...] = get_args(End)

PROMPT_ERROR = Range(0.95, 1.0, 1.05)
"""Prompt tokens in relation to their estimate before any reply: for whole sources of English prose and code 3 % or less
(benchmarks/README.md), for others more."""
_LEAST_PROMPT_ERROR = 0.01
_DEVIATIONS = 2.0
"""Standard errors to each side of a sample's mean: some 95 % of all samples lie within them."""
_LEAST_DEVIATION = 0.1
_THINKING = 1 / 8
"""Share of the allowance for thinking that a model is likely to use at the least effort that it takes: a guess."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One end of what is expected."""

    types: float
    """Records that are asked for, per article that is not classified yet."""
    types_tokens: float
    """Completion tokens of a classification."""
    record_tokens: Mapping[InputMode, float]
    """Completion tokens of a reply with a record."""
    asks_per_record: float
    accepted: float
    """Share of the records asked for that are accepted."""
    doubtful: float
    """Share of the articles that a cascade shows to the strong model."""
    prompt_error: float
    """Prompt tokens in relation to their estimate."""
    thinking: float
    """Share of a model's allowance for thinking that it uses."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """What the replies that a run has paid for say; None where there are none to tell."""

    articles: int
    """That are classified."""
    types_per_article: Range
    types_tokens: Range | None
    record_tokens: Mapping[InputMode, Range]
    """Only of the modes that there are records of."""
    asks_per_record: Range | None
    accepted: Range | None
    doubtful: Range | None
    prompt_error: Range | None
    latency_s: Mapping[Stage, float]
    """Mean time that a call takes."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of all articles of a source that nothing is known of yet."""

    ends: Mapping[End, Figures]
    basis: str
    """Where it is known from, in words."""
    latency_s: Mapping[Stage, float]
    """As sampled; empty without a sample."""


def expected(pack: Pack, sampled: Sampled | None, most_types: int | None) -> Expected:
    """Return what the pack's prior says, or a sample in its place as far as it goes.

    Raises:
        SettingsError: The pack has no prior.
    """
    if pack.prior is None:
        raise SettingsError(
            f'The pack "{pack.name}" does not say what replies to it are likely to come to: give its pack.toml a table'
            " [prior], as the default pack has one."
        )
    prior = _updated(pack.prior, sampled) if sampled else pack.prior
    error = (sampled.prompt_error if sampled else None) or PROMPT_ERROR
    most = len(pack.types) if most_types is None else most_types
    return Expected(
        {end: _figures(prior, error, end, most) for end in ENDS},
        _basis(pack, prior, sampled),
        sampled.latency_s if sampled else {},
    )


def mean(values: Sequence[float], least: float = 0.0) -> Range:
    """Return the mean of a sample, and how far the mean of all may be from it; never below `least`.

    Values that are all alike, or few, say little of the others: a tenth of the mean is taken for their deviation at
    least, and half of it for that of a single one.
    """
    middle = sum(values) / len(values)
    if len(values) == 1:
        return Range(max(least, middle / 2), middle, middle * 1.5)
    variance = sum((value - middle) ** 2 for value in values) / (len(values) - 1)
    away = _DEVIATIONS * sqrt(max(variance, (_LEAST_DEVIATION * middle) ** 2) / len(values))
    return Range(max(least, middle - away), middle, middle + away)


def share(count: int, of: int) -> Range:
    """Return a share in a sample and its bounds in all (Agresti & Coull, American Statistician 52(2), 1998)."""
    size = of + _DEVIATIONS**2
    middle = (count + _DEVIATIONS**2 / 2) / size
    away = _DEVIATIONS * sqrt(middle * (1 - middle) / size)
    likely = count / of
    return Range(min(max(0.0, middle - away), likely), likely, max(min(1.0, middle + away), likely))


def ratio(pairs: Sequence[tuple[float, float]]) -> Range:
    """Return the ratio of the sums of a sample's (first, second) values, and how far that of all may be from it
    (Cochran, "Sampling Techniques", 3rd ed. 1977, chapter 6); a hundredth at least."""
    whole = sum(second for _, second in pairs)
    middle = sum(first for first, _ in pairs) / whole
    spread = sum((first - middle * second) ** 2 for first, second in pairs) / max(len(pairs) - 1, 1)
    away = max(_DEVIATIONS * sqrt(spread * len(pairs)) / whole, _LEAST_PROMPT_ERROR)
    return Range(max(0.0, middle - away), middle, middle + away)


def _updated(prior: Prior, sampled: Sampled) -> Prior:
    return Prior(
        types_per_article=sampled.types_per_article,
        types_tokens=sampled.types_tokens or prior.types_tokens,
        record_tokens={**prior.record_tokens, **sampled.record_tokens},
        asks_per_record=sampled.asks_per_record or prior.asks_per_record,
        accepted=sampled.accepted or prior.accepted,
        doubtful=sampled.doubtful or prior.doubtful,
    )


def _figures(prior: Prior, error: Range, end: End, most: int) -> Figures:
    return Figures(
        types=min(_at(prior.types_per_article, end), most),
        types_tokens=_at(prior.types_tokens, end),
        record_tokens={mode: _at(tokens, end) for mode, tokens in prior.record_tokens.items()},
        asks_per_record=_at(prior.asks_per_record, end),
        accepted=_at(prior.accepted, end),
        doubtful=_at(prior.doubtful, end),
        prompt_error=_at(error, end),
        thinking=_at(Range(0.0, _THINKING, 1.0), end),
    )


def _at(range: Range, end: End) -> float:
    match end:
        case "low":
            return range.low
        case "likely":
            return range.likely
        case "high":
            return range.high


def _basis(pack: Pack, prior: Prior, sampled: Sampled | None) -> str:
    types = prior.types_per_article
    figures = f"{types.likely:.1f} types per article ({types.low:.1f} to {types.high:.1f})"
    if sampled is None:
        return f'the prior of the pack "{pack.name}": {figures}'
    return f"{counted(sampled.articles, 'article')} that this run has paid for: {figures}"
