"""What is asked of an export, checked as far as that can be before anything is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from ..export import CONTAINERS, FORMS, ExportError, container_of
from ..export.openai_rules import refuse_container
from .alike import SIMILARITY, checked_similarity
from .front_matter import license_of
from .mixing import parse_mix
from .options import DATASETS, FILLED, MIX_ORDERS, Options, Order, Parting
from .selection import Filters
from .shaping import Texts
from .splits import proportions_of

_IDLE: Mapping[str, tuple[str, str]] = {
    "tokenizer": ("max_tokens", "it only counts what max_tokens bounds"),
    "seed": ("split", "it only says how records are split"),
    "similarity": ("split", "it only says how articles are split"),
    "mix_order": ("mix", "it only says where general data goes"),
}
"""Options that do nothing without another one, and why."""


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
    _refuse_idle(options)
    order = Order(
        format,
        _container(out, options),
        Texts(options.get("system"), _path(options.get("template")), options.get("eos"), options.get("pack")),
        _filters(options),
        _parting(options),
        options.get("balance"),
        tuple(map(parse_mix, _listed(options.get("mix")))),
        _mix_order(options.get("mix_order")),
        license_of(options.get("license")),
    )
    _refuse_places(order, out)
    return order


def _refuse_idle(options: Options) -> None:
    for name, (other, why) in _IDLE.items():
        if options.get(name) is not None and options.get(other) is None:
            raise ExportError(f"{name} does nothing without {other}, for {why}: give both, or leave it out.")
    if options.get("license") is not None and options.get("container") != DATASETS:
        raise ExportError(
            f"license stands on the card of a {DATASETS} folder: give container={DATASETS}, or leave it out."
        )


def _refuse_places(order: Order, out: Path | None) -> None:
    if order.format == "openai":
        refuse_container(order.container, None if order.is_folder else out)
    if out is None and (order.is_folder or order.container == "parquet"):
        what = "Splits" if order.parting else f"{order.container} data"
        raise ExportError(f"{what} cannot go to standard output; say with out where to write.")
    if out is None:
        return
    _refuse_what_is_read(order, out)
    named = container_of(out)
    if order.is_folder and out.suffix.lower().removeprefix(".") in {*CONTAINERS, "gz"}:
        raise ExportError(f"A folder is made of this, and {out} has the name of a file: leave out {out.suffix}.")
    if not order.is_folder and order.container != named and (named != "jsonl" or out.suffix.lower() == ".jsonl"):
        raise ExportError(f"{out} has the ending of {named}, and container is {order.container}: change one of them.")


def _refuse_what_is_read(order: Order, out: Path) -> None:
    """Make sure that general data is not replaced by what it was mixed into, say."""
    read = (*(mix.file for mix in order.mixes), order.texts.template, order.filters.tokenizer)
    target = out.absolute()
    for file in filter(None, read):
        if (
            target.exists()
            and file.exists()
            and (target.samefile(file) or file.resolve().is_relative_to(target.resolve()))
        ):
            raise ExportError(f"{file} is read for this export, and {out} would take its place: write elsewhere.")


def _parting(options: Options) -> Parting | None:
    split, seed, similarity = options.get("split"), options.get("seed"), options.get("similarity")
    if split is None:
        return None
    likeness = checked_similarity(SIMILARITY if similarity is None else similarity)
    return Parting(proportions_of(split), seed or 0, likeness)


def _filters(options: Options) -> Filters:
    return Filters(
        _names("types", options.get("types")),
        _names("without_flags", options.get("without_flags")),
        options.get("min_grounded") or 0.0,
        options.get("min_supported") or 0.0,
        options.get("judged", False),
        options.get("max_tokens"),
        _path(options.get("tokenizer")),
    )


def _names(option: str, given: Iterable[str] | None) -> frozenset[str]:
    """Return names, also those of one text with commas."""
    if given is None:
        return frozenset()
    found = frozenset(name.strip() for part in _listed(given) for name in part.split(",")) - {""}
    if not found:
        raise ExportError(f"{option} names nothing; leave it out, or name some.")
    return found


def _listed(given: Iterable[str] | None) -> tuple[str, ...]:
    """Return texts, also where only one is given and not a list."""
    return (given,) if isinstance(given, str) else tuple(given or ())


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)


def _container(out: Path | None, options: Options) -> str:
    given = options.get("container")
    if given is not None and given not in FILLED:
        raise ExportError(f"There is no container {given}; the containers are {', '.join(FILLED)}.")
    if given is None and out and options.get("split") is None:
        return container_of(out)
    return given or "jsonl"


def _mix_order(given: str | None) -> str:
    if given is not None and given not in MIX_ORDERS:
        raise ExportError(f"There is no mix_order {given}; it is {' or '.join(MIX_ORDERS)}.")
    return given or MIX_ORDERS[0]
