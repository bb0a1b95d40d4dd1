"""What a judge said, and how far it can be believed."""

from __future__ import annotations

from ...judging.values import Judged
from .bars import Part, bar
from .elements import Html, element
from .figures import count, number, share, usd, worded
from .tables import Column, listed, section, table


def judge(values: Judged) -> Html:
    """Return the judge's answers over real records, and its own marks over planted controls."""
    said = (
        "✓ It finds enough of the planted defects, and accepts enough without, for records to be chosen by it."
        if values.trusted
        else f"✗ No records are chosen by it: {values.refusal}"
    )
    facts = (
        ("model", values.model),
        ("accepted", f"{count(values.accepted)} of {count(values.records)} records"),
        ("recall on controls", share(values.recall)),
        ("precision on controls", share(values.precision)),
        ("controls", f"{count(values.planted)} with a defect, {count(values.good)} without"),
        ("wrongly refused", count(values.good - values.passed)),
        ("kappa", number(values.kappa)),
        ("cost", usd(values.cost_usd)),
    )
    columns = (Column("Question"), Column("", "wide"), Column("Yes", "n"))
    rows = (
        (
            worded(item),
            bar(f"{item}: {share(yes)} yes", [Part("yes", "good", yes), Part("no", "bad", 1 - yes)]),
            share(yes),
        )
        for item, yes in values.items.items()
    )
    grid = element("div", listed(facts, "facts"), table("Share of records with yes", columns, rows), class_="figures")
    return section("Judge", grid, said=said)
