"""Read a classification reply: which instruction types does it name?

The rules, in their order:

1. Reasoning between tags is dropped; what follows the last "Answer:" is read before anything else. (`text`)
2. JSON, also cut off or in Python's spelling, beats words around it. (`jsonish`, `objects`)
3. Numbers that count, date, measure or number something else are noise. (`tokens`, `clauses`)
4. A name beats the number in front of it: models number their own lists. (`names`, `items`)
5. "Not", "except", "does not apply", "no" and the like deny the types they reach. (`claims`)
6. The firmest claims count: a labelled list before a bare one before a mention in prose. (`claims`)
7. A range that leaves the known numbers, a numbered list of prose, an echo of the whole list of types, or nothing of
   the above says nothing certain: the reply is unreadable, and better asked for again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...types import InstructionType
from .jsonish import objects_in
from .names import Names, names_of
from .objects import read_objects
from .prose import read_prose
from .text import answer_regions, clean


@dataclass(frozen=True, slots=True)
class TypeAnswer:
    """What a classification reply says."""

    types: tuple[int, ...]
    """Sorted and unique; only numbers of the pack."""
    readable: bool
    """False: it says nothing certain, ask again. True without types: it says that none applies."""


def read_types(text: str, types: Sequence[InstructionType]) -> TypeAnswer:
    """Return the types that a reply names; never raises, whatever the text, and takes time in proportion to it."""
    names = names_of(types)
    for region in answer_regions(clean(text)):
        found = _read(region, names)
        if found is not None:
            return TypeAnswer(tuple(sorted(found)), readable=True)
    return TypeAnswer((), readable=False)


def _read(region: str, names: Names) -> frozenset[int] | None:
    objects = objects_in(region)
    found = read_objects(objects, names, lambda text: read_prose(text, names)) if objects else None
    return read_prose(region, names) if found is None else found
