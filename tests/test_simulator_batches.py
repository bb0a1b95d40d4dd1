"""`/v1/batches` of the simulated provider: how a batch goes, and how it ends."""

from __future__ import annotations

import math

import orjson
import pytest

from qloragen.errors import SettingsError
from qloragen.simulator import Fault, Limits, Model, Outage
from qloragen.simulator.batch_settings import Batches
from tests.plans import body, finished
from tests.test_simulator_desks import EPOCH_S, Desk, jsonl, line, lines

HOUR_S = 3_600.0
SLOW = Batches(median_s=HOUR_S, validating_s=60, finalizing_s=120, cancelling_s=300)


# ------------------------------------------------------------ the happy way


def test_a_batch_is_first_shown_as_the_api_shows_it():
    desk = Desk(SLOW)
    file = desk.upload(jsonl(lines(3)))

    shown = desk.create(file["id"], metadata={"run": "7"})

    assert shown == {
        "id": "batch_0",
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "model": "m",
        "errors": None,
        "input_file_id": "file-0",
        "completion_window": "24h",
        "status": "validating",
        "output_file_id": None,
        "error_file_id": None,
        "created_at": EPOCH_S,
        "in_progress_at": None,
        "expires_at": EPOCH_S + 86_400,
        "finalizing_at": None,
        "completed_at": None,
        "failed_at": None,
        "expired_at": None,
        "cancelling_at": None,
        "cancelled_at": None,
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
        "usage": {
            "input_tokens": 0,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 0,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 0,
        },
        "metadata": {"run": "7"},
    }


def test_a_batch_goes_through_its_stations():
    desk = Desk(SLOW)
    key = desk.submit(lines(200))

    states = [desk.at(now_s, key) for now_s in (0, 59, 60, 1_800, 3_479, 3_480, 3_599, 3_600)]

    assert [state["status"] for state in states] == [
        *("validating", "validating", "in_progress", "in_progress", "in_progress", "finalizing", "finalizing"),
        "completed",
    ]
    counts = [state["request_counts"] for state in states]
    assert counts[1] == {"total": 0, "completed": 0, "failed": 0}
    assert counts[2] == {"total": 200, "completed": 0, "failed": 0}
    assert 70 < counts[3]["completed"] < 130
    assert counts[5] == counts[7] == {"total": 200, "completed": 200, "failed": 0}
    assert states[6]["output_file_id"] is None
    assert states[7]["output_file_id"] == "file-1"
    assert states[7]["error_file_id"] is None
    for name, seconds in (("in_progress_at", 60), ("finalizing_at", 3_480), ("completed_at", 3_600)):
        assert states[7][name] == EPOCH_S + seconds


def test_the_answers_are_those_of_the_model_joined_by_custom_id():
    desk = Desk()
    requests = lines(50, text=None)
    key = desk.submit(requests)

    batch = desk.at(1, key)
    found = desk.results(batch["output_file_id"])

    assert set(found) == {request["custom_id"] for request in requests}
    assert list(found) != [request["custom_id"] for request in requests], "in another order"
    one = found["r7"]
    assert set(one) == {"id", "custom_id", "response", "error"}
    assert one["error"] is None
    assert (one["response"]["status_code"], one["response"]["request_id"]) == (200, one["response"]["request_id"])
    assert one["response"]["body"]["object"] == "chat.completion"
    alone = finished(Desk().provider, orjson.dumps(requests[7]["body"]))
    assert one["response"]["body"]["choices"] == orjson.loads(alone.body)["choices"]
    assert len({line["id"] for line in found.values()}) == 50


def test_a_batch_sums_the_usage_of_its_answers():
    desk = Desk(models={"*": Model(reasoning_tokens=5)})
    batch = desk.at(0, desk.submit(lines(10)))

    bodies = [found["response"]["body"] for found in desk.results(batch["output_file_id"]).values()]
    usage = batch["usage"]
    assert usage["input_tokens"] == sum(found["usage"]["prompt_tokens"] for found in bodies)
    assert usage["output_tokens"] == sum(found["usage"]["completion_tokens"] for found in bodies)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["output_tokens_details"]["reasoning_tokens"] == 50


