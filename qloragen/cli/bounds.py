"""The flags that say what a run may spend: each for the run, or for one model."""

from __future__ import annotations

import argparse
from typing import NamedTuple

_FLAGS = {
    "max_cost_usd": ("--max-cost-usd", "X", "never spend more than X dollars"),
    "max_tokens": ("--max-tokens", "N", "never pay for more than N tokens, prompt and completion"),
    "max_calls": ("--max-calls", "N", "never pay for more than N calls"),
}
_RESULT = "bounds_"


class _Bound(NamedTuple):
    model: str | None
    value: str


def add_bounds(parser: argparse.ArgumentParser) -> None:
    """Add the flags; `bounded` reads them."""
    for name, (flag, metavar, text) in _FLAGS.items():
        parser.add_argument(
            flag,
            action="append",
            type=_bound,
            dest=f"{_RESULT}{name}",
            metavar=f"[MODEL=]{metavar}",
            help=f"{text} in this run directory, or for calls to MODEL; may be repeated",
        )


def bounded(knobs: dict[str, object], arguments: argparse.Namespace) -> dict[str, object]:
    """Return settings with what the flags say besides."""
    found = dict(knobs)
    for name in _FLAGS:
        for model, value in getattr(arguments, f"{_RESULT}{name}", None) or ():
            if model is None:
                found[name] = value
                continue
            models = found.get("models", {})
            if isinstance(models, dict):  # else it is refused for what it is
                found["models"] = {**models, model: {**models.get(model, {}), name: value}}
    return found


def _bound(text: str) -> _Bound:
    model, equals, value = text.rpartition("=")
    if not value or (equals and not model):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor of the form MODEL=NUMBER")
    return _Bound(model or None, value)
