"""Which calls about an article wait for which, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

import qloragen
from qloragen.simulator import Call, Effect, error

from .simulated import Simulated
from .test_main_job import LONG as MUCH
from .test_main_job import article

LONG = article(1, MUCH)
KNOWN: dict[str, Any] = {"rpm": 10**6, "tpm": 10**9}
"""Else calls are few at first, until it is seen what the server allows."""


async def run_of(server: Simulated, folder, *articles: dict[str, str], **knobs: Any) -> qloragen.Outcome:
    return await qloragen.agenerate(articles, folder / "run", base_url=server.base_url, **KNOWN, **knobs)


def together(calls: list[Call]) -> bool:
    """Tell whether all were sent before the first was answered."""
    return max(call.started for call in calls) < min(call.answered or 0.0 for call in calls)


def of_first_type(call: Call) -> bool:
    return call.kind == "generate" and "Summarise a section" in call.prompt


def cached(call: Call) -> int:
    assert call.usage is not None
    tokens: int = call.usage["prompt_tokens_details"]["cached_tokens"]
    return tokens


@pytest.mark.parametrize(
    ("one", "knobs"),
    [
        (article(1), {}),
        (LONG, {"generate_model": "some-open-model", "structure": "tools"}),
        (LONG, {"models": {"gpt-6-luna": {"price": {"prompt": 1, "cached": 1, "completion": 2}}}}),
        (LONG, {"models": {"gpt-6-luna": {"price": {"prompt": 1, "cached": 0.9, "cache_write": 9, "completion": 2}}}}),
    ],
    ids=["too short for the cache", "no cache", "reading is not cheaper", "writing is too dear"],
)
async def test_where_sharing_does_not_pay_all_calls_go_at_once_and_write_nothing(tmp_path, one, knobs):
    async with Simulated(classify=lambda _: "1, 2, 3, 4", delay_s=0.2) as server:
        await run_of(server, tmp_path, one, **knobs)

    calls = server.of_kind("generate")
    assert len(calls) == 4
    assert together(calls)
    assert all("prompt_cache_key" not in call.body for call in calls)
    assert all(isinstance(message["content"], str) for call in calls for message in call.body["messages"])


async def test_one_type_alone_writes_nothing(tmp_path):
    async with Simulated(classify=lambda _: "1") as server:
        await run_of(server, tmp_path, LONG, max_types=1)

    (call,) = server.of_kind("generate")
    assert call.usage is not None
    assert call.usage["prompt_tokens_details"]["cache_write_tokens"] == 0


async def test_the_others_follow_the_first_answer_and_not_what_is_asked_again(tmp_path):
    asked: list[Call] = []

    def first_is_invalid(call: Call) -> Effect | None:
        if not of_first_type(call):
            return None
        asked.append(call)
        return Effect(arguments="{}") if len(asked) == 1 else Effect(delay_s=0.3)

    async with Simulated(classify=lambda _: "1, 2, 3, 4", faults=first_is_invalid, delay_s=0.2) as server:
        outcome = await run_of(server, tmp_path, LONG)

    first, again = (call for call in server.calls if of_first_type(call))
    others = [call for call in server.of_kind("generate") if not of_first_type(call)]
    assert outcome.summary.records == 4
    assert all((first.answered or 0.0) <= call.started < (again.answered or 0.0) for call in others)
    assert all(cached(call) > 1_024 for call in (*others, again))


async def test_another_goes_ahead_when_the_first_gets_no_answer(tmp_path):
    def refused(call: Call) -> Effect | None:
        return error(400) if of_first_type(call) else None

    async with Simulated(classify=lambda _: "1, 2, 3, 4", faults=refused, delay_s=0.2) as server:
        outcome = await run_of(server, tmp_path, LONG)

    _, ahead, *others = sorted(server.of_kind("generate"), key=lambda call: call.started)
    assert outcome.summary.records == len(others) + 1 == 3
    assert all(call.started >= (ahead.answered or 0.0) and cached(call) > 1_024 for call in others)


async def test_none_waits_for_another_when_two_have_got_no_answer(tmp_path):
    refused: list[Call] = []

    def two_refused(call: Call) -> Effect | None:
        if call.kind == "generate" and len(refused) < 2:
            refused.append(call)
            return error(400)
        return None

    async with Simulated(classify=lambda _: "1, 2, 3, 4", faults=two_refused, delay_s=0.2) as server:
        outcome = await run_of(server, tmp_path, LONG)

    assert outcome.summary.records == 2
    assert together([call for call in server.of_kind("generate") if call not in refused])


async def test_while_the_others_wait_other_articles_are_asked_for(tmp_path):
    texts = [article(n, MUCH) for n in range(4)]
    async with Simulated(classify=lambda _: "1, 2, 3", delay_s=0.2) as server:
        await run_of(server, tmp_path, *texts, max_concurrency=4)

    calls = server.of_kind("generate")
    assert len(calls) == 12
    assert together(calls[:4])
    assert sum(cached(call) > 1_024 for call in calls) == 8


async def test_replies_that_an_earlier_process_has_paid_for_are_no_sign_that_the_article_is_in_the_cache(tmp_path):
    """The first type's reply was not valid, and then the server refused whatever was asked."""
    asked: list[Call] = []

    def first_process(call: Call) -> Effect | None:
        if call.kind != "generate":
            return None
        asked.append(call)
        return Effect(arguments="{}") if len(asked) == 1 else error(400)

    async with Simulated(classify=lambda _: "1, 2, 3, 4", faults=first_process) as server:
        await run_of(server, tmp_path, LONG)
    async with Simulated(classify=lambda _: "1, 2, 3, 4", delay_s=0.2) as server:
        outcome = await run_of(server, tmp_path, LONG)

    first, *others = sorted(server.of_kind("generate"), key=lambda call: call.started)
    assert outcome.summary.records == 4
    assert of_first_type(first)
    assert all(call.started >= (first.answered or 0.0) for call in others)
    assert [cached(call) > 1_024 for call in others] == [True] * 3


async def test_who_needs_no_call_lets_the_next_one_go_ahead(tmp_path):
    """What was journalled is enough for the first type."""

    def others_refused(call: Call) -> Effect | None:
        return None if of_first_type(call) or call.kind != "generate" else error(400)

    async with Simulated(classify=lambda _: "1, 2, 3, 4", faults=others_refused) as server:
        await run_of(server, tmp_path, LONG)
    journal = tmp_path / "run" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[: next(n for n, line in enumerate(lines) if b'"t":"record"' in line)]))

    async with Simulated(classify=lambda _: "1, 2, 3, 4", delay_s=0.2) as server:
        outcome = await run_of(server, tmp_path, LONG)

    first, *others = sorted(server.of_kind("generate"), key=lambda call: call.started)
    assert outcome.summary.records == 4
    assert len(others) == 2
    assert all(call.started >= (first.answered or 0.0) and cached(call) > 1_024 for call in others)
