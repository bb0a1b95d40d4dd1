"""What keeps requests for a model from being sent, and for how long each such thing has done so."""

from __future__ import annotations

from enum import StrEnum


class Bound(StrEnum):
    """What the request waits for that would be sent next; where nobody waits, whether one could be sent at once."""

    CONCURRENCY = "concurrency"
    """All slots are taken: as many calls are in flight as may be. So it is also called where nobody waits for one."""
    RPM = "RPM"
    """The requests of this minute are used up."""
    TPM = "TPM"
    """The tokens of this minute are used up."""
    PAUSED = "paused"
    """The provider refuses or fails, so the model is not called for a while, or one probe is under way."""
    CAPACITY = "flex capacity"
    """The flex tier has no room."""
    BUDGET = "budget"
    """What is left of the spending limit is set aside for calls that are being made."""
    HELD = "held"
    """The engine is told to pause, as it is while the disk takes nothing."""
    IDLE = "idle"
    """Nobody waits and there are free slots: whoever asks waits for replies first, or has nothing left to ask."""


class Account:
    """Adds up for how long each bound held; times are seconds of the caller's clock. A change costs the same always."""

    __slots__ = ("_since_s", "_sums_s", "now")

    def __init__(self) -> None:
        self.now: Bound | None = None
        """The bound that holds; None before the first request, for nothing is added up until then."""
        self._since_s = 0.0
        self._sums_s = dict.fromkeys(Bound, 0.0)

    def turn(self, bound: Bound, now_s: float) -> None:
        """Take in what holds from now on; the first call begins the account."""
        if self.now is not None:
            self._sums_s[self.now] += now_s - self._since_s
        self.now, self._since_s = bound, now_s

    def seconds(self, now_s: float) -> dict[Bound, float]:
        """Return for how long each bound has held since the first request, until now; all bounds are there."""
        sums_s = self._sums_s.copy()
        if self.now is not None:
            sums_s[self.now] += now_s - self._since_s
        return sums_s