def test_the_same_file_twice_takes_other_times_and_another_order_and_the_same_seed_the_same():
    def run(desk: Desk) -> list[list[str]]:
        ids = [desk.submit(lines(20)) for _ in range(2)]
        return [list(desk.results(desk.at(10 * HOUR_S, key)["output_file_id"])) for key in ids]

    first, second = run(Desk(SLOW)), run(Desk(SLOW))

    assert first == second
    assert first[0] != first[1]
    assert run(Desk(SLOW, seed=1)) != first


def test_durations_have_the_median_and_the_percentile_that_were_asked_for():
    desk = Desk(Batches(median_s=600, p99_s=6_000, created_per_hour=None))
    ids = [desk.submit([line(text=str(n))]) for n in range(300)]
    desk.now_s = 1e5

    ended = sorted(desk.call("GET", f"/batches/{key}")["completed_at"] - EPOCH_S for key in ids)

    assert ended[150] == pytest.approx(600, rel=0.2)
    assert ended[270] == pytest.approx(600 * 10 ** (1.2816 / 2.3263), rel=0.35)


def test_limits_and_outages_of_calls_are_none_of_batches():
    desk = Desk(models={"*": Model(limits=Limits(rpm=1, tpm=10))}, outages=(Outage(50, 100),), api_key=None)
    key = desk.submit(lines(20))

    assert desk.at(10, key)["request_counts"]["completed"] == 20
    desk.now_s = 60
    assert desk.plan("GET", f"/batches/{key}").status == 503


# ------------------------------------------------------------ the bill


def test_what_a_batch_costs_is_on_its_account_and_delivered_when_it_is_fetched():
    desk = Desk()
    finished(desk.provider, body("alone"))
    batch = desk.at(0, desk.submit(lines(10)))

    before = desk.provider.statistics
    assert before.services["batch"]["m"].billed.prompt_tokens == batch["usage"]["input_tokens"]
    assert before.services["batch"]["m"].undelivered == before.services["batch"]["m"].billed
    assert before.services["default"]["m"].calls == 1
    assert before.total.outcomes == {"answered": 11}
    assert (before.total.peak, before.total.in_flight) == (1, 0)
    billed = [counts["m"].billed.prompt_tokens for counts in before.services.values()]
    assert sum(billed) == before.total.billed.prompt_tokens

    for _ in range(2):
        desk.results(batch["output_file_id"])
        after = desk.provider.statistics
        assert not any(after.total.undelivered)
        assert not any(after.services["batch"]["m"].undelivered)
        assert after.total.billed == before.total.billed


def test_a_reply_that_breaks_delivers_nothing():
    desk = Desk(faults=(Fault("truncated_body", start_s=5, endpoints=("files",)),))
    batch = desk.at(0, desk.submit(lines(3)))
    desk.now_s = 6

    desk.plan("GET", f"/files/{batch['output_file_id']}/content")

    assert desk.provider.statistics.total.undelivered.prompt_tokens == batch["usage"]["input_tokens"]


def test_an_article_that_is_asked_for_again_is_paid_for_twice():
    desk = Desk()
    desk.at(0, desk.submit(lines(10)))
    desk.at(0, desk.submit(lines(3)))
    finished(desk.provider, orjson.dumps(line("r1")["body"]))

    assert desk.provider.statistics.duplicates == 4


def test_requests_of_batches_are_recorded_as_calls():
    desk = Desk(record=True)
    desk.at(0, desk.submit(lines(2)))

    assert [call.endpoint for call in desk.provider.calls] == ["batched", "batched"]
    assert {call.prompt for call in desk.provider.calls} == {"r0", "r1"}
    assert all(call.status == 200 and call.usage for call in desk.provider.calls)


