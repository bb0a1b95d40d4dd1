"""Today's checks, applied to records once more."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ..domain.checks import BY_CODE, Case, facts_of, inspect
from ..types import Article, Draft, Quality
from .records import Made
from .standard import Standard


@dataclass(slots=True)
class Checked:
    """What the checks have found in some records."""

    records: int = 0
    codes: Counter[frozenset[str]] = field(default_factory=Counter)
    """Codes of one record to how many records have just these, whatever is done about them."""
    grounded: list[float] = field(default_factory=list)
    showing: int = 0
    """Records of a type whose input must show something."""
    quoting: int = 0
    """Records whose input was put together by code."""
    misquoted: int = 0
    """Those of them whose input the article does not have word for word."""

    def found(self, *codes: str) -> int | None:
        """Return how many records have one of these defects; None when no check looks for any of them."""
        if not any(code in BY_CODE for code in codes):
            return None
        return sum(count for found, count in self.codes.items() if not found.isdisjoint(codes))

    def by_code(self, *codes: str) -> dict[str, int]:
        """Return how often each of these defects is there that is."""
        found = ((code, sum(count for one, count in self.codes.items() if code in one)) for code in codes)
        return {code: count for code, count in found if count}


class Checking:
    """Applies all checks, those too that a run has turned off."""

    def __init__(self, standard: Standard) -> None:
        self.result = Checked()
        self._standard = standard
        self._thresholds = standard.thresholds.model_copy(update={"actions": {}})

    def check(self, made: Made, article: Article | None) -> Quality | None:
        """Judge a record; returns what is measured of it today, None when its type or its article is not known."""
        kind, pack = self._standard.type(made.slug), self._standard.pack
        if article is None or kind is None or pack is None:
            return None
        draft = Draft(made.instruction, made.input, made.output)
        found = inspect(Case(draft, facts_of(article), kind, pack, made.mode, self._thresholds))
        result = self.result
        result.records += 1
        result.codes[frozenset((*(defect.code for defect in found.defects), *found.quality.flags))] += 1
        result.grounded.append(found.quality.grounded)
        result.showing += kind.shows is not None
        if made.mode == "evidence":
            result.quoting += 1
            result.misquoted += not all(part in article.content for part in made.input.split("\n\n"))
        return found.quality
