"""What the simulator saw: calls by outcome, tokens, in flight, bodies paid for twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from operator import add, sub

from ..types import Usage
from .draws import Repetitions
from .plan import Plan

_NOTHING = Usage()
_APART = frozenset({"files", "batches"})
"""Endpoints whose calls are for no model."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What came to one model, or to all together. `calls` is the sum of `outcomes` and `in_flight`."""

    calls: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    """`answered`, `rejected_rpm`, `rejected_tpm`, `rejected_concurrency`, `invalid_request`, `unauthorized`,
    `model_not_found`, `outage`, `abandoned` (the client went away first), or the kind of a fault; `flex_unavailable`
    also where the tier has no capacity."""
    billed: Usage = _NOTHING
    undelivered: Usage = _NOTHING
    """The part of `billed` whose reply never came whole to the client."""
    in_flight: int = 0
    peak: int = 0
    """The most calls that were in flight together."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the simulator saw until now. Requests out of batches are calls like others, at the time of their execution,
    but are never in flight."""

    total: Counts
    models: Mapping[str, Counts]
    """By model, as far as a call got to say which."""
    duplicates: int
    """Good answers to a body that had got one before; faults and refusals do not count."""
    services: Mapping[str, Mapping[str, Counts]] = field(default_factory=dict)
    """What `models` has, by what is to be paid for, then by model: `default`, `flex` and `priority` are the tiers that
    chat completions were served at (or refused, or struck: then the tier that was asked for), `batch` those out of the
    files of batches, `decisions` calls of that endpoint."""
    endpoints: Mapping[str, Counts] = field(default_factory=dict)
    """Calls to `files` and to `batches`, which are on no other account; `not_found`, `conflict` and `rejected_batches`
    are outcomes of theirs."""

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON shows it: the total's fields on top, then the others."""
        models = {name: _shown(counts) for name, counts in self.models.items()}
        services = {
            service: {name: _shown(counts) for name, counts in found.items()}
            for service, found in self.services.items()
        }
        endpoints = {name: _shown(counts) for name, counts in self.endpoints.items()}
        return {
            **_shown(self.total),
            "duplicates": self.duplicates,
            "models": models,
            "services": services,
            "endpoints": endpoints,
        }


def _shown(counts: Counts) -> dict[str, object]:
    found = asdict(counts)
    return {**found, "billed": counts.billed._asdict(), "undelivered": counts.undelivered._asdict()}


class _Flight:
    """How many calls are in flight, of all that are counted together."""

    __slots__ = ("now", "peak")

    def __init__(self) -> None:
        self.now = self.peak = 0

    def begin(self) -> None:
        """Count a call that has come."""
        self.now += 1
        self.peak = max(self.peak, self.now)


class _Account:
    """The running counts of one model at one tier, or of whatever else is counted apart."""

    __slots__ = ("billed", "calls", "flights", "outcomes", "undelivered")

    def __init__(self, *flights: _Flight) -> None:
        self.flights = flights
        """Its own last, before it those of its model and of all calls: of these everything else is summed up when it is
        asked for, but not what was in flight at a time."""
        self.calls = 0
        self.outcomes: Counter[str] = Counter()
        self.billed: Iterable[int] = _NOTHING
        self.undelivered: Iterable[int] = _NOTHING
        """Both as `Usage`, field by field: sums are made of every call."""

    def begin(self) -> None:
        """Count a call that has come."""
        self.calls += 1
        for flight in self.flights:
            flight.begin()

    def end(self, outcome: str, usage: Usage | None, *, delivered: bool) -> None:
        """Count what became of a call."""
        for flight in self.flights:
            flight.now -= 1
        self._count(outcome, usage, delivered=delivered)

    def note(self, outcome: str, usage: Usage | None) -> None:
        """Count a call that is answered at once, and of which nothing has been delivered yet."""
        self.calls += 1
        self._count(outcome, usage, delivered=False)

    def deliver(self, usage: Usage) -> None:
        """Count as delivered what was not until now."""
        self.undelivered = _sum(self.undelivered, usage, sub)

    def _count(self, outcome: str, usage: Usage | None, *, delivered: bool) -> None:
        self.outcomes[outcome] += 1
        if usage is None:
            return
        self.billed = _sum(self.billed, usage)
        if not delivered:
            self.undelivered = _sum(self.undelivered, usage)


