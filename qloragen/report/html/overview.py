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
    ended = accepted + rejected
    return (
        _headline(count(accepted), "records accepted", f"of {count(ended)} asked for"),
        _headline(share(accepted / ended if ended else None), "acceptance", f"{count(rejected)} rejected"),
        _goals(report),
        _headline(usd(report.cost_usd), "spent", f"{usd(report.per_thousand_usd)} per 1,000 records"),
    )


def _goals(report: Report) -> Html:
    judged = [goal for goal in report.quality if goal.passed is not None]
    missed = [goal.name for goal in judged if not goal.passed]
    figure = f"{len(judged) - len(missed)} of {len(judged)}"
    if not missed:
        return _headline(figure, "goals passed", "✓ none missed", "good")
    more = " …" if len(missed) > 2 else ""
    return _headline(figure, "goals passed", f"✗ {', '.join(missed[:2])}{more}", "bad")


def _headline(figure: str, name: str, detail: str, look: str = "plain") -> Html:
    return element(
        "div",
        element("span", name, class_="name"),
        element("strong", figure),
        element("span", detail, class_="detail"),
        class_=f"headline {look}",
    )
