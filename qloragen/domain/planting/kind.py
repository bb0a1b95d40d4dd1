"""What is planted: a clean record with its surroundings, and kinds of defects that it can be given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal, NamedTuple

from ...types import Article, Draft, InputMode, InstructionType
from ..pack import Pack

Part = Literal["instruction", "input", "output"]
"""A field of a draft."""


@dataclass(frozen=True)
class Clean:
    """A record without a defect, what it was made from, and other such records."""

    draft: Draft
    article: Article
    type: InstructionType
    pack: Pack
    mode: InputMode
    others: Sequence[Clean] = field(default=(), repr=False, compare=False)
    """More clean records, of this article and of others; this one may be among them."""

    @property
    def strangers(self) -> Sequence[Clean]:
        """The others that are about other articles."""
        return [other for other in self.others if other.article.content_hash != self.article.content_hash]

    def text(self, part: Part) -> str:
        """Return a field."""
        return {"instruction": self.draft.instruction, "input": self.draft.input, "output": self.draft.output}[part]

    def having(self, part: Part, text: str) -> Draft | None:
        """Return the draft with another text in one field; None where that changes nothing."""
        changed = {
            "instruction": replace(self.draft, instruction=text),
            "input": replace(self.draft, input=text),
            "output": replace(self.draft, output=text),
        }[part]
        return changed if changed != self.draft else None


Plant = Callable[[Clean, Random], Draft | None]
"""Returns the draft with a defect of one kind, in a form drawn by chance; None where there is no place for it."""


class Kind(NamedTuple):
    """One kind of defect."""

    name: str
    caught_by: frozenset[str]
    """Codes of the checks that call it by its name."""
    plant: Plant
    in_article: bool = False
    """The planted input is meant to stand in the article too: what was taken for an article came with such parts."""
    alike: bool = False
    """The record is fit by itself, but says again what the clean one says."""


def kind(name: str, codes: str, plant: Plant, *, in_article: bool = False, alike: bool = False) -> Kind:
    """Return a kind whose `codes` are given as words."""
    return Kind(name, frozenset(codes.split()), plant, in_article, alike)
