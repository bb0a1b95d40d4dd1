"""What a terminal shows of a run, at any size."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.display.layout import WIDEST, Place
from qloragen.display.panel import panel
from qloragen.view import Allowance, BatchView, Paused, Spent

from .values import NOON
from .views import BUSY, a_model, a_view, an_allowance

WIDE, SMALL = Place(101, 40), Place(40, 10)


def shown(view, place=WIDE, name="runs/a", hint=""):
    return [row.plain for row in panel(view, name, place, hint)]


def row_of(view, label, place=WIDE):
    """Return the words of the one row that begins with a label; of a bar, how many of its cells are full."""
    (row,) = [row for row in shown(view, place) if row.strip().startswith(label)]
    words = [f"<{word.count('━')}/{len(word)}>" if word[0] in "━─" else word for word in row.split()]
    return " ".join(words)


def test_all_that_there_is_to_see_of_a_run_is_in_its_panel():
    assert shown(BUSY, Place(81, 40)) == [
        "── runs/a ────────────────────────────────────── 12 min 31 s, ETA 38 min 10 s ──",
        "articles        1,234 of 5,000  ━━━━━───────────────  25 %",
        "records                  7,345  586.8/min",
        "rejected                    14  8 ungrounded, 4 copy, 2 by earlier sessions",
        "failed                       1  1 timeout",
        "skipped                      2  2 duplicate",
        "spent           $1.23 of $5.00  ━━━━━───────────────  25 %  $0.1200 reserved",
        "cached            1.2M of 1.5M  ━━━━━━━━━━━━━━━━────  80 %  of the prompt tokens",
        "gpt-6-luna: 12 of 64 calls in flight, 3 wait",
        "  requests/min      123 of 500  ━━━━━───────────────  25 %",
        "  tokens/min      190k of 200k  ━━━━━━━━━━━━━━━━━━━─  95 %  binds",
        "waits for the TPM of gpt-6-luna",
    ]


def test_a_terminal_of_ten_lines_and_forty_columns_shows_what_matters_most():
    view = replace(BUSY, models={"gpt-6-sol": a_model(tpm=None), "gpt-6-luna": a_model()})

    assert shown(view, SMALL) == [
        "── runs/a ────────── ETA 38 min 10 s ──",
        "articles   1,234/5,000  ━━───────  25 %",
        "records          7,345  586.8/min",
        "rejected            14  8 ungrounded, …",
        "spent      $1.23/$5.00  ━━───────  25 %",
        "gpt-6-sol  RPM ━──  25 % TPM 190k",
        "gpt-6-luna RPM ━──  25 % TPM ━━─  95 %",
        "waits for the TPM of gpt-6-sol and",
        "gpt-6-luna",
    ]


def test_a_small_terminal_says_when_the_next_probe_is_however_much_the_server_says():
    pause = Paused("outage", "HTTP 503, code service_unavailable, The server is overloaded, please try again", 8.0)
    view = replace(BUSY, models={"m": a_model(pause=pause)})

    assert shown(view, SMALL)[-2:] == [
        "paused: the provider answers HTTP 503,",
        "next probe in 8 s (code service_unavai…",
    ]


def test_so_many_models_that_not_all_fit_leave_room_for_the_end_that_is_foretold():
    view = replace(BUSY, models={f"m{number}": a_model() for number in range(30)})

    rows = shown(view, Place(81, 24))

    assert len(rows) == 23
    assert "ETA 38 min 10 s" in rows[0]
    assert rows[-1] == "waits for the TPM of m0, m1, m2 and 27 more"


def test_one_line_is_for_how_far_the_run_is():
    (row,) = shown(BUSY, Place(81, 1))

    assert row == "articles  1,234 of 5,000  ━━━━━━────────────────────  25 %"


@given(
    columns=st.integers(1, 220),
    lines=st.integers(1, 70),
    unicode=st.booleans(),
    name=st.text(max_size=60),
    foreign=st.text(max_size=90),
    count=st.integers(0, 10**12),
    models=st.integers(0, 6),
)
def test_no_panel_is_larger_than_its_terminal_whatever_is_in_it(columns, lines, unicode, name, foreign, count, models):
    place = Place(columns, lines, unicode)
    model = a_model(requests_per_minute=count / 7, in_flight=count, pause=Paused("outage", foreign, 8.0))
    view = a_view(
        makes="judgements",
        made=count,
        expected_articles=count,
        rejections={foreign: count + 1},
        models={f"{foreign}{number}": model for number in range(models)},
        sinks={foreign: 3},
        allowance=Allowance(Decimal(1), 10**9, 10**6, Spent(Decimal(count), count, count), Spent(Decimal(1), 1, 1)),
    )

    rows = panel(view, name, place)

    assert 1 <= len(rows) <= max(1, lines - 1)
    assert all(row.cell_len <= min(max(1, columns - 1), WIDEST) for row in rows)
    assert all(row.plain.isprintable() for row in rows)
    assert unicode or all(row.plain.isascii() for row in rows)


def test_foreign_texts_are_shown_as_they_are_and_obeyed_by_nobody():
    model = a_model(pause=Paused("outage", "[red]\x1b[31mHTTP 500\x07[/red]", 8.0))
    view = a_view(models={"[bold]m[/bold]": model}, rejections={"[link=x]": 1})

    (head,) = [row for row in panel(view, "[on red]r", WIDE) if "[on red]r" in row.plain]
    rows = shown(view, name="[on red]r")

    assert {span.style for span in head.spans} <= {"bold", "dim"}
    assert "[bold]m[/bold]: 12 of 64 calls in flight, 3 wait" in rows
    assert "1  1 [link=x]" not in rows
    assert r"[red]\x1b[31mHTTP 500\x07[/red]" in rows[-1]


@pytest.mark.parametrize(
    ("done", "bar"),
    [(0, "<0/40> 0 %"), (1, "<0/40> 0 %"), (4990, "<39/40> 99 %"), (4999, "<39/40> 99 %"), (5000, "<40/40> 100 %")],
)
def test_a_bar_is_full_only_when_all_is_done(done, bar):
    assert row_of(a_view(finished_articles=done), "articles").endswith(bar)


def test_what_is_not_known_is_not_made_up():
    model = a_model(rpm=None, tpm=None, bound="idle", waiting=0)
    view = a_view(expected_articles=None, eta_s=None, models={"m": model}, prompt_tokens=0, unpriced_calls=4)

    assert "ETA" not in shown(view)[0]
    assert row_of(view, "articles") == "articles 1,234"
    assert row_of(view, "requests/min") == "requests/min 123 no limit known"
    assert row_of(view, "spent") == "spent more than $1.2345"
    assert not [row for row in shown(view) if row.startswith("cached")]


def test_every_bound_of_money_tokens_and_calls_has_its_bar():
    bounds = Allowance(None, 2_000_000, 400, Spent(Decimal(1), 1_500_000, 399), Spent(Decimal(0), 20_000, 1))
    model = a_model(allowance=an_allowance("2", "1.9"))
    view = a_view(allowance=bounds, models={"m": model})

    assert row_of(view, "tokens ") == "tokens 1.5M of 2M <30/40> 75 % 20k reserved"
    assert row_of(view, "calls") == "calls 399 of 400 <39/40> 99 % 1 reserved"
    assert "  spent         $1.90 of $2.00" in "\n".join(shown(view))
    assert next(row for row in panel(view, "r", WIDE) if row.plain.startswith("  spent")).spans[1].style == "red"


def test_batches_and_sinks_are_shown_with_what_they_wait_for():
    batches = (
        BatchView("b1", "m", "in_progress", 120, 300, NOON),
        BatchView("b2", "m", "in_progress", 0, 40, NOON),
        BatchView(None, "n", "submitting", 0, 10, NOON),
    )
    view = a_view(batches=batches, sinks={"sqlite": 12})

    assert row_of(view, "batches") == "batches 120 of 350 <11/33> 34 % 2 in progress, 1 submitting"
    assert row_of(view, "sink") == "sink sqlite lacks 12"


def test_troubles_of_a_model_stand_beside_its_calls():
    model = a_model(waiting=0, rate_limited=5, no_capacity=2, retried=7)

    assert row_of(a_view(models={"m": model}), "m:") == (
        "m: 12 of 64 calls in flight, 5 refused (429), 2 without room at the flex tier, 7 sent again"
    )


def test_a_stop_says_what_a_person_can_do_about_it_as_long_as_there_is_anything_to_wait_for():
    stopping = a_view(stopping="Stopped by SIGINT.", leaves_in_s=40.2)
    done = replace(stopping, models={"gpt-6-luna": a_model(in_flight=0)})

    assert "ETA" not in shown(stopping)[0]
    assert shown(stopping, hint="Ctrl-C again leaves at once")[-1].endswith(
        "finishes 12 calls, at most 40 s more (Ctrl-C again leaves at once)"
    )
    assert "Ctrl-C" not in shown(done, hint="Ctrl-C again leaves at once")[-1]


def test_a_terminal_without_unicode_gets_bars_of_ascii():
    view = a_view(models={"é": a_model()})

    rows = shown(view, Place(81, 40, unicode=False))

    assert rows[0].startswith("-- runs/a ----")
    assert rows[1] == "articles        1,234 of 5,000  #####---------------  25 %"
    assert r"\xe9: 12 of 64 calls in flight, 3 wait" in rows
