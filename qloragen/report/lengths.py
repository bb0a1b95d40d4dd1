"""How long the fields of records and their training prompts are, in tokens."""

from __future__ import annotations

from collections import Counter

from ..domain.pack import Pack, render_training
from .figures import quantile
from .records import Made
from .tokens import TokenCount
from .values import Lengths

PROMPT = "training prompt"


class Lengthening:
    """Takes in one record after another; memory grows with how many different lengths there are."""

    def __init__(self, tokens: TokenCount, pack: Pack | None, context_tokens: int) -> None:
        self._count = tokens.count
        self._most_per_byte = tokens.most_per_byte
        self._pack = pack
        self._context_tokens = context_tokens
        self._fields: dict[str, Counter[int]] = {"instruction": Counter(), "input": Counter(), "output": Counter()}
        self._prompts: dict[str, Counter[int]] = {}
        self.over_context = 0
        """Training prompts longer than the context."""

    def weigh(self, made: Made) -> None:
        """Count the tokens of a record."""
        for name, text in zip(self._fields, (made.instruction, made.input, made.output), strict=True):
            self._fields[name][self._count(text)] += 1
        self._prompts.setdefault(made.slug, Counter())[self._count(self._prompt(made))] += 1

    def look(self, made: Made) -> None:
        """See whether a record fits the context; many are so short that this takes no counting."""
        prompt = self._prompt(made)
        if self._most_per_byte * len(prompt.encode("utf-8", "replace")) > self._context_tokens:
            self.over_context += self._count(prompt) > self._context_tokens

    def lengths(self) -> tuple[Lengths, ...]:
        """Return how long each field is; nothing without records."""
        whole = Counter[int]()
        for prompts in self._prompts.values():
            whole.update(prompts)
        rows = (_lengths(name, found) for name, found in (*self._fields.items(), (PROMPT, whole)))
        return tuple(row for row in rows if row is not None)

    def median_of(self, slug: str) -> int | None:
        """Return the median length of the training prompts of a type."""
        return quantile(self._prompts.get(slug, {}), 0.5)

    def _prompt(self, made: Made) -> str:
        if self._pack is None:
            return f"{made.instruction}\n\n{made.input}\n\n{made.output}"
        return render_training(self._pack, made.instruction, made.input, made.output)


def _lengths(field: str, histogram: Counter[int]) -> Lengths | None:
    p5, p50, p95 = (quantile(histogram, share) for share in (0.05, 0.5, 0.95))
    if p5 is None or p50 is None or p95 is None:
        return None
    return Lengths(field, p5, p50, p95, max(histogram))
