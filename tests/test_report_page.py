"""The report's page in a real browser: what it shows, how it is used, and that nothing in its texts can run."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from qloragen.export import ExportError
from qloragen.report.html import write_html
from qloragen.report.html.elements import Html, element, visible
from qloragen.report.html.figures import share, usd
from qloragen.report.html.packing import numbers, shape
from qloragen.report.html.plots import Axes, Line, lines_plot
from qloragen.report.html.scales import doubling_marks, on_doubling, round_marks, time_marks
from qloragen.report.html.timing import course, rates
from qloragen.report.values import Point, Report, Shown

from .page_reports import BEGAN, EXAMPLES, a_report, hostile, sample_articles, shown_records

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
expect.set_options(timeout=20_000)
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium or google-chrome on the PATH")

SECOND = timedelta(seconds=1)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

HOSTILE = (
    "<script>window.ran = 1</script></script><script>window.ran = 2</script>\n"
    "<img src=x onerror='window.ran = 3'><svg onload='window.ran = 4'>\n"
    "\"><b id=bold>'</style><style>body{display:none}</style>{{7*7}}${7*7}&lt;<!--\n"
    "\u202egnp.exe\u2066 \x00\x07\x1b[31m \ud800 half \udfff, \ufeff, é, 漢字, 🦑\n"
    "javascript:window.ran = 5"
)


@dataclass
class Seen:
    """One page as the browser sees it."""

    page: Page
    said: list[str] = field(default_factory=list)
    """What came to the console, and errors."""
    asked: list[str] = field(default_factory=list)
    """Addresses that were asked for."""

    def open(self, file: Path, hash: str = "") -> Page:
        self.page.goto(f"{file.as_uri()}{hash}")
        self.page.wait_for_selector("html[data-ready]")
        return self.page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def see(browser):
    """Open new windows; none of them may have asked for anything but its page, or have complained."""
    windows: list[tuple[BrowserContext, Seen]] = []

    def open_window(*, height: int = 900) -> Seen:
        context = browser.new_context(viewport={"width": 1280, "height": height}, color_scheme="light")
        seen = Seen(context.new_page())
        seen.page.on("console", lambda message: seen.said.append(message.text))
        seen.page.on("pageerror", lambda error: seen.said.append(str(error)))
        seen.page.on("request", lambda request: seen.asked.append(request.url))
        windows.append((context, seen))
        return seen

    yield open_window
    for context, seen in windows:
        assert seen.said == []
        assert {address.partition("#")[0] for address in seen.asked} == {seen.page.url.partition("#")[0]}
        context.close()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of 120 records of 7 articles."""
    file = tmp_path_factory.mktemp("small") / "report.html"
    articles = sample_articles(7)
    records = shown_records(articles, 120)
    write_html(a_report(records, 7), records, articles, file)
    return file


def written(tmp_path: Path, report: Report, records: list[Shown]) -> Path:
    file = tmp_path / "report.html"
    write_html(report, records, {}, file)
    return file


def point(time: datetime, records: int) -> Point:
    return Point(time, records, records, 0, records, Decimal(records))


# ------------------------------------------------------------------------------------------------------- the report


@in_browser
def test_the_page_shows_every_part_of_the_report(see, small):
    page = see().open(small)

    titles = page.locator("#report h2").all_text_contents()

    assert titles == [
        "Funnel",
        "Quality",
        "Over time",
        "Types",
        "Lengths",
        "Diversity",
        "Cost",
        "Judge",
        "Worst accepted",
        "Rejected",
    ]
    expect(page.locator("#funnel")).to_contain_text("✓ The sums agree")
    expect(page.locator("#quality tr", has_text="accepted in the end")).to_contain_text("✗ missed")
    expect(page.locator("#quality tr", has_text="grounded inputs")).to_contain_text("✓ passed")
    assert page.locator("svg[role=img]").count() > 20
    assert page.locator("svg[role=img]:not([aria-label])").count() == 0


