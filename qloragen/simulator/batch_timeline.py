"""When a batch is where: a function of the clock, decided when the batch is created."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .batch_settings import Batches
from .draws import Draws, lognormal

Status = Literal["validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"]
Ending = Literal["failed", "completed", "expired", "cancelled"]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The stations of one batch, in seconds since the simulator began."""

    created_s: float
    validated_s: float
    worked_s: float
    """When its last request would be executed if it had for ever."""
    expires_s: float
    finalizing_s: float
    """How long that takes."""
    cancelling_s: float
    """How long that takes."""
    is_valid: bool = True
    cancelled_s: float | None = None
    """When somebody wished that."""

    @property
    def stopped_s(self) -> float:
        """The moment after which no request is executed any more."""
        stopped_s = min(self.worked_s, self.expires_s)
        return stopped_s if self.cancelled_s is None else min(stopped_s, self.cancelled_s)

    @property
    def ended_s(self) -> float:
        """When all is over, and the files of results are there."""
        if self.cancelled_s is not None:
            return self.cancelled_s + self.cancelling_s
        return self.stopped_s + self.finalizing_s if self.is_valid else self.validated_s

    @property
    def ending(self) -> Ending:
        """How it ends."""
        if self.cancelled_s is not None:
            return "cancelled"
        if not self.is_valid:
            return "failed"
        return "completed" if self.worked_s <= self.expires_s else "expired"

    def status(self, now_s: float) -> Status:
        """Return where it is."""
        if now_s >= self.ended_s:
            return self.ending
        if self.cancelled_s is not None and now_s >= self.cancelled_s:
            return "cancelling"
        if now_s < self.validated_s:
            return "validating"
        return "in_progress" if now_s < self.stopped_s else "finalizing"

    def stamps(self, now_s: float) -> dict[str, float | None]:
        """Return the moments of the batch object that have come by now; `expires_at` is known from the start."""
        ending = f"{self.ending}_at"
        moments = dict.fromkeys(("in_progress_at", "finalizing_at", *_ENDINGS, "cancelling_at"), float("inf"))
        moments["cancelling_at"] = float("inf") if self.cancelled_s is None else self.cancelled_s
        if self.is_valid and (self.cancelled_s is None or self.validated_s <= self.cancelled_s):
            moments["in_progress_at"] = self.validated_s
        if self.ending in {"completed", "expired"}:
            moments["finalizing_at"] = self.stopped_s
        moments[ending] = self.ended_s
        come = {name: at_s if at_s <= now_s else None for name, at_s in moments.items()}
        return {"created_at": self.created_s, "expires_at": self.expires_s, **come}


_ENDINGS = ("completed_at", "failed_at", "expired_at", "cancelled_at")


def plan_batch(settings: Batches, draws: Draws, created_s: float, *, is_valid: bool) -> Timeline:
    """Return the timeline of a batch that is created now."""
    seconds = lognormal(settings.median_s, settings.p99_s, draws.first)
    validated_s = created_s + settings.validating_s
    expires_s = created_s + settings.window_s
    worked_s = max(validated_s, created_s + seconds - settings.finalizing_s)
    if draws.tier < settings.expired:
        worked_s = _too_late_s(settings, validated_s, expires_s)
    return Timeline(
        created_s,
        validated_s,
        worked_s,
        expires_s,
        settings.finalizing_s,
        settings.cancelling_s,
        is_valid=is_valid and draws.fault >= settings.failed,
    )


def _too_late_s(settings: Batches, validated_s: float, expires_s: float) -> float:
    """Return the end of the work if so many requests are left over when the batch expires."""
    if settings.unfinished >= 1 or expires_s <= validated_s:
        return float("inf")
    return validated_s + (expires_s - validated_s) / (1 - settings.unfinished) * (1 + 1e-9)
