"""`--set NAME=VALUE`: names as in `qloragen.toml`, with dots into tables; several for one table add up."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterable, Mapping

import orjson

Assignment = tuple[tuple[str, ...], object]
"""A path of names, and the value to be set there."""


def assignment(text: str) -> Assignment:
    """Read one `NAME=VALUE`; a value that begins with a brace is JSON.

    Raises:
        ArgumentTypeError: It cannot be read.
    """
    name, equals, value = _parted(text)
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return _path(name.strip()), _table(value) if value.lstrip().startswith("{") else value


def merged(assignments: Iterable[Assignment]) -> dict[str, object]:
    """Return what has been set as tables in tables; of two values for one name the later one counts."""
    values: dict[str, object] = {}
    for (name, *inside), value in assignments:
        nested = value
        for key in reversed(inside):
            nested = {key: nested}
        values[name] = _joined(values.get(name), nested)
    return values


def _joined(old: object, new: object) -> object:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    return {**old, **{key: _joined(old.get(key), value) for key, value in new.items()}}


def _parted(text: str) -> tuple[str, str, str]:
    """Part at the first equals sign that is not between quotes, for there may be one in the name of a model."""
    quoted = False
    for at, character in enumerate(text):
        quoted ^= character == '"'
        if character == "=" and not quoted:
            return text[:at], "=", text[at + 1 :]
    return text, "", ""


def _path(name: str) -> tuple[str, ...]:
    """Return the parts of a name that may be dotted and quoted, as TOML has it."""
    first, dot, rest = name.partition(".")
    knob = first.strip().replace("-", "_")
    if not dot:
        return (knob,)
    path = [knob]
    here = _as_toml(rest)
    while isinstance(here, dict) and len(here) == 1:
        ((key, here),) = here.items()
        path.append(key)
    if here != 0:
        raise argparse.ArgumentTypeError(f"{name!r} is not a name as in qloragen.toml")
    return tuple(path)


def _as_toml(name: str) -> object:
    """Return tables for a dotted name, with 0 inside; None where it cannot be one."""
    try:
        return tomllib.loads(f"{name} = 0") if "\n" not in name else None
    except tomllib.TOMLDecodeError:
        return None


def _table(value: str) -> object:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"{value!r} is not JSON: {error}") from None