@in_browser
def test_a_funnel_whose_sums_do_not_agree_says_so(see, tmp_path):
    records = shown_records(sample_articles(1), 5)
    report = a_report(records, 1)
    wrong = replace(report.funnel[0], count=report.funnel[0].count + 1)

    page = see().open(written(tmp_path, replace(report, funnel=(wrong, *report.funnel[1:])), records))

    expect(page.locator("#funnel")).to_contain_text("✗ The sums do not agree at pieces.")


@in_browser
def test_a_run_that_has_come_to_nothing_yet_has_a_page(see, tmp_path):
    empty = replace(
        a_report([], 0), types=(), lengths=(), quality=(), spent=(), in_vain=(), timeline=(), funnel=(), judged=None,
        cost_usd=None, per_thousand_usd=None, about={}, rejected={},
    )  # fmt: skip
    seen = see()

    page = seen.open(written(tmp_path, empty, []), "#records")

    expect(page.locator("#count")).to_have_text("0 records")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#reader")).to_be_hidden()


@in_browser
def test_the_worst_records_lead_to_where_they_are_read(see, small):
    page = see().open(small)
    card = page.locator("#worst-accepted .card").first
    instruction = card.locator("strong").text_content().removesuffix("…")

    card.click()

    expect(page.locator("#reader .instruction")).to_contain_text(instruction[:80])
    page.go_back()
    expect(page.locator("#report")).to_be_visible()
    expect(card).to_be_in_viewport()


@in_browser
def test_records_that_only_the_report_has_are_in_the_browser_too(see, tmp_path):
    records = shown_records(sample_articles(1), 30)

    page = see().open(written(tmp_path, a_report(records, 1), []), "#records?outcome=accepted")

    expect(page.locator("#count")).to_contain_text("9 of ")


@in_browser
def test_a_run_has_its_page_from_the_command_line(see, serve, tmp_path):
    def command(*arguments: object) -> None:
        server = {"QLORAGEN_BASE_URL": serve_from, "OPENAI_API_KEY": "k"}
        done = subprocess.run(
            [sys.executable, "-m", "qloragen", *map(str, arguments)],
            env={**os.environ, **server},
            capture_output=True,
            check=False,
        )
        assert done.returncode in (0, 3), done.stderr

    serve_from = serve().base_url
    command("generate", EXAMPLES, "--out", tmp_path / "run")
    command("report", tmp_path / "run", "--html", tmp_path / "report.html")

    page = see().open(tmp_path / "report.html", "#records?outcome=accepted")

    records = (tmp_path / "run/records.jsonl").read_bytes().count(b"\n")
    assert records > 10
    expect(page.locator("#count")).to_contain_text(re.compile(rf"^{records} (of \d+ )?records$"))
    page.locator(".row").first.click()
    expect(page.locator("#reader .source .exact").first).to_be_in_viewport()


# ------------------------------------------------------------------------------------------------------- the browser


@in_browser
def test_records_are_found_by_what_they_say(see, small):
    page = see().open(small, "#records")

    page.keyboard.press("/")
    page.keyboard.type('"(no. 17)"')

    expect(page.locator("#count")).to_have_text("1 of 120 records")
    expect(page.locator(".row")).to_contain_text("(No. 17)")
    page.fill("#query", "nothing says this")
    expect(page.locator("#count")).to_have_text("0 of 120 records")
    page.click("#clear")
    expect(page.locator("#count")).to_have_text("120 records")


