"""The scripts of benchmarks/ run in their tiniest forms, so that they cannot rot; what they measure is for people."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def test_every_benchmark_is_listed_with_its_question():
    listed = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
    scripts = [
        script.name
        for script in BENCHMARKS.glob("*.py")
        if f"Run: python benchmarks/{script.name}" in script.read_text(encoding="utf-8")
    ]

    assert len(scripts) > 20
    assert [script for script in scripts if f"| `{script}` |" not in listed] == []


def test_peers_are_measured_side_by_side_against_the_simulator(tmp_path):
    peers = ["raw", "engine-fast"]
    found = run(
        "cpu_per_call.py", tmp_path, "--peers", ",".join(peers), "--requests", "20", "--in-flight", "4", "--repeat", "1"
    )

    assert [row["lost"] for row in found["table"]] == [0, 0]
    assert list(found["runs"]) == peers
    assert {measured["server"]["calls"] for runs in found["runs"].values() for measured in runs} == {28}


def test_a_run_within_limits_is_compared_with_the_ideal_schedule(tmp_path):
    found = run("limit_bound.py", tmp_path, "--peers", "engine-fast", "--requests", "60")

    [row] = found["table"]
    assert row["lost"] == 0
    assert row["x ideal"] > 0.5


def test_memory_is_sampled_while_requests_pass_through(tmp_path):
    found = run("endless.py", tmp_path, "--requests", "2000")

    assert [done for done, *_ in found["samples"]] == [0, 1000, 2000]


def test_a_run_is_judged_by_its_rows_after_a_fault_and_after_the_same_command_again(tmp_path):
    found = run("faults.py", tmp_path, "--short", "--only", "length,sigkill")

    rows = {(cell, peer): parts[peer] for cell, parts in found.items() for peer in parts}
    assert rows["length", "qloragen"]["first"]["good"] == 49
    assert rows["length", "qloragen"]["then"]["account"]["calls"] == 0
    assert rows["sigkill", "qloragen"]["then"]["good"] == 50
    assert rows["sigkill", "qloragen"]["then"]["account"]["again"] <= 20
    assert rows["length", "naive"]["first"]["exits"] == ["1"]
    assert [part["key_in"] for part in rows.values()] == [[]] * 4


def test_a_run_is_made_and_opened_in_whatever_state_it_was_left(tmp_path):
    found = run("resume.py", tmp_path, "--records", "40", "--repeat", "1")

    steps = [row["what"] for row in found["table"]]
    assert steps[0] == "opened after it was closed"
    assert "opened after its process was killed" in steps
    assert min(row["s"] for row in found["table"]) > 0


def test_reports_of_a_run_are_timed_as_text_and_as_a_page(tmp_path):
    found = run("report_speed.py", tmp_path, "--records", "40")

    assert [row["what"] for row in found["table"]] == ["cells counted", "text", "page of 10,000"]


def test_ways_to_classify_are_compared_with_the_strong_model(tmp_path):
    found = run("classifiers.py", tmp_path, "--short")

    rows = {row["way"]: row for row in found["table"]}
    assert (rows["numbers"]["F1"], rows["numbers"]["asked the strong model"]) == (1, "100%")
    assert rows["decisions"]["asked the strong model"] == "0%"
    assert rows["decisions"]["USD per 1,000 articles"] < rows["numbers"]["USD per 1,000 articles"] / 10
    assert rows["numbers of outlines"]["tokens per article"] < rows["numbers"]["tokens per article"]


def test_limits_are_held_against_the_servers_bill(tmp_path):
    found = run("budget.py", tmp_path, "--requests", "120", "--in-flight", "12")

    passed = {way: {row["passed by"] for row in found["table"] if row["way"] == way} for way in ("reserved", "checked")}
    assert passed["reserved"] == {"0"}
    assert len(passed["checked"]) > 1


def test_ways_of_storing_records_are_measured_side_by_side(tmp_path):
    ways = ["group, replies", "each synced"]
    only = [word for way in ways for word in ("--only", way)]

    found = run("commits.py", tmp_path, "--records", "40", "--producers", "4", "--repeat", "1", *only)

    assert list(found["runs"]) == ways
    assert min(row["records/s"] for row in found["table"]) > 0


def test_estimates_are_held_against_the_runs_that_follow(tmp_path):
    found = run("estimates.py", tmp_path, "--short")

    assert {row["way"] for row in found["estimates"]} == {"default", "decisions"}
    for row in found["estimates"]:
        assert abs(row["estimated"]["usd"] / row["real"]["usd"] - 1) < 0.1
        assert row["in_range"]
    assert found["times"][0]["said to bind"] == "RPM of gpt-6-luna"


def test_forecasts_are_held_against_the_end_of_the_run(tmp_path):
    found = run("eta.py", tmp_path, "--only", "few calls in flight")

    [row] = found["table"]
    assert row["scenario"] == "few calls in flight"
    assert float(row["not told"].rstrip("%")) < 10
    assert abs(float(row["worst"].rstrip("%"))) < 50


def test_ways_to_share_a_prefix_are_compared(tmp_path):
    found = run("sharing.py", tmp_path, "--articles", "1")

    cached = {(row["cache"], row["bound"], row["way"]): row["cached %"] for row in found["table"]}
    assert cached["breakpoints", "TPM", "one ahead"] > 50
    assert cached["breakpoints", "TPM", "at once"] == cached["none", "TPM", "one ahead"] == 0


def test_the_same_records_are_made_in_the_old_way_and_in_cheaper_ones(tmp_path):
    found = run("headline.py", tmp_path, "--short", "--articles", "2")

    [rows] = [{row["way"]: row for row in rows} for rows in found["tables"].values()]
    old, default = rows["the predecessor's way"], rows["+ shared prefixes: qloragen's default"]
    assert old["records"] == default["records"] > 0
    assert old["USD/1,000"] > default["USD/1,000"] > rows["--flex"]["USD/1,000"] > rows["decisions --flex"]["USD/1,000"]


def test_packs_are_asked_for_the_same_records_and_kept_replies_are_judged_again(tmp_path):
    pack = shutil.copytree(BENCHMARKS.parent / "prompts", tmp_path / "pack")
    (pack / "generate.md").write_text(
        (pack / "generate.md").read_text("utf-8").replace("A record has", "It has"), "utf-8"
    )
    args = ["--short", "--simulated", "--packs", "prompts", str(pack), "--replies", str(tmp_path / "replies.jsonl")]

    found = run("first_pass.py", tmp_path, *args)
    replies = (tmp_path / "replies.jsonl").read_bytes()
    again = run("first_pass.py", tmp_path, *args)

    assert [row["records"] for row in found["packs"]] == [6, 6]
    assert len(replies.splitlines()) == 12
    assert (again, (tmp_path / "replies.jsonl").read_bytes()) == (found, replies)


def test_near_duplicates_are_counted_and_looked_for(tmp_path):
    found = run("duplicates.py", tmp_path, "--short", "--index", "300")

    assert [row["pairs"] for row in found["corpus"]] == ["0"] * 4
    assert {row["found"] for row in found["copies"] if row["edit"] == "another footer" and row["share"] == 0.01} == {7}
    assert found["cost"]["articles"] == 300


def test_planted_copies_are_kept_with_their_originals_and_leak_where_they_are_not(tmp_path):
    [found] = run("splits.py", tmp_path, "--short", "--row", "400")

    assert (found["articles"], found["groups"]) == (420, 400)
    assert [found[f"copies {percent}% alike"] for percent in (70, 80, 90)] == [
        f"{n} of {n} with their original" for n in (7, 7, 6)
    ]
    assert found["leaks"] == "no leaks among 1260 records of 420 articles"
    assert found["leaks of splits by id"] == "4 found, 4 planted"


def test_what_it_takes_to_know_all_records_is_measured(tmp_path):
    judged, filled, loaded = run("unique_memory.py", tmp_path, "--short")

    assert judged["found"] == judged["repeated"] > 0
    assert judged["wrong"] == 0
    assert judged["resident MB"] < 500
    assert filled["records"] == loaded["records"] == judged["records"]


def test_checks_are_timed_for_inputs_of_both_kinds_and_for_long_articles(tmp_path):
    found = run("checks_speed.py", tmp_path, "--short", "--corpus", str(BENCHMARKS.parent / "examples" / "articles"))

    assert [row["input"] for row in found["speed"]] == ["evidence", "written"]
    assert min(row["records/s"] for row in found["speed"]) > 0
    [long] = [row for row in found["blocks"] if row["characters"] == 60_000]
    assert long["facts KiB"] < 1024


def test_of_the_honest_records_hardly_one_is_refused(tmp_path):
    found = run("honest.py", tmp_path)

    assert found["refused"] <= 0.04 * found["records"]


def test_telemetry_is_timed_where_it_is_off_and_where_it_is_on(tmp_path):
    found = run("telemetry.py", tmp_path, "--articles", "1", "--calls", "300", "--repeat", "1")

    for rows in found.values():
        assert [row["telemetry"] for row in rows] == ["off", "no provider", "spans, metrics"]
        assert min(row["us per call"] for row in rows) > 0


def run(script, folder, *options):
    """Run a script and return the numbers that it wrote."""
    path = folder / "numbers.json"
    command = [sys.executable, str(BENCHMARKS / script), "--json", str(path), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(path.read_text("utf-8"))
