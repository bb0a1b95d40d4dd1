"""Sinks by name, as settings and flags give them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module

from ..errors import SettingsError
from .names import is_name
from .sqlite import SqliteSink
from .values import Sink


def sink_of(name: str) -> Sink:
    """Return the sink that is called so: `sqlite:FILE`, `sqlite:FILE#TABLE`, or `astra:KEYSPACE.COLLECTION`.

    Raises:
        SettingsError: There is no such kind, its place is not said, or what it needs is missing.
    """
    kind, _, place = name.partition(":")
    made = _KINDS.get(kind)
    if made is None or not place:
        raise SettingsError(f"There is no sink {name!r}; write one of {', '.join(_FORMS)}.")
    return made(place)


def sinks_of(given: Iterable[Sink | str]) -> tuple[Sink, ...]:
    """Return sinks, those that are named made.

    Raises:
        SettingsError: One cannot be made, or is called what it must not be, or like another.
    """
    sinks = tuple(sink_of(one) if isinstance(one, str) else one for one in given)
    names: set[str] = set()
    for sink in sinks:
        if not is_name(sink.name):
            raise SettingsError(
                f"A sink is called {sink.name!r}; its name may have letters, digits, '.', '_' and '-', and begins with "
                "one of the first two."
            )
        if sink.name in names:
            raise SettingsError(f"Two sinks are called {sink.name}; give one of them another name or place.")
        names.add(sink.name)
    return sinks


def _sqlite(place: str) -> Sink:
    file, mark, table = place.rpartition("#")
    return SqliteSink(file, table) if mark else SqliteSink(place)


def _astra(place: str) -> Sink:
    # By name, for it stands above: whoever has no use for it does not load it.
    made: Callable[[str], Sink] = import_module("qloragen.astra").AstraSink
    return made(place)


_KINDS: Mapping[str, Callable[[str], Sink]] = {"sqlite": _sqlite, "astra": _astra}
_FORMS = ("sqlite:FILE", "sqlite:FILE#TABLE", "astra:KEYSPACE.COLLECTION")