@in_browser
def test_records_are_filtered_and_ordered_and_the_address_remembers_it(see, small):
    seen = see()
    page = seen.open(small, "#records")

    page.select_option("#outcome", "rejected")
    expect(page.locator("#count")).to_have_text("10 of 120 records")
    page.select_option("#outcome", "accepted")
    page.select_option("#flag", "any")
    page.select_option("#sort", "supported")

    expect(page.locator("#count")).to_have_text("9 of 120 records")
    shown = [float(text.split()[1]) for text in page.locator(".row .measures").all_text_contents()]
    assert len(shown) == 9
    assert shown == sorted(shown)
    again = see().open(small, page.url[page.url.index("#") :])
    expect(again.locator("#count")).to_have_text("9 of 120 records")
    expect(again.locator("#sort")).to_have_value("supported")


@in_browser
def test_a_reason_and_a_type_and_an_article_can_be_asked_for(see, small):
    page = see().open(small, "#records?outcome=rejected:placeholder")

    expect(page.locator("#count")).to_have_text("2 of 120 records")
    page.locator(".row").first.click()
    page.get_by_role("button", name="All records of this article").click()

    expect(page.locator("#count")).to_contain_text(re.compile(r"^(15|20) of 120 records$"))
    page.select_option("#type", "caveats")
    expect(page.locator("#count")).to_contain_text(re.compile(r"^[12] of 120 records$"))


@in_browser
def test_everything_can_be_done_with_the_keyboard(see, small):
    page = see().open(small, "#records")

    page.keyboard.press("/")
    page.keyboard.type("capacity")
    page.keyboard.press("Escape")
    for key in ("j", "j", "ArrowDown", "k", "Enter"):
        page.keyboard.press(key)

    expect(page.locator("#reader .place")).to_have_text("3 of 120")
    page.keyboard.press("j")
    expect(page.locator("#reader .place")).to_have_text("4 of 120")
    page.keyboard.press("Escape")
    expect(page.locator("#reader")).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == "list"
    expect(page.locator("[aria-selected=true]")).to_contain_text("(No. 3)")
    page.keyboard.press("End")
    expect(page.locator("[aria-selected=true]")).to_contain_text("(No. 119)")
    assert page.get_attribute("#list", "aria-activedescendant") == page.get_attribute("[aria-selected=true]", "id")


@in_browser
def test_every_control_is_reached_by_tab_and_shows_that_it_has_the_focus(see, small):
    page = see().open(small, "#records")
    reached = set()

    for _ in range(20):
        page.keyboard.press("Tab")
        at = page.evaluate("(({id, textContent}) => id || textContent)(document.activeElement)")
        style = page.evaluate(
            "(({outlineStyle, outlineWidth}) => [outlineStyle, outlineWidth])(getComputedStyle(document.activeElement))"
        )
        assert style[0] != "none", at
        reached.add(at)
        if at == "list":
            break

    assert {"theme", "query", "outcome", "type", "flag", "article", "sort", "clear", "list"} <= reached


@in_browser
def test_a_record_is_read_beside_its_article_at_the_paragraphs_of_its_input(see, small):
    page = see(height=600).open(small, "#records")

    page.locator(".row").nth(4).click()

    marked = page.locator("#reader .source .exact")
    assert marked.count() in (1, 2)
    for paragraph, in_input in zip(marked.all(), page.locator("#reader .input pre code").all(), strict=False):
        assert in_input.text_content() in paragraph.text_content()
    expect(marked.first).to_be_in_viewport()
    page.keyboard.press("r")
    raw = page.locator("#reader .output pre.raw").text_content()
    assert page.evaluate("document.activeElement.className") == "record"
    assert raw.startswith("Watch three things.\n\n1. The rate of writes; `nodetool tpstats` shows it.\n")


@in_browser
def test_an_input_that_a_model_wrote_is_shown_at_the_paragraphs_that_it_comes_from(see, tmp_path):
    articles = sample_articles(2)
    record = shown_records(articles, 5)[2]
    paragraph = next(text for text in articles[record.content_hash].content.split("\n\n") if len(text) > 200)
    own_words = replace(record, input=f"In short: {' '.join(paragraph.split()[:-3])} and more.")
    file = tmp_path / "report.html"
    write_html(a_report([own_words], 2), [own_words], articles, file)

    page = see().open(file, f"#records?id={record.id}")

    assert " ".join(paragraph.split()[:4]) in " ".join(page.locator("#reader .near").first.text_content().split())


