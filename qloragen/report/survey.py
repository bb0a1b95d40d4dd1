"""The first reading of a journal: where every cell and text stands, and when that happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from ..store.frame import key_of
from .cells import Cells
from .gains import gain_of
from .moment import Moment
from .presence import Presence
from .texts import CLASSIFIED, FOR_NOW, OPEN, Texts
from .timeline import Timeline

_OF_CELLS = frozenset({"reply", "lost", "types", "record", "revised", "rejection", "failure", "retry"})


@dataclass(slots=True)
class Survey:
    """What a journal says of cells, texts and times."""

    presence: Presence
    cells: Cells = field(default_factory=Cells)
    texts: Texts = field(default_factory=Texts)
    timeline: Timeline = field(default_factory=Timeline)
    _given_up: dict[str, str] = field(default_factory=dict)
    """Keys of classifications that have failed, to the hashes of their texts."""

    def take(self, at: int, kind: str, line: bytes) -> None:
        """Take in the line at an offset; one that is of another program says nothing."""
        try:
            self._take(at, kind, line)
        except (ValueError, KeyError, TypeError, ArithmeticError):
            return

    def _take(self, at: int, kind: str, line: bytes) -> None:
        if kind == "article":
            fields = orjson.loads(line)
            self._add_article(fields["content_hash"], fields["id"], at)
        elif kind in _OF_CELLS:
            key, fields = key_of(line), orjson.loads(line)
            if self.cells.find(key) is None:
                if kind == "retry":
                    return  # what is said of the cell before that is damaged
                self._meet(key, fields)
            before, after = self.cells.apply(key, kind, fields)
            if after.slug is None and after.current:
                self._classify(key, kind, fields)
            if (gain := gain_of(before, after, fields)) is not None:
                self.timeline.add(fields.get("time"), gain)

    def _add_article(self, content_hash: str, article_id: str, at: int) -> None:
        replaced = self.texts.add_article(content_hash, article_id, at)
        if replaced is not None:
            for key in self.presence.keys(replaced):
                self.cells.outdate(key)

    def _meet(self, key: str, fields: Mapping[str, Any]) -> None:
        """Take up a cell that was not heard of before."""
        slug, content_hash = fields["type_slug"], fields["content_hash"]
        current = self.texts.find(content_hash).current and self.presence.holds(key, slug, content_hash)
        self.cells.add(key, slug, current=current)
        if current and slug is not None:
            self.texts.ask(content_hash, slug)
        elif slug is None and not current:
            self.texts.outdate(content_hash)

    def _classify(self, key: str, kind: str, fields: Mapping[str, Any]) -> None:
        match kind:
            case "types":
                self.texts.classify(fields["content_hash"], CLASSIFIED, fields["types"])
            case "rejection" | "failure" if (cell := self.cells.find(key)) and cell.outcome == kind:
                self._given_up[key] = fields["content_hash"]
                given_up = fields["reason"] if kind == "rejection" else f"{FOR_NOW}{fields['reason']}"
                self.texts.classify(fields["content_hash"], given_up, ())
            case "retry" if key in self._given_up:
                self.texts.classify(self._given_up.pop(key), OPEN, ())


def survey(moment: Moment, presence: Presence) -> Survey:
    """Read a journal once; raises SetupError."""
    found = Survey(presence)
    for at, kind, line in moment.lines():
        found.take(at, kind, line)
    return found
