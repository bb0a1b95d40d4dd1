"""The best that can be done, computed: the schedules that runs are compared with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heapreplace

from qloragen.simulator.limits import Bucket


def limited(tokens: Iterable[int], *, rpm: float, tpm: float, burst_s: float) -> list[float]:
    """Return when the server's own buckets, full at the start, let in each request at the earliest, in order."""
    requests, volume, now_s = Bucket("requests", rpm, burst_s), Bucket("tokens", tpm, burst_s), 0.0
    starts: list[float] = []
    for amount in tokens:
        now_s += max(requests.wait_s(1, now_s), volume.wait_s(amount, now_s))
        for bucket, charge in ((requests, 1), (volume, amount)):
            bucket.level(now_s)  # what leaks until now, before the charge is on top of it
            bucket.charge(charge)
        starts.append(now_s)
    return starts


def listed(latencies_s: Sequence[float], slots: int) -> float:
    """Return the time that `slots` workers take who each go on to the next request as soon as they are free."""
    free_s = list(latencies_s[:slots])
    heapify(free_s)
    end_s = max(free_s)
    for latency_s in latencies_s[slots:]:
        done_s = free_s[0] + latency_s
        heapreplace(free_s, done_s)
        end_s = max(end_s, done_s)
    return end_s
