"""What replies are expected to come to, and where that is known from: the pack's prior, or replies paid for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import comb, sqrt
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
_LEAST_PROMPT_ERROR = 0.02
_DEVIATIONS = 2.0
"""Standard errors to each side of a sample's mean: some 95 % of all samples lie within them."""
_LEAST_DEVIATION = 0.1
SHORT_BYTES, LONG_BYTES = 1_000, 4_000
"""What a classifier reads is short up to the first, and long from the second on. The fewest types are found in what is
short; between the two lies what lies between them."""
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
    """Share of its allowance for thinking that a model uses that nobody has seen thinking."""
    thinking_tokens: Mapping[tuple[str, Stage], float]
    """Completion tokens of a call in which nothing is said yet, by model and stage; empty without a sample."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """What the replies that a run has paid for say; None where there are none to tell."""

    articles: int
    """That are classified, or given up as none that can be."""
    types_per_article: Range
    types_tokens: Range | None
    record_tokens: Mapping[InputMode, Range]
    """Only of the modes that there are records of; without thinking, like `types_tokens`."""
    asks_per_record: Range | None
    accepted: Range | None
    doubtful: Range | None
    prompt_error: Range | None
    latency_s: Mapping[Stage, float]
    """Mean time that a call takes."""
    thinking_tokens: Mapping[tuple[str, Stage], Range] = field(default_factory=dict)
    """By the models that were asked."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of all articles of a source that nothing is known of yet."""

    ends: Mapping[End, Figures]
    short_types: Mapping[End, float]
    """`Figures.types` of short articles."""
    bounded: Bounded
    basis: str
    """Where it is known from, in words."""
    latency_s: Mapping[Stage, float]
    """As sampled; empty without a sample."""

    def types(self, end: End, read_bytes: int) -> float:
        """Return how many types are expected where so much is read."""
        long = min(max((read_bytes - SHORT_BYTES) / (LONG_BYTES - SHORT_BYTES), 0.0), 1.0)
        short = self.short_types[end]
        return short + long * (self.ends[end].types - short)


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
    basis = _of_sample(sampled) if sampled else _of_prior(pack, pack.prior, most_types)
    prior = _updated(pack.prior, sampled) if sampled else pack.prior
    ends = {end: _figures(prior, sampled, end) for end in ENDS}
    # What a sample counts is what is taken of the types, and of short articles as well as of others.
    bound = Bounded(pack, None if sampled else most_types)
    short = prior.types_per_article if sampled else _of_short(prior.types_per_article, pack)
    return Expected(
        {end: replace(figures, types=bound.mean(figures.types)) for end, figures in ends.items()},
        {end: bound.mean(_at(short, end)) for end in ENDS},
        Bounded(pack, most_types),
        basis,
        sampled.latency_s if sampled else {},
    )


@dataclass(frozen=True, slots=True)
class Bounded:
    """How many types are taken of an article, at most `most`, when a number of them applies on average.

    Each type that does not always apply is taken to apply to as many articles as any other, whatever else applies; and
    where fewer apply than always do, some texts are no articles.
    """

    pack: Pack
    most: int | None

    def mean(self, types: float) -> float:
        """Return how many are taken on average."""
        return types if self.most is None else sum(weight * count for weight, count in self._counts(types))

    def variance(self, types: float) -> float:
        """Return the variance between articles."""
        counts = self._counts(types)
        middle = sum(weight * count for weight, count in counts)
        return sum(weight * (count - middle) ** 2 for weight, count in counts)

    def _counts(self, types: float) -> list[tuple[float, int]]:
        """Return how often each count is to be expected."""
        always = sum(kind.always for kind in self.pack.types)
        others = len(self.pack.types) - always
        articles = min(types / always, 1.0) if always else 1.0
        chance = min(max((types - always) / others, 0.0), 1.0) if others else 0.0
        weights = [articles * comb(others, n) * chance**n * (1 - chance) ** (others - n) for n in range(others + 1)]
        counts = [always + n if self.most is None else min(always + n, self.most) for n in range(others + 1)]
        return [(1 - articles, 0), *zip(weights, counts, strict=True)]


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
    (Cochran, "Sampling Techniques", 3rd ed. 1977, chapter 6); two hundredths at least."""
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


def _of_short(types: Range, pack: Pack) -> Range:
    """Return what is expected of short articles: as much as of others at most, and at least what always applies, to
    half of them, since menus and lists of links are short too."""
    least = min(sum(kind.always for kind in pack.types) / 2, types.low)
    return Range(least, (least + types.likely) / 2, types.high)


def _figures(prior: Prior, sampled: Sampled | None, end: End) -> Figures:
    return Figures(
        types=_at(prior.types_per_article, end),
        types_tokens=_at(prior.types_tokens, end),
        record_tokens={mode: _at(tokens, end) for mode, tokens in prior.record_tokens.items()},
        asks_per_record=_at(prior.asks_per_record, end),
        accepted=_at(prior.accepted, end),
        doubtful=_at(prior.doubtful, end),
        prompt_error=_at((sampled.prompt_error if sampled else None) or PROMPT_ERROR, end),
        thinking=_at(Range(0.0, _THINKING, 1.0), end),
        thinking_tokens={asked: _at(tokens, end) for asked, tokens in sampled.thinking_tokens.items()}
        if sampled
        else {},
    )


def _at(range: Range, end: End) -> float:
    match end:
        case "low":
            return range.low
        case "likely":
            return range.likely
        case "high":
            return range.high


def _of_sample(sampled: Sampled) -> str:
    return f"{counted(sampled.articles, 'article')} that this run has paid for: {_types(sampled.types_per_article)}"


def _of_prior(pack: Pack, prior: Prior, most: int | None) -> str:
    short = _of_short(prior.types_per_article, pack)
    fewer = f", {short.likely:.1f} of short ones ({short.low:.1f} to {short.high:.1f})"
    bound = "" if most is None else f"; at most {most} of each are taken"
    return f'the prior of the pack "{pack.name}": {_types(prior.types_per_article)}{fewer}{bound}'


def _types(types: Range) -> str:
    return f"{types.likely:.1f} types per article ({types.low:.1f} to {types.high:.1f})"
