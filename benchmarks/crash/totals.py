"""What a soak has found, summed over run directories and lanes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .book import Verdict

_SUMS = ("kills", "runs", "lost", "duplicates", "twice", "on_the_way", "torn", "torn_by_hand", "idle_kills", "fatal")


@dataclass(slots=True)
class Totals:
    """What was found; sums over run directories and over lanes."""

    kills: int = 0
    """Processes that were sent the signal."""
    runs: int = 0
    """Run directories that were worked to their end."""
    lost: int = 0
    duplicates: int = 0
    twice: int = 0
    on_the_way: int = 0
    torn: int = 0
    """Unfinished last lines that a kill had left, each mended by the next process."""
    torn_by_hand: int = 0
    """The same, added by us, because they are rare."""
    idle_kills: int = 0
    """Kills with no call in flight."""
    fatal: int = 0
    """Processes that met a fatal reply."""
    most_late: int = 0
    """Most calls of one process that came after a fatal reply had been sent."""
    in_flight: Counter[int] = field(default_factory=Counter)
    """Calls in flight at a kill: how often how many."""
    repeats: Counter[int] = field(default_factory=Counter)
    """Calls repeated because of a kill: how often how many."""
    codes: Counter[int] = field(default_factory=Counter)
    """Exit codes, negative for signals."""
    findings: list[str] = field(default_factory=list)

    def judged(self, verdict: Verdict) -> None:
        """Take in a finished run directory."""
        self.runs += 1
        self.lost += verdict.lost
        self.duplicates += verdict.duplicates
        self.twice += verdict.twice
        self.on_the_way += verdict.on_the_way
        self.idle_kills += verdict.in_flight.count(0)
        self.in_flight.update(verdict.in_flight)
        self.repeats.update(verdict.repeats)

    def add(self, other: Totals) -> None:
        """Take in the totals of another lane."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.most_late = max(self.most_late, other.most_late)
        self.in_flight += other.in_flight
        self.repeats += other.repeats
        self.codes += other.codes
        self.findings += other.findings

    def as_json(self) -> dict[str, object]:
        """Return the totals as JSON values."""
        return {name: _value(getattr(self, name)) for name in self.__slots__}


def _value(value: object) -> object:
    return {str(key): value[key] for key in sorted(value)} if isinstance(value, Counter) else value
