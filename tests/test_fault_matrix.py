"""Every fault of a provider against the whole main job, in virtual time: what is missing is said, and nothing else is.

A failing test names its fault and its seed; both are in the parameters, so the same test again replays it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import selectors
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise, takewhile
from pathlib import Path
from random import Random
from typing import Any

import anyio
import anyio.to_thread
import orjson
import pytest

import qloragen
from qloragen import RunStopped, Session
from qloragen.simulator import (
    KINDS,
    Answer,
    Call,
    Effect,
    Latency,
    Model,
    Provider,
    SimulatedClient,
    Simulation,
    SimulatorServer,
)
from qloragen.simulator.answers import answer

SEEDS = (1, 2, 3)
ARTICLES = 12
CANARY = "sk-canary-0123456789abcdef0123456789abcdef"

HALF = Effect(kept=0.5, finish_reason="stop", structured=True)
"""A structured answer that breaks off, and a provider that does not say so."""

PASSING: Mapping[str, Effect] = {
    name: KINDS[name]
    for name in (
        *("rate_limited", "rate_limited_tokens", "slow_down", "flex_unavailable"),
        *("408", "409", "500", "502", "503", "529", "html_error"),
        *("reset_before_headers", "reset_after_headers", "truncated_body", "never_ends", "slow_trickle", "hang"),
        *("html_page", "error_inside_200", "empty_choices", "null_content", "missing_usage", "length"),
        *("invalid_arguments", "wrong_schema_arguments", "duplicated_tool_calls", "prose_instead_of_call"),
    )
} | {"half_json": HALF}
"""What may happen to a call and pass: no row may be lost by it."""

POISON: Mapping[str, str] = {
    "length": "truncated",
    "content_filter": "content_filter",
    "empty_choices": "no_call",
    "null_content": "no_call",
    "html_page": "bad_body",
    "hang": "timeout",
    "context_length": "context_length",
    "500": "server_error",
    "refusal": "refusal",
    "error_inside_200": "server_error",
    "never_ends": "timeout",
    "truncated_body": "connection",
    "reset_before_headers": "connection",
    "content_policy": "content_filter",
    "bad_request": "bad_request",
    "html_error": "server_error",
    "invalid_arguments": "schema",
    "wrong_schema_arguments": "schema",
    "prose_instead_of_call": "no_call",
}
"""What may happen to one article whenever it comes, and the reason by which its row is missed."""

OFTEN = ("rate_limited", "500", "reset_before_headers", "truncated_body", "half_json", *list(POISON)[:8])
"""What is tried with every seed; the others take turns."""
MOST_CALLS = 12
"""That one poisoned article may cost."""
OUTAGE_S = 150.0
PROBES_A_MINUTE = 5
STOPPING = ("insufficient_quota", "unauthorized", "forbidden", "model_not_found")


def turns(kinds: Mapping[str, object]) -> list[tuple[str, int]]:
    """Return kinds with their seeds."""
    return [
        (kind, seed)
        for number, kind in enumerate(kinds)
        for seed in SEEDS
        if kind in OFTEN or seed == SEEDS[number % len(SEEDS)]
    ]


class PatientLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time whose clock stands still while threads are at work, so that files may be written.

    It is told what counts the threads by `watch`.
    """

    def __init__(self) -> None:
        self._now_s = 0.0
        self._threads: anyio.CapacityLimiter | None = None
        super().__init__(_PatientSelector(self._turn))

    def watch(self, threads: anyio.CapacityLimiter) -> None:
        self._threads = threads

    def time(self) -> float:
        return self._now_s

    def _turn(self, timeout: float | None, wait: Callable[[float | None], list[Any]]) -> list[Any]:
        """Wait for what is real, or jump to the next timer where nothing real is under way."""
        if self._threads is not None and self._threads.borrowed_tokens:
            return wait(1.0 if timeout is None else min(timeout, 1.0))
        ready = wait(0)
        if timeout is None and not ready:
            raise RuntimeError("deadlock: every task waits, and no timer will wake one")
        self._now_s += 1e-9 + (0.0 if ready or timeout is None else max(timeout, 0.0))
        return ready


