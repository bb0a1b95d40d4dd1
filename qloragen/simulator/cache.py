"""The provider's prompt cache, as documented, in the two forms that models have.

Prefixes (models before gpt-5.6): a prompt's longest prefix that an earlier call had, of at least 1,024 tokens and in
steps of 128, is read from the cache; writing is free and not reported.

Breakpoints (gpt-5.6 and newer; OpenAI's guide on prompt caching, November 2026): a prefix is read only up to a
breakpoint that was written. In the default mode each call writes one at the end of its newest message; with
`prompt_cache_options={"mode": "explicit"}` it writes only where a part of a message carries `prompt_cache_breakpoint`,
so that a call without any writes nothing. What is written is billed as `cache_write_tokens`.

In both, a cache belongs to one model and one `prompt_cache_key` (or none); what a call writes is seen by calls that
start after it was answered; and an entry is forgotten some time after its last use. Memory is bounded: entries are kept
in two generations, of which the older is dropped when the younger is full.

A prefix is known by the hash of its bytes, never by its text. Its tokens are its share of the prompt's bytes times the
prompt's tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from .prompts import Prompt

LEAST_TOKENS = 1024
STEP_TOKENS = 128
_BLOCK_BYTES = 512
"""About one step."""


class Cached(NamedTuple):
    """What one prompt has to do with the cache."""

    read_tokens: int
    written_tokens: int


@dataclass(slots=True)
class _Entry:
    visible_s: float
    expires_s: float
    tokens: int


class Memory:
    """Entries by hash; the least recently renewed are forgotten first."""

    def __init__(self, entries: int) -> None:
        self._young: dict[object, _Entry] = {}
        self._old: dict[object, _Entry] = {}
        self._most = max(1, entries // 2)

    def find(self, key: object, now_s: float) -> _Entry | None:
        """Return what can be read at `now_s`."""
        entry = self._young.get(key) or self._old.get(key)
        return entry if entry and entry.visible_s <= now_s < entry.expires_s else None

    def renew(self, key: object, now_s: float, written: _Entry) -> bool:
        """Write an entry, or keep the one there is for longer; tell whether that is a write that costs."""
        entry = self._young.get(key) or self._old.get(key)
        # Calls that race each other all write, and all pay for it.
        readable = entry is not None and entry.visible_s <= now_s < entry.expires_s
        if entry is None or entry.expires_s <= now_s:
            entry = written
        else:
            entry.visible_s = min(entry.visible_s, written.visible_s)
            entry.expires_s = max(entry.expires_s, written.expires_s)
        self._keep(key, entry)
        return not readable

    def _keep(self, key: object, entry: _Entry) -> None:
        if key not in self._young and len(self._young) >= self._most:
            # A dict that loses its oldest key each time gets slow: a whole generation goes.
            self._old, self._young = self._young, {}
        self._young[key] = entry


class PrefixCache:
    """Any earlier prefix counts."""

    def __init__(self, *, ttl_s: float, entries: int) -> None:
        self._ttl_s = ttl_s
        self._memory = Memory(entries)

    def use(self, prompt: Prompt, tokens: int, *, start_s: float, answered_s: float) -> Cached:
        """Read for a call that starts at `start_s`, and write what others see from `answered_s` on."""
        if tokens < LEAST_TOKENS:
            return Cached(0, 0)
        text = b"".join(prompt.segments)
        hashes = _blocks(prompt.cache_key, text)
        found = next((n for n in range(len(hashes), 0, -1) if self._memory.find(hashes[n - 1], start_s)), 0)
        read = int(tokens * min(1.0, found * _BLOCK_BYTES / len(text))) // STEP_TOKENS * STEP_TOKENS
        for block in hashes:
            self._memory.renew(block, start_s, _Entry(answered_s, answered_s + self._ttl_s, 0))
        return Cached(read if read >= LEAST_TOKENS else 0, 0)


def _blocks(key: str | None, text: bytes) -> list[int]:
    """Return the chained hash of every whole block of `text`."""
    found = []
    chained = hash(key)
    for end in range(_BLOCK_BYTES, len(text) + 1, _BLOCK_BYTES):
        chained = hash((chained, text[end - _BLOCK_BYTES : end]))
        found.append(chained)
    return found


class BreakpointCache:
    """Only written breakpoints count."""

    def __init__(self, *, ttl_s: float, entries: int) -> None:
        self._ttl_s = ttl_s
        self._memory = Memory(entries)

    def use(self, prompt: Prompt, tokens: int, *, start_s: float, answered_s: float) -> Cached:
        """Read for a call that starts at `start_s`, and write what others see from `answered_s` on."""
        if tokens < LEAST_TOKENS:
            return Cached(0, 0)
        ends = _ends(prompt, tokens)
        read = self._read(ends, start_s, answered_s)
        written = 0
        for segment, ttl_s in prompt.breakpoints:
            key, size = ends[segment]
            lasts_s = max(self._ttl_s, ttl_s or 0.0)
            entry = _Entry(answered_s, answered_s + lasts_s, size)
            if size >= LEAST_TOKENS and self._memory.renew(key, start_s, entry):
                written = max(written, size)
        return Cached(min(read, tokens), max(0, written - read))

    def _read(self, ends: list[tuple[bytes, int]], start_s: float, answered_s: float) -> int:
        for key, _ in reversed(ends):
            if entry := self._memory.find(key, start_s):
                entry.expires_s = max(entry.expires_s, answered_s + self._ttl_s)
                return entry.tokens
        return 0


def _ends(prompt: Prompt, tokens: int) -> list[tuple[bytes, int]]:
    """Return for each segment the hash of the prompt up to its end, and the tokens up to there."""
    running = blake2b(repr(prompt.cache_key).encode(), digest_size=16)
    total = sum(map(len, prompt.segments))
    found, size = [], 0
    for segment in prompt.segments:
        running.update(segment)
        size += len(segment)
        found.append((running.copy().digest(), tokens * size // total))
    return found
