"""A draft in words, beside what it has to rest on: what the checks of its grounding look at, each found out once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache

from ...types import Draft
from .alike import Known, Swap, swaps
from .facts import ArticleFacts
from .names import Background
from .numbers import Judged, Numbers, judge_numbers
from .quantities import has_numbers
from .runs import sentences_of, stems_of
from .vocabulary import ENGLISH, ROMANCE
from .words import Words, share


class Said:
    """The fields of one draft in words."""

    def __init__(self, draft: Draft, facts: ArticleFacts, variables: Mapping[str, str]) -> None:
        self.draft = draft
        self.facts = facts
        self.instruction = Words(draft.instruction)
        self.input = Words(draft.input)
        self.output = Words(draft.output)
        self._variables = _stems(" ".join(variables.values()))

    @cached_property
    def known(self) -> frozenset[str]:
        """The stems of instruction and input, which the output has to rest on."""
        if self.verbatim:  # so that no one has asked for the stems of the input yet
            return stems_of((*self.instruction.runs, *self.input.runs))
        return self.instruction.stems | self.input.stems

    @cached_property
    def verbatim(self) -> bool:
        """The input stands in the article word for word, paragraph by paragraph."""
        content, text = self.facts.content, self.draft.input
        return text in content or all(part in content for part in text.split("\n\n"))

    @cached_property
    def grounded(self) -> float:
        """Share of the input's stems that the article has."""
        return 1.0 if self.verbatim else share(self.input.stems, self.facts.stems)

    @cached_property
    def supported(self) -> float:
        """Share of the output's stems that instruction and input have."""
        return share(self.output.stems, self.known)

    @property
    def inflected(self) -> bool:
        """The language of the article is one whose words take other forms than stems allow for."""
        return self.facts.wide or not self.facts.naming.capitals or self._romance

    @cached_property
    def _romance(self) -> bool:
        said = [word.text for word in self.input.words if not word.stem]
        return sum(word in ROMANCE for word in said) > sum(word in ENGLISH for word in said)

    @cached_property
    def numbers(self) -> Numbers:
        """The numbers of instruction and input."""
        return Numbers(self.instruction, self.input)

    @cached_property
    def judged_output(self) -> Judged:
        """What is found about the numbers of the output."""
        if not has_numbers(self.output.words):
            return Judged(None, None)
        return judge_numbers(self.output, self.numbers, self.known, self.swaps)

    @cached_property
    def judged_input(self) -> Judged:
        """What is found about the numbers of the input."""
        if self.verbatim or not has_numbers(self.input.words):
            return Judged(None, None)
        return judge_numbers(self.input, self.facts.numbers, self.facts.stems, ())

    @cached_property
    def swaps(self) -> Sequence[Swap]:
        """What has changed in sentences of the output that are otherwise sentences of the input."""
        return tuple(swaps(self.output.sentences, Known(self.instruction, self.input)))

    @cached_property
    def background(self) -> Background:
        """What the names in the output may come from; what article and pack are about is known anyway."""
        text = f"{self.draft.instruction}\n{self.draft.input}"
        return Background(text, self.known, self._variables, lambda: self.facts.naming.subjects, self.facts)

    @cached_property
    def given(self) -> Background:
        """What the names in the instruction may come from."""
        return Background(
            self.draft.input, self.input.stems, self._variables, lambda: self.facts.naming.subjects, self.facts
        )

    @cached_property
    def article(self) -> Background:
        """What the names in an input may come from that the model has written."""
        return Background(self.facts.content, self.facts.stems, self._variables, frozenset, self.facts)


@lru_cache(maxsize=64)
def _stems(text: str) -> frozenset[str]:
    return Words(text).stems


def telling(words: Words, least: int) -> Iterator[frozenset[str]]:
    """Yield the stems of the sentences that have at least so many."""
    return (stems for stems in sentences_of(words.runs) if len(stems) >= least)
