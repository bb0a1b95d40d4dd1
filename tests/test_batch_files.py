"""The files of batches, before and after: whatever is in them, each request is told apart from all others."""

from __future__ import annotations

import anyio
import orjson
from hypothesis import given
from hypothesis import strategies as st

from qloragen.engine.batches.parcel import CONTENT_TYPE, ENDPOINT, Parcel, Room, line_bytes, line_of
from qloragen.engine.batches.parcel import form as form_of
from qloragen.engine.batches.results import Result, results
from qloragen.engine.client import HttpReply
from qloragen.engine.failures import Failure
from qloragen.simulator.batch_input import read_input
from qloragen.simulator.multipart import read_form

bodies = st.dictionaries(st.text(), st.integers(-(2**53), 2**53) | st.text(), max_size=3).map(
    lambda more: orjson.dumps({**more, "model": "m", "messages": [{"role": "user", "content": "x"}]})
)


@given(st.lists(bodies, max_size=12), st.integers(1, 5), st.integers(1, 600))
def test_a_file_holds_what_was_put_into_it_within_its_limits(bodies, most, most_bytes):
    parcel, put, there = Parcel(Room(most, most_bytes)), [], list[bytes]()
    for number, body in enumerate(bodies):
        line = line_of(f"id-{number}", body)
        assert line_bytes(f"id-{number}", body) == len(line)
        if parcel.takes(len(line)):
            parcel.add(len(line))
            put.append((f"id-{number}", orjson.loads(body)))
            there.append(line)

    assert len(put) <= most
    assert parcel.bytes == len(b"".join(there))
    assert parcel.bytes <= most_bytes or len(put) == 1
    form = read_form(CONTENT_TYPE, anyio.run(form_of, there))
    assert form is not None
    assert form["purpose"].content == b"batch"
    assert str(form["file"].filename).endswith(".jsonl")
    read = read_input(form["file"].content, most=100, has_model=lambda _: True)
    assert [(asked.custom_id, orjson.loads(asked.body)) for asked in read.requests] == put
    assert all(orjson.loads(line)["url"] == ENDPOINT for line in form["file"].content.splitlines())


json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
lines = st.dictionaries(
    st.sampled_from(["id", "custom_id", "response", "error", "status_code", "body", "code"]), json
).map(orjson.dumps)


@given(st.lists(lines | json.map(orjson.dumps) | st.binary(max_size=30)))
def test_whatever_is_in_a_file_of_results_is_read_line_by_line(lines):
    content = b"\n".join(lines)

    found = list(results(content))

    assert len(found) == sum(bool(line.strip()) for line in content.split(b"\n"))
    assert all(one is None or isinstance(one.outcome, HttpReply | Failure) for one in found)


def test_a_result_is_a_reply_or_says_why_there_is_none():
    good = {"custom_id": "a", "response": {"status_code": 200, "request_id": "r", "body": {"x": 1}}, "error": None}
    page = {"custom_id": "b", "response": {"status_code": 502, "body": "<html>"}, "error": None}
    undone = {"custom_id": "c", "response": None, "error": {"code": "batch_expired", "message": "Too late."}}
    silent = {"custom_id": "d", "response": None, "error": {"code": "request_timeout", "message": "Timed out."}}

    found = list(results(b"\n".join(map(orjson.dumps, (good, page, undone, silent)))))

    assert found == [
        Result("a", HttpReply(200, b'{"x":1}', {"x-request-id": "r"})),
        Result("b", HttpReply(502, b"<html>")),
        Result("c", Failure("http", code="batch_expired"), undone=True),
        Result("d", Failure("timeout", code="request_timeout", message="Timed out.", maybe_paid=True)),
    ]