class _PatientSelector(selectors.DefaultSelector):
    def __init__(self, turn: Callable[[float | None, Callable[[float | None], list[Any]]], list[Any]]) -> None:
        super().__init__()
        self._turn = turn

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return self._turn(timeout, super().select)


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": PatientLoop}


# ------------------------------------------------------------------------------------------------------- the provider

_ARTICLE = re.compile(r"Article (\d+) of the ring")


def articles(count: int = ARTICLES) -> list[dict[str, str]]:
    sentence = "Node {n} keeps its replicas in step with hinted handoff, read repair and nightly repair jobs. "
    return [
        {"id": str(n), "content": f"Article {n} of the ring\n\n{sentence.format(n=n) * 3}\n\nIt listens on {7000 + n}."}
        for n in range(count)
    ]


def output_of(number: int) -> str:
    return (
        f"Replica {number} keeps what its neighbours missed and hands it over when they are back, so port "
        f"{7000 + number} is all that an operator of this node has to watch by day and by night."
    )


@dataclass
class Trouble:
    """Does `effect` to the calls that `strikes` chooses, by article and how often it was asked before."""

    effect: Effect
    strikes: Callable[[int, int], bool]
    classifications: bool = False
    """Calls that classify are struck too."""
    calls: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By kind and article."""
    good: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Calls that nothing was done to."""

    def __call__(self, call: Call) -> Effect | None:
        found = _ARTICLE.search(call.prompt)
        assert found is not None
        key = (call.kind, int(found[1]))
        struck = (self.classifications or call.kind == "generate") and self.strikes(key[1], self.calls[key])
        self.calls[key] += 1
        if not struck:
            self.good[key] += 1
        return echoing(self.effect) if struck else None


def answered(body: Mapping[str, Any]) -> Answer:
    """Give every article to one type, and answer with a text of which every word is known."""
    if "tools" not in body and "response_format" not in body:
        return Answer("1")
    found = _ARTICLE.search(orjson.dumps(body).decode())
    assert found is not None
    usual = answer(body)
    said = orjson.loads(usual.arguments or usual.text or "")
    text = orjson.dumps({**said, "output": output_of(int(found[1]))}).decode()
    return replace(usual, text=text) if usual.function is None else replace(usual, arguments=text)


def provider(trouble: Trouble, seed: int, latency_s: float = 0.5) -> Provider:
    simulation = Simulation(models={"*": Model(latency=Latency(latency_s, 4 * latency_s))}, seed=seed)
    return Provider(simulation, script=trouble, answers=answered)


def session(folder: Path, trouble: Trouble, seed: int, **knobs: Any) -> Session:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, PatientLoop)
    loop.watch(anyio.to_thread.current_default_thread_limiter())
    client = SimulatedClient(provider(trouble, seed))
    return Session(folder, client=client, **{"max_types": 1, "rpm": 10**6, "tpm": 10**9, **knobs})


def shuffled(seed: int) -> list[dict[str, str]]:
    found = articles()
    Random(seed).shuffle(found)  # noqa: S311 - an order
    return found


def good_rows(folder: Path) -> list[int]:
    """Return the articles with a row, each of which must hold what the model wrote, once."""
    rows = [orjson.loads(line) for line in (folder / "records.jsonl").read_bytes().splitlines()]
    found = sorted(int(row["article_id"]) for row in rows)
    assert [row["output"] for row in rows] == [output_of(int(row["article_id"])) for row in rows]
    assert found == sorted(set(found))
    return found


def echoing(effect: Effect) -> Effect:
    """Return an effect that says the key wherever it says anything."""
    error = effect.error and {**effect.error, "message": f"{effect.error['message']} Your key was {CANARY}."}
    raw = effect.raw and effect.raw.replace(b"Bad Gateway", CANARY.encode()).replace(b"returned", CANARY.encode())
    return replace(effect, error=error, raw=raw)


