"""Which records are exported: by type, by what the checks and the judge say, and by length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..catalogue import known_codes
from ..export import Example, ExportError
from ..export.form import Form
from ..judging.choosing import Choice, accepted
from ..report.tokens import TokenCount, counted_by
from ..words import closest

ANY = "any"
"""In the place of codes: every flag."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a record must be like to be exported."""

    types: frozenset[str] = frozenset()
    """Slugs; empty: all."""
    without_flags: frozenset[str] = frozenset()
    """Codes of checks that must have noted nothing, or `ANY`."""
    min_grounded: float = 0.0
    """Least share of the input that rests on the article."""
    min_supported: float = 0.0
    """Least share of the output that rests on instruction and input."""
    judged: bool = False
    """Whether the judge must have accepted it."""
    max_tokens: int | None = None
    """Most tokens of all that a row says, without what a chat template puts around it."""
    tokenizer: Path | None = None
    """A `tokenizer.json` that counts them; None: they are estimated."""

    def __post_init__(self) -> None:
        for name, least in (("min_grounded", self.min_grounded), ("min_supported", self.min_supported)):
            if not 0 <= least <= 1:
                raise ExportError(f"{name} is {least:g}, and has to be a share, from 0 to 1.")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise ExportError(f"max_tokens is {self.max_tokens}, and has to be 1 or more.")
        self._refuse_unknown_codes()

    def _refuse_unknown_codes(self) -> None:
        known = (*known_codes(), ANY)
        for code in sorted(self.without_flags.difference(known)):
            raise ExportError(
                f"without_flags has {code}, which no check notes; {closest(code, known)}`qloragen checks` explains "
                f"them: {', '.join(known)}."
            )

    def refuse_unknown_types(self, occurring: Collection[str]) -> None:
        """Make sure that the types that are wanted are some that occur.

        Raises:
            ExportError: One does not.
        """
        for slug in sorted(self.types.difference(occurring)):
            there = ", ".join(sorted(occurring))
            raise ExportError(f"No record is of the type {slug}; {closest(slug, occurring)}types that occur: {there}.")


class Selection:
    """Takes the records that filters let pass, and counts the others by reason."""

    def __init__(self, filters: Filters, form: Form, choice: Choice | None, tokens: TokenCount) -> None:
        self.left_out = Counter[str]()
        """Reason to records, each under the first one that applies."""
        self._filters = filters
        self._form = form
        self._choice = choice
        self.tokens = tokens
        """How tokens are counted."""
        self._reasons: tuple[Callable[[Example], str | None], ...] = (
            self._type,
            self._flag,
            self._measures,
            self._judgement,
            self._length,
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to know of how it is done, in sentences."""
        return (f"tokens of rows: {self.tokens.name}",) if self._filters.max_tokens else ()

    def takes(self, example: Example) -> bool:
        """Say whether a record is to be exported."""
        reason = next((reason for find in self._reasons if (reason := find(example))), None)
        if reason:
            self.left_out[reason] += 1
        return reason is None

    def fits(self, example: Example) -> bool:
        """Say whether an example is short enough; counts nothing."""
        most = self._filters.max_tokens
        return most is None or self.tokens.count(wording(self._form.row(example) or {})) <= most

    def _type(self, example: Example) -> str | None:
        wanted = self._filters.types
        return "type" if wanted and example.type_slug not in wanted else None

    def _flag(self, example: Example) -> str | None:
        unwanted = self._filters.without_flags
        flag = next((flag for flag in example.quality.flags if flag in unwanted or ANY in unwanted), None)
        return flag and f"flag {flag}"

    def _measures(self, example: Example) -> str | None:
        if example.quality.grounded < self._filters.min_grounded:
            return "grounded"
        return "supported" if example.quality.supported < self._filters.min_supported else None

    def _judgement(self, example: Example) -> str | None:
        return None if self._choice is None else self._choice.objection(example)

    def _length(self, example: Example) -> str | None:
        return None if self.fits(example) else "too_long"


def selection_of(folder: Path, filters: Filters, form: Form) -> Selection:
    """Return what chooses among the records of a run.

    Raises:
        SetupError: The judge has judged nothing or cannot be believed, or the tokenizer cannot be read.
    """
    return Selection(filters, form, accepted(folder) if filters.judged else None, counted_by(filters.tokenizer))


def wording(row: Mapping[str, object]) -> str:
    """Return all that a row says, part by part on lines of their own."""
    return "\n".join(_parts(row))


def _parts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case {"content": part} | {"value": part}:
            yield from _parts(part)
        case Mapping():
            for part in value.values():
                yield from _parts(part)
        case list():
            for part in value:
                yield from _parts(part)
        case _:
            raise AssertionError("unreachable")
