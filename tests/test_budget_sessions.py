"""Limits of money, tokens and calls of a run directory, over all the sessions and processes that work in it."""

import itertools
import os
import subprocess
import sys
from argparse import ArgumentParser
from decimal import Decimal
from typing import Any

import pytest

import qloragen
from qloragen.cli.bounds import add_bounds, bounded
from qloragen.simulator import KINDS

from .simulated import Simulated
from .test_main_job import articles, lines_of

LUNA = "gpt-6-luna"


def billed(server: Simulated) -> dict[str, Decimal | int]:
    tokens = server.billed()
    return {"max_tokens": tokens["prompt_tokens"] + tokens["completion_tokens"], "max_calls": len(server.calls)}


@pytest.mark.parametrize(("knob", "limits"), [("max_tokens", (40_000, 60_000)), ("max_calls", (30, 60))])
async def test_a_limit_holds_over_all_sessions_and_a_higher_one_goes_on(tmp_path, knob, limits):
    """Twenty articles are 80 calls."""
    async with Simulated() as server:
        for limit in limits:
            calls = []
            for _ in range(2):  # the second one has nothing left to spend
                options: dict[str, Any] = {"base_url": server.base_url, knob: limit}
                stopped = await qloragen.agenerate(articles(20), tmp_path / "run", **options)
                calls.append(len(server.calls))
                assert isinstance(stopped.stopped, qloragen.BudgetReached)
                assert f"{knob} = {limit:,}" in str(stopped.stopped)
                assert 0 < billed(server)[knob] <= limit
            assert calls[0] == calls[1]
        done = await qloragen.agenerate(articles(20), tmp_path / "run", base_url=server.base_url)

    assert (done.stopped, done.summary.records) == (None, 60)
    assert len(server.calls) == 80


async def test_a_model_has_limits_of_its_own_which_stop_the_run_by_its_name(tmp_path):
    async with Simulated() as server:
        outcome = await qloragen.agenerate(
            articles(20), tmp_path / "run", base_url=server.base_url, models={LUNA: {"max_calls": 10}}
        )

    assert f"Of max_calls = 10 for {LUNA}, 0 are left" in str(outcome.stopped)
    assert len(server.of_kind("generate")) == 10
    assert outcome.summary.records == 10


async def test_lost_calls_of_earlier_sessions_count(tmp_path):
    numbers = itertools.count()
    async with Simulated(faults=lambda _: KINDS["truncated_body"] if next(numbers) % 10 == 1 else None) as server:
        await qloragen.agenerate(articles(4), tmp_path / "run", base_url=server.base_url)
        sent = len(server.calls)
        outcome = await qloragen.agenerate(articles(8), tmp_path / "run", base_url=server.base_url, max_calls=sent)

    assert sent > 16
    assert isinstance(outcome.stopped, qloragen.BudgetReached)
    assert len(server.calls) == sent


async def test_limits_of_tokens_and_calls_need_no_price(tmp_path):
    async with Simulated() as server:
        options: dict[str, Any] = {"base_url": server.base_url, "generate_model": "my-own", "max_tokens": 10**9}
        outcome = await qloragen.agenerate(articles(2), tmp_path / "run", **options, max_calls=100)
        with pytest.raises(qloragen.SettingsError, match="calls of my-own have no known cost"):
            models = {"my-own": {"max_cost_usd": 1, "price": {"prompt": 1, "completion": 1}}}
            await qloragen.agenerate(articles(3), tmp_path / "run", **options, models=models)

    assert outcome.summary.records == 6


async def test_the_price_of_a_tier_can_be_set(tmp_path):
    flex = {"prompt": "2", "completion": "0", "cached": "2", "cache_write": "2"}
    luna = {"service_tier": "flex", "price": {"prompt": "100", "completion": "100", "flex": flex}}
    async with Simulated() as server:
        await qloragen.agenerate(articles(1), tmp_path / "run", base_url=server.base_url, models={LUNA: luna})

    for record in lines_of(tmp_path / "run/records.jsonl"):
        assert Decimal(record["cost_usd"]) == Decimal(2) * record["usage"]["prompt_tokens"] / 1_000_000


# ----------------------------------------------------------------------------------------------------- command line


def qloragen_in_a_process(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "qloragen", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ})


def test_the_command_ends_with_code_4_at_a_limit_and_goes_on_with_a_higher_one(tmp_path, serve, source):
    server = serve()
    command = ("generate", source, "--out", tmp_path / "run", "--base-url", server.base_url)

    at_limit = qloragen_in_a_process(*command, "--max-calls", f"{LUNA}=5", "--max-cost-usd", 1)
    assert (at_limit.returncode, len(server.of_kind("generate"))) == (4, 5)
    assert f"Of max_calls = 5 for {LUNA}, 0 are left, and the next call" in at_limit.stderr
    assert len(lines_of(tmp_path / "run/records.jsonl")) == 5
    done = qloragen_in_a_process(*command, "--max-calls", f"{LUNA}=50", "--max-cost-usd", 1)

    assert (done.returncode, len(server.calls)) == (0, 32)


def knobs(*flags: str, **others: object) -> dict[str, object]:
    parser = ArgumentParser()
    add_bounds(parser)
    return bounded(others, parser.parse_args(flags))


def test_a_limit_of_a_model_that_the_run_does_not_have_is_refused_before_any_call(tmp_path, source):
    flags = ("--base-url", "http://127.0.0.1:9/v1", "--max-cost-usd", "gpt-6-lunar=1")

    refused = qloragen_in_a_process("generate", source, "--out", tmp_path / "run", *flags)

    assert refused.returncode == 2
    assert "gpt-6-lunar=1: gpt-6-lunar is none of the models here (gpt-6-sol, gpt-6-luna)" in refused.stderr


def test_flags_bound_the_run_and_single_models():
    found = knobs(
        *("--max-cost-usd", "5", "--max-cost-usd", "a=1", "--max-cost-usd", "a=b=2", "--max-tokens", "a=1000"),
        models={"a": {"rpm": 5}},
    )

    assert found == {
        "max_cost_usd": "5",
        "models": {"a": {"rpm": 5, "max_cost_usd": "1", "max_tokens": "1000"}, "a=b": {"max_cost_usd": "2"}},
    }


@pytest.mark.parametrize("value", ["=5", "m=", ""])
def test_a_flag_that_is_no_limit_is_refused(value, capsys):
    with pytest.raises(SystemExit) as refused:
        knobs("--max-calls", value)

    assert refused.value.code == 2
    assert "is neither a number nor of the form MODEL=NUMBER" in capsys.readouterr().err
