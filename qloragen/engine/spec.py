"""What an engine is told about one model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..errors import SettingsError
from ..types import Structure
from .models import Family, family
from .pricing import Price, lookup

AUTO_MAXIMUM = 512
"""Most calls in flight that `max_concurrency="auto"` goes up to, unless another maximum is set."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model of an engine: what it accepts, what it costs, and how hard it may be used.

    Limits that are not given are taken from the server's `x-ratelimit-*` headers, where it sends them.

    Raises:
        SettingsError: a limit is less than 1.
    """

    name: str
    family: Family
    price: Price | None = None
    rpm: int | None = None
    """Requests per minute; None: as the server says."""
    tpm: int | None = None
    """Tokens per minute, prompt and completion; None: as the server says."""
    max_concurrency: int | Literal["auto"] = 64
    """Calls in flight; "auto" finds out how many are worth it, up to `auto_maximum`."""
    auto_maximum: int = AUTO_MAXIMUM
    structure: Structure | Literal["auto"] | None = None
    """How structured answers are asked for; None: as the family says."""
    timeout_s: float | None = None
    """Most seconds that one attempt may take; None: as the retry policy says, but at the flex tier 900 at least."""

    def __post_init__(self) -> None:
        limits = {
            "rpm": self.rpm,
            "tpm": self.tpm,
            "max_concurrency": self.most_in_flight,
            "auto_maximum": self.auto_maximum,
        }
        for knob, value in limits.items():
            if value is not None and value < 1:
                raise SettingsError(f"Model {self.name}: {knob} is {value}; it must be at least 1.")

    @property
    def most_in_flight(self) -> int:
        """How many connections it may need."""
        return self.auto_maximum if self.max_concurrency == "auto" else self.max_concurrency


def known_model(
    name: str,
    *,
    base_url: str | None = None,
    rpm: int | None = None,
    tpm: int | None = None,
    max_concurrency: int | Literal["auto"] = "auto",
) -> ModelSpec:
    """Return the spec of a model with what is known by its name: what it accepts, and its list price, if it has one.

    `base_url` tells providers apart that use the same names. The first call imports the price list (a second, 100 MB).

    Raises:
        SettingsError: a limit is less than 1.
    """
    price = lookup(name, base_url=base_url)
    return ModelSpec(name, family(name), price=price, rpm=rpm, tpm=tpm, max_concurrency=max_concurrency)
