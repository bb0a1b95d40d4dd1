"""Each HTTP attempt is told to an observer, and to the log at level debug, with what it has come to: once."""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import NamedTuple

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.engine import Engine, RetryPolicy
from qloragen.errors import AccessDenied, Interrupted, RequestFailed
from qloragen.simulator import KINDS, Fault, Latency, Model, Provider, SimulatedClient, Simulation
from qloragen.testing import Body, ConnectionLost, HttpReply, ScriptedClient, VirtualLoop, refusal, reply, run_virtually
from qloragen.types import Article, Cell, Completion, Message, Predicate, Request, Usage

from .engines import FUNCTION, engine_for, in_turn, outcomes, request_for, spec

ASKER: ContextVar[str] = ContextVar("asker", default="nobody")
DECISIONS = HttpReply(200, b'{"answers": [], "usage": {"input_tokens": 9, "output_tokens": 0}}')


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


class Failed(NamedTuple):
    reason: str
    status: int | None


@dataclass
class Attempt:
    """What an observer has heard of one attempt."""

    request: Request
    number: int
    waited_s: float
    asker: str
    ends: list[Completion | Failed] = field(default_factory=list)
    ended_s: float = -1.0

    def answered(self, completion: Completion) -> None:
        self._end(completion)

    def failed(self, reason: str, status: int | None) -> None:
        self._end(Failed(reason, status))

    def _end(self, end: Completion | Failed) -> None:
        self.ends.append(end)
        self.ended_s = anyio.current_time()


