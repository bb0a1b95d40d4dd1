"""What each family of models accepts: data (`models.toml`), never `if`s in the code."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from ..errors import SettingsError
from ..types import Structure

CapParameter = Literal["max_completion_tokens", "max_tokens"]
_OTHER_CAP: dict[CapParameter, CapParameter] = {
    "max_completion_tokens": "max_tokens",
    "max_tokens": "max_completion_tokens",
}


@dataclass(frozen=True, slots=True)
class Family:
    """What a model accepts. Each field is explained at the head of `models.toml`."""

    name: str
    cap_parameter: CapParameter = "max_tokens"
    parameters: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    reasoning_allowance_tokens: int = 0
    sampling: bool = True
    cache: Literal["explicit", "automatic", "none"] = "none"
    cache_key: bool = False
    structure: Structure | Literal["auto"] = "auto"
    bounds: bool = True
    service_tiers: tuple[str, ...] = ()
    decisions: bool = False
    context_tokens: int | None = None
    service_tier: str | None = None
    """Asked for with every request; None leaves it to the account."""
    refused: frozenset[str] = frozenset()
    """Parameters that are never sent, by name: what the model has turned out to refuse."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


def family(model: str) -> Family:
    """Return the row of the table for a model's name; unknown names get the cautious default."""
    name = re.sub(r"^(openai/|azure/|ft:)+", "", model.lower())
    return next((row for pattern, row in _table() if pattern.search(name)), _default())


def overridden(family: Family, changes: Mapping[str, object]) -> Family:
    """Return `family` with fields of the user's choice, as from a settings file.

    `parameters` are added to those of the family, of which some may be what makes it work at all.

    Raises:
        SettingsError: a field does not exist, or has a value it cannot have.
    """
    parameters = changes.get("parameters")
    if isinstance(parameters, Mapping):
        changes = {**changes, "parameters": {**family.parameters, **parameters}}
    try:
        changed = _FAMILY.validate_python({**asdict(family), **changes})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"Model family {family.name}: {where}: {first['msg']}.") from None
    tier, tiers = changed.service_tier, changed.service_tiers
    if tier is not None and tiers and tier not in tiers:
        raise SettingsError(f"Model family {family.name}: service_tier {tier!r} is not one of {', '.join(tiers)}.")
    return changed


def without(family: Family, parameter: str) -> Family | None:
    """Return a family that does not send `parameter` (or calls the cap by its other name); None if it already does so.

    A cap is never dropped: without it, a reply could cost anything.
    """
    if parameter == family.cap_parameter:
        other = _OTHER_CAP[family.cap_parameter]
        spent = family.refused | {parameter}
        return None if other in spent else replace(family, cap_parameter=other, refused=spent)
    if parameter in family.refused:
        return None
    tier = None if parameter == "service_tier" else family.service_tier
    return replace(family, refused=family.refused | {parameter}, service_tier=tier)


_FAMILY = TypeAdapter(Family)


@cache
def _rows() -> Mapping[str, object]:
    return tomllib.loads(files(__package__).joinpath("models.toml").read_text("utf-8"))


@cache
def _default() -> Family:
    return _FAMILY.validate_python({"name": "default", **_mapping(_rows()["default"])})


@cache
def _table() -> tuple[tuple[re.Pattern[str], Family], ...]:
    defaults = _mapping(_rows()["default"])
    families = _rows()["family"]
    assert isinstance(families, list)
    return tuple(_row({**defaults, **row}) for row in families)


def _row(row: dict[str, object]) -> tuple[re.Pattern[str], Family]:
    pattern = row.pop("match")
    assert isinstance(pattern, str)
    return re.compile(pattern), _FAMILY.validate_python(row)


def _mapping(value: object) -> Mapping[str, object]:
    assert isinstance(value, dict)
    return value
