"""One model's limits per minute: given by the user, announced by the server, and kept by two buckets.

Where a server shows its own count, that is compared with ours request by request. Headers come a latency late, when
more calls have been sent, so each call remembers the level at which it was admitted: the server should have counted the
same then. What differs by more than chance is corrected once, however many replies report the same difference; and what
a token weighs is learned, so that any formula is followed (prompt and cap, the larger of both, what was really used).
Without such a count, a call is settled to its real usage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .announced import Announced, Kind, announced
from .limiter import BURST_S, SHORTEST_BURST_S, Bucket
from .weight import Sight, Weight

_NEARLY_EMPTY = 0.05
_CHANCE = 0.25
"""Part of a bucket that calls which overtake one another may make a difference of."""


class _Taken(NamedTuple):
    """What one call has taken of one kind, and how things were just after that."""

    time_s: float
    amount: int
    weighed: float
    level: float
    corrected: float
    """Sum of corrections until then."""
    total: float
    """Sum of all that was taken until then, unweighed."""
    alone: bool
    """The bucket was empty before."""


@dataclass(slots=True)
class _Limit:
    """One kind of limit."""

    kind: Kind
    given: int | None
    """The user's."""
    told: int | None = None
    """The server's."""
    per_minute: int | None = None
    """The smaller of both."""
    burst_s: float = BURST_S
    bucket: Bucket | None = None
    weight: Weight = field(default_factory=Weight)
    counted: bool = False
    """The server shows its count, and it can be compared with ours."""
    windowed: bool = False
    """What it shows is a window that is emptied at once, so there is nothing to compare."""
    refunds: bool = True
    """The server, showing no count, is believed to charge what was really used."""
    total: float = 0.0
    """Sum of all that was ever taken, unweighed."""

    def wait_s(self, amount: int, now_s: float) -> float:
        return self.bucket.wait_s(amount * self.weight.value, now_s) if self.bucket else 0.0

    def take(self, amount: int, now_s: float) -> _Taken | None:
        bucket = self.bucket
        if bucket is None:
            return None
        weighed = amount * self.weight.value
        before, level = bucket.take(weighed, now_s)
        self.total += amount
        alone = before < _NEARLY_EMPTY * weighed
        return _Taken(now_s, amount, weighed, level, bucket.corrected, self.total, alone)

    def settle(self, taken: _Taken | None, used: float) -> None:
        if self.bucket is not None and taken is not None:
            self.bucket.settle(used - taken.weighed)

    def reconcile(self, counted: float, taken: _Taken | None, *, refused: bool) -> None:
        """Follow the server, which had `counted` so much when it admitted, or refused, what was `taken` here.

        Tokens that are refused are not counted, while the request is.
        """
        bucket = self.bucket
        assert bucket is not None
        if self.given is not None and self.told is not None and self.given < self.told:
            return  # ours leaks more slowly than the server's
        self.counted = True
        if taken is None:
            bucket.correct(max(0.0, counted - bucket.level))
            return
        uncounted = taken.weighed if refused and self.kind == "tokens" else 0.0
        missing = counted - (taken.level - uncounted) - (bucket.corrected - taken.corrected)
        if abs(missing) > taken.weighed and abs(missing) > _CHANCE * bucket.max_rate:
            bucket.correct(missing)
        if self.kind == "tokens" and not refused:
            sight = Sight(taken.time_s, taken.amount, taken.total, counted, taken.alone)
            self.weight.observe(sight, bucket.per_minute / 60)

    def renew(self) -> None:
        """Let the bucket have today's rate and burst."""
        self.per_minute = min((limit for limit in (self.given, self.told) if limit is not None), default=None)
        rate, bucket = self.per_minute, self.bucket
        if rate is None:
            return
        if bucket is None:
            self.bucket = Bucket(rate, self.burst_s)
        elif (bucket.per_minute, bucket.burst_s) != (rate, self.burst_s):
            self.bucket = bucket.rebuilt(rate, self.burst_s)


class Share(NamedTuple):
    """What one call has taken; None where there was no limit."""

    requests: _Taken | None
    tokens: _Taken | None


