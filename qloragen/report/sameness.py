"""Records of a run that say what another one says."""

from __future__ import annotations

from ..pipeline.uniqueness.prints import Subject, print_of
from ..pipeline.uniqueness.records import Records
from .records import Made


class Sameness:
    """Compares each record with all before it, in some 350 bytes a record."""

    def __init__(self, similarity: float, expected: int) -> None:
        """`similarity` is the share of runs of three words in common from which outputs are nearly the same."""
        self._similarity = similarity
        self._records = Records(expected)
        self.exact = 0
        """Records whose instruction and output are those of another, but for case, punctuation and spacing."""
        self.near = 0
        """Other records whose output is nearly that of another."""

    def add(self, made: Made) -> None:
        """Take in a record."""
        subject = Subject(made.id, made.article_id, made.content_hash, made.slug)
        one = print_of(subject, made.instruction, made.output)
        like = self._records.find(one, self._similarity)
        if like is not None:
            self.exact += like.exact
            self.near += not like.exact
        self._records.add(one)
