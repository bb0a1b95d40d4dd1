"""Batches outlive processes: whenever one is killed, the next finds them again, and nothing is paid for twice."""

from __future__ import annotations

from random import Random

import pytest

from qloragen.simulator import Fault
from qloragen.simulator.batch_settings import Batches

from .batch_lives import Lives, provider_of
from .test_main_job import articles, lines_of

pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited"),  # a killed process ends no task
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.mark.parametrize("seed", range(12))
def test_processes_killed_between_any_two_awaits_pay_for_everything_once(tmp_path, seed):
    chance = Random(seed)  # noqa: S311 - replayable
    undisturbed = Lives(tmp_path / "whole", provider_of(), articles(5))
    undisturbed.live()
    lives, kills = Lives(tmp_path / "lives", provider_of(), articles(5)), 0

    while lives.live(chance.randrange(3, undisturbed.turns // 2) if kills < 20 else None):
        kills += 1

    assert kills > 1
    lives.check(undisturbed.summary.calls)
    whole, found = (
        {line["id"]: line["output"] for line in lines_of(one.run / "records.jsonl")} for one in (undisturbed, lives)
    )
    assert found == whole


@pytest.mark.parametrize("seed", range(4))
def test_processes_that_meet_faults_and_are_killed_pay_for_every_answer_once(tmp_path, seed):
    chance, kills = Random(seed), 0  # noqa: S311 - replayable
    batches = Batches(median_s=20, p99_s=40, window_s=60, expired=0.2, unfinished=0.5, failed=0.1)
    faults = (
        Fault("500", 0.15, endpoints=("batched",)),
        Fault("rate_limited", 0.1, endpoints=("batched",)),
        Fault("reset_after_headers", 0.1, endpoints=("files", "batches")),
        Fault("503", 0.1, endpoints=("files", "batches")),
        Fault("html_page", 0.05, endpoints=("files", "batches")),
    )
    lives = Lives(tmp_path, provider_of(batches, faults=faults, seed=seed), articles(5))

    while lives.live(chance.randrange(3, 400) if kills < 20 else None):
        kills += 1

    assert lives.summary.rejections == lives.summary.failures == {}
    assert lives.summary.records == 15
    lives.check(20)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_process_killed_at_any_call_of_the_batch_api_pays_for_everything_once(tmp_path, before):
    whole = Lives(tmp_path / "whole", provider_of(), articles(3))
    whole.live()

    for at in range(1, len(whole.asks) + 1):
        lives = Lives(tmp_path / str(at), provider_of(), articles(3))
        assert lives.live(at=at, before=before)
        lives.live()

        lives.check(whole.summary.calls)
    assert {"POST /files", "POST /batches", "GET /batches/batch_0"} <= set(whole.asks)


def test_a_batch_that_arrived_unnoticed_is_found_by_its_name_and_not_made_again(tmp_path):
    lives = Lives(tmp_path, provider_of(), articles(3))
    assert lives.live(at=2, before=False)
    assert [(one.requests, one.batch) for one in lives.left()] == [(3, None)]

    lives.live()

    assert lives.asks[0] == "GET /batches"
    assert lives.asks.count("POST /batches") == 1, "that of the records"
    lives.check(12)


def test_what_never_arrived_is_asked_for_as_if_it_had_not_been_written_down(tmp_path):
    lives = Lives(tmp_path, provider_of(), articles(3))
    assert lives.live(at=2, before=True)
    assert [(one.requests, one.batch) for one in lives.left()] == [(3, None)]

    lives.live()

    assert lives.asks[:4] == ["GET /batches"] * 3 + ["POST /files"]
    lives.check(12)
