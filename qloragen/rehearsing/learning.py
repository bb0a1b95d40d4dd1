"""From a run's journal, read once in memory that does not grow with it, to what its models were like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from ..errors import SetupError
from ..store.files import Disk
from ..store.frame import is_whole, kind_of
from ..store.money import SURPLUS
from ..store.names import JOURNAL
from ..store.run import refuse_absent
from ..store.scan import lines
from ..types import InputMode
from ..view import ModelView
from ..watching.file import glimpse
from .speed import Sample, latency_of
from .traits import FEW, Traits

_BROKEN_OFF = frozenset({"length", "content_filter"})
"""How replies finish that say nothing of how long whole ones are."""
_KINDS = frozenset({"reply", "lost", "types", "record", "rejection", "failure"})


@dataclass(slots=True)
class _Seen:
    """What the lines so far say of one model."""

    default: Sample = field(default_factory=Sample)
    flex: Sample = field(default_factory=Sample)
    structured: int = 0
    """Replies that were asked for in a structured form."""
    batched: int = 0
    cut: int = 0
    """Replies that were cut off at their cap, those out of batches among them."""
    prompt_tokens: int = 0
    shared_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    records: Counter[InputMode] = field(default_factory=Counter)
    """Whole replies with records by mode; then their tokens."""
    record_tokens: Counter[InputMode] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    given_up: Counter[str] = field(default_factory=Counter)

    def take(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Take in a line."""
        match kind:
            case "reply":
                self._reply(fields)
            case "lost":
                self.lost[fields["reason"]] += 1
            case "rejection" | "failure" if "refused" not in fields:
                self.given_up[fields["reason"]] += 1
        for reason, calls, *_ in fields.get("refused", ()):
            if reason != SURPLUS:
                self.refused[reason] += calls

    def _reply(self, fields: Mapping[str, Any]) -> None:
        usage, tier, finish = fields["usage"], fields.get("tier"), fields.get("finish_reason")
        self.structured += fields.get("structure") is not None
        self.cut += finish == "length"
        if tier == "batch":
            self.batched += 1
            return
        sample = self.flex if tier == "flex" else self.default
        sample.add(usage["completion_tokens"], fields["latency_s"])
        self.prompt_tokens += usage["prompt_tokens"]
        if (mode := fields.get("input_mode")) is not None:
            self.shared_tokens += usage["prompt_tokens"]
            if usage["completion_tokens"] > 0 and finish not in _BROKEN_OFF:  # not every server says
                self.records[mode] += 1
                self.record_tokens[mode] += max(usage["completion_tokens"] - usage["reasoning_tokens"], 0)
        self.cached_tokens += usage["cached_tokens"]
        self.completion_tokens += usage["completion_tokens"]
        self.reasoning_tokens += usage["reasoning_tokens"]

    def traits(self, view: ModelView | None) -> Traits | None:
        """Return what all of it comes to, with what was seen of the last session; None without a reply that was waited
        for."""
        replies = self.default.count + self.flex.count
        if not replies:
            return None
        calls, answers = replies + self.lost.total(), replies + self.batched
        return Traits(
            replies=replies,
            latency=latency_of(self.default.pairs) if self.default.pairs else None,
            flex=latency_of(self.flex.pairs) if self.flex.pairs else None,
            structured=self.structured > 0,
            prompt_tokens=self.prompt_tokens / replies,
            completion_tokens=self.completion_tokens / replies,
            reasoning_tokens=self.reasoning_tokens / replies,
            record_tokens={mode: self.record_tokens[mode] / count for mode, count in self.records.items() if count},
            shared_tokens=self.shared_tokens,
            passing=_share(view.retried, view.sent) if view else 0.0,
            rate_limited=_share(view.rate_limited, view.sent) if view else 0.0,
            no_capacity=_share(view.no_capacity, view.sent) if view else 0.0,
            cached_share=self.cached_tokens / self.prompt_tokens if self.prompt_tokens else 0.0,
            lost=_shares(self.lost, calls),
            refused=_shares(_cut_apart(self.refused, self.cut), self.structured or answers),
            given_up=_shares(self.given_up, calls + self.given_up.total()),
        )


def traits_of(folder: Path) -> dict[str, Traits]:
    """Return what the run in `folder` says of each model that has answered, even while a process writes there.

    Raises:
        SetupError: There is no run in `folder`, or it cannot be read.
    """
    seen: dict[str, _Seen] = {}
    for kind, line in _read(folder):
        with suppress(ValueError, KeyError, TypeError):  # a line of another program says nothing
            fields = orjson.loads(line)
            seen.setdefault(fields["model"], _Seen()).take(kind, fields)
    last = glimpse(folder).view
    views = last.models if last else {}
    found = ((name, of_model.traits(views.get(name))) for name, of_model in seen.items())
    return {name: traits for name, traits in found if traits is not None}


def _read(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the lines that say something of a model, after their kinds; those that are damaged count as absent."""
    refuse_absent(folder)
    try:
        with (folder / JOURNAL).open("rb") as journal:
            for _, line, ended in lines(Disk(), journal.fileno()):
                if ended and is_whole(line) and (kind := kind_of(line)) in _KINDS:
                    yield kind, line
    except OSError as error:
        raise SetupError(f"The run in {folder} cannot be read ({error.strerror}).") from error


def _share(calls: int, of: int) -> float:
    """Return the share of calls that went wrong; of few ones it says nothing."""
    return min(calls / of, 1.0) if of >= FEW else 0.0


def _cut_apart(refused: Mapping[str, int], cut: int) -> dict[str, int]:
    """Return what was refused with the replies that were cut off at their cap apart, as `length`: drafts that break off
    by themselves have the same reason."""
    cut = min(cut, refused.get("truncated", 0))
    return {**refused, "truncated": refused.get("truncated", 0) - cut, "length": cut} if cut else dict(refused)


def _shares(counts: Mapping[str, int], of: int) -> dict[str, float]:
    return {reason: min(count / of, 1.0) for reason, count in sorted(counts.items()) if of}
