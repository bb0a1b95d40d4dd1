"""A chat request as the provider reads it: the prompt in one piece, its cap, its breakpoints."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Protocol

import orjson

from .effects import Json
from .tokens import count_bytes, count_tokens

_TTL_S = {"m": 60.0, "h": 3600.0}
_TOKENS_PER_MESSAGE = 3
"""What the frame of a message costs (OpenAI cookbook, counting tokens for chat completions)."""
BLOCK_BYTES = 256
"""About half a step of the cache: a prefix is found to its last whole block, and then counted."""

Breakpoint = tuple[int, float | None]
"""The segment after which a call writes to the cache, and for how many seconds, if it says so."""


End = tuple[Hashable, int]
"""The end of a segment: what stands for all of the prompt up to there, and its tokens."""


class Measured(Protocol):
    """A prompt as far as limits, bills and caches are concerned."""

    @property
    def characters(self) -> int:
        """Of all its text."""
        ...

    @property
    def tokens(self) -> int:
        """What it costs."""
        ...

    @property
    def breakpoints(self) -> Sequence[Breakpoint]:
        """Where the call writes to the cache, in order."""
        ...

    @property
    def ends(self) -> Sequence[End]:
        """Of all segments, in order."""
        ...

    @property
    def blocks(self) -> Sequence[Hashable]:
        """What stands for the prompt up to the end of each block of its text, in order; the last is all of it."""
        ...

    def tokens_before(self, blocks: int) -> int:
        """Return what the text up to the end of so many blocks costs, without the frames of messages."""
        ...


@dataclass(frozen=True)
class Prompt:
    """What the model reads: tools first, then the messages, each part a segment of its own."""

    segments: tuple[bytes, ...]
    breakpoints: tuple[Breakpoint, ...]
    """In order."""
    cache_key: str | None
    messages: int

    @cached_property
    def text(self) -> str:
        """The whole prompt."""
        return self._whole.decode("utf-8", "replace")

    @property
    def characters(self) -> int:
        """Of all its text."""
        return len(self.text)

    @cached_property
    def tokens(self) -> int:
        """What it costs."""
        return count_tokens(self.text) + _TOKENS_PER_MESSAGE * (self.messages + 1)

    @cached_property
    def ends(self) -> tuple[End, ...]:
        """Of all segments, known by the hash of what comes before."""
        running = blake2b(repr(self.cache_key).encode(), digest_size=16)
        found, size = list[End](), 0
        for number, segment in enumerate(self.segments, 1):
            running.update(segment)
            last = number == len(self.segments)
            size = self.tokens if last else min(self.tokens, size + count_bytes(segment))
            found.append((running.copy().digest(), size))
        return tuple(found)

    @cached_property
    def blocks(self) -> tuple[int, ...]:
        """The chained hash of every block of the text, of which the last may be shorter."""
        found, chained, text = list[int](), hash(self.cache_key), self._whole
        for start in range(0, len(text), BLOCK_BYTES):
            chained = hash((chained, text[start : start + BLOCK_BYTES]))
            found.append(chained)
        return tuple(found)

    def tokens_before(self, blocks: int) -> int:
        """Return what the text up to the end of so many blocks costs, without the frames of messages."""
        return count_bytes(self._whole[: blocks * BLOCK_BYTES])

    @cached_property
    def _whole(self) -> bytes:
        return b"".join(self.segments)


def cap_tokens(body: Json) -> int | None:
    """Return the cap on completion tokens; None when the call has none."""
    cap = body.get("max_completion_tokens", body.get("max_tokens"))
    return cap if isinstance(cap, int) else None


def read_prompt(body: Json) -> Prompt:
    """Return the prompt of a request that has been checked."""
    segments = [orjson.dumps(body[name]) for name in ("tools", "response_format") if name in body]
    breakpoints: list[Breakpoint] = []
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
