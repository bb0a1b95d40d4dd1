"""`/v1/files` of the simulated provider."""

from __future__ import annotations

import pytest

from qloragen.simulator.batch_settings import Batches
from qloragen.simulator.multipart import Part, read_form, write_form
from tests.test_simulator_desks import EPOCH_S, Desk, jsonl, lines

ONE = jsonl(lines(1))
DAYS_S = 86_400


def ids(page) -> list[str]:
    return [entry["id"] for entry in page["data"]]


def test_an_upload_is_shown_as_the_api_shows_it():
    desk = Desk()
    desk.now_s = 7.25

    shown = desk.upload(ONE)

    assert shown == {
        "id": "file-0",
        "object": "file",
        "bytes": len(ONE),
        "created_at": EPOCH_S + 7,
        "expires_at": EPOCH_S + 7 + 30 * DAYS_S,
        "filename": "in.jsonl",
        "purpose": "batch",
        "status": "processed",
        "status_details": None,
    }
    assert desk.call("GET", "/files/file-0") == shown
    assert desk.call("GET", "/v1/files/file-0") == shown
    assert desk.plan("GET", "/files/file-0/content").body == ONE


def test_a_file_that_is_deleted_or_was_never_there_is_not_found():
    desk = Desk()
    desk.upload(ONE)

    assert desk.call("DELETE", "/files/file-0") == {"id": "file-0", "object": "file", "deleted": True}
    for method, path in (("GET", "/files/file-0"), ("GET", "/files/file-0/content"), ("DELETE", "/files/other")):
        told = desk.call(method, path)
        assert (told["status"], told["param"], told["code"]) == (404, "id", None)
        assert told["message"].startswith("No such File object: ")


def test_a_file_expires_when_it_was_asked_to_or_after_thirty_days():
    desk = Desk()
    desk.upload(ONE)
    desk.upload(ONE, **{"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"})
    desk.upload(b"{}", "for_ever.jsonl", purpose="fine-tune")

    desk.now_s = 3_600
    assert ids(desk.call("GET", "/files")) == ["file-2", "file-0"]
    desk.now_s = 30 * DAYS_S
    assert ids(desk.call("GET", "/files")) == ["file-2"]
    assert desk.call("GET", "/files/file-0")["status"] == 404


def test_files_come_in_pages():
    desk = Desk()
    for _ in range(5):
        desk.upload(ONE)
    desk.upload(b"x", "x.txt", purpose="user_data")

    first = desk.call("GET", "/files", query="limit=2&purpose=batch")
    assert (ids(first), first["has_more"], first["last_id"]) == (["file-4", "file-3"], True, "file-3")
    last = desk.call("GET", "/files", query="limit=9&purpose=batch&after=file-3")
    assert (ids(last), last["has_more"]) == (["file-2", "file-1", "file-0"], False)
    assert ids(desk.call("GET", "/files", query="order=asc&limit=1")) == ["file-0"]


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("limit=0", "integer_below_min_value", "limit"),
        ("limit=10001", "integer_above_max_value", "limit"),
        ("limit=x", "invalid_type", "limit"),
        ("order=up", "invalid_value", "order"),
        ("page=2", "unknown_parameter", "page"),
        ("after=file-9", "invalid_value", "after"),
    ],
)
def test_a_list_that_cannot_be_is_refused(query, code, param):
    told = Desk().call("GET", "/files", query=query)

    assert (told["status"], told["code"], told["param"]) == (400, code, param)


@pytest.mark.parametrize(("content", "filename"), [(ONE, "in.json"), (b"", "in.jsonl"), (b"{no\n{}", "in.jsonl")])
def test_what_is_no_jsonl_is_no_file_for_a_batch(content, filename):
    told = Desk().upload(content, filename)

    assert (told["status"], told["message"]) == (400, "Invalid file format for Batch API. Must be .jsonl")


def test_a_file_has_its_most_bytes():
    assert Desk(Batches(most_bytes=len(ONE))).upload(ONE)["bytes"] == len(ONE)
    assert Desk(Batches(most_bytes=len(ONE) - 1)).upload(ONE)["param"] == "file"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"purpose": "fun"}, "purpose"),
        ({"expires_after[anchor]": "created_at"}, "expires_after.seconds"),
        ({"expires_after[anchor]": "now", "expires_after[seconds]": "3600"}, "expires_after.anchor"),
        ({"expires_after[anchor]": "created_at", "expires_after[seconds]": "60"}, "expires_after.seconds"),
    ],
)
def test_an_upload_with_a_wrong_field_is_refused(fields, param):
    told = Desk().upload(ONE, **fields)

    assert (told["status"], told["param"]) == (400, param)


@pytest.mark.parametrize("missing", ["file", "purpose"])
def test_an_upload_needs_a_file_and_a_purpose(missing):
    fields = {"file": Part(ONE, "in.jsonl"), "purpose": Part(b"batch")}
    kind, body = write_form({name: part for name, part in fields.items() if name != missing})

    told = Desk().call("POST", "/files", body, kind=kind)

    assert (told["status"], told["code"], told["param"]) == (400, "missing_required_parameter", missing)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\ncut'),
    ],
)
def test_a_body_that_is_no_whole_form_is_refused(kind, body):
    assert Desk().call("POST", "/files", body, kind=kind)["status"] == 400


def test_a_form_keeps_every_byte():
    content = bytes(range(256)) + b"\r\n--\r\n\r\n--x"

    kind, body = write_form({"file": Part(content, "a.bin"), "purpose": Part(b"batch")})

    assert read_form(kind, body) == {"file": Part(content, "a.bin"), "purpose": Part(b"batch")}


def test_an_address_that_there_is_not_is_not_found():
    desk = Desk()
    desk.upload(ONE)

    for method, path in (("DELETE", "/files"), ("POST", "/files/file-0"), ("GET", "/files/file-0/cancel")):
        assert desk.plan(method, path).status == 404


def test_calls_to_files_are_on_an_account_of_their_own():
    desk = Desk()
    desk.upload(ONE)
    desk.call("GET", "/files/none")

    seen = desk.provider.statistics
    assert seen.total.calls == 0
    assert seen.endpoints["files"].outcomes == {"answered": 1, "not_found": 1}