def test_prompts_out_of_batches_are_not_cached():
    desk = Desk()
    batch = desk.at(0, desk.submit([line(f"r{n}", text="the same words again " * 500) for n in range(3)]))

    assert batch["usage"]["input_tokens_details"]["cached_tokens"] == 0
    assert batch["usage"]["input_tokens"] > 3_000


# ------------------------------------------------------------ other endings


def test_a_batch_that_is_cancelled_keeps_what_was_done():
    desk = Desk(SLOW)
    key = desk.submit(lines(100))
    desk.now_s = 1_800

    cancelling = desk.call("POST", f"/batches/{key}/cancel")
    assert cancelling["status"] == "cancelling"
    assert cancelling["cancelling_at"] == EPOCH_S + 1_800
    assert cancelling["output_file_id"] is None
    done = cancelling["request_counts"]["completed"]
    assert 0 < done < 100
    assert desk.at(2_099, key)["status"] == "cancelling"

    cancelled = desk.at(2_100, key)
    assert (cancelled["status"], cancelled["cancelled_at"]) == ("cancelled", EPOCH_S + 2_100)
    assert cancelled["completed_at"] is None
    assert cancelled["request_counts"] == {"total": 100, "completed": done, "failed": 0}
    answers, errors = desk.results(cancelled["output_file_id"]), desk.results(cancelled["error_file_id"])
    assert (len(answers), len(errors)) == (done, 100 - done)
    assert not set(answers) & set(errors)
    assert {found["error"]["code"] for found in errors.values()} == {"batch_cancelled"}
    assert {found["response"] for found in errors.values()} == {None}
    assert desk.call("POST", f"/batches/{key}/cancel")["status"] == "cancelled", "again"
    assert desk.provider.statistics.total.calls == done


def test_a_batch_that_has_ended_cannot_be_cancelled():
    desk = Desk()
    key = desk.submit(lines(1))

    told = desk.call("POST", f"/batches/{key}/cancel")

    assert (told["status"], told["message"]) == (409, "Cannot cancel a batch with status 'completed'.")


def test_a_batch_that_outlasts_its_window_expires_with_what_was_done():
    desk = Desk(Batches(median_s=HOUR_S, finalizing_s=60, window_s=7_200, expired=1.0, unfinished=0.25))
    key = desk.submit(lines(400))

    assert desk.at(7_199, key)["status"] == "in_progress"
    assert desk.at(7_200, key)["status"] == "finalizing"
    batch = desk.at(7_260, key)

    assert (batch["status"], batch["expired_at"], batch["completed_at"]) == ("expired", EPOCH_S + 7_260, None)
    answers, errors = desk.results(batch["output_file_id"]), desk.results(batch["error_file_id"])
    assert len(answers) + len(errors) == 400
    assert len(errors) == pytest.approx(100, abs=30)
    assert {found["error"]["code"] for found in errors.values()} == {"batch_expired"}
    assert desk.provider.statistics.services["batch"]["m"].calls == len(answers)


def test_a_batch_may_expire_with_nothing_done_or_because_it_is_slow():
    none = Desk(Batches(window_s=60, expired=1.0, unfinished=1.0))
    batch = none.at(60, none.submit(lines(3)))
    assert (batch["status"], batch["output_file_id"]) == ("expired", None)
    assert len(none.results(batch["error_file_id"])) == 3

    slow = Desk(Batches(median_s=100, window_s=60))
    assert slow.at(60, slow.submit(lines(3)))["status"] == "expired"


