"""Weigh the clauses of a reply in words against each other: what does it say as a whole?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from .claims import Claim, Firmness, Label, Reading, Total, read_clause
from .clauses import Clause, clauses_of
from .items import Item, Origin
from .names import Names, with_names
from .tokens import tokens_of

_SMALLEST_ECHO = 5
"""Types of a pack from which on a list of all their names is taken for an echo of the prompt."""


@dataclass(slots=True)
class _Findings:
    """What the clauses say, in their order."""

    claims: list[Claim] = field(default_factory=list)
    everything: bool = False
    nothing: bool = False


def read_prose(text: str, names: Names) -> frozenset[int] | None:
    """Return the types that a cleaned text names: empty when none applies, None when nothing is certain."""
    clauses = clauses_of(with_names(tokens_of(text), names))
    findings = _found(clauses, len(names.numbers))
    if _is_echo(findings.claims, names):
        findings = replace(findings, claims=[_without_names(claim) for claim in findings.claims], everything=False)
    return _decided(findings, _LineNumbers.of(findings.claims), names.numbers)


# --------------------------------------------------------------------------------------------------- labels reach on


def _found(clauses: Iterable[Clause], pack_size: int) -> _Findings:
    """Read the clauses; a label holds for the lines below it, and comments are passed over."""
    findings = _Findings()
    label: Label | None = None
    comment_ends_with_line = False
    for clause in clauses:
        reading = read_clause(clause, pack_size)
        if label is Label.COMMENT and (clause.after_blank_line or (comment_ends_with_line and clause.starts_line)):
            label = None
        if reading.label is Label.COMMENT:
            comment_ends_with_line = not reading.open_end
        elif label is not Label.COMMENT or reading.label is Label.TYPES:
            _add(findings, reading, label if reading.label is None else None)
        label = _label_below(reading, label)
    return findings


def _add(findings: _Findings, reading: Reading, label: Label | None) -> None:
    findings.claims += [_under(label, claim) for claim in reading.claims]
    rest = reading.total is Total.REST and any(claim.denied for claim in findings.claims)
    findings.everything = findings.everything or reading.total is Total.ALL or rest
    findings.nothing = findings.nothing or reading.total is Total.NOTHING


def _label_below(reading: Reading, label: Label | None) -> Label | None:
    if label is Label.COMMENT and reading.label is not Label.TYPES:
        return label
    if reading.label is not None:
        return reading.label
    return None if reading.prose and not reading.claims else label


def _under(label: Label | None, claim: Claim) -> Claim:
    if claim.labelled or claim.firmness is not Firmness.LISTED or label not in {Label.TYPES, Label.DENIAL}:
        return claim
    return replace(claim, firmness=Firmness.LABELLED, denied=claim.denied or label is Label.DENIAL)


# ------------------------------------------------------------------------------------------------- numbers of lines


@dataclass(frozen=True, slots=True)
class _LineNumbers:
    """Whether the numbers in front of lines are those of types, or only count the lines."""

    run: bool
    """They are 1, 2, 3..."""
    conflict: bool
    """A line with a number names another type."""
    agree: bool
    """A line with a number names that type."""

    @staticmethod
    def of(claims: Iterable[Claim]) -> _LineNumbers:
        """Judge by all lines together."""
        led = [item for item in _items(claims) if item.lead is not None]
        named = [item for item in led if item.origin is not Origin.NUMBER]
        return _LineNumbers(
            run=[item.lead for item in led] == list(range(1, len(led) + 1)),
            conflict=len(led) > 1
            and any(item.low != item.lead for item in named if item.origin is not Origin.CLOSE_NAME),
            agree=any(item.low == item.lead for item in named),
        )

    def only_count(self) -> bool:
        """Whether they say nothing about types."""
        return self.run and self.conflict


def _types_of(item: Item, lines: _LineNumbers, claim: Claim, known: frozenset[int]) -> frozenset[int] | None:
    """Return the types an item stands for; None for a range that leaves the known numbers."""
    if item.origin is Origin.NUMBER and item.lead is not None and item.remark and _only_counts(lines, claim):
        return frozenset()
    if item.origin is Origin.SECOND_NUMBER and not (item.marked or lines.only_count()):
        return known & {item.low, item.lead}
    return _within(item, known)


def _within(item: Item, known: frozenset[int]) -> frozenset[int] | None:
    if item.low == item.high:
        return known & {item.low}
    sound = item.low < item.high and {item.low, item.high} <= known
    return known & frozenset(range(item.low, item.high + 1)) if sound else None


def _only_counts(lines: _LineNumbers, claim: Claim) -> bool:
    """Lines 1, 2, 3... of mere prose are a summary, unless a label or a name speaks for them."""
    return lines.only_count() or (lines.run and not lines.agree and claim.firmness < Firmness.LABELLED)


# --------------------------------------------------------------------------------------------------------- decision


@dataclass(frozen=True, slots=True)
class _Statement:
    """What a claim comes down to."""

    types: frozenset[int] | None
    """None: a range in it leaves the known numbers."""
    denied: bool
    firmness: Firmness

    def chooses(self) -> bool:
        return not self.denied and self.types != frozenset()


def _statement(claim: Claim, lines: _LineNumbers, known: frozenset[int]) -> _Statement:
    parts = [_types_of(item, lines, claim, known) for item in claim.items]
    certain = [part for part in parts if part is not None]
    types = frozenset[int]().union(*certain) if len(certain) == len(parts) else None
    return _Statement(types, claim.denied, claim.firmness)


def _decided(findings: _Findings, lines: _LineNumbers, known: frozenset[int]) -> frozenset[int] | None:
    claims = list(filter(_is_claimed, findings.claims))
    statements = [_statement(claim, lines, known) for claim in claims]
    firmest = _firmest(statements)
    balance = _balance(statements, firmest)
    if balance is None:
        return None
    chosen, denied = balance
    if findings.everything and firmest < Firmness.LISTED:
        return known - denied
    silent = firmest is Firmness.NONE and (denied == known or _says_none(findings, claims))
    return chosen if chosen or silent else None


def _is_claimed(claim: Claim) -> bool:
    return claim.firmness is not Firmness.NONE


def _firmest(statements: Iterable[_Statement]) -> Firmness:
    return max((each.firmness for each in statements if each.chooses()), default=Firmness.NONE)


def _balance(statements: Iterable[_Statement], firmest: Firmness) -> tuple[frozenset[int], frozenset[int]] | None:
    """Return the chosen and the denied types; what is said last of a type holds. None when a range is unsound."""
    chosen = denied = frozenset[int]()
    for each in statements:
        if not each.denied and each.firmness is not firmest:
            continue
        if each.types is None:
            return None
        if each.denied:
            chosen, denied = chosen - each.types, denied | each.types
        else:
            chosen, denied = chosen | each.types, denied - each.types
    return chosen, denied


def _says_none(findings: _Findings, claims: Sequence[Claim]) -> bool:
    """None in words, or zero alone."""
    numbers = {item.high for item in _items(claims)}
    zero = numbers == {0} and all(claim.firmness >= Firmness.LISTED for claim in claims)
    return findings.nothing or zero


def _items(claims: Iterable[Claim]) -> list[Item]:
    return [item for claim in claims for item in claim.items]


# ------------------------------------------------------------------------------------------------------------- echo


def _is_echo(claims: Iterable[Claim], names: Names) -> bool:
    """A list of all names is the prompt's own list given back: no choice was made."""
    named = {item.low for claim in claims if not claim.denied for item in claim.items if _is_named(item)}
    return len(names.numbers) >= _SMALLEST_ECHO and named == names.numbers


def _is_named(item: Item) -> bool:
    return item.origin in {Origin.NAME, Origin.CLOSE_NAME} and item.verdict is None


def _without_names(claim: Claim) -> Claim:
    return replace(claim, items=tuple(item for item in claim.items if not _is_named(item)))
