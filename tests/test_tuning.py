"""A sweep of rehearsals, as the table and plot that a person decides from; and a rehearsal held against a real run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from rehearsal_agreement import Came, Compared, of_table, verdict  # noqa: E402
from tuning import Played, spelt, swept_in, table  # noqa: E402
from tuning_plot import draw  # noqa: E402


def played(concurrency, tpm, hours, letter, **changes):
    one = Played(
        values={"max_concurrency": concurrency, "tpm": tpm},
        hours=hours,
        usd=4.0,
        usd_per_1000_records=1.25,
        records=3_200,
        calls=5_000,
        rejected_percent=0.5,
        used_percent={"TPM of m": 80.0, "RPM of m": 3.0},
        in_flight=5.5,
        bound=f"{letter} of m, 90%",
        letter=letter,
    )
    return replace(one, **changes)


SWEEP = [
    *(played(slots, 200_000, hours, "T") for slots, hours in ((4, 3.0), (8, 2.02), (16, 2.0), (32, 2.0))),
    *(played(slots, 900_000, hours, "C") for slots, hours in ((4, 3.0), (8, 1.5), (16, 0.75), (32, 0.4))),
]


def test_a_variable_with_several_values_is_swept_and_one_with_a_single_value_holds_for_all():
    environment = {
        "QLORAGEN_TPM": "900000,200_000",
        "QLORAGEN_MAX_CONCURRENCY": "16,4, 8,4",
        "QLORAGEN_RPM": "500",
        "QLORAGEN_SINKS": "a,b",
    }

    found = dict(swept_in(environment))

    assert found == {"max_concurrency": (4, 8, 16), "tpm": (200_000, 900_000)}
    assert [*found] == ["max_concurrency", "tpm"]


def test_a_value_that_is_no_number_is_refused_by_its_name():
    with pytest.raises(SystemExit, match="QLORAGEN_RPM is 100,many"):
        dict(swept_in({"QLORAGEN_RPM": "100,many"}))


def test_the_table_has_a_row_for_each_combination_and_marks_the_fastest():
    heads, *rows = table([*SWEEP, played(64, 900_000, 0.4, "C", usd=None, used_percent={})])

    assert heads.split() == [
        *("max_concurrency", "tpm", "time", "USD", "USD/1,000"),
        *("of", "limit", "in", "flight", "429s", "%", "bound", "by"),
    ]
    assert len(rows) == 9
    assert rows[0].split()[:8] == ["4", "200,000", "3.0", "h", "4.00", "1.250", "80%", "5.5"]
    assert [row.split()[0] for row in rows if "24 min*" in row] == ["32", "64"]
    assert rows[-1].split()[4:7] == ["unknown", "1.250", "none"]


@pytest.mark.parametrize(
    ("variable", "options", "said"),
    [
        ("QLORAGEN_MAX_CONCURRENCY", [], "max_concurrency must be a whole number from 1 to 100,000, or auto, not '0'"),
        ("QLORAGEN_TPM", ["--plot", "nowhere/plot"], "there is no folder nowhere"),
    ],
)
def test_what_cannot_be_swept_is_said_in_a_sentence(tmp_path, variable, options, said):
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "tuning.py"), "--articles", "2", "--whole", "2", *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=tmp_path,
        env={**os.environ, variable: "0,9"},
    )

    assert done.returncode != 0
    assert said in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(("hours", "said"), [(0.01, "36 s"), (0.5, "30 min"), (1.4, "84 min"), (2.0, "2.0 h")])
def test_times_are_spelt_in_the_unit_that_suits_them(hours, said):
    assert spelt(hours) == said


def test_the_plot_has_a_line_for_each_limit_with_its_cost_and_says_what_binds(tmp_path):
    png, svg = draw(tmp_path / "sweep", SWEEP, "Some articles")

    text = svg.read_text("utf-8")
    assert png.read_bytes().startswith(b"\x89PNG")
    for said in ("Some articles", "TPM 200,000: $1.25 per 1,000 records", "TPM 900,000", "TPM binds", "3 h", "32"):
        assert f">{said}" in text
    assert "RPM binds" not in text
    assert "calls in flight, per model" in text


def test_the_same_sweep_is_the_same_plot(tmp_path):
    first, second = (draw(tmp_path / name, SWEEP, "Some articles")[1].read_bytes() for name in ("a", "b"))

    assert first == second


def test_one_knob_alone_and_three_together_are_drawn_too(tmp_path):
    alone = [replace(one, values={"tpm": one.values["max_concurrency"]}) for one in SWEEP[:4]]
    three = [replace(one, values={**one.values, "rpm": rpm}) for one in SWEEP for rpm in (100, 900)]

    drawn = draw(tmp_path / "alone", alone, "One")[1].read_text("utf-8")
    panels = draw(tmp_path / "three", three, "Three")[1].read_text("utf-8")

    assert ">$1.25 per 1,000 records" in drawn
    assert ">RPM 100<" in panels
    assert ">RPM 900<" in panels


def test_the_script_rehearses_what_is_swept_and_writes_table_plot_and_numbers(tmp_path):
    environment = {**os.environ, "QLORAGEN_MAX_CONCURRENCY": "1,8", "QLORAGEN_RPM": "600"}
    options = ["--articles", "6", "--whole", "6", "--plot", str(tmp_path / "plot"), "--json", str(tmp_path / "json")]

    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "tuning.py"), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment,
    )

    assert done.returncode == 0, done.stderr
    slow, fast = json.loads((tmp_path / "json").read_text("utf-8"))
    assert (slow["values"], fast["values"]) == ({"max_concurrency": 1}, {"max_concurrency": 8})
    assert slow["hours"] > 3 * fast["hours"]
    assert slow["letter"] == "C"
    assert slow["usd"] == pytest.approx(fast["usd"], rel=0.02)
    assert done.stdout.count("\n") == 5
    assert {path.suffix for path in tmp_path.glob("plot.*")} == {".png", ".svg"}


def test_a_run_that_a_spending_limit_ends_is_no_row_but_a_sentence():
    environment = {**os.environ, "QLORAGEN_RPM": "500,600", "QLORAGEN_MAX_COST_USD": "0.001"}

    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "tuning.py"), "--short"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment,
    )

    assert done.returncode == 1
    assert done.stdout == ""
    assert "With rpm 500 the run ends early, so that its time says nothing. Of max_cost_usd" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_real_run_over_http_makes_the_calls_that_its_rehearsal_made(tmp_path):
    numbers = tmp_path / "json"
    command = [sys.executable, str(ROOT / "benchmarks" / "rehearsal_agreement.py"), "--short"]

    done = subprocess.run(
        [*command, "--only", "CPU", "--articles", "3", "--json", str(numbers)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=ROOT,
    )

    assert done.returncode == 0, done.stderr
    [found] = json.loads(numbers.read_text("utf-8"))["CPU"]
    assert found["real"]["calls"] == found["rehearsed"]["calls"] > 9
    assert found["real"]["cost_usd"] == pytest.approx(found["rehearsed"]["cost_usd"], rel=0.02)
    assert found["real"]["without_answer"] == found["rehearsed"]["without_answer"] == {}


def came(seconds=100.0, cost_usd=1.0, calls=300, refused=20):
    return Came(0.0, seconds, cost_usd, calls, {"503": refused}, 1.0)


@pytest.mark.parametrize(
    ("rehearsed", "other", "said"),
    [
        (came(104, 0.96, 290, 21), came(), "agrees"),
        (came(106, 0.94, 280, 20), came(), "time, cost, calls"),
        (came(refused=17), came(refused=23), "agrees"),
        (came(refused=15), came(refused=17), "refused"),
    ],
)
def test_a_rehearsal_agrees_where_nothing_is_off_by_more_than_chance_and_five_per_cent(rehearsed, other, said):
    compared = Compared(30, came(), rehearsed, (other,), 1.0)

    assert verdict(compared) == said


def test_what_a_server_has_seen_is_read_from_its_last_row():
    told = (
        "model        calls  peak   prompt  cached  written  completion  outcomes\n"
        "gpt-6-luna   1,120     8  900,000  70,000        0      88,000  answered 1,100, 503 20\n"
        "all          1,320     9  950,000  70,000        0      90,000  answered 1,289, rejected_rpm 11, 503 20\n"
        "answered more than once: 0\n"
    )

    assert of_table(told) == (1_320, {"answered": 1_289, "rejected_rpm": 11, "503": 20})
