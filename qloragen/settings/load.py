"""Loading the settings, and telling where each value came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pydantic import JsonValue, ValidationError

from ..errors import SettingsError
from ..logs import without_secrets
from ..thresholds import Thresholds
from .knobs import TABLES, Settings
from .layers import Layer, layers, variable
from .mistakes import path_name, refuse_unknown, refuse_unreadable, sentence
from .model import ModelSettings, Price


class Knob(NamedTuple):
    """One knob as it stands."""

    name: str
    """As in `qloragen.toml`; entries of tables with their path: `models."gpt-6-luna".rpm`."""
    variable: str
    """Its environment variable."""
    value: JsonValue
    """Without credentials; None when it is not set."""
    origin: str
    """`argument`, `environment QLORAGEN_RPM`, `qloragen.toml`, `environment OPENAI_BASE_URL`, `default`."""
    description: str


def load(**arguments: object) -> Settings:
    """Return the settings; an argument that is None counts as not given.

    Raises:
        SettingsError: a value cannot be, a name is unknown, or the file cannot be read.
    """
    given = _given(arguments)
    return _build(given, _layers(given))


def explain(**arguments: object) -> tuple[Knob, ...]:
    """Return every knob with its value and origin, in a fixed order; set entries of tables one by one.

    Raises:
        SettingsError: as `load`.
    """
    given = _given(arguments)
    places = _layers(given)
    settings = _build(given, places)
    tables = settings.model_dump(mode="json", include=set(TABLES), exclude_unset=True)
    values = settings.public() | {name: without_secrets(table) for name, table in tables.items()}
    return tuple(
        _knob(path, value, places) for name in Settings.model_fields for path, value in _leaves((name,), values[name])
    )


def _given(arguments: Mapping[str, object]) -> dict[str, object]:
    return {name: _plain(value) for name, value in arguments.items() if value is not None}


def _plain(value: object) -> object:
    """Return our own values as tables, so that they merge with those of the environment and the file."""
    match value:
        case ModelSettings() | Price() | Thresholds():
            return value.model_dump(exclude_unset=True)
        case Mapping():
            return {key: _plain(inner) for key, inner in value.items()}
        case _:
            return value


def _layers(given: Mapping[str, object]) -> tuple[Layer, ...]:
    refuse_unreadable()
    places = layers(Settings, given)
    refuse_unknown(places)
    return places


def _build(given: dict[str, object], places: tuple[Layer, ...]) -> Settings:
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        # Not chained: pydantic's own text repeats values, credentials in addresses included.
        raise SettingsError(sentence(error.errors()[0], places)) from None


def _knob(path: tuple[str, ...], value: JsonValue, places: tuple[Layer, ...]) -> Knob:
    knob = path[0]
    origin = next((place.origin_of(knob) for place in places if place.has(path)), "default")
    return Knob(path_name(path), variable(knob), value, origin, _description(path))


def _description(path: tuple[str, ...]) -> str:
    match path:
        case ("models", _, knob, *_):
            return ModelSettings.model_fields[knob].description or ""
        case ("checks", knob, *_):
            return Thresholds.model_fields[knob].description or ""
        case _:
            return Settings.model_fields[path[0]].description or ""


def _leaves(path: tuple[str, ...], value: JsonValue) -> Iterator[tuple[tuple[str, ...], JsonValue]]:
    """Walk through tables to what is set in them; an empty table, and any other knob, stands for itself."""
    if not isinstance(value, dict) or not value:
        yield path, value
        return
    for key, inner in value.items():
        yield from _leaves((*path, key), inner)
