"""The provider's prompt cache, as documented, in the two forms that models have.

Prefixes (models before gpt-5.6): a prompt's longest prefix that an earlier call had, of at least 1,024 tokens and in
steps of 128, is read from the cache; writing is free and not reported.

Breakpoints (gpt-5.6 and newer; OpenAI's guide on prompt caching, November 2026): a prefix is read only up to a
breakpoint that was written. In the default mode each call writes one at the end of its newest message; with
`prompt_cache_options={"mode": "explicit"}` it writes only where a part of a message carries `prompt_cache_breakpoint`,
so that a call without any writes nothing. What is written is billed as `cache_write_tokens`.

In both, a cache belongs to one model and one `prompt_cache_key` (or none); what a call writes is seen by calls that
start after it was answered; and an entry is forgotten some time after its last use: prefixes after 5 minutes,
breakpoints after 30 or the `ttl` of the breakpoint or of `prompt_cache_options` ("30m", "12h").
Memory is bounded: entries are kept in two generations, of which the older is dropped when the younger is full.

A prefix is known by the hash of its bytes, never by its text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .prompts import End, Measured

LEAST_TOKENS = 1024
STEP_TOKENS = 128
PREFIX_TTL_S, BREAKPOINT_TTL_S = 300.0, 1800.0


class Cached(NamedTuple):
    """What one prompt has to do with the cache."""

    read_tokens: int
    written_tokens: int


class _Entry(NamedTuple):
    visible_s: float
    expires_s: float
    ttl_s: float
    tokens: int = 0

    def readable(self, now_s: float) -> bool:
        return self.visible_s <= now_s < self.expires_s

    def renewed(self, other: _Entry) -> _Entry:
        """Return what is left when `other` is written over it: visible as early, and for as long, as either."""
        visible_s, expires_s = min(self.visible_s, other.visible_s), max(self.expires_s, other.expires_s)
        return _Entry(visible_s, expires_s, self.ttl_s, self.tokens)


class Memory:
    """Entries by hash; the least recently renewed are forgotten first."""

    def __init__(self, entries: int) -> None:
        self._young: dict[object, _Entry] = {}
        self._old: dict[object, _Entry] = {}
        self._most = max(1, entries // 2)

    def find(self, key: object, now_s: float) -> _Entry | None:
        """Return what can be read at `now_s`."""
        entry = self._young.get(key) or self._old.get(key)
        return entry if entry and entry.readable(now_s) else None

    def write(self, keys: Iterable[object], now_s: float, written: _Entry) -> None:
        """Write an entry under each key, or keep the one there is for longer."""
        before: _Entry | None = None
        after = written
        for key in keys:
            entry = self._young.get(key) or self._old.get(key)
            if entry is not before:
                # Neighbours were mostly written together, and share one entry.
                before = entry
                after = written if entry is None or entry.expires_s <= now_s else entry.renewed(written)
            self._keep(key, after)

    def _keep(self, key: object, entry: _Entry) -> None:
        if key not in self._young and len(self._young) >= self._most:
            # A dict that loses its oldest key each time gets slow: a whole generation goes.
            self._old, self._young = self._young, {}
        self._young[key] = entry


class PrefixCache:
    """Any earlier prefix counts."""

    def __init__(self, *, ttl_s: float | None, entries: int) -> None:
        self._ttl_s = PREFIX_TTL_S if ttl_s is None else ttl_s
        self._memory = Memory(entries)

    def use(self, prompt: Measured, *, start_s: float, answered_s: float) -> Cached:
        """Read for a call that starts at `start_s`, and write what others see from `answered_s` on."""
        tokens = prompt.tokens
        if tokens < LEAST_TOKENS:
            return Cached(0, 0)
        blocks = prompt.blocks
        found = next((n for n in range(len(blocks), 0, -1) if self._memory.find(blocks[n - 1], start_s)), 0)
        # The last block is what is left, so that a prompt that comes again is read to its end.
        shared = tokens if found == len(blocks) else min(tokens, prompt.tokens_before(found))
        self._memory.write(blocks, start_s, _Entry(answered_s, answered_s + self._ttl_s, self._ttl_s))
        return Cached(shared // STEP_TOKENS * STEP_TOKENS if shared >= LEAST_TOKENS else 0, 0)


class BreakpointCache:
    """Only written breakpoints count."""

    def __init__(self, *, ttl_s: float | None, entries: int) -> None:
        self._ttl_s = BREAKPOINT_TTL_S if ttl_s is None else ttl_s
        self._memory = Memory(entries)

    def use(self, prompt: Measured, *, start_s: float, answered_s: float) -> Cached:
        """Read for a call that starts at `start_s`, and write what others see from `answered_s` on."""
        tokens = prompt.tokens
        if tokens < LEAST_TOKENS:
            return Cached(0, 0)
        ends = prompt.ends
        read = self._read(ends, start_s, answered_s)
        written = 0
        for segment, asked_s in prompt.breakpoints:
            key, size = ends[segment]
            if size < LEAST_TOKENS:
                continue
            # Calls that race each other all write, and all pay for it.
            if not self._memory.find(key, start_s):
                written = max(written, size)
            ttl_s = asked_s or self._ttl_s
            self._memory.write((key,), start_s, _Entry(answered_s, answered_s + ttl_s, ttl_s, size))
        return Cached(min(read, tokens), max(0, written - read))

    def _read(self, ends: Sequence[End], start_s: float, answered_s: float) -> int:
        for key, _ in reversed(ends):
            if entry := self._memory.find(key, start_s):
                renewed = _Entry(entry.visible_s, answered_s + entry.ttl_s, entry.ttl_s)
                self._memory.write((key,), start_s, renewed)
                return entry.tokens
        return 0
