"""Write the page: its parts put together, and nothing in it that could run but its own script."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.resources import files
from itertools import chain
from pathlib import Path
from string import Template

from ...export.whole import opened_whole, refuse_files_of_runs, unwritable
from ..values import Report, Shown
from .courses import over_time
from .elements import Html, element, together
from .embedding import embedded
from .funnel import funnel
from .judged import judge
from .kinds import kinds
from .measures import diversity, lengths
from .money import money
from .overview import overview
from .packing import Found, packed
from .quality import quality
from .samples import rejected, worst
from .tables import anchor

_SCRIPTS = ("dom", "text", "data", "search", "list", "evidence", "reader", "browser", "page")
"""Put together in this order to the one script of the page."""


def write_html(report: Report, records: Iterable[Shown], articles: Found, out: Path) -> None:
    """Write one page with everything: it needs no network, and no other file.

    `articles` are asked for by content hash, each a few times at most; records whose article is not there are shown
    without it. Records that the report itself shows are in its browser, whether or not `records` has them. The file
    appears when it is complete, in place of an earlier one; its folders are made.

    Raises:
        ExportError: `out` cannot be written, or is a file of a run.
    """
    refuse_files_of_runs(out)
    before, after = _around(report)
    data = embedded(packed(_each_once(chain(records, report.worst, *report.rejected.values())), articles))
    with unwritable(out), opened_whole(out) as write:
        for piece in chain([before], data, [after]):
            write(piece)


def _each_once(records: Iterable[Shown]) -> Iterator[Shown]:
    seen: set[str] = set()
    for record in records:
        if record.id not in seen:
            seen.add(record.id)
            yield record


def _around(report: Report) -> tuple[bytes, bytes]:
    """Return the page as what comes before its data and what comes after it."""
    style, script = _text("page.css"), "\n".join(_text(f"js/{name}.js") for name in _SCRIPTS)
    own = f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    policy = f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"
    page = Template(_text("page.html")).substitute(
        policy=policy,
        title=together([report.folder]),
        style=style,
        script=script,
        report=_body(report),
        browser=element("p", report.browser, id="scope") if report.browser else "",
        data=_DATA,
    )
    before, _, after = page.partition(_DATA)
    return before.encode(), after.encode()


_DATA = "<!-- data -->"


def _body(report: Report) -> Html:
    parts = {
        "Funnel": funnel(report.funnel),
        "Quality": quality(report.quality),
        "Over time": over_time(report.timeline),
        "Types": kinds(report.types),
        "Lengths": lengths(report),
        "Diversity": diversity(report.diversity),
        "Cost": money(report),
        **({"Judge": judge(report.judged)} if report.judged else {}),
        "Worst accepted": worst(report.worst),
        "Rejected": rejected(report.rejected),
    }
    links = (element("a", title, href=f"#{anchor(title)}") for title in parts)
    return together(
        [element("nav", *links, class_="contents", aria_label="Contents"), overview(report), *parts.values()]
    )


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