def test_a_share_of_the_batches_expires_and_a_share_fails():
    desk = Desk(Batches(window_s=60, expired=0.3, failed=0.2, created_per_hour=None))
    ids = [desk.submit([line(text=str(n))]) for n in range(300)]
    desk.now_s = 60

    ended = [desk.call("GET", f"/batches/{key}") for key in ids]

    endings = [batch["status"] for batch in ended]
    assert endings.count("failed") == pytest.approx(60, abs=20)
    assert endings.count("expired") == pytest.approx(72, abs=25)
    failed = next(batch for batch in ended if batch["status"] == "failed")
    assert failed["errors"]["data"][0]["code"] == "server_error"
    assert (failed["output_file_id"], failed["error_file_id"]) == (None, None)
    assert failed["request_counts"]["completed"] == 0


# ------------------------------------------------------------ requests that fail


def test_a_share_of_the_requests_fails_with_a_status():
    desk = Desk(faults=(Fault("500", 0.2, endpoints=("batched",)),))
    batch = desk.at(0, desk.submit(lines(300)))

    answers, errors = desk.results(batch["output_file_id"]), desk.results(batch["error_file_id"])
    assert batch["status"] == "completed"
    assert batch["request_counts"] == {"total": 300, "completed": len(answers), "failed": len(errors)}
    assert len(errors) == pytest.approx(60, abs=25)
    one = next(iter(errors.values()))
    assert (one["response"]["status_code"], one["error"]) == (500, None)
    assert one["response"]["body"]["error"]["type"] == "server_error"
    assert desk.provider.statistics.services["batch"]["m"].outcomes == {"answered": len(answers), "500": len(errors)}
    assert desk.provider.statistics.total.billed.prompt_tokens == batch["usage"]["input_tokens"]


def test_a_request_that_never_gets_an_answer_has_timed_out():
    desk = Desk(faults=(Fault("hang", endpoints=("batched",)),))
    batch = desk.at(0, desk.submit(lines(2)))

    errors = desk.results(batch["error_file_id"])
    assert batch["output_file_id"] is None
    assert [(found["response"], found["error"]["code"]) for found in errors.values()] == [(None, "request_timeout")] * 2


def test_bad_answers_come_in_batches_too():
    desk = Desk(faults=(Fault("length", 0.5, endpoints=("batched",)), Fault("html_page", 0.5, endpoints=("batched",))))
    batch = desk.at(0, desk.submit(lines(20)))

    bodies = [found["response"]["body"] for found in desk.results(batch["output_file_id"]).values()]
    assert any(isinstance(found, str) for found in bodies)
    assert any(found["choices"][0]["finish_reason"] == "length" for found in bodies if isinstance(found, dict))


def test_a_request_that_the_model_does_not_take_fails_alone():
    desk = Desk(models={"*": Model(context_tokens=500)})
    batch = desk.at(0, desk.submit([line("good"), line("long", text="word " * 1_000), line("odd", max_tokens="x")]))

    errors = desk.results(batch["error_file_id"])
    assert set(desk.results(batch["output_file_id"])) == {"good"}
    assert errors["long"]["response"]["body"]["error"]["code"] == "context_length_exceeded"
    assert errors["odd"]["response"]["status_code"] == 400


def test_a_script_decides_about_requests_of_batches():
    desk = Desk(script=lambda call: Fault("refusal") if call.endpoint == "batched" and call.prompt == "r1" else None)
    batch = desk.at(0, desk.submit(lines(3)))

    found = desk.results(batch["output_file_id"])
    refused = {key for key, line in found.items() if line["response"]["body"]["choices"][0]["message"]["refusal"]}
    assert refused == {"r1"}


# ------------------------------------------------------------ settings


@pytest.mark.parametrize(
    "wrong", [{"median_s": -1}, {"p99_s": 5}, {"expired": 2}, {"failed": -0.1}, {"window_s": 0}, {"most_requests": 0}]
)
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(SettingsError, match="batches: "):
        Batches(**wrong)


def test_what_does_not_end_is_not_shown_as_ended():
    desk = Desk(Batches(median_s=1e9, window_s=1e12))

    batch = desk.at(1e6, desk.submit(lines(2)))

    assert batch["status"] == "in_progress"
    assert math.isfinite(batch["expires_at"])