class Limits:
    """Requests and tokens per minute of one model; None: unlimited as far as is known."""

    def __init__(self, rpm: int | None, tpm: int | None) -> None:
        self._requests = _Limit("requests", rpm)
        self._tokens = _Limit("tokens", tpm)
        for limit in self._both():
            limit.renew()

    @property
    def rpm(self) -> int | None:
        """Requests per minute, the smaller of the user's and the server's limit."""
        return self._requests.per_minute

    @property
    def tpm(self) -> int | None:
        """Tokens per minute, the smaller of the user's and the server's limit."""
        return self._tokens.per_minute

    @property
    def told(self) -> bool:
        """Whether the server has announced a limit."""
        return self._requests.told is not None or self._tokens.told is not None

    @property
    def given(self) -> bool:
        """Whether the user has given both limits, so that nothing has to be found out."""
        return self._requests.given is not None and self._tokens.given is not None

    def waits_s(self, tokens: int, now_s: float) -> tuple[float, float]:
        """Return how long a request of `tokens` has to wait for requests, and for tokens; 0 when there are enough."""
        return self._requests.wait_s(1, now_s), self._tokens.wait_s(tokens, now_s)

    @property
    def requests_state(self) -> tuple[Bucket | None, int]:
        """What stays the same as long as requests come free by time alone."""
        bucket = self._requests.bucket
        return bucket, 0 if bucket is None else bucket.settlements

    def take(self, tokens: int, now_s: float) -> Share:
        """Take one request and `tokens`, at the time that it is by the event loop's clock."""
        return Share(self._requests.take(1, now_s), self._tokens.take(tokens, now_s))

    def settle(self, share: Share, used_tokens: int) -> None:
        """Correct the tokens of a call from what was taken to what it really used, if the server does not count."""
        tokens, taken = self._tokens, share.tokens
        if taken is not None and not tokens.counted and (tokens.refunds or used_tokens > taken.amount):
            tokens.settle(taken, used_tokens)

    def refund(self, share: Share) -> None:
        """Give the tokens back: the server has refused the call, which counts as a request all the same."""
        self._tokens.settle(share.tokens, 0)

    def give_back(self, share: Share) -> None:
        """Give everything back: the call has never reached the server."""
        self._tokens.settle(share.tokens, 0)
        self._requests.settle(share.requests, 0)

    def learn(self, headers: Mapping[str, str], share: Share, *, refused: bool = False) -> float:
        """Take in what the headers say of a reply, or of a refusal for the rate.

        Returns for how long nothing more should be sent, usually 0 s.
        """
        requests, tokens = announced(headers, "requests"), announced(headers, "tokens")
        if requests is None and tokens is None:
            return 0.0
        return max(
            self._learn(self._requests, requests, share.requests, refused=refused),
            self._learn(self._tokens, tokens, share.tokens, refused=refused),
        )

    def refused(self) -> None:
        """Take in that the server has refused a call which there was room for here.

        Where its limits are known, its windows are shorter than ours: then bursts become half as long. Where it shows
        no count, it may charge caps as a whole: then what was not used is not given back any more.
        """
        for limit in self._both():
            if limit.told is not None and limit.burst_s > SHORTEST_BURST_S:
                limit.burst_s = max(SHORTEST_BURST_S, limit.burst_s / 2)
                limit.renew()
            limit.refunds = limit.refunds and limit.counted

    def _both(self) -> tuple[_Limit, _Limit]:
        return self._requests, self._tokens

    def _learn(self, limit: _Limit, now: Announced | None, taken: _Taken | None, *, refused: bool) -> float:
        if now is None:
            return 0.0
        if limit.told != now.per_minute:
            limit.told = now.per_minute
            limit.renew()
        limit.windowed = limit.windowed or now.windowed
        if limit.windowed:
            limit.counted = False
        elif now.level is not None:
            limit.reconcile(now.level, taken, refused=refused)
            return 0.0
        # A window that is emptied at once: when all of it is used, nothing passes before its end.
        return now.reset_s or 0.0 if now.remaining == 0 else 0.0
