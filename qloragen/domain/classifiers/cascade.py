"""A cheap classifier first, and a strong one for the articles about which it is in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ...types import Completion, Invalid, Request, digest
from ..pack import Pack
from .decisions import SUBSTANCE, Chances, Decisions, asked, chances_in, numbers_of
from .protocol import Classifier, Subject, probe

DOUBTFUL = "doubtful"
"""The reason why the first model's reply is not taken."""
_DOUBT = Invalid(DOUBTFUL, "Probabilities are too near to their thresholds to tell.", passes_on=True)


@dataclass(frozen=True, slots=True)
class Cascade:
    """Probabilities first; where they are doubtful, or cannot be read, the classifier after them decides alone."""

    name: ClassVar[str] = "cascade"
    first: Decisions
    then: Classifier
    """One that asks for no decisions itself: by them its replies are told from those of the first."""
    band: float = 0.1
    """A probability nearer to its threshold than this is in doubt."""
    doubts: int = 2
    """So many types in doubt make an article doubtful; of `SUBSTANCE` one doubt is enough."""

    @property
    def models(self) -> tuple[str, ...]:
        """The cheap one, unless it decides as well, then those of the other."""
        return (*(model for model in self.first.models if model not in self.then.models), *self.then.models)

    @property
    def most_asks(self) -> int:
        """As many as both may take."""
        return self.first.most_asks + self.then.most_asks

    @property
    def reading(self) -> str:
        """The thresholds, and what counts as doubtful."""
        return f"{self.first.reading}; {self.doubts} within {self.band:g}; {self.then.reading}"

    def fingerprint(self, pack: Pack) -> str:
        """Identify both, and the model of the first one.

        Raises:
            ValueError: The other asks for decisions, too.
        """
        if self.then.request(probe(pack), ()).predicates:
            raise ValueError("The classifier after the first one must not ask for decisions.")
        parts = (self.first.model, self.first.fingerprint(pack), self.then.name, self.then.fingerprint(pack))
        return digest("\n".join(parts))

    def request(self, subject: Subject, replies: Sequence[Completion]) -> Request:
        """Return the next call: to the first, once more if its reply cannot be read, then to the other."""
        first, then = _parted(replies)
        if then or (first and self._is_done(subject.pack, first)):
            return self.then.request(subject, then)
        return self.first.request(subject, first)

    def read(self, pack: Pack, replies: Sequence[Completion]) -> tuple[int, ...] | Invalid:
        """Return what the last reply comes to; of the first model's, when it is in no doubt."""
        first, then = _parted(replies)
        if then:
            return self.then.read(pack, then)
        chances = chances_in(pack, first[-1])
        if isinstance(chances, Invalid):
            return chances
        return _DOUBT if self._doubts(pack, chances) else numbers_of(pack, chances, self.first.thresholds)

    def _is_done(self, pack: Pack, replies: Sequence[Completion]) -> bool:
        return len(replies) >= self.first.most_asks or not isinstance(chances_in(pack, replies[-1]), Invalid)

    def _doubts(self, pack: Pack, chances: Chances) -> bool:
        thresholds = self.first.thresholds
        from_substance = chances.substance - thresholds[SUBSTANCE]
        if abs(from_substance) < self.band:
            return True
        near = sum(abs(chances.of[kind.slug] - thresholds[kind.slug]) < self.band for kind in asked(pack))
        return from_substance >= 0 and near >= self.doubts


def _parted(replies: Sequence[Completion]) -> tuple[list[Completion], list[Completion]]:
    """Return the replies of the first classifier and those of the other."""
    first = [reply for reply in replies if reply.structure == "decisions"]
    return first, [reply for reply in replies if reply.structure != "decisions"]
