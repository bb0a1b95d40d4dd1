"""How structured answers are asked for, and what a model turns out to refuse; in virtual time."""

from __future__ import annotations

import orjson
import pytest

from qloragen.errors import (
    RequestFailed,
)
from qloragen.testing import Answer, Body, ScriptedClient, VirtualLoop, refusal, reply
from qloragen.types import Completion, Function, Message, Request

from .engines import FUNCTION, engine_for, in_turn, outcomes, request_for, spec


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


# --------------------------------------------------------------------------------------------- the form of an answer


def without_tools(body: Body) -> Answer:
    """Behave as a server that ignores tools and knows `json_schema`."""
    if "response_format" in body:
        return reply('{"a": 1}')
    return reply("Here is some prose." if "tools" in body else "1")


async def test_one_request_finds_out_the_form_while_the_others_wait():
    client = ScriptedClient(without_tools)
    engine = engine_for(client, spec(structure="auto"))

    results = await outcomes(engine, [request_for(function=FUNCTION)] * 20)

    forms = ["tools" if "tools" in call.body else "json_schema" for call in client.calls]
    assert forms == ["tools"] + ["json_schema"] * 19
    assert [call.started_s for call in client.calls[:3]] == pytest.approx([0, 1, 2], abs=0.01)
    assert client.peak == 18
    assert isinstance(results[0], Completion)
    assert (results[0].text, results[0].arguments) == ("Here is some prose.", None)
    assert engine.statistics["m"].structure == "json_schema"


async def test_requests_for_plain_text_do_not_wait_for_the_form():
    client = ScriptedClient(without_tools)
    engine = engine_for(client, spec(structure="auto"))

    await outcomes(engine, [request_for(function=FUNCTION), *[request_for()] * 5])

    assert {round(call.started_s) for call in client.calls} == {0}


async def test_a_model_that_has_called_the_function_keeps_its_form_whatever_it_says_later():
    client = ScriptedClient(in_turn(reply(arguments="{}"), reply("prose"), reply(arguments="{}")))
    engine = engine_for(client, spec(structure="auto"))

    results = [await engine.complete(request_for(function=FUNCTION)) for _ in range(3)]

    assert [result.arguments for result in results] == ["{}", None, "{}"]
    assert all("tools" in call.body for call in client.calls)


async def test_a_model_that_gives_only_prose_ends_at_the_last_form_and_works_in_parallel():
    client = ScriptedClient(lambda _body: reply("prose"))
    engine = engine_for(client, spec(structure="auto"))

    await outcomes(engine, [request_for(function=FUNCTION)] * 10)

    assert engine.statistics["m"].structure == "json_object"
    assert client.peak == 7


@pytest.mark.parametrize("silent", [reply(None), reply(None, finish_reason="content_filter")])
async def test_an_empty_or_filtered_reply_says_nothing_about_the_form(silent):
    client = ScriptedClient(in_turn(silent, reply(arguments="{}")))
    engine = engine_for(client, spec(structure="auto"))

    await outcomes(engine, [request_for(function=FUNCTION)] * 3)

    assert all("tools" in call.body for call in client.calls)


@pytest.mark.parametrize("form", ["tools", "json_schema", "auto"])
async def test_a_refused_form_is_changed_and_the_request_sent_again_at_once(form):
    def picky(body: Body) -> Answer:
        wanted = body.get("response_format")
        if wanted == {"type": "json_object"}:
            return reply("{}")
        return refusal(400, param="tools" if "tools" in body else "response_format")

    client = ScriptedClient(picky)
    engine = engine_for(client, spec(structure=form))

    results = await outcomes(engine, [request_for(function=FUNCTION)] * 10)

    assert all(isinstance(result, Completion) and result.arguments == "{}" for result in results)
    assert engine.statistics["m"].structure == "json_object"
    assert engine.statistics["m"].retried == 0


async def test_when_every_form_is_refused_the_request_is_given_up():
    client = ScriptedClient(lambda body: refusal(400, param="tools" if "tools" in body else "response_format"))

    with pytest.raises(RequestFailed) as caught:
        await engine_for(client).complete(request_for(function=FUNCTION))

    assert (caught.value.reason, caught.value.final) == ("bad_request", False)
    assert len(client.calls) == 3


async def test_a_reasoning_model_that_takes_no_tools_ends_with_a_schema():
    """What gpt-6-astra does, were it not in the table: `none` is refused, and then tools are."""

    def astra(body: Body) -> Answer:
        if body.get("reasoning_effort") == "none":
            return refusal(400, code="unsupported_value", param="reasoning_effort")
        if "tools" in body:
            return refusal(400, param="reasoning_effort", type="invalid_request_error")
        return reply("{}")

    client = ScriptedClient(astra)
    engine = engine_for(client, spec("gpt-6-new"))

    completion = await engine.complete(request_for("gpt-6-new", function=FUNCTION))

    assert completion.structure == "json_schema"
    assert completion.attempts == 3


@pytest.mark.parametrize(
    ("model", "parameter", "refused"),
    [
        ("gpt-6-luna", "prompt_cache_options", "prompt_cache_options"),
        ("gpt-6-luna", "messages[0].content[0].prompt_cache_breakpoint", "prompt_cache_breakpoint"),
        ("m", "temperature", "temperature"),
        ("m", "max_tokens", '"max_tokens"'),
        ("gpt-6-luna", "parallel_tool_calls", "parallel_tool_calls"),
    ],
)
async def test_a_parameter_that_a_model_refuses_is_dropped_or_renamed_from_then_on(model, parameter, refused):
    def picky(body: Body) -> Answer:
        if refused in orjson.dumps(body).decode():
            return refusal(400, code="unsupported_parameter", param=parameter)
        return reply(arguments="{}")

    client = ScriptedClient(picky)
    engine = engine_for(client, spec(model, structure="tools"))
    request = Request(model, (Message("user", "hello", shared=3),), 50, FUNCTION, temperature=0.5, cache_key="k")

    results = await outcomes(engine, [request] * 5 + [request] * 5)

    assert all(isinstance(result, Completion) for result in results)
    assert len(client.calls) <= 20
    await engine.complete(request)
    assert refused not in orjson.dumps(client.calls[-1].body).decode()


async def test_bounds_that_a_strict_server_refuses_are_left_out_and_tools_are_kept():
    bounded = Function("answer", "", {"type": "object", "properties": {"a": {"type": "string", "maxLength": 9}}})

    def strict(body: Body) -> Answer:
        if "maxLength" in str(body):
            return refusal(400, code="invalid_function_parameters", param="tools[0].function.parameters")
        return reply(arguments="{}")

    client = ScriptedClient(strict)
    engine = engine_for(client)

    completion = await engine.complete(request_for(function=bounded))

    assert completion.structure == "tools"
    assert "maxLength" not in str(client.calls[-1].body)


async def test_a_parameter_that_was_never_sent_cannot_be_dropped():
    client = ScriptedClient(lambda _body: refusal(400, code="unsupported_parameter", param="messages"))

    with pytest.raises(RequestFailed) as caught:
        await engine_for(client).complete(request_for())

    assert caught.value.reason == "bad_request"
    assert len(client.calls) == 1


async def test_a_text_that_is_not_unicode_fails_before_it_is_sent():
    client = ScriptedClient(lambda _body: reply())

    with pytest.raises(RequestFailed) as caught:
        await engine_for(client).complete(request_for(text="a\ud800b"))

    assert (caught.value.reason, caught.value.final) == ("unencodable", True)
    assert client.calls == []
