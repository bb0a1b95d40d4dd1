"""The flags that say what a run may spend: each for the run, or for one model."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from typing import NamedTuple

from ..errors import SettingsError
from ..settings import Settings

_FLAGS = {
    "max_cost_usd": ("--max-cost-usd", "X", "never spend more than X dollars"),
    "max_tokens": ("--max-tokens", "N", "never pay for more than N tokens of prompts and completions"),
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
            help=f"{text}, over all sessions in this run directory; with MODEL=, on its calls; may be repeated",
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


def refuse_strangers(arguments: argparse.Namespace, settings: Settings, others: Collection[str] = ()) -> None:
    """Check that the models of the flags are those of the run, or `others`: a misspelt name would limit nothing.

    Raises:
        SettingsError: one is not.
    """
    if settings.local:
        return
    models = dict.fromkeys((settings.classify_model, settings.generate_model, settings.decide_model, *others))
    for name, (flag, _, _) in _FLAGS.items():
        for model, value in getattr(arguments, f"{_RESULT}{name}", None) or ():
            if model is not None and model not in models:
                raise SettingsError(
                    f"{flag} {model}={value}: {model} is none of the models here ({', '.join(models)})."
                )


def _bound(text: str) -> _Bound:
    model, equals, value = text.rpartition("=")
    if not value or (equals and not model):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor of the form MODEL=NUMBER")
    return _Bound(model or None, value)
