"""Make types of the JSON objects in a reply."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from .jsonish import Value
from .names import Names
from .words import ANSWER_KEYS, COMMENTS, NEGATORS, NO, SILENT_KEYS, WEIGHED

Reader = Callable[[str], frozenset[int] | None]
"""Reads a string value: the types in it, or None when it says nothing certain."""

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_TYPE_KEY = re.compile(r"\s*(?:instruction[ _-]?)?(?:types?|t|no\.?|#)?[ _#-]*(\d{1,3})\s*$", re.IGNORECASE)
_NUMBER_KEYS = ("id", "number", "type", "type_id", "type_number", "instruction_type", "no", "num", "nr", "index", "n")
_NAME_KEYS = ("name", "label", "title", "type_name", "type", "category", "description", "instruction_type")
_VERDICT_KEYS = (
    "applies", "applicable", "apply", "selected", "relevant", "include", "included", "match", "matches", "fits",
    "supported", "value", "verdict", "decision", "answer",
)  # fmt: skip
_DENYING_KEYS = NEGATORS | {"non"}
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class _Objects:
    """What reading needs."""

    names: Names
    read_text: Reader

    # -------------------------------------------------------------------------------------------------- values

    def value(self, value: Value) -> frozenset[int] | None:
        match value:
            case None:
                return frozenset()
            case bool() | float():
                return None
            case int():
                return self.names.numbers & {value} or (frozenset() if value == 0 else None)
            case str():
                return self.read_text(value)
            case list():
                return _union(map(self.value, value)) if value else frozenset()
            case dict():
                return self.object(value)

    def object(self, entries: dict[str, Value]) -> frozenset[int] | None:
        if not entries:
            return frozenset()
        lowered = {key.lower().strip(): value for key, value in entries.items()}
        by_type = {key: type_ for key in lowered if (type_ := self._type_of_key(key)) is not None}
        if by_type:
            return self._verdicts({key: (type_, lowered[key]) for key, type_ in by_type.items()})
        one = self.one_type(lowered)
        return self._answers(lowered) if one is None else one

    # ------------------------------------------------------------------------------------------ verdicts by type

    def _type_of_key(self, key: str) -> int | None:
        number = _TYPE_KEY.match(key)
        return int(number.group(1)) if number else self.names.named(key)

    def _verdicts(self, entries: dict[str, tuple[int, Value]]) -> frozenset[int] | None:
        chosen: set[int] = set()
        for type_, value in entries.values():
            if _affirms(value):
                named = self.names.named(value) if isinstance(value, str) else None
                chosen.add(type_ if named is None else named)
        denied = {type_ for type_, _ in entries.values()} - chosen
        known = self.names.numbers & chosen
        return known if known or denied >= self.names.numbers else None

    # ------------------------------------------------------------------------------------------ one type described

    def one_type(self, entries: dict[str, Value]) -> frozenset[int] | None:
        type_ = next(self._types_in(entries), None)
        if type_ is None:
            return None
        applies = all(_affirms(entries[key]) for key in _VERDICT_KEYS if key in entries)
        return self.names.numbers & {type_} if applies else frozenset()

    def _types_in(self, entries: dict[str, Value]) -> Iterator[int]:
        """Names before numbers."""
        values = [entries.get(key) for key in _NAME_KEYS]
        yield from (type_ for name in values if isinstance(name, str) and (type_ := self.names.named(name)) is not None)
        yield from (number for key in _NUMBER_KEYS if (number := _number(entries.get(key))) is not None)

    # ----------------------------------------------------------------------------------------- answers and the rest

    def _answers(self, entries: dict[str, Value]) -> frozenset[int] | None:
        values: dict[_Role, list[Value]] = {role: [] for role in _Role}
        for key, value in entries.items():
            values[_role_of(key, value)].append(value)
        found = _union(map(self.value, values[_Role.ANSWER] or values[_Role.OTHER]))
        denied = _union(map(self.value, values[_Role.DENIAL])) or frozenset()
        return None if found is None else found - denied


class _Role(Enum):
    """What an entry of an object says, going by its key."""

    DENIAL = auto()
    COMMENT = auto()
    ANSWER = auto()
    OTHER = auto()


def _role_of(key: str, value: Value) -> _Role:
    words = frozenset(word.lower() for word in _WORDS.findall(key))
    if words & _DENYING_KEYS:
        return _Role.DENIAL
    if words & (COMMENTS | WEIGHED | SILENT_KEYS):
        return _Role.COMMENT
    return _Role.ANSWER if words & ANSWER_KEYS and not isinstance(value, bool) else _Role.OTHER


def read_objects(objects: Iterable[dict[str, Value]], names: Names, read_text: Reader) -> frozenset[int] | None:
    """Return the types that the objects of a reply name; None when they say nothing certain.

    Objects that each describe one type count together; of others, the last one that says something.
    """
    reader = _Objects(names, read_text)
    last: frozenset[int] | None = None
    together: frozenset[int] | None = None
    for entries in objects:
        one = reader.one_type(entries)
        if one is None:
            found = reader.object(entries)
            last = last if found is None else found
        else:
            together = (together or frozenset()) | one
    return together if last is None else last


def _union(parts: Iterable[frozenset[int] | None]) -> frozenset[int] | None:
    certain = [part for part in parts if part is not None]
    return frozenset().union(*certain) if certain else None


def _number(value: Value) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    match = _TYPE_KEY.match(value) if isinstance(value, str) else None
    return int(match.group(1)) if match else None


def _affirms(value: Value) -> bool:
    """Whether a value says yes; a number is a likelihood, and any text but a "no" is a reason."""
    match value:
        case str():
            words = value.lower().replace("/", "").split()
            return bool(words) and words[0].strip(".,;:!") not in NO | {"na", "0", "non-applicable"}
        case bool() | None:
            return bool(value)
        case int() | float():
            return value >= _HALF
        case list():
            return bool(value)
        case dict():
            return all(_affirms(value[key]) for key in _VERDICT_KEYS if key in value)
