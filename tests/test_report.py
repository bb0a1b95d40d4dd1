"""The report of a run: its sums agree, whatever has happened to the run."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qloragen
from qloragen.errors import SetupError
from qloragen.store.run import open_run

from .lives import Author
from .reports import sound_report, steps_of


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), lines=st.integers(0, 120), kept=st.floats(0, 1))
def test_the_sums_agree_whatever_is_in_a_journal_and_wherever_it_ends(seed, lines, kept):
    with tempfile.TemporaryDirectory() as folder:
        author, run_dir = Author(Random(seed)), Path(folder) / "run"  # noqa: S311 - the seed replays it
        with open_run(run_dir) as run:
            for _ in range(lines):
                author.put(run)

        report = sound_report(run_dir)
        assert steps_of(report)["records"].lost == {}

        (run_dir / "index.sqlite").unlink()
        journal = (run_dir / "journal.jsonl").read_bytes()
        (run_dir / "journal.jsonl").write_bytes(journal[: int(kept * len(journal))])
        sound_report(run_dir)


def test_an_empty_run_has_a_report(tmp_path):
    with open_run(tmp_path / "run"):
        pass

    report = sound_report(tmp_path / "run")

    assert all(step.count == 0 for step in report.funnel)
    assert not report.failed


def test_a_folder_without_a_run_is_said_to_have_none(tmp_path):
    with pytest.raises(SetupError, match="There is no run in"):
        qloragen.quality_report(tmp_path)
