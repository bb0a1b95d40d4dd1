"""What a report says first: which run this is, and what it has come to in a few figures."""

from __future__ import annotations

from ..values import Report
from .elements import Html, element
from .figures import count, share, usd
from .tables import listed


def overview(report: Report) -> Html:
    """Return the head of the report."""
    made = report.made.strftime("%d %B %Y, %H:%M %Z").strip()
    return element(
        "section",
        element("p", f"Report of {made}", class_="eyebrow"),
        element("h1", report.folder, id="top"),
        element("div", *_headlines(report), class_="headlines"),
        listed(report.about.items(), "about"),
        aria_labelledby="top",
    )


def _headlines(report: Report) -> tuple[Html, ...]:
    accepted = sum(row.accepted for row in report.types)
    rejected = sum(row.rejected for row in report.types)
    judged = [goal for goal in report.quality if goal.passed is not None]
    missed = [goal for goal in judged if not goal.passed]
    ended = accepted + rejected
    return (
        _headline(count(accepted), "records accepted", f"of {count(ended)} asked for"),
        _headline(share(accepted / ended if ended else None), "acceptance", f"{count(rejected)} rejected"),
        _headline(
            f"{len(judged) - len(missed)} of {len(judged)}",
            "goals passed",
            f"✗ {', '.join(goal.name for goal in missed[:2])}{' …' if len(missed) > 2 else ''}"
            if missed
            else "✓ none missed",
            "bad" if missed else "good",
        ),
        _headline(usd(report.cost_usd), "spent", f"{usd(report.per_thousand_usd)} per 1,000 records"),
    )


def _headline(figure: str, name: str, detail: str, look: str = "plain") -> Html:
    return element(
        "div",
        element("span", name, class_="name"),
        element("strong", figure),
        element("span", detail, class_="detail"),
        class_=f"headline {look}",
    )
