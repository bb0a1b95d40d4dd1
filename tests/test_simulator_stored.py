"""Completions that the simulator stores: which, when, and what the API says of looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import anyio
import orjson
import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st

from qloragen.errors import SettingsError
from qloragen.simulator import (
    Effect,
    Latency,
    Model,
    Outage,
    Provider,
    SimulatedClient,
    Simulation,
    SimulatorServer,
    Wire,
)
from qloragen.simulator.plan import Plan
from qloragen.simulator.shelf import Shelf, Wish
from qloragen.testing import ConnectionLost, VirtualLoop

NOW_S = 1_800_000_000


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


def body_of(text: str = "hello", model: str = "m", **fields: Any) -> bytes:
    return orjson.dumps({"model": model, "messages": [{"role": "user", "content": text}], **fields})


def storing(*, seconds: float = 0.0, **options: Any) -> Provider:
    simulation = Simulation(models={"*": Model(latency=Latency(seconds))}, **options)
    return Provider(simulation, wall_clock=lambda: NOW_S + 0.9)


def call(provider: Provider, body: bytes, clock_s: float = 0.0) -> Plan:
    plan = provider.arrive(body, {}, clock_s)
    provider.end(plan, clock_s, whole=True)
    return plan


async def look(provider: Provider, path: str = "/chat/completions", **query: str) -> tuple[int, Any]:
    reply = await SimulatedClient(provider).get(path, query, timeout_s=1)
    return reply.status, orjson.loads(reply.body)


async def listed(provider: Provider, **query: str) -> list[str]:
    status, page = await look(provider, **query)
    assert status == 200
    return [completion["id"] for completion in page["data"]]


# ------------------------------------------------------------------------------------------------------ what is stored


async def test_what_was_asked_with_store_is_listed_as_the_api_shows_it():
    provider = storing()
    plan = call(provider, body_of(store=True, metadata={"run": "7"}, temperature=0.5, max_tokens=9))

    _, page = await look(provider)

    sent = orjson.loads(plan.body)
    assert page | {"data": []} == {
        "object": "list",
        "data": [],
        "first_id": "chatcmpl-0",
        "last_id": "chatcmpl-0",
        "has_more": False,
    }
    assert page["data"] == [
        sent
        | {
            "request_id": "req_0",
            "metadata": {"run": "7"},
            "temperature": 0.5,
            "top_p": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "seed": None,
            "tools": None,
            "tool_choice": None,
            "response_format": None,
            "system_fingerprint": None,
            "input_user": None,
        }
    ]
    assert sent["created"] == NOW_S
    assert "metadata" not in sent


@pytest.mark.parametrize("store", [{}, {"store": None}, {"store": False}])
async def test_all_else_is_not_stored(store):
    provider = storing()

    call(provider, body_of(**store))

    assert await look(provider) == (
        200,
        {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False},
    )


async def test_a_completion_is_listed_when_it_has_been_generated_and_no_sooner():
    provider = storing(seconds=10)
    call(provider, body_of(store=True))

    soon = await listed(provider)
    await anyio.sleep(10.1)

    assert (soon, await listed(provider)) == ([], ["chatcmpl-0"])


async def test_what_a_client_did_not_wait_for_is_generated_billed_and_stored():
    provider = storing(seconds=10)

    with anyio.move_on_after(1):
        await SimulatedClient(provider).post(body_of(store=True), timeout_s=60)
    await anyio.sleep(10)

    total = provider.statistics.total
    assert await listed(provider) == ["chatcmpl-0"]
    assert total.outcomes == {"abandoned": 1}
    assert total.billed == total.undelivered
    assert total.billed.prompt_tokens > 0


@pytest.mark.parametrize(
    ("effect", "kept"),
    [
        (Effect(wire=Wire.TRUNCATED), True),
        (Effect(wire=Wire.RESET_AFTER_HEADERS), True),
        (Effect(wire=Wire.NEVER_ENDS), True),
        (Effect(wire=Wire.RESET_BEFORE_HEADERS), False),
        (Effect(wire=Wire.HANG), False),
        (Effect(status=500), False),
        (Effect(raw=b"<html>"), False),
    ],
)
async def test_what_broke_on_its_way_is_stored_if_it_was_generated(effect, kept):
    provider = Provider(script={0: effect})

    call(provider, body_of(store=True))

    assert await listed(provider) == ["chatcmpl-0"] * kept


async def test_of_too_many_the_oldest_are_forgotten():
    provider = storing(stored_completions=3)
    for _ in range(5):
        call(provider, body_of(store=True))

    assert await listed(provider) == ["chatcmpl-2", "chatcmpl-3", "chatcmpl-4"]
    assert (await look(provider, "/chat/completions/chatcmpl-1"))[0] == 404


def test_a_shelf_for_nothing_is_refused():
    with pytest.raises(SettingsError, match="stored_completions"):
        Simulation(stored_completions=0)


# -------------------------------------------------------------------------------------------------------- what is seen


async def test_one_completion_is_found_by_its_id():
    provider = storing()
    call(provider, body_of(store=True, metadata={"a": "b"}))

    status, found = await look(provider, "/chat/completions/chatcmpl-0")

    assert (status, found["metadata"]) == (200, {"a": "b"})


@pytest.mark.parametrize("path", ["/chat/completions/chatcmpl-9", "/chat/completions/chatcmpl-0/messages"])
async def test_what_is_not_there_is_not_found(path):
    provider = storing()
    call(provider, body_of(store=True))

    status, found = await look(provider, path)

    assert status == 404
    assert found["error"]["type"] == "invalid_request_error"


async def test_completions_are_found_by_all_of_their_metadata_and_by_model():
    provider = storing()
    call(provider, body_of(store=True, metadata={"run": "1", "cell": "x y&z"}))
    call(provider, body_of(store=True, metadata={"run": "1"}))
    call(provider, body_of(store=True, metadata={"run": "2"}, model="other"))

    assert await listed(provider, **{"metadata[run]": "1"}) == ["chatcmpl-0", "chatcmpl-1"]
    assert await listed(provider, **{"metadata[run]": "1", "metadata[cell]": "x y&z"}) == ["chatcmpl-0"]
    assert await listed(provider, model="other") == ["chatcmpl-2"]
    assert await listed(provider, model="other", **{"metadata[run]": "1"}) == []


@given(
    runs=st.lists(st.sampled_from("ab"), max_size=60),
    limit=st.integers(1, 100),
    order=st.sampled_from(["asc", "desc"]),
)
def test_pages_hold_every_fitting_completion_once_and_in_order(runs, limit, order):
    shelf = Shelf(100)
    for number, run in enumerate(runs):
        completion = {"id": f"c{number}", "created": number // 3, "model": "m", "metadata": {"run": run}}
        shelf.expect(completion, number, number)
    found: list[str] = []
    pages, more, after = 0, True, None

    while more:
        page = shelf.page(Wish(limit, order, after, metadata={"run": "a"}), 100)
        found += [completion["id"] for completion in page["data"]]
        pages, more, after = pages + 1, page["has_more"], page["last_id"]

    fitting = [f"c{number}" for number, run in enumerate(runs) if run == "a"]
    assert found == (fitting if order == "asc" else fitting[::-1])
    assert pages == max(1, -(-len(fitting) // limit))


async def test_a_page_has_twenty_completions_unless_another_number_is_asked_for():
    provider = storing()
    for _ in range(150):
        call(provider, body_of(store=True))

    assert len(await listed(provider)) == 20
    assert len(await listed(provider, limit="100")) == 100


@pytest.mark.parametrize(
    ("query", "param", "code"),
    [
        ({"limit": "0"}, "limit", "integer_below_min_value"),
        ({"limit": "-3"}, "limit", "integer_below_min_value"),
        ({"limit": "101"}, "limit", "integer_above_max_value"),
        ({"limit": "ten"}, "limit", "invalid_type"),
        ({"limit": ""}, "limit", "invalid_type"),
        ({"limit": "٣"}, "limit", "invalid_type"),
        ({"order": "up"}, "order", "invalid_value"),
        ({"after": "chatcmpl-9"}, "after", "invalid_value"),
        ({"metadata": "run"}, "metadata", "unknown_parameter"),
        ({"page": "2"}, "page", "unknown_parameter"),
    ],
)
async def test_a_query_that_the_api_does_not_know_is_refused(query, param, code):
    status, answer = await look(storing(), **query)

    assert status == 400
    assert (answer["error"]["param"], answer["error"]["code"]) == (param, code)


async def test_an_outage_hides_them():
    client = SimulatedClient(Provider(Simulation(outages=(Outage(0, 60, "503"),))))

    assert (await client.get("/chat/completions", {}, timeout_s=1)).status == 503


@pytest.mark.parametrize("kind", ["reset", "refuse"])
async def test_an_outage_without_words_hides_them_as_well(kind):
    client = SimulatedClient(Provider(Simulation(outages=(Outage(0, 60, kind),))))

    with pytest.raises(ConnectionLost):
        await client.get("/chat/completions", {}, timeout_s=1)


# ------------------------------------------------------------------------------------------------ what may be asked for


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"store": "yes"}, "store", "invalid_type"),
        ({"store": True, "metadata": "run"}, "metadata", "invalid_type"),
        ({"store": True, "metadata": {"run": 7}}, "metadata.run", "invalid_type"),
        ({"store": True, "metadata": {"k" * 65: ""}}, "metadata", "string_above_max_length"),
        ({"store": True, "metadata": {"run": "v" * 513}}, "metadata.run", "string_above_max_length"),
        ({"store": True, "metadata": {str(n): "" for n in range(17)}}, "metadata", "object_above_max_properties"),
        ({"metadata": {"run": "7"}}, "metadata", None),
        ({"store": False, "metadata": {"run": "7"}}, "metadata", None),
    ],
)
def test_metadata_that_the_api_does_not_take_is_refused(fields, param, code):
    plan = call(storing(), body_of(**fields))

    error = orjson.loads(plan.body)["error"]
    assert (plan.status, error["param"], error["code"]) == (400, param, code)


@pytest.mark.parametrize(
    "fields",
    [
        {"store": True, "metadata": None},
        {"metadata": None},
        {"store": True, "metadata": {"k" * 64: "v" * 512}},
        {"store": True, "metadata": {str(n): "" for n in range(16)}},
    ],
)
def test_metadata_within_the_bounds_is_taken(fields: Mapping[str, Any]):
    assert call(storing(), body_of(**fields)).status == 200


# ----------------------------------------------------------------------------------------------------------- over HTTP


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_over_http_a_call_whose_client_has_gone_away_is_stored(anyio_backend):
    del anyio_backend
    provider = storing(seconds=0.3)
    query = urlencode({"metadata[run]": "7", "order": "desc"})
    async with SimulatorServer(provider) as server, ClientSession(server.base_url + "/") as http:
        with anyio.move_on_after(0.1):
            await http.post("chat/completions", data=body_of(store=True, metadata={"run": "7"}))
        data: list[Any] = []
        with anyio.fail_after(10):
            while not data:
                async with http.get(f"chat/completions?{query}") as reply:
                    data = (await reply.json())["data"]
        async with http.get("chat/completions?limit=0") as refused:
            status = refused.status

    assert [completion["metadata"] for completion in data] == [{"run": "7"}]
    assert status == 400
    assert provider.statistics.total.outcomes == {"abandoned": 1}
