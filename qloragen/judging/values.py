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
    planted: int
    """Controls with a defect."""
    caught: int
    """Those of them that the judge refused."""
    good: int
    """Controls without a defect."""
    passed: int
    """Those of them that the judge accepted."""
    recall: float | None
    """Share of planted defects that the judge refused."""
    min_recall: float
    """Below it no records are chosen by the judge."""
    precision: float | None
    """Share of planted defects in the controls that it refused."""
    kappa: float | None
    trusted: bool
    """Whether records may be chosen by this judge."""
    refusal: str | None
    """Why no records are chosen by this judge, in a sentence; None when they may be."""
    cost_usd: Decimal | None
