"""Tells the cells of a run's last circumstances from those of earlier ones, whose work is outdated."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import get_args

from ..pipeline.circumstances import Circumstances, Terms
from ..types import Format

_FORMATS: tuple[Format, ...] = get_args(Format)


class Presence:
    """Knows under which keys the cells of a text are now; without circumstances every cell is taken for one of now."""

    def __init__(self, now: Circumstances | None) -> None:
        slugs: Collection[str | None] = (None, *now.type_prompts) if now else ()
        self._terms: dict[str | None, Terms] = {
            slug: terms for slug in slugs if now and (terms := now.terms(slug)) is not None
        }
        self._formats = list(_FORMATS)

    def holds(self, key: str, slug: str | None, content_hash: str) -> bool:
        """Say whether the cell `key` of a type (None: a classification) is one of now."""
        if not self._terms:
            return True
        terms = self._terms.get(slug)
        if terms is None:
            return False
        for place, markup in enumerate(self._formats):
            if terms.key(content_hash, markup) == key:
                self._formats.insert(0, self._formats.pop(place))  # most articles of a run are marked up alike
                return True
        return False

    def keys(self, content_hash: str) -> Iterator[str]:
        """Yield every key that a cell of a text could have now."""
        for terms in self._terms.values():
            for markup in _FORMATS:
                yield terms.key(content_hash, markup)
