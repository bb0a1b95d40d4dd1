"""Batches as clients drive them: in process and in virtual time, and over sockets with OpenAI's own client."""

from __future__ import annotations

from typing import Any

import anyio
import orjson
import pytest
from openai import AsyncOpenAI, BadRequestError, ConflictError, NotFoundError

from qloragen.engine.client import ConnectionLost
from qloragen.simulator import (
    Fault,
    Model,
    Outage,
    Provider,
    SimulatedClient,
    Simulation,
    SimulatorServer,
    error,
)
from qloragen.simulator.ask import Ask
from qloragen.simulator.batch_settings import Batches
from qloragen.testing import VirtualLoop
from tests.test_simulator_desks import WISH, jsonl, line, lines

virtual = pytest.mark.parametrize(
    "anyio_backend", [pytest.param(("asyncio", {"loop_factory": VirtualLoop}), id="virtual")]
)


def provider(batches: Batches | None = None, *faults: Fault, **simulation: Any) -> Provider:
    return Provider(Simulation(batches=batches or Batches(), faults=faults, **simulation))


async def get(client: SimulatedClient, path: str, **query: str) -> dict[str, Any]:
    reply = await client.get(path, query, timeout_s=10)
    assert reply.status == 200
    found: dict[str, Any] = orjson.loads(reply.body)
    return found


async def submit(client: SimulatedClient, content: bytes, **wish: Any) -> dict[str, Any]:
    file = orjson.loads((await client.upload(content, "in.jsonl", timeout_s=10)).body)
    body = orjson.dumps({**WISH, "input_file_id": file["id"], **wish})
    reply = await client.ask(Ask("POST", "/batches", body=body), timeout_s=10)
    created: dict[str, Any] = orjson.loads(reply.body)
    return created


async def ended(client: SimulatedClient, id: str, every_s: float = 60) -> dict[str, Any]:
    while True:
        batch = await get(client, f"/batches/{id}")
        if batch["status"] in {"completed", "failed", "expired", "cancelled"}:
            return batch
        await anyio.sleep(every_s)


# ------------------------------------------------------------ in process


@virtual
async def test_a_batch_of_hours_passes_in_no_time():
    client, began_s = SimulatedClient(provider(Batches(median_s=7_200, validating_s=60))), anyio.current_time()

    batch = await ended(client, (await submit(client, jsonl(lines(50))))["id"])

    assert batch["status"] == "completed"
    assert anyio.current_time() - began_s == pytest.approx(7_200, abs=61)
    assert batch["completed_at"] - batch["created_at"] == pytest.approx(7_200, abs=1)
    content = (await client.get(f"/files/{batch['output_file_id']}/content", {}, timeout_s=10)).body
    assert len(content.splitlines()) == 50


@virtual
async def test_a_client_that_died_finds_its_batch_again_and_pays_once():
    simulated = provider(Batches(median_s=600))
    created = await submit(SimulatedClient(simulated), jsonl(lines(20)), metadata={"run": "7"})

    again = SimulatedClient(simulated)
    found = [batch["id"] for batch in (await get(again, "/batches"))["data"] if batch["metadata"] == {"run": "7"}]
    batch = await ended(again, found[0])

    assert found == [created["id"]]
    assert batch["request_counts"] == {"total": 20, "completed": 20, "failed": 0}
    assert simulated.statistics.duplicates == 0


@virtual
async def test_a_batch_whose_creation_got_no_reply_is_in_the_list():
    client = SimulatedClient(provider(None, Fault("reset_after_headers", end_s=5, endpoints=("batches",))))

    with pytest.raises(ConnectionLost) as caught:
        await submit(client, jsonl(lines(1)), metadata={"run": "7"})

    assert caught.value.maybe_paid
    await anyio.sleep(10)
    assert [batch["metadata"] for batch in (await get(client, "/batches"))["data"]] == [{"run": "7"}]


@virtual
async def test_a_batch_is_billed_whether_somebody_looks_at_it_or_not():
    simulated = provider(Batches(median_s=600))
    await submit(SimulatedClient(simulated), jsonl(lines(20)))

    await anyio.sleep(601)

    assert simulated.statistics.total.calls == 0
    shown = await get(SimulatedClient(simulated), "/simulator/statistics")
    assert shown["services"]["batch"]["m"]["calls"] == 20


@virtual
async def test_missing_requests_are_those_to_submit_again():
    simulated = provider(Batches(window_s=3_600, expired=1.0, unfinished=0.5))
    client, requests, answered = SimulatedClient(simulated), lines(40), set[str]()

    for _ in range(20):
        left = [request for request in requests if request["custom_id"] not in answered]
        if not left:
            break
        batch = await ended(client, (await submit(client, jsonl(left)))["id"])
        if batch["output_file_id"] is not None:
            content = (await client.get(f"/files/{batch['output_file_id']}/content", {}, timeout_s=10)).body
            answered |= {orjson.loads(found)["custom_id"] for found in content.splitlines()}

    assert len(answered) == 40
    seen = simulated.statistics
    assert (seen.total.calls, seen.duplicates) == (40, 0), "each was paid for once"


