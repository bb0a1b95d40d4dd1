"""What came of records that packs asked for: shares with their intervals, by pack, type and reason, and twins."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from math import comb
from typing import NamedTuple

import harness

from qloragen.domain.article_block import ArticleBlock
from qloragen.domain.pack import Pack
from qloragen.engine.body import encode
from qloragen.engine.models import family
from qloragen.shares import interval
from qloragen.types import Completion, Draft, InputMode, InstructionType, Invalid, Request, digest

ALIKE = 0.5
"""Share of words in common (Jaccard) from which two records of an article are alike."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Trial:
    """One record that one pack asks for."""

    pack: str
    mode: InputMode
    block: ArticleBlock
    type: InstructionType
    request: Request
    texts: Pack

    @property
    def key(self) -> str:
        """The same for the same request to the same model."""
        return digest(encode(self.request, family(self.request.model), "tools").decode())

    @property
    def place(self) -> tuple[str, str, str]:
        """What trials of several packs have in common."""
        return self.mode, self.block.article.content_hash, self.type.slug


@dataclass(frozen=True)
class Judged:
    """What a trial has come to."""

    trial: Trial
    reply: Completion
    verdict: Draft | Invalid
    draft: Draft | None
    """What the reply holds, whatever the checks say of it; None where it cannot be read."""

    @property
    def accepted(self) -> bool:
        """Whether all checks let it pass."""
        return isinstance(self.verdict, Draft)

    @property
    def codes(self) -> tuple[str, ...]:
        """Why it is refused, each reason once."""
        if isinstance(self.verdict, Draft):
            return ()
        return tuple(dict.fromkeys((self.verdict.reason, *self.verdict.also)))


class Share(NamedTuple):
    """So many of so many."""

    part: int
    whole: int

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.part / self.whole:.0%} ({low:.0%} to {high:.0%})" if self.whole else "-"

    @property
    def interval(self) -> tuple[float, float]:
        """Between which shares the true one lies, 95 times in 100 (Wilson, 1927)."""
        return interval(self.part, self.whole)


def accepted(judged: Iterable[Judged]) -> Share:
    """Return how many were accepted."""
    verdicts = [found.accepted for found in judged]
    return Share(sum(verdicts), len(verdicts))


# ----------------------------------------------------------------------------------------------------------- tables


def pack_rows(judged: Sequence[Judged]) -> Iterator[harness.Row]:
    """Yield a row for each pack and mode."""
    for (pack, mode), found in _by_pack(judged).items():
        usages = [one.reply.usage for one in found]
        yield {
            "pack": pack,
            "input": mode,
            "records": len(found),
            "accepted at first": str(accepted(found)),
            "readable": f"{sum(one.draft is not None for one in found) / len(found):.0%}",
            "reasons each": sum(len(one.codes) for one in found) / len(found),
            "prompt tokens": sum(usage.prompt_tokens for usage in usages) / len(found),
            "completion tokens": sum(usage.completion_tokens for usage in usages) / len(found),
            "alike in an article": str(twins(found)),
        }


def type_rows(judged: Sequence[Judged]) -> Iterator[harness.Row]:
    """Yield a row for each type, with the accepted of each pack, both modes together."""
    packs = tuple(dict.fromkeys(found.trial.pack for found in judged))
    for slug in sorted({found.trial.type.slug for found in judged}):
        found = [one for one in judged if one.trial.type.slug == slug]
        yield {"type": slug, **{pack: str(accepted(one for one in found if one.trial.pack == pack)) for pack in packs}}


def reason_rows(judged: Sequence[Judged]) -> Iterator[harness.Row]:
    """Yield a row for each reason to refuse a record, with how many records of each pack and mode it met."""
    counts = {name: Counter(code for one in found for code in one.codes) for name, found in _by_pack(judged).items()}
    total = sum(counts.values(), Counter[str]())
    for code, _ in total.most_common():
        yield {"refused for": code, **{f"{pack}, {mode}": counts[pack, mode][code] for pack, mode in counts}}


def compared(judged: Sequence[Judged], first: str, second: str) -> str:
    """Say how two packs differ in the records that were asked of both: the sign test on those where they do."""
    by_pack = {
        pack: {one.trial.place: one.accepted for one in judged if one.trial.pack == pack} for pack in (first, second)
    }
    both = by_pack[first].keys() & by_pack[second].keys()
    lost = sum(by_pack[first][place] and not by_pack[second][place] for place in both)
    won = sum(by_pack[second][place] and not by_pack[first][place] for place in both)
    return (
        f"Of {len(both)} records asked of both, {won} are accepted with {second} alone and {lost} with {first} alone"
        f" (p = {sign_test(won, lost):.2f})."
    )


def sign_test(won: int, lost: int) -> float:
    """Return how likely a difference at least as large is where there is none (two-sided, exact)."""
    tries, most = won + lost, max(won, lost)
    return min(1.0, sum(comb(tries, hits) for hits in range(most, tries + 1)) / float(2 ** (tries - 1)))


def twins(judged: Iterable[Judged]) -> Share:
    """Return how many pairs of records of one article and mode say nearly the same, refused ones included."""
    pairs = [pair for _, found in groupby(judged, _article) for pair in combinations(_words(found), 2)]
    return Share(sum(_alike(one, other) for one, other in pairs), len(pairs))


def _article(judged: Judged) -> tuple[str, str, str]:
    return judged.trial.pack, judged.trial.mode, judged.trial.block.article.content_hash


def _words(judged: Iterable[Judged]) -> list[frozenset[str]]:
    drafts = (one.draft for one in judged)
    return [frozenset(_WORD.findall(f"{draft.instruction} {draft.output}".casefold())) for draft in drafts if draft]


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= ALIKE * len(one | other)


def told(judged: Judged) -> Mapping[str, object]:
    """Return a record with its verdict, for a person to read."""
    trial, draft = judged.trial, judged.draft
    said = None if draft is None else {"instruction": draft.instruction, "input": draft.input, "output": draft.output}
    detail = judged.verdict.detail if isinstance(judged.verdict, Invalid) else ""
    return {
        "pack": trial.pack,
        "mode": trial.mode,
        "article": trial.block.article.id,
        "type": trial.type.slug,
        "codes": judged.codes,
        "detail": detail,
        **(said or {"arguments": judged.reply.arguments}),
    }


def _by_pack(judged: Iterable[Judged]) -> dict[tuple[str, str], list[Judged]]:
    found: dict[tuple[str, str], list[Judged]] = {}
    for one in judged:
        found.setdefault((one.trial.pack, one.trial.mode), []).append(one)
    return found
