"""Whether a model may be called at all: open, or shut with one probe before it opens again.

    open ── a 429, or nothing but failures ──► shut ── its time is over ──► probing ── the probe is answered ──► open
                                                ▲                             │
                                                └── the probe fails as well ──┘

The gate is the whole model's: however many calls are refused together, it shuts once, and whoever waits stays as it is.
A call that the server refuses for the rate is refused at once, while a good reply takes its time: so the probe after a
429 also counts as answered when it has not been refused for several times as long as refusals take.
"""

from __future__ import annotations

from enum import StrEnum
from math import inf

_REFUSALS_AWAITED = 4
_LEAST_PROBE_S = 0.5


class Cause(StrEnum):
    """Why a model is not called."""

    RATE_LIMITED = "rate_limited"
    OUTAGE = "outage"
    NO_CAPACITY = "no_capacity"
    """There is no room at the service tier that is asked for; the gate stays open."""
    HELD = "held"
    """The engine was told to pause: not the server's doing, and no gate is shut for it."""


class Gate:
    """The state of one model's gate; all times are seconds of the caller's clock."""

    def __init__(self) -> None:
        self.cause: Cause | None = None
        """None while it is open."""
        self.why = ""
        """What the server said, for people."""
        self.shut_at_s = -inf
        """When it was shut last; calls sent before that belong to the same episode."""
        self.until_s = -inf
        self._probe: object | None = None
        self._probe_until_s = inf
        self._refusal_s = 0.0

    @property
    def probing(self) -> bool:
        """Whether a probe is under way."""
        return self._probe is not None

    def is_probe(self, pass_: object | None) -> bool:
        """Whether a call that got this pass is the probe that is awaited; not one of an earlier episode."""
        return pass_ is not None and pass_ is self._probe

    def wait_s(self, now_s: float) -> float:
        """Return how long nobody may pass; infinity until the probe is answered."""
        if self.cause is None:
            return 0.0
        return max(0.0, (self._probe_until_s if self.probing else self.until_s) - now_s)

    def let_pass(self, now_s: float) -> object | None:
        """Let one call pass, `wait_s` being 0; returns something to know it by if it is the probe, else None."""
        if self.cause is None:
            return None
        if self.probing:
            self.open()
            return None
        patience_s = max(_LEAST_PROBE_S, _REFUSALS_AWAITED * self._refusal_s)
        self._probe_until_s = now_s + patience_s if self.cause is Cause.RATE_LIMITED else inf
        self._probe = object()
        return self._probe

    def shut(self, cause: Cause, now_s: float, wait_s: float, *, why: str, refusal_s: float = 0.0) -> None:
        """Let nobody pass for `wait_s` seconds, and then a probe; `refusal_s` is how long the refusal took."""
        self.cause, self.why = cause, why
        self.shut_at_s, self.until_s = now_s, now_s + wait_s
        self._probe, self._refusal_s = None, refusal_s

    def extend(self, until_s: float) -> None:
        """Stay shut at least until then."""
        self.until_s = max(self.until_s, until_s)

    def probe_lost(self, pass_: object | None, now_s: float) -> None:
        """Let the next one be the probe, if this one is still awaited: it will never say anything."""
        if self.is_probe(pass_):
            self._probe, self.until_s = None, now_s

    def open(self) -> None:
        """Let everyone pass."""
        self.cause, self.why, self._probe = None, "", None
