"""A small OpenAI-compatible server on loopback, with faults on demand, for tests over real HTTP.

    async with FakeServer() as server:
        ...                       # talk to server.base_url with any key
        assert len(server.calls) == 3

A call with neither `tools` nor `response_format` is a classification: it is answered with `classify(prompt)`. Any other
call is a generation: its arguments are built from the schema that the request carries (in the tool, in the response
format, or stated in the last message), with texts that no other call gets.

Faults are chosen by a function of the call, or by a mapping from the call's index (0, 1, 2... in order of arrival):

    FakeServer(faults={0: error(429, code="rate_limit_exceeded", headers={"retry-after-ms": "20"})})
    FakeServer(faults=lambda call: Fault(reset=True) if call.kind == "generate" and call.index % 3 == 0 else None)
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

import orjson
from aiohttp import web

Json = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one call; the fields combine (a delay before a reset, a length stop with half arguments)."""

    status: int = 200
    error: Json | None = None
    """The `error` object of the body, for a status other than 200."""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    reset: bool = False
    """The connection is dropped without an answer."""
    truncate: bool = False
    """The connection is dropped after half of the body."""
    raw: bytes | None = None
    """The whole body, for example an HTML page."""
    prose: str | None = None
    """Text in place of a tool call or of JSON content."""
    arguments: str | None = None
    """The structured answer, word for word, however wrong."""
    finish_reason: str | None = None
    edit: Callable[[Json], Json] | None = None
    """Last change to a good body: empty choices, no usage..."""


def error(
    status: int,
    *,
    code: str | None = None,
    type: str | None = None,
    param: str | None = None,
    message: str = "a scripted fault",
    headers: Mapping[str, str] | None = None,
) -> Fault:
    """Return the fault of an API error reply."""
    return Fault(
        status=status,
        error={"message": message, "type": type, "param": param, "code": code},
        headers=headers or {},
    )


@dataclass
class Call:
    """One request as it arrived, and what was answered."""

    index: int
    body: Json
    headers: Mapping[str, str]
    """Lower-case names."""
    started: float
    """Seconds of the loop's clock."""
    answered: float | None = None
    status: int | None = None
    """None while unanswered, and for dropped connections."""
    usage: Json | None = None
    """What the reply billed; None where it billed nothing."""
    reply: Json | None = None

    @property
    def model(self) -> str:
        return str(self.body.get("model"))

    @property
    def kind(self) -> Literal["classify", "generate"]:
        return "generate" if "tools" in self.body or "response_format" in self.body else "classify"

    @property
    def texts(self) -> list[str]:
        """The text of each message, content parts joined."""
        return [_text(message["content"]) for message in self.body["messages"]]

    @property
    def prompt(self) -> str:
        return "\n\n".join(self.texts)


Faults = Callable[[Call], Fault | None] | Mapping[int, Fault] | None


