"""A provider in memory: a `Client` that answers from a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import anyio
import orjson

from ..engine.client import Ask, ConnectionLost, HttpReply

Body = Mapping[str, object]
"""A request's JSON body, parsed."""

Answer = HttpReply | Exception
"""What the provider does with a request; an exception is raised."""


@dataclass(slots=True)
class ScriptedCall:
    """One attempt that the client saw."""

    body: Body
    started_s: float
    """On the loop's clock."""
    answered_s: float | None = None
    """None while in flight, and for ever if the attempt was cancelled."""
    path: str = "/chat/completions"


class ScriptedClient:
    """Answers each request with `answer(body)` after `latency_s` (seconds, or a function of the body).

    `answer` gets the parsed body and returns an `HttpReply`, or an exception to raise, usually a `ConnectionLost`.
    `deciding` answers at the endpoint for decisions in the same way. `listing` gets the query of a look at stored
    completions, `asking` any other call, both answered at once. Without them there is no such thing, which is a 404.
    """

    def __init__(
        self,
        answer: Callable[[Body], Answer],
        *,
        latency_s: float | Callable[[Body], float] = 1.0,
        listing: Callable[[Mapping[str, str]], Answer] | None = None,
        deciding: Callable[[Body], Answer] | None = None,
        asking: Callable[[Ask], Answer] | None = None,
    ) -> None:
        self._answer = answer
        self._listing = listing or _missing
        self._deciding = deciding or _missing
        self._asking = asking or _missing
        self._latency_s = latency_s
        self.calls: list[ScriptedCall] = []
        """Every attempt, in order of arrival."""
        self.in_flight = 0
        self.peak = 0
        """The most attempts that were in flight together."""

    async def post(self, body: bytes, *, timeout_s: float) -> HttpReply:
        """Answer one request.

        Raises:
            ConnectionLost: that takes longer than `timeout_s`.
        """
        return await self._answered(ScriptedCall(orjson.loads(body), anyio.current_time()), self._answer, timeout_s)

    async def decide(self, body: bytes, *, timeout_s: float) -> HttpReply:
        """Answer one request for decisions; it is among the calls.

        Raises:
            ConnectionLost: that takes longer than `timeout_s`.
        """
        call = ScriptedCall(orjson.loads(body), anyio.current_time(), path="/decisions")
        return await self._answered(call, self._deciding, timeout_s)

    async def _answered(self, call: ScriptedCall, answer: Callable[[Body], Answer], timeout_s: float) -> HttpReply:
        self.calls.append(call)
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            latency_s = self._latency_s(call.body) if callable(self._latency_s) else self._latency_s
            await anyio.sleep(min(latency_s, timeout_s))
        finally:
            self.in_flight -= 1
        if latency_s > timeout_s:
            raise ConnectionLost(f"no reply within {timeout_s:g} s", timed_out=True)
        call.answered_s = anyio.current_time()
        return _given(answer(call.body))

    async def get(self, path: str, query: Mapping[str, str], *, timeout_s: float) -> HttpReply:
        """Answer one look at stored completions, at once; looks are not among the calls."""
        del timeout_s
        return _given(self._listing(query)) if path == "/chat/completions" else refusal(404)

    async def ask(self, ask: Ask, *, timeout_s: float) -> HttpReply:
        """Answer any other call, at once; these are not among the calls."""
        del timeout_s
        return _given(self._asking(ask))


def _missing(_asked: object) -> HttpReply:
    return refusal(404)


def _given(answer: Answer) -> HttpReply:
    if isinstance(answer, Exception):
        raise answer
    return answer


def reply(
    text: str | None = "1",
    *,
    arguments: str | None = None,
    usage: tuple[int, int] | None = (100, 10),
    finish_reason: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpReply:
    """Return a chat completion: `text`, or a tool call with `arguments`; `usage` is (prompt, completion) tokens."""
    message: dict[str, object] = {"role": "assistant", "content": text}
    if arguments is not None:
        function = {"name": "answer", "arguments": arguments}
        message |= {"content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": function}]}
    finish = finish_reason or ("stop" if arguments is None else "tool_calls")
    body: dict[str, object] = {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}
    if usage is not None:
        prompt, completion = usage
        body["usage"] = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return HttpReply(200, orjson.dumps(body), headers or {})


def refusal(
    status: int,
    *,
    code: str | None = None,
    type: str | None = None,
    param: str | None = None,
    message: str = "a scripted refusal",
    headers: Mapping[str, str] | None = None,
) -> HttpReply:
    """Return an error reply in OpenAI's form."""
    error = {"message": message, "type": type, "param": param, "code": code}
    return HttpReply(status, orjson.dumps({"error": error}), headers or {})