def _sum(sums: Iterable[int], usage: Iterable[int], how: Callable[[int, int], int] = add) -> tuple[int, ...]:
    return tuple(map(how, sums, usage))


def _together(flight: _Flight, accounts: Iterable[_Account]) -> Counts:
    """Return the counts until now of all accounts whose calls are on this flight."""
    calls, outcomes = 0, Counter[str]()
    billed: Iterable[int] = _NOTHING
    undelivered: Iterable[int] = _NOTHING
    for account in accounts:
        calls += account.calls
        outcomes += account.outcomes
        billed, undelivered = _sum(billed, account.billed), _sum(undelivered, account.undelivered)
    shown = dict(outcomes.most_common())
    return Counts(calls, shown, Usage(*billed), Usage(*undelivered), flight.now, flight.peak)


class Ledger:
    """All accounts."""

    def __init__(self, remembered_calls: int) -> None:
        self._flight = _Flight()
        """Of all calls but those to files and batches."""
        self._unknown = _Account(self._flight)
        """Calls that did not get to say which model they are for."""
        self._models: dict[str, _Flight] = {}
        self._services: dict[tuple[str, str], _Account] = {}
        """By service and model."""
        self._endpoints: dict[str, _Account] = {}
        self._answered = Repetitions(remembered_calls)
        self._duplicates = 0

    def in_flight(self, model: str) -> int:
        """Return the calls to a model that are not yet answered."""
        flight = self._models.get(model)
        return 0 if flight is None else flight.now

    def begin(self, plan: Plan) -> None:
        """Count a call that has come."""
        self._account(plan).begin()

    def end(self, plan: Plan, outcome: str, *, delivered: bool) -> None:
        """Count what became of a call."""
        self._account(plan).end(outcome, plan.usage, delivered=delivered)
        self._compare(plan, outcome)

    def note(self, plan: Plan) -> None:
        """Count a request out of a batch."""
        self._account(plan).note(plan.outcome, plan.usage)
        self._compare(plan, plan.outcome)

    def deliver(self, model: str, usage: Usage) -> None:
        """Count as delivered what requests out of batches have cost."""
        self._services["batch", model].deliver(usage)

    def _compare(self, plan: Plan, outcome: str) -> None:
        """Count a good answer to a body that had got one before."""
        if outcome == "answered" and plan.identity and self._answered.count(plan.identity):
            self._duplicates += 1

    def _account(self, plan: Plan) -> _Account:
        """Return the account that a plan is on, which is opened if need be."""
        if plan.endpoint in _APART:
            return self._endpoints.setdefault(plan.endpoint, _Account(_Flight()))
        if plan.model is None:
            return self._unknown
        service = plan.service, plan.model
        found = self._services.get(service)
        if found is None:
            flights = self._flight, self._models.setdefault(plan.model, _Flight()), _Flight()
            found = self._services[service] = _Account(*flights)
        return found

    def statistics(self) -> Statistics:
        """Return what was seen until now."""
        total = _together(self._flight, [self._unknown, *self._services.values()])
        models = {
            name: _together(flight, [one for (_, model), one in self._services.items() if model == name])
            for name, flight in self._models.items()
        }
        services: dict[str, dict[str, Counts]] = {}
        for (service, name), account in self._services.items():
            services.setdefault(service, {})[name] = _together(account.flights[-1], [account])
        endpoints = {name: _together(account.flights[-1], [account]) for name, account in self._endpoints.items()}
        return Statistics(total, models, self._duplicates, services, endpoints)
