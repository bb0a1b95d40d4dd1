"""How the instruction types of a run have fared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    whole = sum(count for cell, count in now.items() if is_accepted(cell))
    known = standard.pack.types if standard.pack else ()
    slugs = dict.fromkeys((*(kind.slug for kind in known), *sorted(cell.slug for cell in now if cell.slug)))
    rows = []
    for slug in slugs:
        own = {cell: count for cell, count in now.items() if cell.slug == slug}
        accepted = _sum(own, (cell for cell in own if is_accepted(cell)))
        kind = standard.type(slug)
        supported = quantile(look.supported.get(slug, {}), 0.5)
        row = TypeRow(
            number=kind.number if kind else 0,
            slug=slug,
            pairs=sum(own.values()),
            accepted=accepted,
            first_pass=accepted - _sum(own, (cell for cell in own if is_repaired(cell))),
            rejected=_sum(own, (cell for cell in own if is_rejected(cell))),
            share=share(accepted, whole) or 0.0,
            supported=None if supported is None else supported / 100,
            tokens=look.lengths.median_of(slug),
            cost_usd=costs.get(slug, Decimal(0)),
        )
        rows.append(row)
    return tuple(rows)


def _sum(cells: Mapping[Cell, int], some: Iterable[Cell]) -> int:
    return sum(cells[cell] for cell in some)
