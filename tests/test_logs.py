"""Logs: silent for library users, plain records for hosts, safe lines for the command line."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
import structlog
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from qloragen.logs import about, configure, escape, get_logger, redact, without_secrets

SILENT = """
import structlog
from qloragen.logs import get_logger
log = get_logger()
log.warning("rate_limited", model="m", wait_s=1.5)
log.error("stopped", reason="quota")
assert not structlog.is_configured()
"""


@pytest.fixture
def lines():
    """What the command line writes, after `configure("json", "info")`."""
    stream = io.StringIO()
    configure("json", "info", stream)
    return stream


def logged(stream: io.StringIO) -> dict[str, object]:
    """The one event in `stream`."""
    (line,) = stream.getvalue().splitlines()
    event: dict[str, object] = json.loads(line)
    return event


def test_nothing_is_printed_or_configured_by_the_library():
    done = subprocess.run([sys.executable, "-c", SILENT], capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("", "")


def test_a_host_sees_ordinary_records_with_the_fields_as_attributes(caplog):
    with caplog.at_level("INFO", logger="qloragen"):
        get_logger().bind(model="m").info("retry", attempt=2)

    (record,) = caplog.records
    assert (record.name, record.levelname, record.message) == ("qloragen", "INFO", "retry")
    assert (record.model, record.attempt) == ("m", 2)


def test_fields_named_like_those_of_a_standard_record_are_renamed(caplog):
    with caplog.at_level("INFO", logger="qloragen"):
        get_logger().info("loaded", name="pack", module="x", message="y", process=1)

    (record,) = caplog.records
    assert (record.name_, record.module_, record.message_, record.process_) == ("pack", "x", "y", 1)


def test_fields_named_like_those_that_a_host_gives_all_its_records_are_renamed(caplog):
    standard = logging.getLogRecordFactory()

    def factory(*arguments: Any, **more: Any) -> logging.LogRecord:
        record = standard(*arguments, **more)
        record.request_id = f"web of {record.name}"
        return record

    logging.setLogRecordFactory(factory)
    try:
        with caplog.at_level("INFO", logger="qloragen"):
            get_logger().info("call_answered", request_id="req-1", model="m")
    finally:
        logging.setLogRecordFactory(standard)

    (record,) = caplog.records
    assert (record.request_id, record.request_id_, record.model) == ("web of qloragen", "req-1", "m")


@pytest.mark.parametrize("raising", [True, False])
def test_a_broken_handler_of_a_host_raises_nothing_and_is_told_of_as_logging_does(raising, monkeypatch, capsys):
    def broken(record: logging.LogRecord) -> bool:
        raise ValueError("the filter is broken")

    monkeypatch.setattr(logging, "raiseExceptions", raising)
    logger = logging.getLogger("qloragen")
    logger.addFilter(broken)
    try:
        get_logger().error("stopped")
    finally:
        logger.removeFilter(broken)

    assert ("the filter is broken" in capsys.readouterr().err) is raising


def test_a_host_that_configures_structlog_changes_nothing_here_whenever_it_does(caplog):
    class Refusing(dict[str, object]):
        def __init__(self, *_: object) -> None:
            raise AssertionError("This is for the host's own loggers.")

    structlog.configure(processors=[], context_class=Refusing, wrapper_class=structlog.make_filtering_bound_logger(50))
    try:
        with caplog.at_level("INFO", logger="qloragen"):
            get_logger().info("retry", attempt=2)
    finally:
        structlog.reset_defaults()

    (record,) = caplog.records
    assert (record.message, record.attempt) == ("retry", 2)


def test_what_events_are_about_is_not_in_the_context_of_the_host_and_survives_that_this_is_cleared(caplog):
    with caplog.at_level("INFO", logger="qloragen"), about(run="r", article="a"):
        structlog.contextvars.bind_contextvars(tenant="t", run="my own")
        with about(article="b"):
            get_logger().info("first")
        structlog.contextvars.clear_contextvars()
        get_logger().info("second")

    first, second = caplog.records
    assert (first.run, first.article, first.tenant) == ("r", "b", "t")
    assert (second.run, second.article, hasattr(second, "tenant")) == ("r", "a", False)


def test_a_json_line_has_event_level_time_and_fields(lines):
    get_logger().info("retry", model="m", wait_s=0.5, types=(1, 2))

    event = logged(lines)
    assert event.pop("timestamp")
    assert event == {"event": "retry", "level": "info", "model": "m", "wait_s": 0.5, "types": [1, 2]}


def test_what_json_cannot_hold_becomes_text(lines):
    get_logger().info("odd", count=2**70, share=float("nan"), path=Path("a/b"), deep={1: {2**64: Decimal("0.1")}})

    event = logged(lines)
    assert (event["count"], event["share"], event["path"]) == (str(2**70), None, "a/b")
    assert event["deep"] == {"1": {str(2**64): "0.1"}}


def test_numbers_of_other_kinds_and_names_that_are_none_make_no_line_invalid(lines):
    class Share(float): ...

    get_logger().info("odd", share=Share(0.5))
    logging.getLogger("other").warning("odd", extra=cast("dict[str, object]", {7: 1, "\ud800\n": 2}))

    ours, others = (json.loads(line) for line in lines.getvalue().splitlines())
    assert ours["share"] == 0.5
    assert (others["7"], others["\\ud800\\n"]) == (1, 2)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_lines_are_json_whatever_the_encoding_of_the_stream_is(encoding):
    written = io.BytesIO()
    configure("json", "info", io.TextIOWrapper(written, encoding, errors="backslashreplace", write_through=True))

    get_logger().info("odd", folder="é 中 😀")

    assert json.loads(written.getvalue())["folder"] == "é 中 😀"


def test_events_below_the_level_are_left_out(lines):
    get_logger().debug("attempt")

    assert lines.getvalue() == ""


def test_warnings_of_other_libraries_become_lines_too(lines):
    logging.getLogger("aiohttp.client").warning("Unclosed connection to %s", "http://u:p@host/")
    logging.getLogger("aiohttp.client").info("not worth a line")

    assert logged(lines)["event"] == "Unclosed connection to http://***@host/"


def test_console_lines_are_plain_where_there_is_no_terminal(lines):
    configure("console", "info", lines)

    get_logger().warning("skipped", where="a.jsonl:3")

    assert "[warning  ] skipped" in lines.getvalue()
    assert "where=a.jsonl:3" in lines.getvalue()
    assert "\x1b" not in lines.getvalue()


@pytest.mark.parametrize("format", ["console", "json"])
def test_an_article_id_cannot_write_to_the_terminal(format, lines):
    configure(format, "info", lines)

    get_logger().info("article", id="\x1b[2J\x9b31m\u202e\r\nforged=1\ud800", ids=["\x07"])

    assert all(line.isprintable() for line in lines.getvalue().splitlines())
    assert len(lines.getvalue().splitlines()) == 1


def test_a_traceback_keeps_its_lines_and_loses_its_secrets(lines):
    key = "sk-" + "x" * 20

    try:
        int(key)
    except ValueError:
        get_logger().exception("failed")

    event = logged(lines)
    assert "Traceback (most recent call last):\n" in str(event["exception"])
    assert key not in lines.getvalue()


def test_long_values_are_cut(lines):
    get_logger().info("reply", body="x" * 10_000)

    assert len(lines.getvalue()) < 700


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("key sk-proj-abcDEF_123-456 refused", "key sk-*** refused"),
        ("Authorization: Bearer eyJ0.a-b_c=", "Authorization: Bearer ***"),
        ("authorization: bearer x", "authorization: bearer ***"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic ***"),
        ("x-api-key: 0123456789abcdef", "x-api-key: ***"),
        ("api_key: field required", "api_key: field required"),
        ("token AstraCS:abcDEF:0123456789abcdef refused", "token AstraCS:*** refused"),
        ("hf_abcdefghijklmnopqrstuvwxyz is no hf_dataset", "hf_*** is no hf_dataset"),
        ("https://user:pass@host/v1", "https://***@host/v1"),
        ("https://host/v1?mail=a@b", "https://host/v1?mail=a@b"),
        ("https://host/v1?v=1&api_key=abc&key=def", "https://host/v1?v=1&api_key=***&key=***"),
        ("OPENAI_API_KEY=abc, client_secret=def", "OPENAI_API_KEY=***, client_secret=***"),
        (
            """{"api_key": "a'b", 'token': 1, 'x-api-key': 'c'}""",
            """{"api_key": "***", 'token': 1, 'x-api-key': '***'}""",
        ),
        ("No API key: set OPENAI_API_KEY, max_tokens=5", "No API key: set OPENAI_API_KEY, max_tokens=5"),
        ("task-scheduler and risk-averse", "task-scheduler and risk-averse"),
    ],
)
def test_keys_tokens_and_credentials_are_redacted(text, redacted):
    assert redact(text) == redacted


@given(
    st.lists(st.text(alphabet="ab \n\t,.é", max_size=5), min_size=2, max_size=2),
    st.sampled_from(
        ["sk-{}", "BEARER {}", "http://{}@h", "password={}", "?key={}", '"secret": "{}"', "'auth_token':'{}'"]
    ),
)
def test_a_secret_is_found_whatever_is_around_it(around, form):
    secret = "Zq9x" * 5

    assert secret not in redact(f" {form.format(secret)} ".join(around))


def test_the_key_in_use_is_redacted_whatever_it_looks_like(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "4f1c-a-key-of-a-gateway")

    assert redact("no access for 4f1c-a-key-of-a-gateway") == "no access for ***"


@pytest.mark.parametrize("placeholder", ["", "none", "lm-studio", "not-needed"])
def test_a_placeholder_for_the_key_is_left_in_texts(monkeypatch, placeholder):
    monkeypatch.setenv("OPENAI_API_KEY", placeholder)

    assert redact("none of lm-studio is not-needed") == "none of lm-studio is not-needed"


def test_values_that_are_called_like_secrets_or_look_like_them_are_hidden_and_no_others():
    values: JsonValue = {
        "api_key": "a",
        "X-Api-Key": "b",
        "auth_token": 7,
        "user": "sk-abcdefgh12345",
        "max_tokens": 7,
        "prompt_cache_key": "c",
        "eos_token": "</s>",
        "deep": {"password": "d", "use_secret": True, "list": [{"token": "e"}, "Bearer f", None]},
    }

    assert without_secrets(values) == {
        "api_key": "***",
        "X-Api-Key": "***",
        "auth_token": "***",
        "user": "sk-***",
        "max_tokens": 7,
        "prompt_cache_key": "c",
        "eos_token": "</s>",
        "deep": {"password": "***", "use_secret": True, "list": [{"token": "***"}, "Bearer ***", None]},
    }


@given(st.text(alphabet=st.characters(exclude_categories=())))
@example("\ud800\x00")
@settings(deadline=None)
def test_escaped_text_is_printable_and_printable_text_is_unchanged(text):
    escaped = escape(text)

    assert escaped.isprintable()
    assert not text.isprintable() or escaped == text
