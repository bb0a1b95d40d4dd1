"""What the simulator saw: calls by outcome, tokens, in flight, bodies paid for twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from ..types import Usage
from .draws import Repetitions

_NOTHING = Usage()


@dataclass(frozen=True, slots=True)
class Counts:
    """What came to one model, or to all together. `calls` is the sum of `outcomes` and `in_flight`."""

    calls: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    """`answered`, `rejected_rpm`, `rejected_tpm`, `rejected_concurrency`, `invalid_request`, `unauthorized`,
    `model_not_found`, `outage`, `abandoned` (the client went away first), or the kind of a fault."""
    billed: Usage = _NOTHING
    undelivered: Usage = _NOTHING
    """The part of `billed` whose reply never came whole to the client."""
    in_flight: int = 0
    peak: int = 0
    """The most calls that were in flight together."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the simulator saw until now."""

    total: Counts
    models: Mapping[str, Counts]
    """By model, as far as a call got to say which."""
    duplicates: int
    """Good answers to a body that had got one before; faults and refusals do not count."""

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON shows it: the total's fields on top, then `duplicates` and `models`."""
        models = {name: _shown(counts) for name, counts in self.models.items()}
        return {**_shown(self.total), "duplicates": self.duplicates, "models": models}


def _shown(counts: Counts) -> dict[str, object]:
    found = asdict(counts)
    return {**found, "billed": counts.billed._asdict(), "undelivered": counts.undelivered._asdict()}


class Account:
    """The running counts of one model, or of all."""

    __slots__ = ("_billed", "_calls", "_outcomes", "_peak", "_undelivered", "in_flight")

    def __init__(self) -> None:
        self.in_flight = 0
        self._calls = 0
        self._peak = 0
        self._outcomes: Counter[str] = Counter()
        self._billed = Usage()
        self._undelivered = Usage()

    def begin(self) -> None:
        """Count a call that has come."""
        self._calls += 1
        self.in_flight += 1
        self._peak = max(self._peak, self.in_flight)

    def end(self, outcome: str, usage: Usage | None, *, delivered: bool) -> None:
        """Count what became of a call."""
        self.in_flight -= 1
        self._outcomes[outcome] += 1
        if usage is None:
            return
        self._billed = self._billed.plus(usage)
        if not delivered:
            self._undelivered = self._undelivered.plus(usage)

    def counts(self) -> Counts:
        """Return the counts until now."""
        outcomes = dict(self._outcomes.most_common())
        return Counts(self._calls, outcomes, self._billed, self._undelivered, self.in_flight, self._peak)


class Ledger:
    """All accounts."""

    def __init__(self, remembered_calls: int) -> None:
        self.total = Account()
        self._models: dict[str, Account] = {}
        self._answered = Repetitions(remembered_calls)
        self._duplicates = 0

    def account(self, model: str) -> Account:
        """Return the account of a model."""
        found = self._models.get(model)
        if found is None:
            found = self._models[model] = Account()
        return found

    def answered(self, identity: bytes) -> None:
        """Note a good answer to a body."""
        if self._answered.count(identity):
            self._duplicates += 1

    def statistics(self) -> Statistics:
        """Return what was seen until now."""
        models = {name: account.counts() for name, account in self._models.items()}
        return Statistics(self.total.counts(), models, self._duplicates)
