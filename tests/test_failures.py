"""The failure table: what is done about everything that can go wrong with a call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.engine.client import ConnectionLost, HttpReply
from qloragen.engine.diagnosis import described, of_connection, of_reply, of_timeout, retry_after_s
from qloragen.engine.failures import TABLE, Action, Failure, matching
from qloragen.errors import AccessDenied, ModelNotFound, ProviderUnavailable, QuotaExhausted
from qloragen.testing import refusal
from qloragen.types import Structure


def decided(failure: Failure) -> tuple[Action, str]:
    row = next(matching(failure))
    return row.action, row.reason


@pytest.mark.parametrize(
    ("status", "code", "action", "reason"),
    [
        (429, "rate_limit_exceeded", Action.WAIT, "rate_limited"),
        (429, "slow_down", Action.WAIT, "rate_limited"),
        (429, None, Action.WAIT, "rate_limited"),
        (429, "insufficient_quota", Action.STOP, "quota"),
        (429, "credit_balance_exhausted", Action.STOP, "quota"),
        (403, "organization_spend_limit_exceeded", Action.STOP, "quota"),
        (429, "project_spend_limit_exceeded", Action.STOP, "quota"),
        (429, "organization_usage_limit_exceeded", Action.STOP, "quota"),
        (400, "billing_hard_limit_reached", Action.STOP, "quota"),
        (402, None, Action.STOP, "quota"),
        (401, "invalid_api_key", Action.STOP, "access"),
        (403, "unsupported_country_region_territory", Action.STOP, "access"),
        (404, "model_not_found", Action.STOP, "model_not_found"),
        (404, None, Action.STOP, "model_not_found"),
        (403, "model_not_found", Action.STOP, "model_not_found"),
        (400, "context_length_exceeded", Action.GIVE_UP, "context_length"),
        (413, None, Action.GIVE_UP, "context_length"),
        (400, "content_filter", Action.GIVE_UP, "content_filter"),
        (400, "unsupported_parameter", Action.CHANGE, "parameter"),
        (422, "unknown_parameter", Action.CHANGE, "parameter"),
        (400, "invalid_value", Action.GIVE_UP, "bad_request"),
        (422, None, Action.GIVE_UP, "bad_request"),
        (418, None, Action.GIVE_UP, "bad_request"),
        (302, None, Action.STOP, "redirect"),
        (408, None, Action.RETRY, "request_timeout"),
        (409, None, Action.RETRY, "conflict"),
        (500, "server_error", Action.RETRY, "server_error"),
        (503, "server_is_overloaded", Action.RETRY, "server_error"),
        (529, None, Action.RETRY, "server_error"),
    ],
)
def test_a_status_and_a_code_decide(status, code, action, reason):
    failure = of_reply(refusal(status, code=code), None)

    assert decided(failure) == (action, reason)


def test_only_what_no_setting_can_mend_is_refused_for_good():
    assert {row.reason for row in TABLE if row.final} == {"content_filter"}


def test_the_type_counts_as_a_code():
    assert decided(of_reply(refusal(429, type="insufficient_quota"), None))[1] == "quota"


def test_words_never_overrule_a_code():
    reply = refusal(429, code="rate_limit_exceeded", message="INSUFFICIENT QUOTA, check your plan and billing")

    assert decided(of_reply(reply, None)) == (Action.WAIT, "rate_limited")


def test_words_about_tools_do_not_overrule_a_code_either():
    reply = refusal(400, code="invalid_value", message="the tool is fine, the number is not")

    assert decided(of_reply(reply, "tools")) == (Action.GIVE_UP, "bad_request")


def test_each_way_to_stop_has_its_error():
    errors = {row.reason: row.error for row in TABLE if row.action is Action.STOP}

    assert errors == {
        "quota": QuotaExhausted,
        "access": AccessDenied,
        "model_not_found": ModelNotFound,
        "no_decisions": ModelNotFound,
        "redirect": ProviderUnavailable,
    }


def test_only_a_call_that_asks_for_flex_waits_for_its_capacity():
    coded = refusal(429, type="server_error", code="resource_unavailable")
    worded = refusal(429, message="Resource unavailable: try again later.")

    for reply in (coded, worded):
        assert decided(of_reply(reply, None, "flex")) == (Action.DEFER, "no_capacity")
        assert decided(of_reply(reply, None, "default")) == (Action.WAIT, "rate_limited")
        assert decided(of_reply(reply, None)) == (Action.WAIT, "rate_limited")
    assert decided(of_reply(refusal(429, code="rate_limit_exceeded"), None, "flex")) == (Action.WAIT, "rate_limited")


def test_a_refused_service_tier_is_left_out_whatever_the_words_are():
    failure = of_reply(
        refusal(400, param="service_tier", message="Flex is not available for this model."), None, "flex"
    )

    assert decided(failure) == (Action.CHANGE, "parameter")


@pytest.mark.parametrize(
    "reply",
    [
        refusal(400, code="unsupported_model", param="model"),
        refusal(400, param="model", message="not this one"),
        refusal(404),
        refusal(405),
        refusal(501),
    ],
)
def test_what_cannot_decide_is_said_to_be_so_but_only_of_decisions(reply):
    assert decided(of_reply(reply, None, "decisions")) == (Action.STOP, "no_decisions")
    assert decided(of_reply(reply, None))[1] != "no_decisions"


def test_a_model_that_does_not_exist_decides_nothing_either():
    assert decided(of_reply(refusal(404, code="model_not_found"), None, "decisions"))[1] == "model_not_found"


@pytest.mark.parametrize("parameter", ["tools", "tools[0].function", "tool_choice", "response_format.json_schema"])
def test_a_refused_form_of_answer_changes_the_structure(parameter):
    failure = of_reply(refusal(400, param=parameter), "tools")

    assert decided(failure) == (Action.CHANGE, "structure")


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, '"auto" tool choice requires --enable-auto-tool-choice'),
        (500, "tools param requires --jinja flag"),
    ],
)
def test_servers_without_codes_refuse_a_form_in_words(status, message):
    body = orjson.dumps({"error": {"code": status, "message": message, "type": None}})

    assert decided(of_reply(HttpReply(status, body), "tools")) == (Action.CHANGE, "structure")


def test_an_unsupported_form_in_words_is_first_looked_for_among_the_parameters():
    body = orjson.dumps({"error": {"code": 422, "message": "response_format is not supported", "type": None}})

    changes = [row.reason for row in matching(of_reply(HttpReply(422, body), "tools")) if row.action is Action.CHANGE]

    assert changes == ["parameter", "structure"]


def test_the_same_words_say_nothing_about_a_request_for_plain_text():
    body = orjson.dumps({"error": {"code": 500, "message": "a tool broke"}})

    assert decided(of_reply(HttpReply(500, body), None)) == (Action.RETRY, "server_error")


def test_a_server_that_says_it_in_words_has_its_context_length_understood():
    body = orjson.dumps(
        {"object": "error", "message": "This model's maximum context length is 2048 tokens", "code": 400}
    )

    assert decided(of_reply(HttpReply(400, body), "tools")) == (Action.GIVE_UP, "context_length")


def test_a_200_that_is_no_completion_is_a_bad_body_that_may_be_paid():
    failure = of_reply(HttpReply(200, b"<html>"), None)

    assert decided(failure) == (Action.RETRY, "bad_body")
    assert failure.maybe_paid


def test_an_error_inside_a_200_counts_as_the_status_that_it_names():
    body = orjson.dumps({"error": {"code": 429, "message": "upstream is busy"}})

    assert decided(of_reply(HttpReply(200, body), None)) == (Action.WAIT, "rate_limited")


def test_lost_connections_and_timeouts_are_tried_again():
    assert decided(of_connection(ConnectionLost("reset"))) == (Action.RETRY, "connection")
    assert decided(of_connection(ConnectionLost("silence", timed_out=True))) == (Action.RETRY, "timeout")
    assert decided(of_timeout(120)) == (Action.RETRY, "timeout")


texts = st.none() | st.text(max_size=20) | st.sampled_from(["tools", "unsupported_parameter", "rate_limit_exceeded"])
structures: list[Structure | None] = [None, "tools", "json_schema", "json_object"]


@settings(deadline=None)
@given(st.integers(300, 599), texts, texts, texts, texts, st.sampled_from(structures))
def test_every_error_reply_has_a_row_that_needs_no_change_of_the_request(status, code, type, param, message, structure):
    failure = of_reply(refusal(status, code=code, type=type, param=param, message=message or ""), structure)

    assert any(row.action is not Action.CHANGE for row in matching(failure))


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(200, 599))
def test_any_body_at_all_becomes_a_failure_with_a_row(body, status):
    failure = of_reply(HttpReply(status, body), "tools")

    assert list(matching(failure))


@pytest.mark.parametrize(
    "body",
    [{"error": "busy"}, {"detail": "busy"}, {"message": "busy"}, {"error": {"message": "busy"}}],
)
def test_the_message_is_found_wherever_servers_put_it(body):
    assert of_reply(HttpReply(400, orjson.dumps(body)), None).message == "busy"


# ------------------------------------------------------------------------------------------------------ retry-after


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "86400"}, 120.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
    ],
)
def test_the_wait_that_a_server_asks_for_is_read_and_clamped(headers, seconds):
    assert retry_after_s(headers) == seconds


@settings(deadline=None)
@given(st.integers(-(10**8), 10**8))
def test_a_date_is_compared_with_the_servers_own_clock(offset_s):
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    later = now + timedelta(seconds=offset_s)

    headers = {"date": format_datetime(now, usegmt=True), "retry-after": format_datetime(later, usegmt=True)}

    assert retry_after_s(headers) == min(max(offset_s, 0), 120)


@pytest.mark.parametrize("later", ["Mon, 23 Nov 2026 12:00:00 -0000", "tomorrow"])
def test_a_date_that_says_no_time_zone_or_nothing_is_ignored(later):
    assert retry_after_s({"date": "Mon, 23 Nov 2026 11:00:00 GMT", "retry-after": later}) is None


def test_a_date_without_the_servers_clock_is_ignored():
    assert retry_after_s({"retry-after": "Mon, 23 Nov 2026 12:00:00 GMT"}) is None


# ------------------------------------------------------------------------------------------------- what people see


def test_a_description_names_status_code_parameter_words_and_request():
    reply = refusal(
        400, code="invalid_value", param="temperature", message="too hot", headers={"x-request-id": "req_1"}
    )

    text = described(of_reply(reply, None))

    assert text == "HTTP 400, code invalid_value, parameter temperature, too hot, request req_1"


@pytest.mark.parametrize("status", [401, 403])
def test_the_words_of_a_refused_key_are_not_repeated(status):
    reply = refusal(status, code="invalid_api_key", message="Incorrect API key provided: abcd****wxyz")

    assert "abcd" not in described(of_reply(reply, None))


def test_anything_like_a_key_is_taken_out_of_a_message_and_long_ones_are_cut():
    reply = refusal(400, message="bad header Bearer abc123 and sk-proj-4567 " + "x" * 500 + "\x1b[31m\nend")

    text = of_reply(reply, None).message

    assert "abc123" not in text
    assert "4567" not in text
    assert len(text) <= 200
    assert text.isprintable()
