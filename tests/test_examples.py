"""The programs in `examples/` run as their first lines say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import anyio.from_thread
import pytest

from .simulated import Simulated

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def server():
    with anyio.from_thread.start_blocking_portal() as portal, portal.wrap_async_context_manager(Simulated()) as server:
        yield server


def example(name: str, *arguments: object, base_url: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, EXAMPLES / name, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "QLORAGEN_BASE_URL": base_url},
    )


def test_the_library_example_makes_and_exports_records(tmp_path, server):
    done = example("library.py", EXAMPLES / "articles", tmp_path / "run", base_url=server.base_url)

    assert done.stderr == ""
    assert "records              " in done.stdout
    assert (tmp_path / "run/alpaca.jsonl").read_bytes().count(b"\n") == len(server.of_kind("generate"))


def test_the_estimate_example_pays_only_for_what_is_cheap_enough(tmp_path, server):
    arguments = (EXAMPLES / "articles", tmp_path / "run")
    dear = example("estimate.py", *arguments, "0.001", base_url=server.base_url)
    assert (dear.returncode, server.calls) == (1, [])

    done = example("estimate.py", *arguments, "1", base_url=server.base_url)

    assert done.stderr == ""
    assert "cheapest together" in done.stdout
    assert "records              " in done.stdout


def test_the_streaming_example_prints_a_line_for_each_record(tmp_path, server):
    done = example("stream.py", tmp_path / "run", base_url=server.base_url)

    assert done.stderr == ""
    assert done.stdout.count("section-summary - ") == 2


def test_the_engine_example_sorts_and_answers_tickets_whatever_the_provider_does():
    done = example("engine.py")

    assert done.stderr == ""
    assert "gpt-6-luna: 60 answers" in done.stdout
    assert re.search(r"gpt-6-sol: [1-9]\d* answers", done.stdout)
    assert re.search(r"spent: \$0\.0\d*[1-9]", done.stdout)


def test_a_record_is_shown_in_full(tmp_path, server):
    example("library.py", EXAMPLES / "articles", tmp_path / "run", base_url=server.base_url)

    done = example("show_record.py", tmp_path / "run")

    assert done.returncode == 0
    for part in ("INSTRUCTION", "INPUT", "OUTPUT"):
        assert part in done.stdout


def test_a_record_that_the_usual_checks_would_refuse_is_shown_with_the_reasons(tmp_path, server, monkeypatch):
    monkeypatch.setenv("QLORAGEN_CHECKS", '{"max_output_bytes": 9, "actions": {"too_long": "flag"}}')
    example("library.py", EXAMPLES / "articles/time-series-tutorial.md", tmp_path / "run", base_url=server.base_url)

    done = example("show_record.py", tmp_path / "run")

    assert (done.returncode, done.stderr) == (0, "")
    assert "NOTED ONLY, OF A REAL MODEL A REASON TO REFUSE THE RECORD\n  too_long\n" in done.stdout
    assert re.search(r"records: (\d+) accepted \(\1 of them with reasons to refuse them\), 0 refused\n", done.stdout)


def test_where_the_checks_accept_nothing_a_refused_record_is_shown_with_the_reason(tmp_path, server, monkeypatch):
    monkeypatch.setenv("QLORAGEN_CHECKS", '{"max_output_bytes": 9}')
    example("library.py", EXAMPLES / "articles/time-series-tutorial.md", tmp_path / "run", base_url=server.base_url)

    done = example("show_record.py", tmp_path / "run")

    assert (done.returncode, done.stderr) == (0, "")
    assert "REFUSED\n\n  too_long: " in done.stdout
    assert re.search(r"records: 0 accepted, \d+ refused \(too_long \d+\)", done.stdout)


def test_there_are_articles_of_several_kinds_and_formats():
    articles = [file for file in (EXAMPLES / "articles").iterdir() if file.is_file()]

    assert len(articles) >= 6
    assert len({file.suffix for file in articles}) >= 4
    assert all(500 <= len(file.read_text().split()) <= 1_500 for file in articles)
