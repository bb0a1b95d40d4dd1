"""A chat request as the provider reads it: the prompt in one piece, its cap, its breakpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson

from .effects import Json

_TTL_S = {"m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model reads: tools first, then the messages, each part a segment of its own."""

    segments: tuple[bytes, ...]
    breakpoints: tuple[tuple[int, float | None], ...]
    """Segments after which the call writes to the cache, in order, and for how many seconds, if it says so."""
    cache_key: str | None
    messages: int

    @property
    def text(self) -> str:
        """The whole prompt."""
        return b"".join(self.segments).decode("utf-8", "replace")


def cap_tokens(body: Json) -> int | None:
    """Return the cap on completion tokens; None when the call has none."""
    cap = body.get("max_completion_tokens", body.get("max_tokens"))
    return cap if isinstance(cap, int) else None


def read_prompt(body: Json) -> Prompt:
    """Return the prompt of a request that has been checked."""
    segments = [orjson.dumps(body[name]) for name in ("tools", "response_format") if name in body]
    breakpoints: list[tuple[int, float | None]] = []
    for message in body["messages"]:
        # The role and what it says are one piece: who speaks is part of the prefix.
        head = f"\n{message['role']}: ".encode()
        for part, mark in _parts(message):
            segments.append(head + part)
            head = b""
            if mark is not None:
                breakpoints.append((len(segments) - 1, _ttl_s(mark)))
    options = body.get("prompt_cache_options")
    options = options if isinstance(options, dict) else {}
    if options.get("mode") != "explicit":
        breakpoints.append((len(segments) - 1, None))
    ttl_s = _ttl_s(options)
    breakpoints = [(segment, asked_s or ttl_s) for segment, asked_s in breakpoints]
    key = body.get("prompt_cache_key")
    return Prompt(tuple(segments), tuple(breakpoints), key if isinstance(key, str) else None, len(body["messages"]))


def _parts(message: Json) -> Iterator[tuple[bytes, Mapping[str, object] | None]]:
    """Yield each text of a message with its breakpoint."""
    content = message.get("content")
    if isinstance(content, list):
        for part in content:
            mark = part.get("prompt_cache_breakpoint")
            yield _part_bytes(part), mark if isinstance(mark, dict) else None
    else:
        yield (content or "").encode(), None
    if calls := message.get("tool_calls"):
        yield orjson.dumps(calls), None


def _part_bytes(part: Json) -> bytes:
    text = part.get("text")
    return text.encode() if isinstance(text, str) else orjson.dumps(part)


def _ttl_s(mark: Mapping[str, object]) -> float | None:
    """Return the seconds of a ttl like "30m" or "12h"."""
    ttl = mark.get("ttl")
    if isinstance(ttl, str) and ttl[:-1].isdigit() and ttl[-1] in _TTL_S:
        return int(ttl[:-1]) * _TTL_S[ttl[-1]]
    return None
