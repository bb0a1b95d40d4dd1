"""The places that values come from, the strongest first: arguments, environment, file, OpenAI's own variable."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic_settings import BaseSettings, EnvSettingsSource, InitSettingsSource

from ..errors import SettingsError

PREFIX = "QLORAGEN_"
CONFIG = "QLORAGEN_CONFIG"
_DEFAULT_FILE = Path("qloragen.toml")
_FALLBACK = "OPENAI_BASE_URL"
_PATHS = ("pack", "local")
_SINK_FILE = "sqlite:"


@dataclass(frozen=True, slots=True)
class Layer:
    """One place and the values it gives, by knob."""

    origin: str
    """What people call it: `argument`, `environment`, `qloragen.toml`..."""
    values: Mapping[str, object]

    def origin_of(self, knob: str) -> str:
        """Return where exactly this layer has its value of `knob`."""
        return f"environment {variable(knob)}" if self.origin == "environment" else self.origin

    def has(self, path: Sequence[str]) -> bool:
        """Whether this layer gives a value for `path`: a knob, then keys of the tables in it."""
        here: object = self.values
        for key in path:
            if not isinstance(here, Mapping) or key not in here:
                return False
            here = here[key]
        return True


def variable(knob: str) -> str:
    """Return the environment variable of a knob."""
    return PREFIX + knob.upper()


def variables() -> list[str]:
    """Return the names in the environment that are meant for us, in upper case."""
    return sorted(name.upper() for name in os.environ if name.upper().startswith(PREFIX) and name.upper() != CONFIG)


def raw(knob: str) -> str | None:
    """Return the text of a knob's environment variable."""
    return os.environ.get(variable(knob))


def layers(settings: type[BaseSettings], arguments: Mapping[str, object]) -> tuple[Layer, ...]:
    """Read every place, the strongest first.

    Raises:
        SettingsError: the configuration file cannot be read.
    """
    environment = Layer("environment", EnvSettingsSource(settings)())
    return (Layer("argument", arguments), environment, _file(), _openai())


def below_environment(settings: type[BaseSettings]) -> tuple[InitSettingsSource, ...]:
    """Return what pydantic-settings asks when neither an argument nor the environment gives a value.

    Raises:
        SettingsError: the configuration file cannot be read.
    """
    return tuple(InitSettingsSource(settings, dict(layer.values)) for layer in (_file(), _openai()))


def _openai() -> Layer:
    url = os.environ.get(_FALLBACK)
    return Layer(f"environment {_FALLBACK}", {"base_url": url} if url else {})


def _file() -> Layer:
    named = os.environ.get(CONFIG)
    path = Path(named) if named else _DEFAULT_FILE
    if not named and not path.exists():
        return Layer(str(path), {})
    return Layer(str(path), _anchored(_read(path), path.parent))


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"The settings file {path} is not UTF-8 text (byte {error.start}).") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The settings file {path} is not valid TOML: {error}.") from error


def _anchored(values: dict[str, object], folder: Path) -> dict[str, object]:
    """Let relative paths in a file start at the file, wherever the command is given."""
    here: dict[str, object] = {knob: str(folder / path) for knob in _PATHS if isinstance(path := values.get(knob), str)}
    match values.get("sinks"):
        case str(names):
            here["sinks"] = [_anchored_sink(name.strip(), folder) for name in names.split(",")]
        case list(names):
            here["sinks"] = [_anchored_sink(name, folder) for name in names]
    return values | here


def _anchored_sink(name: object, folder: Path) -> object:
    if not isinstance(name, str) or not name.startswith(_SINK_FILE):
        return name
    return f"{_SINK_FILE}{folder / name.removeprefix(_SINK_FILE)}"