@in_browser
def test_a_record_whose_article_is_not_there_is_shown_without_it(see, tmp_path):
    (record,) = shown_records(sample_articles(1), 1)

    page = see().open(written(tmp_path, a_report([record], 1), [record]), f"#records?id={record.id}")

    expect(page.locator("#reader .source")).to_contain_text("The text of this article is not in this report.")
    expect(page.locator("#reader .input")).to_contain_text(record.input.split()[0])


# ---------------------------------------------------------------------------------------------------- large, hostile


@in_browser
def test_ten_thousand_records_take_a_bounded_number_of_elements(see, tmp_path):
    articles = sample_articles(40)
    records = shown_records(articles, 10_000)
    file = tmp_path / "report.html"
    write_html(a_report(records, 40), records, articles, file)
    page = see().open(file, "#records")

    expect(page.locator("#count")).to_have_text("10,000 records")
    for part in range(11):
        page.evaluate(
            "part => { const list = document.getElementById('list'); list.scrollTop = list.scrollHeight * part / 10 }",
            part,
        )
        page.evaluate("() => new Promise(requestAnimationFrame)")
        assert page.locator("*").count() < 2500
    expect(page.locator(".row", has_text="(No. 9999)")).to_be_in_viewport()
    page.fill("#query", '"(no. 9876)"')
    expect(page.locator("#count")).to_have_text("1 of 10,000 records")
    assert file.stat().st_size < 4_000_000


@in_browser
def test_nothing_that_a_record_or_an_article_says_is_ever_run(see, tmp_path):
    articles = {
        key: replace(text, content=f"{HOSTILE}\n\n{text.content}", title=HOSTILE, url="javascript:window.ran = 6")
        for key, text in sample_articles(2).items()
    }
    records = [hostile(record, HOSTILE) for record in shown_records(articles, 3)]
    refused = replace(records[2], reason=HOSTILE)
    report = replace(
        a_report(records, 2, folder=HOSTILE),
        worst=(records[0],),
        rejected={HOSTILE: (refused,)},
        about={HOSTILE: HOSTILE},
        browser=HOSTILE,
    )
    file = tmp_path / "report.html"
    write_html(report, [*records[:2], refused], articles, file)
    seen = see()
    page = seen.open(file)
    assert page.locator("h1#top").text_content().count("<script>window.ran = 1</script>") == 1

    page.goto(f"{file.as_uri()}#records")
    page.locator(".row").first.click()

    assert page.evaluate("window.ran") is None
    assert page.locator("#bold").count() == 0
    assert page.locator("#reader a").count() == 0
    output = page.locator("#reader .output .body").text_content()
    assert "<img src=x onerror='window.ran = 3'>" in output
    for named in ("U+202E", "U+2066", "U+0000", "U+001B", "U+D800", "🦑", "漢字"):
        assert named in output


@in_browser
def test_scripts_that_got_into_the_page_would_not_run_and_nothing_can_be_fetched(see, small, tmp_path):
    file = tmp_path / "tampered.html"
    text = small.read_text("utf-8").replace('<main id="report">', '<main id="report"><script>window.ran = 1</script>')
    file.write_text(text, "utf-8")
    seen = see()

    page = seen.open(file)
    answer = page.evaluate("fetch('https://example.org/').then(() => 'went out', () => 'refused')")

    assert page.evaluate("window.ran") is None
    assert answer == "refused"
    refusals = [said for said in seen.said if "Content Security Policy" in said]
    assert refusals
    seen.said.clear()
    seen.asked[:] = [address for address in seen.asked if "example.org" not in address]


