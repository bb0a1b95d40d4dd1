"""How the instruction types of a run have fared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from .cells import Cell
from .choice import is_accepted, is_rejected
from .figures import quantile, share
from .funnel import is_repaired
from .look import Look
from .standard import Standard
from .values import TypeRow


def types_of(
    cells: Mapping[Cell, int], look: Look, standard: Standard, costs: Mapping[str, Decimal | None]
) -> tuple[TypeRow, ...]:
    """Return a row for each type of the pack, and for those besides that there are cells of; in order of numbers."""
    now = {cell: count for cell, count in cells.items() if cell.current and cell.slug is not None}
    whole = _accepted(now)
    known = standard.pack.types if standard.pack else ()
    slugs = dict.fromkeys((*(kind.slug for kind in known), *sorted(cell.slug for cell in now if cell.slug)))
    by_slug = {slug: {cell: count for cell, count in now.items() if cell.slug == slug} for slug in slugs}
    return tuple(
        _row(slug, own, share(_accepted(own), whole) or 0.0, look, standard, costs.get(slug, Decimal(0)))
        for slug, own in by_slug.items()
    )


def _row(
    slug: str, own: Mapping[Cell, int], part: float, look: Look, standard: Standard, cost_usd: Decimal | None
) -> TypeRow:
    """Return the row of a type with its `own` cells, whose records are such a part of all."""
    kind, supported = standard.type(slug), quantile(look.supported.get(slug, {}), 0.5)
    return TypeRow(
        number=kind.number if kind else 0,
        slug=slug,
        pairs=sum(own.values()),
        accepted=_accepted(own),
        first_pass=_accepted(own) - _sum(own, is_repaired),
        rejected=_sum(own, is_rejected),
        share=part,
        supported=None if supported is None else supported / 100,
        tokens=look.lengths.median_of(slug),
        cost_usd=cost_usd,
    )


def _accepted(cells: Mapping[Cell, int]) -> int:
    return _sum(cells, is_accepted)


def _sum(cells: Mapping[Cell, int], counts: Callable[[Cell], bool]) -> int:
    return sum(count for cell, count in cells.items() if counts(cell))
