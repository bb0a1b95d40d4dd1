"""Walk through one clause: lists of types, the words between them, yes and no for each, and remarks (skipped)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from itertools import count, takewhile

from .tokens import Kind, Token
from .words import BECAUSE, JOINERS, KNOWN, NEGATORS, NO, TYPES, VERDICTS, YES


class Origin(Enum):
    """What says which type an item is."""

    NUMBER = auto()
    NAME = auto()
    CLOSE_NAME = auto()
    SECOND_NUMBER = auto()
    """A number behind the number of the line."""


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a list: a type, or a range of them."""

    low: int
    high: int
    origin: Origin = Origin.NUMBER
    lead: int | None = None
    """The number in front of its line: the type's own, or a running number."""
    marked: bool = False
    """Behind a word like "type"."""
    remark: bool = False
    """Words follow that explain it."""
    verdict: bool | None = None

    def is_confirmed(self) -> bool:
        """Whether the number in front and the name say the same."""
        return self.origin is Origin.NAME and self.lead == self.low


@dataclass(slots=True)
class Run:
    """Neighbouring items, and the words in front of them."""

    before: list[str]
    """Commas included."""
    label: list[str] | None
    """The words before the colon in front of the run."""
    items: list[Item] = field(default_factory=list)


_DELIMITERS = frozenset((Kind.DOT, Kind.COLON, Kind.DASH, Kind.CLOSE, Kind.PIPE))
_ITEMS = frozenset((Kind.NUMBER, Kind.RANGE, Kind.NAME))
_LISTING = JOINERS | TYPES | {","}
_SIGNS = {"✓": True, "✗": False}
_WINDOW = 10
"""Tokens that one item can take."""
_END = Token(Kind.NEWLINE, "")