class FakeServer:
    """`POST /v1/chat/completions` and `GET /v1/models` on a free port of 127.0.0.1."""

    def __init__(
        self,
        *,
        classify: Callable[[str], str] = lambda _prompt: "1, 2, 6",
        faults: Faults = None,
        delay_s: float = 0.0,
    ) -> None:
        self.classify = classify
        self.faults = faults
        self.delay_s = delay_s
        self.calls: list[Call] = []
        self.in_flight = 0
        self.peak = 0
        """The most calls that were in flight together."""
        self.base_url = ""
        self._runner: web.AppRunner | None = None
        self._prompts: list[str] = []

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._models)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.2, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def of_kind(self, kind: Literal["classify", "generate"]) -> list[Call]:
        """Return the calls of one kind, in order of arrival."""
        return [call for call in self.calls if call.kind == kind]

    def billed(self, model: str | None = None) -> Json:
        """Return the sum of prompt, cached and completion tokens of all replies (of one model)."""
        bills = [c.usage for c in self.calls if c.usage is not None and model in (None, c.model)]
        return {
            "prompt_tokens": sum(bill["prompt_tokens"] for bill in bills),
            "cached_tokens": sum(bill["prompt_tokens_details"]["cached_tokens"] for bill in bills),
            "completion_tokens": sum(bill["completion_tokens"] for bill in bills),
        }

    # ------------------------------------------------------------------------------------------------ answering

    async def _models(self, _request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "fake", "object": "model"}]})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = orjson.loads(await request.read())
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(len(self.calls), body, headers, asyncio.get_running_loop().time())
        self.calls.append(call)
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            return await self._answer(request, call)
        finally:
            self.in_flight -= 1

    async def _answer(self, request: web.Request, call: Call) -> web.StreamResponse:
        fault = self._fault(call)
        await asyncio.sleep(self.delay_s + fault.delay_s)
        if fault.reset:
            return _drop(request)
        call.status, call.answered = fault.status, asyncio.get_running_loop().time()
        payload = self._payload(call, fault)
        if fault.truncate:
            return await _half(request, payload)
        kind = "application/json" if payload[:1] == b"{" else "text/html"
        return web.Response(
            body=payload,
            status=fault.status,
            content_type=kind,
            headers={"x-request-id": f"req_{call.index}", **fault.headers},
        )

    def _fault(self, call: Call) -> Fault:
        if callable(self.faults):
            return self.faults(call) or Fault()
        return (self.faults or {}).get(call.index, Fault())

    def _payload(self, call: Call, fault: Fault) -> bytes:
        if fault.raw is not None:
            return fault.raw
        if fault.status != 200:
            return orjson.dumps({"error": fault.error})
        call.reply = self._reply(call, fault)
        if fault.edit is not None:
            call.reply = fault.edit(call.reply)
        call.usage = call.reply.get("usage")
        return orjson.dumps(call.reply)

    def _reply(self, call: Call, fault: Fault) -> Json:
        answer, message, finish = self._message(call, fault)
        return {
            "id": f"chatcmpl-{call.index}",
            "object": "chat.completion",
            "created": 1_790_000_000,
            "model": call.model,
            "choices": [{"index": 0, "message": message, "finish_reason": fault.finish_reason or finish}],
            "usage": self._usage(call.prompt, answer),
        }

    def _message(self, call: Call, fault: Fault) -> tuple[str, Json, str]:
        """Return the words that are billed, the message that carries them, and the finish reason."""
        if call.kind == "classify" or fault.prose is not None:
            text = fault.prose if fault.prose is not None else self.classify(call.prompt)
            return text, {"role": "assistant", "content": text, "refusal": None}, "stop"
        schema = _schema(call)
        arguments = fault.arguments if fault.arguments is not None else arguments_for(schema, call.index)
        if "tools" not in call.body:
            return arguments, {"role": "assistant", "content": arguments, "refusal": None}, "stop"
        name = call.body["tools"][0]["function"]["name"]
        tool_call = {
            "id": f"call_{call.index}",
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }
        message = {"role": "assistant", "content": None, "refusal": None, "tool_calls": [tool_call]}
        return arguments, message, "tool_calls"

    def _usage(self, prompt: str, answer: str) -> Json:
        """Return a bill: four bytes a token, the prefix shared with an earlier prompt cached in steps of 128 tokens."""
        prompt_tokens = len(prompt.encode()) // 4 + 1
        shared = max((_common(prompt, old) for old in self._prompts), default=0) // 4
        self._prompts = [*self._prompts[-63:], prompt]
        completion_tokens = len(answer.encode()) // 4 + 1
        return {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
            "prompt_tokens_details": {"cached_tokens": shared // 128 * 128 if shared >= 1024 else 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        }


# -------------------------------------------------------------------------------------------- arguments from a schema


def arguments_for(schema: Json, number: int) -> str:
    """Return JSON arguments that satisfy `schema`; the texts carry `number`, so that no two calls get the same."""
    words = itertools.count(1)
    return orjson.dumps(_value(schema, number, words)).decode()


_TEXTS = {
    "instruction": "Explain how the subject of request {number} is set up and what to watch for.",
    "input": "The article of request {number} describes a cluster of three nodes with one keyspace.",
    "output": "It is set up in three steps, and request {number} shows what to watch for in each of them.",
}


def _value(schema: Json, number: int, words: Iterator[int], name: str = "") -> Any:
    match schema.get("type"):
        case "object":
            return {key: _value(part, number, words, key) for key, part in schema.get("properties", {}).items()}
        case "array":
            return [_value(schema.get("items", {}), number, words, name)]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case _:
            text = _TEXTS.get(name, "Text {word} of request {number}.")
            return text.format(number=number, word=next(words))[: schema.get("maxLength")]


_FALLBACK = {
    "type": "object",
    "properties": {
        "instruction": {"type": "string"},
        "evidence": {"type": "array", "items": {"type": "integer"}},
        "output": {"type": "string"},
    },
}


def _schema(call: Call) -> Json:
    body = call.body
    if "tools" in body:
        return dict(body["tools"][0]["function"]["parameters"])
    wanted = body["response_format"]
    if wanted["type"] == "json_schema":
        return dict(wanted["json_schema"]["schema"])
    return _stated(call.texts[-1])


def _stated(text: str) -> Json:
    """Return the JSON schema written out in `text`, or that of an evidence record."""
    start = text.rfind('{"type":"object"')
    end = text.rfind("}") + 1
    while start != -1 and end > start:
        try:
            found = orjson.loads(text[start:end])
        except orjson.JSONDecodeError:
            end = text.rfind("}", 0, end - 1) + 1
            continue
        return dict(found)
    return _FALLBACK


# ------------------------------------------------------------------------------------------------------ rude endings


def _drop(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _half(request: web.Request, payload: bytes) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_length = len(payload)
    response.content_type = "application/json"
    await response.prepare(request)
    await response.write(payload[: len(payload) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def _common(one: str, other: str) -> int:
    """Return the length of the prefix that two texts share (bisection: prompts are long)."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _text(content: str | list[Json]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content)
