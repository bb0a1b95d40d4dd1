"""Which cells are those of a run's last circumstances, also where nobody knows them any more."""

from __future__ import annotations

from collections.abc import Iterator

from ..pipeline.circumstances import Circumstances, Present


class Presence:
    """Knows the cells of now; without circumstances every cell is taken for one of them."""

    def __init__(self, now: Circumstances | None) -> None:
        self._present = Present(now) if now else None

    def holds(self, key: str, slug: str | None, content_hash: str) -> bool:
        """Say whether the cell `key` of a type (None: a classification) is one of now."""
        return self._present is None or self._present.holds(key, slug, content_hash)

    def keys(self, content_hash: str) -> Iterator[str]:
        """Yield every key that a cell of a text could have now, as far as is known."""
        return self._present.keys(content_hash) if self._present else iter(())