@pytest.fixture
def said(tmp_path, caplog, capfd):
    """Collects what errors say; afterwards the key must be in none of it, in no log line, and in no file."""
    caplog.set_level(logging.DEBUG)
    texts: list[str] = []
    yield texts
    texts += [f"{record.getMessage()} {vars(record)}" for record in caplog.get_records("call")]
    texts += capfd.readouterr()
    assert [text for text in texts if CANARY in text] == []
    assert [file for file in tmp_path.rglob("*") if file.is_file() and CANARY.encode() in file.read_bytes()] == []


# -------------------------------------------------------------------------------------------------------------- tests


@pytest.mark.parametrize(("kind", "seed"), turns(PASSING))
async def test_what_passes_costs_no_row(tmp_path, said, kind, seed):
    trouble = Trouble(PASSING[kind], lambda article, nth: article % 3 == seed % 3 and nth < (2 if kind == "500" else 1))

    async with session(tmp_path, trouble, seed) as work:
        await work.process(shuffled(seed))

    assert good_rows(tmp_path) == list(range(ARTICLES))
    assert work.tally.missing == 0


@pytest.mark.parametrize(("kind", "seed"), turns(POISON))
async def test_a_poisoned_article_is_the_only_one_missing_and_says_why(tmp_path, said, kind, seed):
    poisoned = Random(seed).randrange(ARTICLES)  # noqa: S311 - a place
    trouble = Trouble(KINDS[kind], lambda article, _nth: article == poisoned)

    async with session(tmp_path, trouble, seed) as work:
        await work.process(shuffled(seed))

    assert good_rows(tmp_path) == [n for n in range(ARTICLES) if n != poisoned]
    assert work.tally.missing == 1
    assert [*work.summary.rejections, *work.summary.failures] == [POISON[kind]]
    assert trouble.calls["generate", poisoned] <= MOST_CALLS


@pytest.mark.parametrize(("kind", "calls"), [("500", 5), ("html_page", 4), ("reset_before_headers", 5)])
async def test_an_article_that_fails_while_others_do_not_is_not_asked_for_again_by_later_runs(
    tmp_path, said, kind, calls
):
    trouble = Trouble(KINDS[kind], lambda article, _nth: article == 5)

    runs = [session(tmp_path, trouble, seed=1, max_concurrency=4) for _ in range(2)]
    for run in runs:
        async with run as work:
            await work.process(articles(100))

    assert [run.tally.missing for run in runs] == [1, 1]
    assert [run.summary.rejections for run in runs] == [{POISON[kind]: 1}] * 2
    assert trouble.calls["generate", 5] == calls
    assert len(good_rows(tmp_path)) == 99


@pytest.mark.parametrize("kind", ["500", "html_page", "reset_before_headers"])
@pytest.mark.parametrize("poisoned", [(5,), (0, 4, 8, 11), (8, 9, 10, 11)])
async def test_poison_in_a_short_run_is_asked_for_once_in_later_runs_and_after_the_second_of_them_never(
    tmp_path, said, kind, poisoned
):
    trouble = Trouble(KINDS[kind], lambda article, _nth: article in poisoned)
    calls: list[dict[int, int]] = []

    runs = [session(tmp_path, trouble, seed=1) for _ in range(4)]
    for run in runs:
        async with run as work:
            await work.process(articles())
        assert run.tally.missing == len(poisoned)
        calls.append({one: trouble.calls["generate", one] for one in poisoned})

    assert max(calls[0].values()) <= MOST_CALLS
    assert all(later[one] - before[one] <= 1 for before, later in pairwise(calls) for one in poisoned)
    # Of those that were asked for after all others nothing shows whose fault it is: they count only after an hour.
    asked = [article for stage, article in trouble.calls if stage == "generate"]
    at_the_end = list(takewhile(poisoned.__contains__, reversed(asked)))
    unknown = sum(runs[-1].summary.failures.values())
    assert unknown <= len(at_the_end)
    assert runs[-1].summary.rejections == {POISON[kind]: len(poisoned) - unknown}
    assert sum(calls[3].values()) - sum(calls[2].values()) == unknown
    assert len(good_rows(tmp_path)) == ARTICLES - len(poisoned)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", STOPPING)
