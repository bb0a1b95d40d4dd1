"""What the simulator saw: calls by outcome, tokens, in flight, bodies paid for twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from operator import add, sub
from typing import TypeVar

from ..types import Usage
from .draws import Repetitions
from .plan import Plan

_NOTHING = Usage()
_Key = TypeVar("_Key")


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


class Account:
    """The running counts of one model, or of all."""

    __slots__ = ("_billed", "_calls", "_outcomes", "_peak", "_undelivered", "in_flight")

    def __init__(self) -> None:
        self.in_flight = 0
        self._calls = 0
        self._peak = 0
        self._outcomes: Counter[str] = Counter()
        self._billed = [0] * len(_NOTHING)
        self._undelivered = [0] * len(_NOTHING)
        """Both as `Usage`, field by field: sums are made of every call."""

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
        _add(self._billed, usage)
        if not delivered:
            _add(self._undelivered, usage)

    def note(self, outcome: str, usage: Usage | None) -> None:
        """Count a call that is answered at once, and of which nothing has been delivered yet."""
        self._calls += 1
        self.in_flight += 1
        self.end(outcome, usage, delivered=False)

    def deliver(self, usage: Usage) -> None:
        """Count as delivered what was not until now."""
        self._undelivered = list(map(sub, self._undelivered, usage))

    def counts(self) -> Counts:
        """Return the counts until now."""
        outcomes = dict(self._outcomes.most_common())
        billed, undelivered = Usage(*self._billed), Usage(*self._undelivered)
        return Counts(self._calls, outcomes, billed, undelivered, self.in_flight, self._peak)


def _add(sums: list[int], usage: Usage) -> None:
    sums[:] = map(add, sums, usage)


class Ledger:
    """All accounts."""

    def __init__(self, remembered_calls: int) -> None:
        self._total = Account()
        self._models: dict[str, Account] = {}
        self._services: dict[tuple[str, str], Account] = {}
        self._endpoints: dict[str, Account] = {}
        self._together: dict[tuple[str, str], tuple[Account, ...]] = {}
        """By service and model: all accounts that such a plan is on."""
        self._answered = Repetitions(remembered_calls)
        self._duplicates = 0

    def in_flight(self, model: str) -> int:
        """Return the calls to a model that are not yet answered."""
        account = self._models.get(model)
        return 0 if account is None else account.in_flight

    def begin(self, plan: Plan) -> None:
        """Count a call that has come."""
        for account in self._accounts(plan):
            account.begin()

    def end(self, plan: Plan, outcome: str, *, delivered: bool) -> None:
        """Count what became of a call."""
        for account in self._accounts(plan):
            account.end(outcome, plan.usage, delivered=delivered)
        self._compare(plan, outcome)

    def note(self, plan: Plan) -> None:
        """Count a request out of a batch."""
        for account in self._accounts(plan):
            account.note(plan.outcome, plan.usage)
        self._compare(plan, plan.outcome)

    def deliver(self, model: str, usage: Usage) -> None:
        """Count as delivered what requests out of batches have cost."""
        for account in (self._total, self._models[model], self._services["batch", model]):
            account.deliver(usage)

    def _compare(self, plan: Plan, outcome: str) -> None:
        """Count a good answer to a body that had got one before."""
        if outcome == "answered" and plan.identity and self._answered.count(plan.identity):
            self._duplicates += 1

    def _accounts(self, plan: Plan) -> tuple[Account, ...]:
        """Return all accounts that a plan is on."""
        if plan.endpoint in {"files", "batches"}:
            return (_opened(self._endpoints, plan.endpoint),)
        if plan.model is None:
            return (self._total,)
        service = plan.service, plan.model
        accounts = self._together.get(service)
        if accounts is None:
            accounts = self._total, _opened(self._models, plan.model), _opened(self._services, service)
            self._together[service] = accounts
        return accounts

    def statistics(self) -> Statistics:
        """Return what was seen until now."""
        models = {name: account.counts() for name, account in self._models.items()}
        services: dict[str, dict[str, Counts]] = {}
        for (service, name), account in self._services.items():
            services.setdefault(service, {})[name] = account.counts()
        endpoints = {name: account.counts() for name, account in self._endpoints.items()}
        return Statistics(self._total.counts(), models, self._duplicates, services, endpoints)


def _opened(accounts: dict[_Key, Account], key: _Key) -> Account:
    """Return an account, which is opened if need be."""
    found = accounts.get(key)
    if found is None:
        found = accounts[key] = Account()
    return found
