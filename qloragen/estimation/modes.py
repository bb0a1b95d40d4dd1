"""Ways to do the same work that cost more or less: what is set, and what could be set in its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from ..settings import Settings

CHOSEN = "as set"
CHEAPEST = "cheapest together"

_SERVICES: Mapping[str, Mapping[str, bool]] = {
    "--batch": {"batch": True, "flex": False},
    "--flex": {"batch": False, "flex": True},
    "standard tier": {"batch": False, "flex": False},
}
_INPUTS = {"--input evidence": "evidence", "--input written": "written"}
_CLASSIFIERS = {f"--classifier {name}": name for name in ("numbers", "decisions", "cascade")}
_READS = {f"--set classify_reads={read}": read for read in ("article", "outline")}


@dataclass(frozen=True, slots=True)
class Mode:
    """One row of the comparison."""

    name: str
    settings: Settings
    candidate: bool = False
    """One of those of which only the cheapest is shown."""


def modes(settings: Settings, models: Sequence[str]) -> tuple[Mode, ...]:
    """Return what is set, then each mode that differs from it in one thing, with `models` in the place of its own, and
    candidates for the cheapest of all."""
    seen = [settings]
    found = [Mode(CHOSEN, settings)]
    for name, changed in (*_single(settings, models), *_together(settings, models)):
        if changed not in seen:
            seen.append(changed)
            found.append(Mode(name, changed, candidate=name.startswith(CHEAPEST)))
    return tuple(found)


def _single(settings: Settings, models: Sequence[str]) -> Iterator[tuple[str, Settings]]:
    for name, knobs in _SERVICES.items():
        yield name, _with(settings, **knobs)
    for knob, choices in (("input", _INPUTS), ("classifier", _CLASSIFIERS), ("classify_reads", _READS)):
        for name, value in choices.items():
            yield name, _with(settings, **{knob: value})
    yield "no prompt cache", _without_cache(settings)
    for model in models:
        yield f"--classify-model {model}", _with(settings, classify_model=model)
        yield f"--generate-model {model}", _with(settings, generate_model=model)


def _together(settings: Settings, models: Sequence[str]) -> Iterator[tuple[str, Settings]]:
    """Yield what may be cheapest of all combinations of the modes: those that cannot be are left out.

    A cascade asks more than decisions do. A run uses its cache only where that pays.
    """
    makers = [{"generate_model": model} for model in (settings.generate_model, *models)]
    choices = product(_SERVICES.values(), _classifying(settings, models), _READS.values(), _INPUTS.values(), makers)
    for service, classifying, read, way, maker in choices:
        changed = _with(settings, **service, **classifying, classify_reads=read, input=way, **maker)
        yield f"{CHEAPEST}: {_flags(settings, changed)}", changed


def _classifying(settings: Settings, models: Sequence[str]) -> Iterator[dict[str, str]]:
    yield {"classifier": "decisions"}
    for classifier in dict.fromkeys(("numbers", settings.classifier)):
        if classifier not in {"decisions", "cascade"}:
            yield from ({"classifier": classifier, "classify_model": one} for one in (settings.classify_model, *models))


def _flags(settings: Settings, changed: Settings) -> str:
    """Return what has changed, as it is set on the command line."""
    names = [
        *(name for name, knobs in _SERVICES.items() if all(getattr(changed, knob) == on for knob, on in knobs.items())),
        *(
            name
            for knob, choices in (("input", _INPUTS), ("classifier", _CLASSIFIERS), ("classify_reads", _READS))
            for name, value in choices.items()
            if getattr(settings, knob) != getattr(changed, knob) == value
        ),
        *(
            f"--{knob.replace('_', '-')} {getattr(changed, knob)}"
            for knob in ("classify_model", "generate_model")
            if getattr(settings, knob) != getattr(changed, knob)
        ),
    ]
    return " ".join(names)


def _with(settings: Settings, **changes: object) -> Settings:
    return settings.model_copy(update=changes)


def _without_cache(settings: Settings) -> Settings:
    own = settings.own(settings.generate_model).model_copy(update={"cache": "none"})
    return settings.model_copy(update={"models": {**settings.models, settings.generate_model: own}})