async def test_a_run_that_cannot_go_on_stops_at_once_and_loses_nothing_that_it_had(tmp_path, said, kind, seed):
    first = Random(seed).randrange(1, 2 * ARTICLES)  # noqa: S311 - a moment
    trouble = Trouble(KINDS[kind], lambda _article, _nth: trouble.calls.total() >= first, classifications=True)

    with pytest.raises(RunStopped) as stopped:
        async with session(tmp_path, trouble, seed, max_concurrency=4) as work:
            await work.process(shuffled(seed))
    said += traceback.format_exception(stopped.value)
    assert trouble.calls.total() <= first + 4

    mended = Trouble(KINDS[kind], lambda _article, _nth: False)
    async with session(tmp_path, mended, seed) as work:
        await work.process(shuffled(seed))

    assert good_rows(tmp_path) == list(range(ARTICLES))
    assert set((trouble.good + mended.good).values()) == {1}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["503", "html_error"])
async def test_minutes_of_nothing_but_failures_cost_no_row(tmp_path, said, kind, seed):
    def is_out(_article: int, _nth: int) -> bool:
        records = sum(key[0] == "generate" for key in trouble.good)
        return records >= 3 and anyio.current_time() < OUTAGE_S  # a model that never answered is not waited for

    trouble = Trouble(KINDS[kind], is_out, classifications=True)
    models = {"classify_model": "gpt-4.1-mini", "generate_model": "gpt-4.1-mini"}
    async with session(tmp_path, trouble, seed, **models) as work:
        await work.process(shuffled(seed))

    assert good_rows(tmp_path) == list(range(ARTICLES))
    assert set(trouble.good.values()) == {1}
    assert trouble.calls.total() - trouble.good.total() <= OUTAGE_S / 60 * PROBES_A_MINUTE + 4 * ARTICLES


# ---------------------------------------------------------------------------------------- over HTTP, with a real client


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("transport", ["openai", "aiohttp"])
async def test_the_api_key_stays_in_the_client_whatever_the_server_answers(tmp_path, said, monkeypatch, transport):
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)

    async def one(kind: str) -> None:
        trouble = Trouble(KINDS[kind], lambda _article, nth: nth == 0)
        async with SimulatorServer(provider(trouble, seed=1, latency_s=0)) as server:
            knobs = {"base_url": server.base_url, "max_types": 1, "transport": transport}
            try:
                await qloragen.agenerate(articles()[:1], tmp_path / kind, **knobs)
            except RunStopped as stopped:
                said.extend(traceback.format_exception(stopped))

    async with anyio.create_task_group() as tasks:
        for kind in KINDS.keys() - {"slow_trickle", "hang", "never_ends"}:
            tasks.start_soon(one, kind)

    assert said


@pytest.mark.parametrize(("kind", "code"), [("context_length", 3), ("insufficient_quota", 5)])
def test_the_command_line_never_ends_with_0_while_a_row_is_missing(tmp_path, said, portal, kind, code):
    source = tmp_path / "articles.jsonl"
    source.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in articles()))
    trouble = Trouble(KINDS[kind], lambda article, _nth: article == 5)
    server = SimulatorServer(provider(trouble, seed=1, latency_s=0))
    command = [sys.executable, "-m", "qloragen", "generate", source, "--out", tmp_path / "run", "--set", "max_types=1"]
    environment = {**os.environ, "OPENAI_API_KEY": CANARY, "QLORAGEN_LOG_LEVEL": "debug"}

    with portal.wrap_async_context_manager(server):
        runs = [
            subprocess.run(
                [*command, "--base-url", server.base_url], env=environment, capture_output=True, text=True, check=False
            )
            for _ in range(2)
        ]
    said += [text for run in runs for text in (run.stdout, run.stderr)]

    assert [run.returncode for run in runs] == [code, code]
    assert 5 not in good_rows(tmp_path / "run")
