"""Judge one clause of a reply: which types it claims to apply, which it denies, and how firmly it says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, IntEnum, auto
from itertools import takewhile, zip_longest

from .clauses import Clause
from .items import Item, Origin, Run, Scan
from .tokens import Kind, Token
from .words import (
    ADDING,
    ALL,
    APPLY,
    AUXILIARY,
    CHOICE,
    COMMENTS,
    CONCLUSIONS,
    HEDGES,
    KNOWN,
    NEGATORS,
    NOTHING,
    NUMBER_WORDS,
    TYPES,
    WEIGHED,
    YES,
)

_REASONS = frozenset(("because", "since", ","))
_OTHERS = frozenset(("other", "others", "rest"))
_AMOUNTS = NUMBER_WORDS.keys() - {"one"}


class Firmness(IntEnum):
    """How surely a clause says that its types apply; only the firmest claims of a reply count."""

    NONE = 0
    """Not at all: numbers in prose, types only looked at."""
    LOOSE = 1
    """A list of three and more in prose."""
    MENTIONED = 2
    """Numbers in prose, next to a word that says they are types, or a whole name."""
    LISTED = 3
    """A list and nothing else, or after a colon."""
    LABELLED = 4
    """After a label such as "Types:", or a conclusion."""

    def concluded(self) -> Firmness:
        """Return how firm the claim is when a conclusion introduces it."""
        return Firmness.LABELLED if self is Firmness.LISTED else self


class Label(Enum):
    """What the words before a colon announce."""

    TYPES = auto()
    DENIAL = auto()
    COMMENT = auto()
    OTHER = auto()


class Total(Enum):
    """What a clause says of all types at once."""

    ALL = auto()
    REST = auto()
    """What was not denied before applies."""
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Claim:
    """A list of types that a clause says to apply, or not to."""

    items: tuple[Item, ...]
    denied: bool
    firmness: Firmness
    labelled: bool
    """It has a label of its own."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a clause says."""

    claims: tuple[Claim, ...]
    label: Label | None
    """Of its last colon."""
    open_end: bool
    """It ends with a colon: what it announces follows on the next lines."""
    total: Total | None
    prose: bool
    """It holds words that say nothing about types."""


def read_clause(clause: Clause, pack_size: int) -> Reading:
    """Return what a clause says; `pack_size` tells "all 14" from a count."""
    scan = Scan(clause.tokens, starts_line=clause.starts_line)
    claims = tuple(_claims(scan, conclusion=_opens_with(CONCLUSIONS, clause.tokens)))
    labels = [label for label in (*(run.label for run in scan.runs), scan.label) if label]
    words = [token.text for token in clause.tokens if token.kind is Kind.WORD]
    return Reading(
        claims=claims,
        label=label_kind(labels[-1]) if labels else None,
        open_end=clause.tokens[-1].kind is Kind.COLON,
        total=_total(words, clause.tokens, claims, pack_size),
        prose=not set(words) <= KNOWN,
    )


def _opens_with(words: frozenset[str], tokens: Sequence[Token]) -> bool:
    opening = tokens[1:2] if tokens[0].text == "in" else tokens[:1]
    return any(token.kind is Kind.WORD and token.text in words for token in opening)


def label_kind(words: Sequence[str]) -> Label:
    """Return what the words before a colon announce."""
    for word in words:
        if word in COMMENTS:
            return Label.COMMENT
        if word in TYPES:
            break
    if _denies_next(words):
        return Label.DENIAL
    announces = not (TYPES | CHOICE | APPLY | YES | ADDING).isdisjoint(words)
    return Label.TYPES if announces and set(words) <= KNOWN else Label.OTHER


# ---------------------------------------------------------------------------------------------------------- claims


def _claims(scan: Scan, *, conclusion: bool) -> Iterator[Claim]:
    for run, following in zip_longest(scan.runs, scan.runs[1:]):
        after = scan.words if following is None else [*(following.label or ()), *following.before]
        denied = _denies(run) or _denied_after(after, last=following is None)
        firmness = _firmness(run, after)
        claim = Claim((), denied, firmness.concluded() if conclusion else firmness, run.label is not None)
        yield from _by_verdict(claim, run.items)


def _by_verdict(claim: Claim, items: Sequence[Item]) -> Iterator[Claim]:
    for verdict in dict.fromkeys(item.verdict for item in items):
        judged = tuple(item for item in items if item.verdict is verdict)
        yield replace(claim, items=judged, denied=claim.denied if verdict is None else not verdict)


