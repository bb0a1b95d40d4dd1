"""`/v1/files` and `/v1/batches` without a shell: how other tests call them, their lists, and faults at them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from qloragen.simulator import Effect, Fault, Plan, Provider, Simulation, Wire, error
from qloragen.simulator.ask import Ask, route_of
from qloragen.simulator.batch_settings import Batches
from qloragen.simulator.multipart import Part, write_form

EPOCH_S = 1_800_000_000
WISH = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}


def line(custom_id: str = "a", text: str | None = None, model: str = "m", **body: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": custom_id if text is None else text}]
    whole = {"model": model, "messages": messages, **body}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": whole}


def lines(count: int, **body: Any) -> list[dict[str, Any]]:
    return [line(f"r{n}", **body) for n in range(count)]


def jsonl(requests: list[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(request) + b"\n" for request in requests)


class Desk:
    """A provider with a clock that tests set."""

    def __init__(self, batches: Batches | None = None, *, record: bool = False, script=None, **simulation: Any) -> None:
        settings = Simulation(batches=batches or Batches(), **simulation)
        self.provider = Provider(settings, record=record, script=script, wall_clock=lambda: EPOCH_S + 0.5)
        self.provider.begin(100.0)
        self.now_s = 0.0

    def plan(
        self, method: str, path: str, body: bytes = b"", *, kind: str = "application/json", query: str = ""
    ) -> Plan:
        route = route_of(path)
        assert route is not None
        clock_s = 100.0 + self.now_s
        plan = self.provider.manage(Ask(method, path, query, body, kind), route, {}, clock_s)
        self.provider.end(plan, clock_s, whole=plan.wire in {Wire.WHOLE, Wire.TRICKLE})
        return plan

    def call(self, method: str, path: str, body: bytes = b"", **options: str) -> dict[str, Any]:
        plan = self.plan(method, path, body, **options)
        found: dict[str, Any] = orjson.loads(plan.body)
        return found if plan.status == 200 else {"status": plan.status, **found["error"]}

    def upload(self, content: bytes, filename: str = "in.jsonl", **fields: str) -> dict[str, Any]:
        named = {name: Part(value.encode()) for name, value in {"purpose": "batch", **fields}.items()}
        kind, body = write_form({**named, "file": Part(content, filename)})
        return self.call("POST", "/files", body, kind=kind)

    def create(self, file_id: str, **wish: Any) -> dict[str, Any]:
        return self.call("POST", "/batches", orjson.dumps({**WISH, "input_file_id": file_id, **wish}))

    def submit(self, requests: list[dict[str, Any]] | bytes, **wish: Any) -> str:
        """Upload, create, and return the id of the batch."""
        content = requests if isinstance(requests, bytes) else jsonl(requests)
        key: str = self.create(self.upload(content)["id"], **wish)["id"]
        return key

    def at(self, now_s: float, key: str) -> dict[str, Any]:
        """Return a batch at a time."""
        self.now_s = now_s
        return self.call("GET", f"/batches/{key}")

    def results(self, file_id: str | None) -> dict[str, dict[str, Any]]:
        """Return the lines of a file of results by custom id."""
        if file_id is None:
            return {}
        content = self.plan("GET", f"/files/{file_id}/content").body
        return {found["custom_id"]: found for found in map(orjson.loads, content.splitlines())}


# ------------------------------------------------------------ lists


def test_a_client_that_comes_back_finds_its_batches_by_their_metadata():
    desk = Desk(Batches(median_s=60))
    for run in ("1", "2", "1"):
        desk.submit(lines(1), metadata={"run": run})

    found = desk.call("GET", "/batches")

    assert [batch["id"] for batch in found["data"] if batch["metadata"]["run"] == "1"] == ["batch_2", "batch_0"]
    assert (found["has_more"], found["first_id"], found["last_id"]) == (False, "batch_2", "batch_0")


def test_batches_come_in_pages_newest_first():
    desk = Desk()
    for _ in range(25):
        desk.submit(lines(1))

    first = desk.call("GET", "/batches")
    assert (len(first["data"]), first["has_more"], first["data"][0]["id"]) == (20, True, "batch_24")
    rest = desk.call("GET", "/batches", query=f"after={first['last_id']}&limit=100")
    assert [batch["id"] for batch in rest["data"]] == [f"batch_{n}" for n in (4, 3, 2, 1, 0)]
    assert rest["has_more"] is False
    assert desk.call("GET", "/batches", query="limit=101")["code"] == "integer_above_max_value"
    assert desk.call("GET", "/batches", query="order=asc")["code"] == "unknown_parameter"


def test_a_batch_that_there_is_not_is_not_found():
    desk = Desk()

    for method, path in (("GET", "/batches/batch_9"), ("POST", "/batches/batch_9/cancel")):
        told = desk.call(method, path)
        assert (told["status"], told["message"]) == (404, "No batch found with id 'batch_9'.")
    assert desk.plan("DELETE", "/batches").status == 404


# ------------------------------------------------------------ faults at the desk


def test_an_error_leaves_undone_what_was_asked_for():
    desk = Desk(faults=(Fault("503", end_s=5, endpoints=("files",)), Fault("500", end_s=5, endpoints=("batches",))))

    assert desk.upload(jsonl(lines(1)))["status"] == 503
    assert desk.create("file-0")["status"] == 500
    desk.now_s = 5
    assert desk.call("GET", "/files")["data"] == []
    assert desk.call("GET", "/batches")["data"] == []
    assert desk.provider.statistics.endpoints["batches"].outcomes == {"500": 1, "answered": 1}


@pytest.mark.parametrize(("kind", "created"), [("hang", 0), ("reset_before_headers", 0), ("reset_after_headers", 1)])
def test_a_reply_that_breaks_after_its_headers_leaves_a_batch_that_nobody_knows_of(kind, created):
    desk = Desk(faults=(Fault(kind, start_s=1, end_s=5, endpoints=("batches",)),))
    file = desk.upload(jsonl(lines(1)))
    desk.now_s = 1

    plan = desk.plan("POST", "/batches", orjson.dumps({**WISH, "input_file_id": file["id"]}))

    assert plan.wire.value == kind
    desk.now_s = 5
    assert len(desk.call("GET", "/batches")["data"]) == created


def test_a_fault_may_strike_every_other_look_at_a_batch():
    desk = Desk(faults=(Fault("429", every=2, effect=error(429), start_s=1, endpoints=("batches",)),))
    key = desk.submit(lines(1))
    desk.now_s = 1

    assert [desk.plan("GET", f"/batches/{key}").status for _ in range(4)] == [429, 200, 429, 200]


def test_a_fault_may_delay_a_look():
    desk = Desk(faults=(Fault("slow", effect=Effect(delay_s=3), endpoints=("batches",)),))

    assert desk.plan("GET", "/batches").first_s == 3