@virtual
async def test_a_look_at_a_batch_that_is_silent_times_out():
    client = SimulatedClient(provider(None, Fault("hang", endpoints=("batches",))))

    with pytest.raises(ConnectionLost) as caught:
        await client.get("/batches", {}, timeout_s=5)

    assert caught.value.timed_out


@virtual
async def test_an_outage_closes_files_and_batches_too():
    client = SimulatedClient(provider(outages=(Outage(0, 60, "refuse"),)))

    with pytest.raises(ConnectionLost) as caught:
        await client.upload(jsonl(lines(1)), "in.jsonl", timeout_s=5)

    assert not caught.value.maybe_paid
    with pytest.raises(ValueError, match="neither of files nor of batches"):
        await client.ask(Ask("GET", "/models"), timeout_s=5)


# ------------------------------------------------------------ over sockets


async def test_the_official_client_runs_a_batch_from_upload_to_results():
    simulated = provider(
        Batches(median_s=0.3, validating_s=0.05, finalizing_s=0.05),
        Fault("500", 0.25, endpoints=("batched",)),
        models={"gpt-6-luna": Model()},
        api_key="k",
    )
    async with SimulatorServer(simulated) as server, AsyncOpenAI(base_url=server.base_url, api_key="k") as client:
        content = jsonl(lines(40, model="gpt-6-luna"))
        file = await client.files.create(file=("in.jsonl", content), purpose="batch")
        batch = await client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"run": "7"}
        )
        assert (batch.status, batch.metadata) == ("validating", {"run": "7"})

        with anyio.fail_after(20):
            while batch.status not in {"completed", "failed", "expired", "cancelled"}:
                await anyio.sleep(0.02)
                batch = await client.batches.retrieve(batch.id)

        assert batch.status == "completed"
        assert batch.request_counts is not None
        assert batch.usage is not None
        assert batch.output_file_id is not None
        assert batch.error_file_id is not None
        output = (await client.files.content(batch.output_file_id)).content
        errors = (await client.files.content(batch.error_file_id)).content
        listed = [found.id async for found in client.batches.list(limit=1)]
        files = [found.id async for found in client.files.list(limit=1, order="asc")]
        deleted = await client.files.delete(file.id)

    assert len(output.splitlines()) == batch.request_counts.completed
    assert len(errors.splitlines()) == batch.request_counts.failed == 40 - batch.request_counts.completed
    assert batch.usage.input_tokens == server.statistics.services["batch"]["gpt-6-luna"].billed.prompt_tokens
    assert not any(server.statistics.total.undelivered)
    assert listed == [batch.id]
    assert files == [file.id, batch.output_file_id, batch.error_file_id]
    assert deleted.deleted


async def test_the_official_client_gets_the_errors_of_the_api():
    async with (
        SimulatorServer(provider()) as server,
        AsyncOpenAI(base_url=server.base_url, api_key="k", max_retries=0) as client,
    ):
        with pytest.raises(BadRequestError, match=r"Must be \.jsonl"):
            await client.files.create(file=("in.txt", b"x"), purpose="batch")
        with pytest.raises(NotFoundError):
            await client.batches.retrieve("batch_9")
        file = await client.files.create(file=("in.jsonl", jsonl([line(), line()])), purpose="batch")
        batch = await client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        batch = await client.batches.retrieve(batch.id)
        with pytest.raises(ConflictError):
            await client.batches.cancel(batch.id)

    assert batch.status == "failed"
    assert batch.errors is not None
    assert batch.errors.data is not None
    assert [(found.code, found.line) for found in batch.errors.data] == [("duplicate_custom_id", 2)]


async def test_the_official_client_cancels_a_batch():
    async with (
        SimulatorServer(provider(Batches(median_s=60))) as server,
        AsyncOpenAI(base_url=server.base_url, api_key="k", max_retries=0) as client,
    ):
        file = await client.files.create(
            file=("in.jsonl", jsonl(lines(3))),
            purpose="batch",
            expires_after={"anchor": "created_at", "seconds": 3600},
        )
        batch = await client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        cancelled = await client.batches.cancel(batch.id)

    assert file.expires_at == file.created_at + 3600
    assert cancelled.status == "cancelled"
    assert cancelled.error_file_id is not None


async def test_a_transient_fault_is_one_that_the_official_client_retries():
    simulated = provider(
        None, Fault("503", every=2, effect=error(503, headers={"retry-after-ms": "1"}), endpoints=("files",))
    )
    async with SimulatorServer(simulated) as server, AsyncOpenAI(base_url=server.base_url, api_key="k") as client:
        await client.files.create(file=("in.jsonl", jsonl(lines(1))), purpose="batch")

    assert server.statistics.endpoints["files"].outcomes == {"503": 1, "answered": 1}


async def test_a_large_file_comes_over_a_socket_whole():
    content = jsonl(lines(2_000, messages=[{"role": "user", "content": "word " * 2_000}]))
    async with (
        SimulatorServer(provider()) as server,
        AsyncOpenAI(base_url=server.base_url, api_key="k", max_retries=0) as client,
    ):
        file = await client.files.create(file=("in.jsonl", content), purpose="batch")
        again = (await client.files.content(file.id)).content

    assert again == content