@in_browser
def test_a_field_of_a_hundred_thousand_characters_is_shown(see, tmp_path):
    (record,) = shown_records(sample_articles(1), 1)
    long = replace(record, input="word " * 20_000, output="x" * 100_000, instruction="\x00\u202e " * 33_000)

    page = see().open(written(tmp_path, a_report([long], 1), [long]), f"#records?id={record.id}")

    assert len(page.locator("#reader .output .body").text_content()) == 100_000
    assert page.evaluate("document.querySelector('#reader .record').scrollWidth <= innerWidth")


# -------------------------------------------------------------------------------------------------------- appearance


def contrast(page: Page, selector: str) -> float:
    """Return the contrast of an element's text with what is behind it, as WCAG 2 defines it."""
    ratio: float = page.evaluate(
        """selector => {
            const parts = colour => {
                const pixel = new OffscreenCanvas(1, 1).getContext("2d");
                pixel.fillStyle = colour;
                pixel.fillRect(0, 0, 1, 1);
                return [...pixel.getImageData(0, 0, 1, 1).data];
            };
            const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
            const light = ([r, g, b]) => [r, g, b].map(c => linear(c / 255))
                .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
            let node = document.querySelector(selector);
            const text = light(parts(getComputedStyle(node).color));
            while (parts(getComputedStyle(node).backgroundColor)[3] === 0) node = node.parentElement;
            const behind = light(parts(getComputedStyle(node).backgroundColor));
            return (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05);
        }""",
        selector,
    )
    return ratio


@in_browser
def test_texts_are_legible_in_light_and_dark(see, small):
    page = see().open(small)
    of_report = (
        *(".said", ".muted", ".verdict.good", ".verdict.bad", ".headline .detail", "thead th"),
        *(".tag.flag, .tag.bad", ".card .excerpt", "dt"),
    )
    of_reader = (".tag", ".tag.bad", ".instruction .body p", ".exact p", ".detail", ".place", ".id")

    def legible(selectors: tuple[str, ...]) -> None:
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            expect(page.locator(f"html[data-theme={scheme}]")).to_have_count(1)
            for selector in selectors:
                assert contrast(page, selector) >= 4.5, selector

    legible(tuple(f"#report :is({selector})" for selector in of_report))
    page.goto(f"{small.as_uri()}#records")
    page.locator(".row").nth(10).click()
    legible(tuple(f"#reader {selector}" for selector in of_reader))


@in_browser
def test_the_theme_can_be_changed_and_stays(see, small):
    page = see().open(small)
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.get_by_role("button", name="Change to dark").click()

    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    page.reload()
    expect(page.get_by_role("button", name="Change to light")).to_be_visible()


@in_browser
def test_nothing_is_wider_than_the_window(see, small):
    page = see().open(small)
    widths = (360, 800, 1280, 1920)
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    page.goto(f"{small.as_uri()}#records")
    page.locator(".row").nth(3).click()

    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        expect(page.locator("#reader .instruction")).to_be_in_viewport()
        rights = page.evaluate(
            "[...document.querySelectorAll('#reader, #reader .record, #reader .source, #reader button')]"
            ".map(node => node.getBoundingClientRect().right)"
        )
        assert max(rights) <= width


# ------------------------------------------------------------------------------------------------- without a browser


def test_a_page_names_no_other_place_and_has_one_script(small):
    text = small.read_text("utf-8")
    data = text.index('id="data"')

    assert "http://" not in text
    assert re.findall(r"https://[^\s\"'<]*", text[:data]) == []
    assert len(re.findall(r"<script\b", text)) == 2
    assert "default-src 'none'" in text


