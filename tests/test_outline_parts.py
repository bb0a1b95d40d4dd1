"""What rehearsals in outline are made of: bodies that are remembered, a loop of timers, prompts that are known."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import anyio
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.engine.models import family
from qloragen.engine.pricing import Price
from qloragen.engine.reply import Circumstances
from qloragen.engine.writing import write
from qloragen.rehearsing.outline.bodies import Bodies
from qloragen.rehearsing.outline.known import Known, KnownCalls, Playing, playing
from qloragen.rehearsing.outline.loop import TimerLoop
from qloragen.rehearsing.outline.replies import read
from qloragen.rehearsing.outline.shapes import Ask
from qloragen.simulator import Answer, Fault, Model, Plan, PromptCache, Provider, Simulation
from qloragen.simulator.bodies import ApiLanguage
from qloragen.types import Completion, Function, Message, Predicate, Request, Structure

FUNCTION = Function("record", "a record", {"type": "object", "properties": {}, "additionalProperties": False})


def asking(text: str, *, shared: int = 0, **more: Any) -> Request:
    messages = (Message("system", "Rules. " * 700), Message("user", text, shared))
    return Request("gpt-6-luna", messages, more.pop("max_completion_tokens", 900), cache_key="k", **more)


def run(main):
    """Run a coroutine on a loop of timers."""
    with asyncio.Runner(loop_factory=TimerLoop) as runner:
        return runner.run(main)


# ----------------------------------------------------------------------------------------------------------- bodies


@given(
    st.lists(st.integers(1, 10**6), min_size=1, max_size=5),
    st.sampled_from(["gpt-6-luna", "gpt-4.1-mini", "gpt-oss-20b"]),
    st.sampled_from([None, "tools", "json_schema", "json_object"]),
    st.text(max_size=40),
)
def test_a_remembered_body_is_the_one_that_would_be_written(caps, model, structure, text):
    kind, bodies = family(model), Bodies()
    request = asking(text + f'"{kind.cap_parameter}":{caps[0]}, ', function=FUNCTION if structure else None)

    written = [bodies.write(request, kind, structure, cap) for cap in caps]

    assert written == [write(request, kind, structure, cap) for cap in caps]


def test_bodies_of_decisions_have_no_cap():
    request = asking("A text.", predicates=(Predicate("a", "It is a text."),))
    kind = family("gpt-6-luna")

    assert Bodies().write(request, kind, None, 0) == write(request, kind, None, 0)


def test_a_request_that_changes_its_form_is_written_anew():
    bodies, request, kind = Bodies(), asking("A text.", function=FUNCTION), family("gpt-6-luna")

    bodies.write(request, kind, "tools", 5)

    assert bodies.write(request, kind, "json_schema", 5) == write(request, kind, "json_schema", 5)


# ------------------------------------------------------------------------------------------------------------- loop


@given(st.lists(st.floats(0, 100), max_size=12))
def test_sleepers_wake_in_order_at_their_time(delays):
    woken: list[tuple[float, float]] = []

    async def sleeper(delay: float) -> None:
        await asyncio.sleep(delay)
        woken.append((asyncio.get_running_loop().time(), delay))

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            for delay in delays:
                tasks.create_task(sleeper(delay))

    run(main())

    assert [at for at, _ in woken] == sorted(at for at, _ in woken)
    assert len(woken) == len(delays)
    assert all(at == pytest.approx(delay, abs=1e-6) for at, delay in woken)


def test_time_limits_of_asyncio_and_anyio_hold():
    async def main() -> tuple[bool, float]:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await asyncio.sleep(10)
        with anyio.move_on_after(4) as scope:
            await anyio.sleep(10)
        return scope.cancelled_caught, anyio.current_time()

    cancelled, now_s = run(main())

    assert cancelled
    assert now_s == pytest.approx(7)


def test_a_deadlock_is_found_at_once():
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="deadlock"):
        run(main())


def test_an_error_in_a_callback_is_not_overlooked():
    async def main() -> None:
        asyncio.get_running_loop().call_later(1, lambda: 1 / 0)
        await asyncio.sleep(5)

    with pytest.raises(ZeroDivisionError):
        run(main())


def test_an_error_of_a_task_ends_its_group():
    async def fails() -> None:
        await asyncio.sleep(1)
        raise KeyError("lost")

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fails)
            tasks.start_soon(anyio.sleep, 1_000)

    with pytest.raises(ExceptionGroup) as raised:
        run(main())

    assert raised.group_contains(KeyError)


def test_a_cancelled_timer_calls_nothing():
    called: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(1, called.append, 1)
        loop.call_later(1, called.append, 2).cancel()
        loop.call_soon(called.append, 3).cancel()
        await asyncio.sleep(2)

    run(main())

    assert called == [1]


# ------------------------------------------------------------------------------------------------------ known calls


PRICE = Price(Decimal(1), Decimal(2), Decimal("0.1"), tiers={"flex": Price(Decimal(3), Decimal(4))})


class InFull:
    """Knows calls, and answers them as the API does."""

    word = staticmethod(ApiLanguage.word)

    def __init__(self, calls: KnownCalls) -> None:
        self.identify, self.read = calls.identify, calls.read


def told(plan: Plan, structure: Structure | None = "tools") -> Completion:
    """Return what the engine reads of a reply."""
    around = Circumstances(plan.headers["x-request-id"])
    return read(plan.body, model="gpt-6-luna", structure=structure, price=PRICE, around=around)


def usages(provider: Provider, bodies: Sequence[tuple[bytes, float]], calls: Sequence[Playing] = ()) -> list[Any]:
    """Send bodies at their times; return what each is billed for."""
    found = []
    for number, (raw, at_s) in enumerate(bodies):
        if calls:
            playing.set(calls[number])
        plan = provider.arrive(raw, {}, at_s)
        provider.end(plan, at_s + plan.last_s, whole=True)
        found.append(plan.usage and plan.usage[:3])
    return found


@pytest.mark.parametrize("model", ["gpt-6-luna", "gpt-4.1-mini"])
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.floats(0, 40, allow_subnormal=False)),
        min_size=1,
        max_size=10,
    )
)
def test_known_prompts_are_billed_as_if_they_were_read(model, sent):
    """Calls of three articles, each of three calls that begin alike, at whatever times."""
    kind, text = family(model), "A sentence of an article, with some words. "
    requests = [
        [asking(f"{number} {text * 150}", shared=6_000), asking(f"{number} {text * 150} one"), asking(f"{number} two")]
        for number in range(3)
    ]
    known = [[Known(0, Ask(request, 7), request) for request in article] for article in requests]
    raw = [[write(request, kind, None, 50).body for request in article] for article in requests]
    calls = KnownCalls(seed=0)
    calls.foresee([list(zip(article, bodies, strict=True)) for article, bodies in zip(known, raw, strict=True)])
    simulation = Simulation(models={"*": Model(cache=PromptCache(ttl_s=20.0))})

    ordered = sorted(sent, key=lambda call: call[2])
    bodies = [(raw[article][call], at_s) for article, call, at_s in ordered]
    made = [Playing(known[article][call], 0, 0) for article, call, _ in ordered]

    assert usages(Provider(simulation, language=calls, answers=calls.answer), bodies, made) == usages(
        Provider(simulation), bodies
    )


def test_the_cap_of_a_known_call_is_the_one_that_is_sent():
    request = asking("A text.", function=FUNCTION)
    known, kind, calls = Known(0, Ask(request, 300), request), family("gpt-6-luna"), KnownCalls(seed=0)
    calls.foresee([[(known, write(request, kind, "tools", 900).body)]])
    provider = Provider(language=calls, answers=calls.answer)
    playing.set(Playing(known, 0, 0))

    plans = [provider.arrive(write(request, kind, "tools", cap).body, {}, 0.0) for cap in (900, 100)]

    assert [plan.usage.completion_tokens for plan in plans if plan.usage] == [300, 100]
    assert [told(plan).finish_reason for plan in plans] == ["tool_calls", "length"]


@pytest.mark.parametrize("structure", [None, "tools", "json_schema"])
@pytest.mark.parametrize("tier", ["default", "flex", "priority", "auto"])
@given(
    cap=st.integers(1, 900),
    tokens=st.integers(1, 900),
    fault=st.sampled_from([None, "missing_usage", "empty_choices", "invalid_arguments", "length", "content_filter"]),
)
def test_replies_in_short_say_what_those_in_full_say(structure, tier, cap, tokens, fault):
    request = asking("A text.", function=FUNCTION if structure else None)
    kind = replace(family("gpt-6-luna"), service_tier=tier)
    known, calls = Known(0, Ask(request, tokens), request), KnownCalls(seed=0)
    raw = write(request, kind, structure, cap).body
    calls.foresee([[(known, raw)]])
    playing.set(Playing(known, 0, 0))
    faults = () if fault is None else (Fault(fault),)
    short, full = (
        Provider(Simulation(faults=faults), language=language, answers=calls.answer).arrive(raw, {}, 0.0)
        for language in (calls, InFull(calls))
    )

    assert replace(told(short, structure), body=b"") == replace(told(full, structure), body=b"")
    spared = fault is None or (structure is None and fault == "invalid_arguments")
    assert (len(short.body) < 100) == (spared and cap >= tokens)


def test_an_answer_may_say_what_it_costs():
    provider = Provider(answers=lambda _: Answer("Yes.", tokens=77))
    body = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "Is it?"}]})

    plan = provider.arrive(body, {}, 0.0)

    assert plan.usage is not None
    assert plan.usage.completion_tokens == 77
