"""What can be asked of an export, and what of it cannot be together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from ..export import CONTAINERS, FORMS, ExportError, container_of
from ..export.openai_rules import refuse_container
from .selection import Filters
from .shaping import Texts


class Options(TypedDict, total=False):
    """What else can be said of an export, by name; None is as good as left out. See `export`."""

    container: str | None
    types: Iterable[str] | None
    without_flags: Iterable[str] | None
    min_grounded: float | None
    min_supported: float | None
    judged: bool
    max_tokens: int | None
    tokenizer: str | Path | None
    system: str | None
    template: str | Path | None
    eos: str | None
    pack: str | Path | None


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be exported, and how."""

    format: str
    container: str
    texts: Texts
    filters: Filters


def order_of(format: str, out: Path | None, options: Options) -> Order:
    """Return what is asked for.

    Raises:
        ExportError: A value cannot be, or not together with another.
        TypeError: There is no such option.
    """
    for name in options:
        if name not in Options.__annotations__:
            raise TypeError(f"export() got an unexpected keyword argument {name!r}")
    if format not in FORMS:
        raise ExportError(f"There is no format {format}; the formats are {', '.join(FORMS)}.")
    return Order(format, _container(format, out, options), _texts(options), _filters(options))


def _texts(options: Options) -> Texts:
    return Texts(options.get("system"), _path(options.get("template")), options.get("eos"), options.get("pack"))


def _filters(options: Options) -> Filters:
    tokenizer, most = _path(options.get("tokenizer")), options.get("max_tokens")
    if tokenizer and most is None:
        raise ExportError("A tokenizer only counts what max_tokens bounds; give max_tokens too, or leave it out.")
    return Filters(
        _names("types", options.get("types")),
        _names("without_flags", options.get("without_flags")),
        options.get("min_grounded") or 0.0,
        options.get("min_supported") or 0.0,
        options.get("judged", False),
        most,
        tokenizer,
    )


def _names(option: str, given: Iterable[str] | None) -> frozenset[str]:
    """Return names, also those of one text with commas."""
    if given is None:
        return frozenset()
    names = frozenset(given.split(",") if isinstance(given, str) else given)
    found = frozenset(name.strip() for name in names) - {""}
    if not found:
        raise ExportError(f"{option} names nothing; leave it out, or name some.")
    return found


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)


def _container(format: str, out: Path | None, options: Options) -> str:
    given = options.get("container")
    if given is not None and given not in CONTAINERS:
        raise ExportError(f"There is no container {given}; the containers are {', '.join(CONTAINERS)}.")
    container = given or (container_of(out) if out else "jsonl")
    if out is None and container == "parquet":
        raise ExportError("Parquet files do not go to standard output; say with out where to write.")
    if format == "openai":
        refuse_container(container, out)
    return container
