"""What the simulated provider refuses about batches: in the wish for one, and in its file."""

from __future__ import annotations

import pytest

from qloragen.simulator import Model
from qloragen.simulator.batch_settings import Batches
from tests.test_simulator_desks import Desk, jsonl, line, lines


def errors(desk: Desk, content: bytes) -> list[tuple[str, int | None, str | None]]:
    """Return code, line and param of what is wrong with a file."""
    batch = desk.at(desk.now_s, desk.submit(content))
    assert batch["status"] == "failed"
    assert batch["failed_at"] is not None
    assert batch["request_counts"] == {"total": 0, "completed": 0, "failed": 0}
    assert batch["errors"]["object"] == "list"
    assert all(set(error) == {"code", "line", "message", "param"} for error in batch["errors"]["data"])
    return [(error["code"], error["line"], error["param"]) for error in batch["errors"]["data"]]


def without(name: str, custom_id: str = "a"):
    return {key: value for key, value in line(custom_id).items() if key != name}


def with_body(custom_id: str, body):
    return {**line(custom_id), "body": body}


# ------------------------------------------------------------ the wish


@pytest.mark.parametrize(
    ("wish", "code", "param"),
    [
        ({"endpoint": "/v1/embeddings"}, "invalid_value", "endpoint"),
        ({"endpoint": None}, "missing_required_parameter", "endpoint"),
        ({"completion_window": "1h"}, "invalid_value", "completion_window"),
        ({"completion_window": 24}, "invalid_type", "completion_window"),
        ({"metadata": "x"}, "invalid_type", "metadata"),
        ({"metadata": {"tags": ["a"]}}, "invalid_type", "metadata.tags"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "object_above_max_properties", "metadata"),
        ({"output_expires_after": 3600}, "invalid_type", "output_expires_after"),
        (
            {"output_expires_after": {"anchor": "created_at", "seconds": 5}},
            "integer_below_min_value",
            "output_expires_after.seconds",
        ),
        ({"priority": 1}, "unknown_parameter", "priority"),
    ],
)
def test_a_wish_that_cannot_be_is_refused(wish, code, param):
    desk = Desk()
    file = desk.upload(jsonl(lines(1)))

    told = desk.create(file["id"], **wish)

    assert (told["status"], told["code"], told["param"]) == (400, code, param)
    assert desk.call("GET", "/batches")["data"] == []


def test_a_batch_needs_a_file_that_there_is_and_that_is_for_batches():
    desk = Desk()
    other = desk.upload(b"text", "a.txt", purpose="user_data")

    assert desk.create("file-9")["param"] == "input_file_id"
    assert desk.create(other["id"])["param"] == "input_file_id"
    assert desk.call("POST", "/batches", b"no json")["status"] == 400


def test_the_files_of_results_are_kept_as_long_as_was_asked_for():
    desk = Desk()
    key = desk.submit(lines(1), output_expires_after={"anchor": "created_at", "seconds": 3600})

    output = desk.at(10, key)["output_file_id"]

    found = desk.call("GET", f"/files/{output}")
    assert (found["purpose"], found["expires_at"] - found["created_at"]) == ("batch_output", 3600)
    desk.now_s = 3_700
    assert desk.plan("GET", f"/files/{output}/content").status == 404


def test_only_so_many_batches_may_be_created_in_an_hour():
    desk = Desk(Batches(created_per_hour=2))
    file = desk.upload(jsonl(lines(1)))

    assert [desk.create(file["id"])["status"] for _ in range(3)] == ["validating", "validating", 429]
    desk.now_s = 3_600
    assert desk.create(file["id"])["status"] == "validating"


# ------------------------------------------------------------ its file


def test_every_line_is_told_what_is_wrong_with_it():
    names = ("custom_id", "method", "url", "body")
    content = jsonl([without(name, str(number)) for number, name in enumerate(names)]) + b"{no json\n\n[1]\n"

    found = errors(Desk(), content)

    missing = [("missing_required_parameter", number, name) for number, name in enumerate(names, 1)]
    assert found == [*missing, ("invalid_json_line", 5, None), ("invalid_request", 7, None)]


@pytest.mark.parametrize(
    ("request_line", "code", "param"),
    [
        ({**line(), "url": "/v1/embeddings"}, "invalid_url", "url"),
        ({**line(), "method": "GET"}, "invalid_method", "method"),
        ({**line(), "custom_id": 7}, "invalid_type", "custom_id"),
        ({**line(), "body": "x"}, "invalid_type", "body"),
        (line(stream=True), "streaming_unsupported", "body.stream"),
        (with_body("a", {"messages": [{"role": "user", "content": "x"}]}), "invalid_request", "body.model"),
        (with_body("a", {"model": "m"}), "invalid_request", "body.messages"),
        (line(model="other"), "model_not_found", "body.model"),
    ],
)
def test_a_request_that_cannot_be_fails_the_whole_batch(request_line, code, param):
    content = jsonl([line("good", model="m"), request_line])

    assert errors(Desk(models={"m": Model()}), content) == [(code, 2, param)]


def test_nothing_of_a_batch_that_failed_is_executed_or_billed():
    desk = Desk()

    errors(desk, jsonl([*lines(5), line("r0")]))

    assert desk.provider.statistics.total.calls == 0


def test_a_batch_is_validated_before_it_fails():
    desk = Desk(Batches(validating_s=30))
    key = desk.submit(jsonl([line("a"), line("a")]))

    assert (desk.at(29, key)["status"], desk.at(29, key)["errors"]) == ("validating", None)
    assert desk.at(30, key)["errors"]["data"][0]["code"] == "duplicate_custom_id"


def test_all_requests_of_a_batch_are_for_one_model():
    content = jsonl([line("a", model="one"), line("b", model="two"), line("c", model="one")])

    assert errors(Desk(), content) == [("mismatched_model", 2, "body.model")]


def test_a_file_may_ask_for_so_much_and_no_more():
    desk = Desk(Batches(most_requests=3))

    assert desk.at(0, desk.submit(lines(3)))["status"] == "completed"
    assert errors(desk, jsonl(lines(4))) == [("too_many_tasks", None, None)]


def test_prompt_tokens_are_enqueued_until_a_batch_has_ended_for_each_model_alone():
    desk = Desk(Batches(median_s=60, enqueued_tokens=500))
    long = {"text": "word " * 300}
    first = desk.submit([line("a", **long)])
    refused = desk.submit([line("b", **long)])
    other = desk.submit([line("c", model="other", **long)])
    small = desk.submit([line("d")])

    told = desk.at(0, refused)
    assert told["errors"]["data"] == [
        {
            "code": "token_limit_exceeded",
            "message": "Enqueued token limit reached for m in organization org-simulated. Limit: 500 enqueued tokens. "
            "Please try again once some in_progress batches have been completed.",
            "param": None,
            "line": None,
        }
    ]
    assert [desk.at(1, key)["status"] for key in (first, other, small)] == ["in_progress"] * 3
    desk.now_s = 60
    assert desk.at(120, desk.submit([line("b", **long)]))["status"] == "completed"