class _Cursor:
    """A place in the tokens of a clause."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.position = 0

    def __bool__(self) -> bool:
        return self.position < len(self.tokens)

    def at(self, ahead: int = 0) -> Token:
        """Return the token here, or `ahead` of here."""
        index = self.position + ahead
        return self.tokens[index] if 0 <= index < len(self.tokens) else _END

    def item(self, *, leads: bool) -> tuple[Item, int]:
        """Return the item here and the number of its tokens."""
        return _item_at(self.tokens[self.position : self.position + _WINDOW], leads=leads)

    def words(self) -> list[str]:
        """Return the words from here up to what is no word."""
        return [token.text for token in takewhile(lambda token: token.kind is Kind.WORD, map(self.at, count()))]

    def skip_remark(self) -> None:
        """Move to the next item that looks like one, and not like a part of a remark."""
        while self and not self._resumes():
            self.position += 1

    def _resumes(self) -> bool:
        token = self.at()
        if token.kind in _ITEMS and self._is_named_item():
            return True
        ahead = 2 if self.at(1).text in TYPES else 1
        following, after = self.at(ahead), self.at(ahead + 1)
        listing = token.kind in {Kind.COMMA, Kind.CLOSE, Kind.PIPE} or token.text in JOINERS
        return listing and following.kind is Kind.NUMBER and (after.kind in _DELIMITERS or after.text in BECAUSE)

    def _is_named_item(self) -> bool:
        if self.at().kind is Kind.NAME:
            return self.at().exact and self.at(-1).kind is Kind.COMMA
        item, length = self.item(leads=False)
        return length > 1 and item.origin is Origin.NAME


class Scan:
    """One walk over the tokens of a clause."""

    def __init__(self, tokens: Sequence[Token], *, starts_line: bool) -> None:
        self.runs: list[Run] = []
        self.words: list[str] = []
        """Since the last item, commas included."""
        self.label: list[str] | None = None
        """The words before the last colon, if no item came after it."""
        self._cursor = _Cursor(_without_bullets(tokens))
        self._starts_line = starts_line
        self._pending = 0
        """Items of the current run before this have their verdict."""
        self._sign = _SIGNS.get(self._cursor.at().text)
        """Ticks and check boxes stand in front of all their items or behind all."""
        self._ends_with_verdict = bool(tokens) and tokens[-1].text in VERDICTS
        """In `1 yes 2 no 3 no` each verdict is on the number in front of it, in `1 no 2` perhaps not."""
        while self._cursor:
            self._step()

    def _step(self) -> None:
        token = self._cursor.at()
        follows_item = bool(self.runs) and not self.words and self.label is None
        if token.kind in _ITEMS:
            self._item()
        elif not (follows_item and self._comment()):
            self._cursor.position += 1
            self._between(token, follows_item=follows_item)

    def _between(self, token: Token, *, follows_item: bool) -> None:
        """Take in what stands between items."""
        if self._sign is not None and token.text in _SIGNS:
            self._sign = _SIGNS[token.text]
        elif token.kind in {Kind.WORD, Kind.COMMA}:
            self.words.append(token.text if token.kind is Kind.WORD else ",")
        elif token.kind is Kind.COLON and not follows_item:
            self.label, self.words = [word for word in self.words if word != ","], []

    # ------------------------------------------------------------------------------------------------- items

    def _item(self) -> None:
        first = not self.runs and not self.words and self.label is None
        item, length = self._cursor.item(leads=first and self._starts_line)
        marked = item.marked or not TYPES.isdisjoint(self.words[-1:])
        if not self.runs or self.label is not None or not set(self.words) <= _LISTING:
            self.runs.append(Run(self.words, self.label))
            self._pending = 0
        self.runs[-1].items.append(replace(item, marked=marked, verdict=self._sign))
        self.words, self.label = [], None
        self._cursor.position += length

    def _judge(self, *, applies: bool) -> None:
        """Give a verdict on the items since the last one."""
        items = self.runs[-1].items
        items[self._pending :] = [replace(item, verdict=applies) for item in items[self._pending :]]
        self._pending = len(items)

    # ----------------------------------------------------------------------------------- what follows an item

    def _comment(self) -> bool:
        """Read what is said of the last item, and move behind it; False when nothing is."""
        token, following = self._cursor.at(), self._cursor.at(1)
        if token.kind in _DELIMITERS:
            self._cursor.position += 1
            self._delimited(token)
            return True
        if token.text in BECAUSE:
            self._cursor.skip_remark()
            return True
        if token.text not in VERDICTS or following.kind is Kind.WORD:
            return False
        return (following.kind is not Kind.NUMBER or self._ends_with_verdict) and self._verdict()

    def _delimited(self, sign: Token) -> None:
        """Read on behind a sign that follows an item."""
        token = self._cursor.at()
        if token.kind is Kind.WORD:
            if not (self._negates_next() or self._verdict()):
                self._remark()
        elif token.kind is Kind.NUMBER and sign.kind is Kind.COLON:
            self._judge(applies=token.low > 0)
            self._cursor.position += 1
        elif self._counts(token, sign):
            self._remark()

    def _counts(self, token: Token, sign: Token) -> bool:
        """`Name - 3 use cases`, `1: 4.5 points`."""
        if token.kind is Kind.NOISE:
            return self._cursor.at(1).kind is Kind.WORD
        named = self.runs[-1].items[-1].origin is Origin.NAME
        return token.kind is Kind.NUMBER and sign.kind is Kind.DASH and named

    def _negates_next(self) -> bool:
        """`6 - not 7`."""
        words = self._cursor.words()
        return words[-1] in NEGATORS - VERDICTS and self._cursor.at(len(words)).kind in _ITEMS

    def _verdict(self) -> bool:
        """Read "yes", "not applicable", "does not apply"... here, if it is there."""
        words = self._cursor.words()
        applies = _said_by(words)
        if applies is not None:
            self._judge(applies=applies)
            self._cursor.position += len(words)
        return applies is not None

    def _remark(self) -> None:
        """Skip the text of a numbered point; its number may only count the points."""
        items = self.runs[-1].items
        item = items[-1]
        counts = item.origin is Origin.NUMBER and item.low == item.high and not item.marked
        items[-1] = replace(item, remark=True, lead=item.low if counts else item.lead)
        self._cursor.skip_remark()


def _said_by(words: Sequence[str]) -> bool | None:
    """Return whether words behind an item say that it applies; None: they say something else."""
    if words[0] in VERDICTS | NO:
        return words[0] in YES
    if not set(words) <= KNOWN:
        return None
    if not NEGATORS.isdisjoint(words):
        return False
    return None if YES.isdisjoint(words) else True


def _without_bullets(tokens: Sequence[Token]) -> Sequence[Token]:
    start = 0
    while start < len(tokens) and tokens[start].kind in {Kind.DASH, Kind.PIPE, Kind.CLOSE}:
        start += 1
    lettered = len(tokens) > start + 1 and len(tokens[start].text) == 1 and tokens[start + 1].kind is Kind.CLOSE
    return tokens[start + 2 :] if lettered and tokens[start].kind is Kind.WORD else tokens[start:]


def _item_at(tokens: Sequence[Token], *, leads: bool) -> tuple[Item, int]:
    """Return the item that begins here and how many tokens it takes; `leads`: it stands first on its line."""
    head = tokens[0]
    if head.kind is not Kind.NUMBER:
        return _plain_item(head), 1
    behind = 1
    while behind < len(tokens) and tokens[behind].kind in _DELIMITERS:
        behind += 1
    follower = tokens[behind] if behind < len(tokens) else _END
    if follower.kind is Kind.NAME:
        return replace(_plain_item(follower), lead=head.low), behind + 1
    if not leads or behind == 1:
        return _plain_item(head), 1
    return _led_item(head, tokens, behind)


def _plain_item(token: Token) -> Item:
    if token.kind is Kind.NAME:
        return Item(token.types[0], token.types[0], Origin.NAME if token.exact else Origin.CLOSE_NAME)
    return Item(token.low, token.high)


def _led_item(head: Token, tokens: Sequence[Token], behind: int) -> tuple[Item, int]:
    """Read `1. Type 4: name`, `1. 4` and `1. remark`."""
    rest = tokens[behind:]
    skipped = behind + 1 if rest and rest[0].text in TYPES else behind
    rest = tokens[skipped:]
    if rest and rest[0].kind is Kind.NUMBER and (skipped > behind or (len(rest) == 1 and _counts_lines(tokens[1]))):
        item, length = _item_at(rest, leads=False)
        origin = item.origin if item.origin is Origin.NAME else Origin.SECOND_NUMBER
        return replace(item, origin=origin, lead=head.low, marked=skipped > behind), skipped + length
    return Item(head.low, head.high, lead=head.low), 1


def _counts_lines(delimiter: Token) -> bool:
    return delimiter.kind in {Kind.DOT, Kind.CLOSE}