def test_the_file_appears_in_whole_or_not_at_all(tmp_path):
    articles = sample_articles(1)
    records = shown_records(articles, 3)
    file = tmp_path / "folder/report.html"
    write_html(a_report(records, 1), records, articles, file)
    before = file.read_bytes()

    def breaking() -> Iterator[Shown]:
        yield records[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_html(a_report(records, 1), breaking(), articles, file)

    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(ExportError, match=r"cannot be written: Is a directory\."):
        write_html(a_report([], 0), [], {}, tmp_path)


@given(st.text(max_size=30), st.text(max_size=30))
def test_text_in_an_element_is_never_markup(text, value):
    made = element("p", text, title=value)

    assert re.fullmatch(r'<p title="[^"<>]*">[^<>]*</p>', made)
    made.encode("utf-8")
    assert element("p", Html("<b></b>")) == "<p><b></b></p>"
    assert visible(visible(text)) == visible(text)


@given(st.lists(st.text("ab\n", max_size=6), unique=True, max_size=6), st.data())
def test_an_input_made_of_paragraphs_is_given_by_their_numbers_or_in_full(paragraphs, data):
    chosen = sorted(data.draw(st.sets(st.integers(0, max(len(paragraphs) - 1, 0)), max_size=len(paragraphs))))
    text = "\n\n".join(paragraphs[number] for number in chosen)

    found = numbers(text, paragraphs)

    assert found is None or "\n\n".join(paragraphs[number] for number in found) == text


@given(st.text("ab`# \n-", max_size=60))
def test_the_shape_of_a_text_takes_up_all_of_its_lines(text):
    parts = shape(text, "markdown")

    assert sum(part for part in parts if isinstance(part, int)) == text.count("\n") + 1


@given(st.floats(1e-6, 1e9))
def test_marks_of_an_axis_enclose_what_is_drawn(highest):
    marks = round_marks(highest)

    assert marks[0] == 0
    assert marks[-1] >= highest * (1 - 1e-9)
    assert len(marks) <= 6
    assert time_marks(highest)[-1] <= highest * (1 + 1e-6)
    assert len(time_marks(highest)) <= 7


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_lengths_stand_between_the_marks_of_their_axis(one, other):
    marks = doubling_marks(min(one, other), max(one, other))

    assert 0 <= on_doubling(min(one, other), marks) <= on_doubling(max(one, other), marks) <= 1
    assert 2 <= len(marks) <= 8


@given(st.lists(st.tuples(st.floats(0, 90_000), st.integers(0, 50)), min_size=2, max_size=60))
def test_rates_over_time_add_up_to_what_was_made(steps):
    points, at, records = [], BEGAN, 0
    for seconds, more in steps:
        points.append(point(at, records))
        at += seconds * SECOND
        records += more
    run = course(points)

    corners = rates(run, lambda one: one.records)

    made = sum(rate * (end - start) / 60 for (start, rate), (end, _) in zip(corners[::2], corners[1::2], strict=True))
    assert list(run.worked) == sorted(run.worked)
    assert not corners or made == pytest.approx(points[-1].records, abs=1e-6)


def test_a_pause_between_two_sessions_is_cut_out_and_told():
    times = [0, 10, 20, 30, 3_630, 3_640]

    run = course([point(BEGAN + seconds * SECOND, seconds) for seconds in times])

    assert run.worked == (0, 10, 20, 30, 40, 50)
    assert [(pause.at, pause.length) for pause in run.pauses] == [(30, 3_600)]


def test_a_plot_of_nothing_is_a_plot():
    assert "<title>Nothing</title>" in lines_plot("Nothing", "none", [Line("none", "plain", [])], Axes([], []))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (0, "$0.00"),
        (1234.5, "$1,234.50"),
        (0.31, "$0.31"),
        (0.0412, "$0.041"),
        (0.00057, "$0.00057"),
        (Decimal("1e400"), "$1e+400"),
    ],
)
def test_small_amounts_keep_two_figures(value, said):
    assert usd(value) == said


@pytest.mark.parametrize(("value", "said"), [(1, "100 %"), (0.9999, "> 99.9 %"), (0.0001, "< 0.1 %"), (0.31, "31.0 %")])
def test_what_is_nearly_all_is_not_called_all(value, said):
    assert share(value) == said
