"""De-duplication: what a run has had already.

About 170 bytes per article stay in memory (two 8-byte fingerprints with Python's overhead), so a million articles
take 170 MB. Two of ten million different texts share a fingerprint with a probability of about 3 in
a million.
"""

from __future__ import annotations

from ..types import Article, SkipReason, digest


class Seen:
    """Remembers ids and texts; the first to come keeps its id."""

    def __init__(self) -> None:
        self._texts: set[int] = set()
        self._text_of: dict[int, int] = {}

    def objection(self, article: Article) -> tuple[SkipReason, str] | None:
        """Return why an article is not new, or None; does not remember it."""
        identity, content = _fingerprint(digest(article.id)), _fingerprint(article.content_hash)
        known = self._text_of.get(identity)
        if known is not None and known != content:
            return SkipReason.ID_CONFLICT, "an earlier article has this id and other text"
        if content in self._texts:
            whose = "with the same id" if known is not None else "with another id"
            return SkipReason.DUPLICATE, f"the text of an earlier article {whose}"
        return None

    def add(self, article: Article) -> None:
        """Remember an article."""
        content = _fingerprint(article.content_hash)
        self._texts.add(content)
        self._text_of[_fingerprint(digest(article.id))] = content


def _fingerprint(digits: str) -> int:
    return int(digits[:16], 16)