class Listener:
    """Hears of attempts; the engine knows of nothing else."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []

    def attempt(self, request: Request, *, number: int, waited_s: float) -> Attempt:
        heard = Attempt(request, number, waited_s, ASKER.get())
        self.attempts.append(heard)
        return heard

    @property
    def ends(self) -> list[Completion | Failed]:
        return [end for attempt in self.attempts for end in attempt.ends]

    def article(self, article: Article) -> AbstractContextManager[None]:
        return nullcontext()

    def cell(self, cell: Cell) -> AbstractContextManager[None]:
        return nullcontext()

    def finished(self, article: Article) -> None:
        raise AssertionError

    def billed(self, cell: Cell, usage: Usage, cost_usd: Decimal | None) -> None:
        raise AssertionError

    def settled(self, cell: Cell, reason: str | None) -> None:
        raise AssertionError


class Faulty(Listener):
    """Has a fault: it cannot take in a reply."""

    def attempt(self, request: Request, *, number: int, waited_s: float) -> Attempt:
        heard = super().attempt(request, number=number, waited_s=waited_s)
        heard.ends = None  # type: ignore[assignment]
        return heard


# ----------------------------------------------------------------------------------------------- what is told


async def test_an_answered_attempt_is_told_with_its_completion():
    listener = Listener()
    engine = engine_for(ScriptedClient(lambda _body: reply("hello")), observer=listener)

    completion = await engine.complete(request_for())

    (attempt,) = listener.attempts
    assert (attempt.request, attempt.number, attempt.waited_s) == (request_for(), 1, 0)
    assert attempt.ends == [completion]
    assert attempt.ended_s == pytest.approx(1)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (refusal(503), Failed("server_error", 503)),
        (refusal(429, headers={"retry-after": "1"}), Failed("rate_limited", 429)),
        (ConnectionLost("reset", maybe_paid=False), Failed("connection", None)),
        (ConnectionLost("slow", timed_out=True), Failed("timeout", None)),
        (TimeoutError(), Failed("timeout", None)),
        (HttpReply(200, b"<html>", {}), Failed("bad_body", 200)),
        (refusal(400, param="temperature", code="unsupported_parameter"), Failed("parameter", 400)),
    ],
)
async def test_a_failed_attempt_is_told_with_its_code_and_status_and_the_next_has_the_next_number(answer, told):
    listener = Listener()
    engine = engine_for(ScriptedClient(in_turn(answer, reply())), observer=listener)

    completion = await engine.complete(Request("m", (Message("user", "hello"),), 50, temperature=0.5))

    assert [attempt.number for attempt in listener.attempts] == [1, 2]
    assert [attempt.ends for attempt in listener.attempts] == [[told], [completion]]


async def test_the_last_attempt_of_a_request_that_is_given_up_is_told_as_well():
    listener = Listener()
    engine = engine_for(ScriptedClient(lambda _body: refusal(400, code="content_filter")), observer=listener)

    with pytest.raises(RequestFailed):
        await engine.complete(request_for())

    assert listener.ends == [Failed("content_filter", 400)]


async def test_the_attempt_that_stops_the_run_is_told_as_well():
    listener = Listener()
    engine = engine_for(ScriptedClient(lambda _body: refusal(401)), observer=listener)

    with pytest.raises(AccessDenied):
        await engine.complete(request_for())

    assert listener.ends == [Failed("access", 401)]


async def test_a_request_that_is_sent_in_too_many_forms_has_each_of_them_told():
    def other(_body: Body) -> HttpReply:
        return refusal(400, param=f"parameter_{len(client.calls)}", code="unsupported_parameter")

    client, listener = ScriptedClient(other), Listener()
    many = {f"parameter_{number}": 1 for number in range(1, 30)}
    model = replace(spec(), family=replace(spec().family, parameters=many))
    engine = engine_for(client, model, observer=listener)

    with pytest.raises(RequestFailed):
        await engine.complete(request_for())

    assert len(client.calls) > 10
    assert listener.ends == [Failed("parameter", 400)] * len(client.calls)


async def test_a_cancelled_attempt_is_told_and_one_that_was_never_sent_is_not():
    client, listener = ScriptedClient(lambda _body: reply(), latency_s=60), Listener()
    engine = engine_for(client, spec(max_concurrency=1), observer=listener)

    with anyio.move_on_after(10):
        await outcomes(engine, [request_for()] * 3)

    assert listener.ends == [Failed("cancelled", None)]
    assert listener.attempts[0].ended_s == pytest.approx(10)


async def test_an_attempt_that_an_error_of_the_client_ends_is_told():
    listener = Listener()
    engine = engine_for(ScriptedClient(lambda _body: LookupError("a bug")), observer=listener)

    with pytest.raises(LookupError):
        await engine.complete(request_for())

    assert listener.ends == [Failed("error", None)]


async def test_how_long_a_request_waited_for_its_turn_is_told_for_each_attempt():
    listener = Listener()
    client = ScriptedClient(in_turn(reply(), refusal(503), reply()), latency_s=2)
    engine = engine_for(client, spec(max_concurrency=1), observer=listener)

    await outcomes(engine, [request_for()] * 2)

    assert [attempt.waited_s for attempt in listener.attempts] == [0, pytest.approx(2), 0]


async def test_an_attempt_is_told_in_the_context_of_whoever_asks_however_long_it_waited():
    listener = Listener()
    engine = engine_for(ScriptedClient(lambda _body: reply()), spec(max_concurrency=1), observer=listener)

    async def ask(name: str) -> None:
        ASKER.set(name)
        await engine.complete(request_for(text=name))

    async with anyio.create_task_group() as tasks:
        for name in "abc":
            tasks.start_soon(ask, name)

    assert [attempt.asker for attempt in listener.attempts] == ["a", "b", "c"]
    assert [attempt.request.messages[0].text for attempt in listener.attempts] == ["a", "b", "c"]


async def test_calls_for_decisions_are_told_as_well():
    listener = Listener()
    client = ScriptedClient(lambda _body: reply(), deciding=lambda _body: DECISIONS)
    engine = engine_for(client, spec("gpt-6-luna"), observer=listener)

    completion = await engine.complete(
        Request("gpt-6-luna", (Message("user", "text"),), 1, predicates=(Predicate("short", "It is short."),))
    )

    assert listener.ends == [completion]


async def test_an_attempt_is_over_when_its_reply_is_there_however_long_that_is_kept():
    listener = Listener()
    engine = engine_for(ScriptedClient(lambda _body: reply()), observer=listener)

    async def keep(_completion: Completion) -> None:
        await anyio.sleep(100)

    await engine.complete(request_for(), keep)

    assert listener.attempts[0].ended_s == pytest.approx(1)


async def test_a_fault_of_an_observer_loses_no_reply_and_no_slot():
    kept: list[Completion] = []
    engine = engine_for(ScriptedClient(lambda _body: reply()), spec(max_concurrency=1), observer=Faulty())

    async def keep(completion: Completion) -> None:
        kept.append(completion)

    for _ in range(3):
        with pytest.raises(AttributeError):
            await engine.complete(request_for(), keep)

    assert len(kept) == 3
    assert engine.statistics["m"].in_flight == 0


@settings(max_examples=20, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(sorted(KINDS)), max_size=4, unique=True),
    seed=st.integers(0, 999),
    leaves_at_s=st.one_of(st.none(), st.floats(0, 60)),
)
def test_whatever_happens_each_attempt_is_told_once_and_has_one_end(kinds, seed, leaves_at_s):
    faults = tuple(Fault(kind, 0.1) for kind in kinds)
    provider = Provider(Simulation(models={"*": Model(latency=Latency(2.0, 20.0))}, faults=faults, seed=seed))
    listener = Listener()
    finished = []

    async def main() -> int:
        engine = Engine(
            SimulatedClient(provider),
            [spec(max_concurrency=8)],
            random=Random(seed),  # noqa: S311 - jitter
            retry=RetryPolicy(timeout_s=30),
            observer=listener,
        )
        with anyio.move_on_after(leaves_at_s):
            requests = [
                request_for(text=str(number), function=FUNCTION if number % 2 else None) for number in range(30)
            ]
            finished.extend(await outcomes(engine, requests))
        return engine.statistics["m"].sent

    sent = run_virtually(main())

    assert len(listener.attempts) == sent
    assert [len(attempt.ends) for attempt in listener.attempts] == [1] * sent
    if finished:
        answers = [end for end in listener.ends if isinstance(end, Completion)]
        assert sorted(map(id, answers)) == sorted(id(one) for one in finished if isinstance(one, Completion))


async def test_a_stopped_engine_tells_nothing_that_was_not_sent():
    listener = Listener()
    engine = engine_for(ScriptedClient(lambda _body: reply()), observer=listener)
    engine.stop(Interrupted("enough"))

    with pytest.raises(Interrupted):
        await engine.complete(request_for())

    assert listener.attempts == []


# ----------------------------------------------------------------------------------------------- what is logged


def fields(record: logging.LogRecord, *names: str) -> tuple[object, ...]:
    return (record.getMessage(), *(vars(record)[name] for name in names))


async def test_at_level_debug_each_call_is_logged_when_it_is_sent_and_when_it_ends(caplog):
    caplog.set_level(logging.DEBUG, "qloragen")
    script = in_turn(refusal(503), reply("a secret", headers={"x-request-id": "req_1"}))
    client = ScriptedClient(script, latency_s=2.5)

    completion = await engine_for(client).complete(request_for(text="an article"))

    sent, failed, again, answered = caplog.records
    assert {record.levelname for record in caplog.records} == {"DEBUG"}
    assert fields(sent, "model", "attempt", "waited_s") == ("call_sent", "m", 1, 0)
    assert fields(failed, "model", "attempt", "reason", "status") == ("call_failed", "m", 1, "server_error", 503)
    assert vars(failed)["retry_in_s"] == pytest.approx(anyio.current_time() - 5, abs=0.001)
    assert fields(again, "attempt") == ("call_sent", 2)
    assert fields(answered, "model", "request_id", "latency_s", "finish_reason") == (
        "call_answered",
        "m",
        "req_1",
        2.5,
        "stop",
    )
    counts = fields(answered, "prompt_tokens", "cached_tokens", "completion_tokens")[1:]
    assert counts == (completion.usage.prompt_tokens, 0, completion.usage.completion_tokens)
    assert "secret" not in str([vars(record) for record in caplog.records])
    assert "article" not in str([vars(record) for record in caplog.records])


async def test_a_request_that_is_not_sent_again_is_logged_without_a_time(caplog):
    caplog.set_level(logging.DEBUG, "qloragen")
    engine = engine_for(ScriptedClient(lambda _body: refusal(400)))

    with pytest.raises(RequestFailed):
        await engine.complete(request_for())

    assert fields(caplog.records[-1], "reason", "status", "retry_in_s") == ("call_failed", "bad_request", 400, None)


async def test_at_level_info_single_calls_are_not_logged_and_the_level_may_change_meanwhile(caplog):
    caplog.set_level(logging.INFO, "qloragen")
    engine = engine_for(ScriptedClient(in_turn(refusal(503), reply())))
    await engine.complete(request_for())
    before = Counter(record.getMessage() for record in caplog.records)

    caplog.set_level(logging.DEBUG, "qloragen")
    await engine.complete(request_for())

    assert before == Counter()
    assert Counter(record.getMessage() for record in caplog.records) == Counter(call_sent=1, call_answered=1)
