"""The balance of instruction types."""

from __future__ import annotations

from ..values import TypeRow
from .bars import Part, bar
from .elements import Html, element, together
from .figures import count, number, share, usd, worded
from .tables import Column, section, table

_COLUMNS = (
    Column("Type"),
    Column("", "wide"),
    Column("Accepted", "n"),
    Column("Rejected", "n"),
    Column("Open", "n", "Pairs of an article and this type without a record or a rejection so far"),
    Column("First pass", "n", "Of the accepted ones, those that needed no second call"),
    Column("Share", "n", "Of all accepted records"),
    Column("Supported", "n", "Median share of the output's words that instruction and input have"),
    Column("Tokens", "n", "Median length of a training prompt"),
    Column("Cost", "n"),
)


def kinds(rows: tuple[TypeRow, ...]) -> Html:
    """Return the types with their accepted and rejected records as bars, all on one scale."""
    most = max((max(row.pairs, row.accepted + row.rejected) for row in rows), default=0)
    grid = table("Instruction types", _COLUMNS, (_row(row, max(most, 1)) for row in rows))
    keys = (element("span", element("i", class_=look), look_name, class_="key") for look_name, look in _LEGEND)
    return section("Types", element("p", *keys, class_="legend"), grid)


_LEGEND = (("accepted", "good"), ("rejected", "bad"), ("open", "open"))


def _row(row: TypeRow, most: int) -> tuple[str, ...]:
    still = max(row.pairs - row.accepted - row.rejected, 0)
    said = f"{row.slug}: {count(row.accepted)} accepted, {count(row.rejected)} rejected, {count(still)} open"
    parts = [
        Part(f"{count(many)} {name}", look, many / most)
        for (name, look), many in zip(_LEGEND, (row.accepted, row.rejected, still), strict=True)
    ]
    return (
        together([element("span", str(row.number), class_="number"), f" {worded(row.slug)}"]),
        bar(said, parts),
        count(row.accepted),
        count(row.rejected),
        count(still),
        share(row.first_pass / row.accepted if row.accepted else None),
        share(row.share),
        number(row.supported),
        count(row.tokens),
        usd(row.cost_usd),
    )
