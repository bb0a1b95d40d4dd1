"""What the provider is like for batches: how long they take, what becomes of them, what is too much."""

from __future__ import annotations

from dataclasses import dataclass

from .checks import not_negative, positive, shares, spread


@dataclass(frozen=True, slots=True)
class Batches:
    """The Batch API. Without any field set, a batch is done as soon as it is looked at again.

    What happens to a batch depends on the seed, the bytes of its file, and how often this file came before. To let some
    of its requests fail, set a `Fault` with `endpoints=("batched",)`.
    """

    median_s: float = 0.0
    """From creation to completion, at the median: at least as long as it takes to validate and to finalize."""
    p99_s: float | None = None
    """The same at the 99th percentile; None is a fixed time."""
    validating_s: float = 0.0
    finalizing_s: float = 0.0
    cancelling_s: float = 0.0
    """From the wish to cancel to its fulfilment; the API takes up to 10 minutes."""
    window_s: float = 86_400.0
    """What the completion window of "24h" lasts here."""
    expired: float = 0.0
    """Share of the batches that outlast the window, beside those that take so long anyway."""
    unfinished: float = 0.5
    """Share of the requests of such a batch that are not executed by then."""
    failed: float = 0.0
    """Share of the batches that fail as a whole in their validation, for no fault of theirs."""
    enqueued_tokens: int | None = None
    """Most prompt tokens of one model in batches that have not ended; None is unlimited."""
    most_requests: int = 50_000
    """In one file."""
    most_bytes: int = 200_000_000
    """Of one file."""
    created_per_hour: int | None = 2_000
    """None is unlimited."""

    def __post_init__(self) -> None:
        not_negative("batches", median_s=self.median_s, p99_s=self.p99_s, validating_s=self.validating_s)
        not_negative("batches", finalizing_s=self.finalizing_s, cancelling_s=self.cancelling_s)
        shares("batches", expired=self.expired, unfinished=self.unfinished, failed=self.failed)
        positive("batches", window_s=self.window_s, enqueued_tokens=self.enqueued_tokens)
        positive("batches", most_requests=self.most_requests, most_bytes=self.most_bytes)
        positive("batches", created_per_hour=self.created_per_hour)
        spread("batches", "p99_s", self.p99_s, self.median_s)