def _firmness(run: Run, after: Sequence[str]) -> Firmness:
    before, after = _last_part(run.before), _first_part(after)
    if not (WEIGHED | _REASONS).isdisjoint([*before, *after[:4]]):
        return Firmness.NONE
    if run.label is not None and set(before) <= KNOWN:
        return _labelled_firmness(run.label)
    if set(before) | set(after) <= KNOWN or any(item.is_confirmed() for item in run.items):
        return Firmness.LISTED
    return _firmness_in_prose(run, before)


def _labelled_firmness(label: Sequence[str]) -> Firmness:
    if not WEIGHED.isdisjoint(label):
        return Firmness.NONE
    match label_kind(label):
        case Label.COMMENT:
            return Firmness.NONE
        case Label.TYPES | Label.DENIAL:
            return Firmness.LABELLED
        case Label.OTHER:
            return Firmness.LISTED


def _firmness_in_prose(run: Run, before: Sequence[str]) -> Firmness:
    foreign = bool(before) and before[-1] not in KNOWN
    announced = run.items[0].marked or not (CHOICE | APPLY | TYPES).isdisjoint(before[-1:])
    if announced or any(item.origin is Origin.NAME for item in run.items):
        return Firmness.MENTIONED
    return Firmness.LOOSE if len(run.items) > 2 and not foreign else Firmness.NONE


# -------------------------------------------------------------------------------------------------------- negation


def _denies(run: Run) -> bool:
    return _denies_next(run.before) or _denies_next(run.label or ())


def _denies_next(words: Sequence[str]) -> bool:
    """Whether a negation in the last part of `words` reaches to their end: only words of the vocabulary between."""
    for word in reversed(_last_part(words)):
        if word in NEGATORS:
            return True
        if word not in KNOWN:
            return False
    return False


def _denied_after(words: Sequence[str], *, last: bool) -> bool:
    """Whether `do not apply`, `isn't` or the like follows; a negation right before the next list belongs to that."""
    part = _first_part(words)
    for index, word in enumerate(part):
        if word in NEGATORS:
            return last or index < len(words) - 1
        if word not in AUXILIARY | ALL | TYPES:
            return False
    return False


def _first_part(words: Sequence[str]) -> Sequence[str]:
    return list(takewhile(lambda word: word not in _REASONS, words))


def _last_part(words: Sequence[str]) -> Sequence[str]:
    return words[len(words) - list(reversed(words)).index(",") :] if "," in words else words


# ------------------------------------------------------------------------------------------------- all and nothing


def _total(words: Sequence[str], tokens: Sequence[Token], claims: Sequence[Claim], pack_size: int) -> Total | None:
    if not claims and _opens_with_nothing(tokens):
        return Total.NOTHING
    if not (set(words) <= KNOWN and all(claim.denied for claim in claims)) or tokens[-1].kind is Kind.COLON:
        return None
    if _says_all(words, tokens, pack_size, excepting=bool(claims)):
        return Total.ALL
    return None if claims else _rest_or_nothing(words, tokens)


def _rest_or_nothing(words: Sequence[str], tokens: Sequence[Token]) -> Total | None:
    if not _OTHERS.isdisjoint(words):
        return Total.REST if len(words) > 1 and (NEGATORS | NOTHING).isdisjoint(words) else None
    if any(token.kind is Kind.EMPTY or token.text == "✗" for token in tokens) or not NOTHING.isdisjoint(words):
        return Total.NOTHING
    denied = not {"no", "not"}.isdisjoint(words) and not (TYPES | APPLY).isdisjoint(words)
    return Total.NOTHING if denied else None


def _says_all(words: Sequence[str], tokens: Sequence[Token], pack_size: int, *, excepting: bool) -> bool:
    if ALL.isdisjoint(words) or not (WEIGHED | HEDGES).isdisjoint(words):
        return False
    if not excepting and not (NEGATORS | _OTHERS).isdisjoint(words):
        return False
    counts = {token.text for token in tokens if token.kind is Kind.NOISE}
    return counts | {str(NUMBER_WORDS[word]) for word in words if word in _AMOUNTS} <= {str(pack_size)}


def _opens_with_nothing(tokens: Sequence[Token]) -> bool:
    """`None, the article is ...`."""
    return tokens[0].text in NOTHING and len(tokens) > 1 and tokens[1].kind in {Kind.COMMA, Kind.DASH}
