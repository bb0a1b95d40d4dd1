"""Records for the eye: the worst of those accepted, and a few rejected for each reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from ..values import Shown
from .elements import Html, element, shortened
from .figures import count, number, worded
from .tables import section


def worst(records: tuple[Shown, ...]) -> Html:
    """Return the accepted records that look worst, each leading to where it is read."""
    if not records:
        return section("Worst accepted", said="There is no accepted record of which anything is measured.")
    said = "The accepted records that the checks think least of: read these first."
    return section("Worst accepted", _cards(records), said=said)


def rejected(records: Mapping[str, tuple[Shown, ...]]) -> Html:
    """Return a few rejected records for each reason."""
    if not records:
        return section("Rejected", said="Nothing was rejected.")
    groups = (
        element(
            "details",
            element("summary", worded(reason), " ", element("span", f"{count(len(few))} shown", class_="muted")),
            _cards(few),
            open="",
        )
        for reason, few in records.items()
    )
    return section("Rejected", *groups, said="A few for each reason.")


def _cards(records: Iterable[Shown]) -> Html:
    return element("ul", *(element("li", _card(record)) for record in records), class_="cards")


def _card(record: Shown) -> Html:
    known = record.supported is not None and record.grounded is not None
    measures = f"supported {number(record.supported)} · grounded {number(record.grounded)}" if known else ""
    flags = (element("span", f"⚑ {worded(flag)}", class_="tag flag") for flag in record.flags)
    why = (element("span", f"✗ {worded(record.reason)}", class_="tag bad"),) if record.reason else ()
    return element(
        "a",
        element(
            "span",
            element("span", worded(record.type_slug), class_="tag"),
            *why,
            *flags,
            element("span", measures, class_="muted"),
            class_="line",
        ),
        element("strong", shortened(record.instruction, 200) or "(no instruction)"),
        element("span", shortened(record.detail or record.output, 240), class_="excerpt"),
        href=f"#records?id={quote(record.id, safe='', errors='replace')}",
        class_="card",
    )
