"""One clear sentence for each thing that can be wrong with a setting."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from json import dumps
from typing import TYPE_CHECKING

import orjson

from ..errors import SettingsError
from ..logs import redact
from ..thresholds import Thresholds
from .knobs import TABLES, Settings
from .layers import Layer, raw, variable, variables
from .model import ModelSettings, Price

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_CREDENTIALS = re.compile(r"[^/@\s'\"]+@")
_SHOWN_CHARS = 80
_BOOLEAN = "true or false"
_WORDS = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"^Value error, ", ""),
        (r"^Input should be", "must be"),
        (r"^String should have at least 1 character$", "must not be empty"),
        (r", (unable to|got a) .*$", ""),
        (r"greater than or equal to (\S+)$", r"\1 or more"),
        (r"less than or equal to (\S+)$", r"\1 or less"),
        (r"a valid integer$", "a whole number"),
        (r"a valid (decimal|number)$", "a number"),
        (r"a valid string$", "text"),
        (r"a valid boolean$", _BOOLEAN),
        (r"a valid tuple$", "a list"),
        (r"a valid dictionary( or instance of \w+)?$", "a table"),
    )
)


def path_name(path: Sequence[str]) -> str:
    """Write a knob, or a path into its table, as TOML does."""
    return ".".join(part if _BARE_KEY.fullmatch(part) else dumps(part, ensure_ascii=False) for part in path)


def refuse_unreadable() -> None:
    """Check the variables that hold JSON.

    Raises:
        SettingsError: one does not.
    """
    for knob in TABLES:
        text = raw(knob)
        try:
            orjson.loads(text or "{}")
        except orjson.JSONDecodeError as error:
            raise SettingsError(
                f"{variable(knob)} must be a JSON object, but {_shown(text)} is not JSON: {error}."
            ) from error


def refuse_unknown(places: Iterable[Layer]) -> None:
    """Check the names of all knobs that are set anywhere.

    Raises:
        SettingsError: there is no such knob.
    """
    known = list(Settings.model_fields)
    ours = {variable(knob) for knob in known}
    for name in variables():
        if name not in ours:
            raise SettingsError(f"There is no setting {name} (environment); {_hint(name, ours)}")
    for place in places:
        for knob in place.values:
            if knob not in known:
                raise SettingsError(f"There is no setting {path_name([knob])} ({place.origin}); {_hint(knob, known)}")


def sentence(mistake: ErrorDetails, places: Sequence[Layer]) -> str:
    """Say what pydantic found, where the value was given, and what is allowed."""
    path = _path(mistake)
    name = path_name(path)
    at = _origin(path, places)
    match mistake["type"]:
        case "extra_forbidden":
            return f"There is no setting {name} ({at}); {_hint(path[-1], _siblings(path))}"
        case "missing":
            return f"{path_name(path[:-1])} ({at}) lacks {path[-1]}."
        case _:
            allowed = _allowed(mistake["msg"])
            if path == ("local",):  # a union: pydantic's first complaint names its first member only
                allowed = allowed.replace(_BOOLEAN, "true, false or a path")
            return f"{name} {allowed}, not {_shown(mistake['input'])} ({at})."


def _path(mistake: ErrorDetails) -> tuple[str, ...]:
    """Return where the mistake is; only tables have an inside, elsewhere pydantic names members of unions."""
    location = tuple(str(part) for part in mistake["loc"])
    return location if location[0] in TABLES else location[:1]


def _origin(path: tuple[str, ...], places: Sequence[Layer]) -> str:
    """Return the strongest place that gives the value, or else the table that should hold it."""
    for end in range(len(path), 0, -1):
        for place in places:
            if place.has(path[:end]):
                return place.origin_of(path[0])
    return "default"


def _allowed(message: str) -> str:
    """Turn pydantic's message into the rest of a sentence that begins with the knob's name."""
    for pattern, words in _WORDS:
        message = pattern.sub(words, message)
    return message


def _siblings(path: tuple[str, ...]) -> Iterable[str]:
    if path[0] == "checks":
        return Thresholds.model_fields
    return (Price if len(path) > 3 else ModelSettings).model_fields


def _hint(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else "`qloragen settings` lists them all."


def _shown(value: object) -> str:
    text = _CREDENTIALS.sub("***@", redact(repr(value)))
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
