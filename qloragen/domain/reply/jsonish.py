"""Find JSON objects in text: also cut off, with single quotes, bare keys or trailing commas. Never raises.

Values come out as `str`, `int`, `float`, `bool`, `None`, lists and dicts; what is not whole (a string cut off in the
middle of a word) is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

Value = str | int | float | bool | list["Value"] | dict[str, "Value"] | None

_TOKENS = re.compile(
    r"""
    (?P<open>[{\[]) | (?P<close>[}\]]) | (?P<colon>:) | (?P<comma>,)
  | "(?P<double>(?:[^"\\]|\\.)*+)(?P<double_end>"?)
  | '(?P<single>(?:[^'\\]|\\.|'(?=[a-z]))*+)(?P<single_end>'?)
  | (?P<bare>[^\s{}\[\]:,"']++)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_INTEGER = re.compile(r"-?\d{1,4}(?:\.0+)?$")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?$")
_LITERALS: dict[str, bool | None] = {
    "true": True, "True": True, "false": False, "False": False, "null": None, "None": None,
}  # fmt: skip
_DEEPEST = 20
"""Levels; what is nested deeper counts as if it stood in the level above."""


@dataclass(slots=True)
class _Container:
    """A list or object under construction."""

    items: list[Value] = field(default_factory=list)
    entries: dict[str, Value] = field(default_factory=dict)
    key: str | None = None

    def add(self, value: Value) -> None:
        if self.key is None:
            self.items.append(value)
        else:
            self.entries[self.key] = value
            self.key = None

    def take_key(self) -> None:
        """A colon: what came last was a key."""
        if self.items:
            self.key = str(self.items.pop())

    def value(self) -> Value:
        return {**self.entries} if self.entries or self.key is not None else self.items


def objects_in(text: str) -> list[dict[str, Value]]:
    """Return the outermost objects (with at least one key) in `text`, in order."""
    objects: list[dict[str, Value]] = []
    position = text.find("{")
    while position >= 0:
        value, position = _parsed(text, position)
        if isinstance(value, dict):
            objects.append(value)
        position = text.find("{", position)
    return objects


def _parsed(text: str, start: int) -> tuple[Value, int]:
    """Parse the object that opens at `start`; return it and the position behind it."""
    stack: list[_Container] = []
    depth = 0
    end = len(text)
    for match in _TOKENS.finditer(text, start):
        if match["open"]:
            depth += 1
            if depth <= _DEEPEST:
                stack.append(_Container())
        elif match["close"]:
            depth -= 1
            if depth < len(stack):
                _close(stack)
        else:
            _put(match, stack[-1])
        if depth == 0:
            end = match.end()
            break
    while len(stack) > 1:
        _close(stack)
    return stack[0].value(), end


def _put(match: re.Match[str], container: _Container) -> None:
    if match["colon"]:
        container.take_key()
    elif match["comma"]:
        container.key = None
    else:
        for value in _scalar(match):
            container.add(value)


def _close(stack: list[_Container]) -> None:
    if len(stack) > 1:
        inner = stack.pop().value()
        stack[-1].add(inner)


def _scalar(match: re.Match[str]) -> Iterator[Value]:
    bare = match.group("bare")
    if bare is not None:
        yield _literal(bare)
        return
    content = match.group("double") if match.group("double") is not None else match.group("single")
    whole = match.group("double_end") or match.group("single_end")
    if whole or not any(map(str.isalpha, content)):
        yield _ESCAPE.sub(r"\1", content)


def _literal(bare: str) -> Value:
    if bare in _LITERALS:
        return _LITERALS[bare]
    if _INTEGER.match(bare):
        return int(bare.partition(".")[0])
    return float(bare) if _NUMBER.match(bare) and len(bare) < 40 else bare
