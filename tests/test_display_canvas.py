"""What is drawn at the end of a terminal leaves no remains, and takes nothing away of what has passed above it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from qloragen.display.canvas import Canvas, Row

from .screens import Drawn

TEXTS = st.text(alphabet="ab 日", max_size=30).map(str.rstrip)


def rows_of(texts: list[str]) -> list[Row]:
    return [Row(text, cell_len(text)) for text in texts]


def unbroken(rows: list[str]) -> str:
    """Return rows as one text, wherever they are broken."""
    return "".join("".join(rows).split())


@given(st.lists(st.tuples(st.lists(TEXTS, max_size=3), st.lists(TEXTS, max_size=5)), max_size=12))
def test_rows_replace_rows_and_lines_stay_above_them(steps):
    screen, canvas, passed = Drawn(40, 8), Canvas(), []
    for lines, rows in steps:
        passed += lines
        screen.print(canvas.replaced("".join(f"{line}\n" for line in lines), rows_of(rows), 40))

        assert screen.text == [*passed, *(rows or [""])]


SIZES = st.tuples(st.integers(10, 60), st.integers(20, 30))
FULL = st.lists(st.integers(0, 9), min_size=1, max_size=3)
"""Of each row, how many cells of the terminal it leaves free, at least one."""


@given(st.lists(st.tuples(SIZES, st.lists(TEXTS, max_size=2), FULL), min_size=2, max_size=8))
def test_a_terminal_that_changes_its_size_shows_no_row_twice_and_loses_no_line(steps):
    screen, canvas, passed = Drawn(40, 20), Canvas(), []
    for number, ((columns, lines), news, free) in enumerate(steps):
        rows = [f"{number}" * (columns - 1 - cells) for cells in free]
        passed += news
        screen.resize(columns, lines)
        screen.print(canvas.replaced("".join(f"{line}\n" for line in news), rows_of(rows), columns))

        assert unbroken(screen.text) == unbroken([*passed, *rows])


def test_a_row_that_does_not_fit_any_more_is_left_out_until_it_is_made_anew():
    canvas = Canvas()

    assert canvas.replaced("", rows_of(["x" * 20, "y"]), 20) == "y\x1b[K\x1b[J"


def test_the_cursor_stays_at_the_end_of_the_last_row_so_that_whatever_comes_then_comes_below():
    screen, canvas = Drawn(40, 8), Canvas()
    screen.print(canvas.replaced("before\n", rows_of(["one", "two"]), 40))

    assert screen.cursor == (2, 3)

    screen.print("\n$ ls")
    assert screen.text == ["before", "one", "two", "$ ls"]


def test_what_others_have_written_is_left_alone_once_the_rows_are_forgotten():
    screen, canvas = Drawn(40, 8), Canvas()
    screen.print(canvas.replaced("", rows_of(["one", "two"]), 40))
    screen.print("\n[1]+  Stopped\n$ fg\n")

    canvas.forget()
    screen.print(canvas.replaced("", rows_of(["three"]), 40))

    assert screen.text == ["one", "two", "[1]+  Stopped", "$ fg", "three"]


@pytest.mark.parametrize("rows", [[], ["one"], ["one", "two"]])
def test_no_code_is_sent_where_nothing_was_and_nothing_is_drawn(rows):
    canvas = Canvas()
    canvas.replaced("", rows_of(rows), 40)
    canvas.replaced("", [], 40)

    assert canvas.replaced("a line\n", [], 40) == "a line\n"
