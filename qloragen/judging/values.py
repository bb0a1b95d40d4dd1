"""What a judge has said, in figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judge said; rates are over real records, recall and precision over planted controls."""

    model: str
    records: int
    accepted: int
    items: Mapping[str, float]
    """Question to the share of records that it was answered with yes for."""
    controls: int
    recall: float | None
    """Share of planted defects that the judge refused."""
    precision: float | None
    """Share of planted defects in the controls that it refused."""
    kappa: float | None
    trusted: bool
    """Recall is high enough for records to be chosen by it."""
    cost_usd: Decimal | None
