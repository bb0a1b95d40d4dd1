"""Limits on money, tokens and calls that concurrency cannot pass: the worst case is reserved before, settled after.

There is one pot for everything, and one for each model that has bounds of its own. A call takes from both in one step,
between two awaits, all that its bounds are about. What is reserved is a true bound (see `Call.bound`), several times
what the call is likely to cost, so near the limit callers wait, in order, for what others may leave over. Whoever could
not go even if they left all of it steps aside, so that smaller calls can use up the rest. The limit is reached when
nothing is open any more, and nobody waits who could still go: what stays unspent is less than any of their worst cases.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import NamedTuple

from ..errors import BudgetReached

_ZERO = Decimal(0)

Look = Callable[[], None]
"""Asks again: called when there may be room."""


class Spending(NamedTuple):
    """What calls have come to, or may come to at worst."""

    usd: Decimal = _ZERO
    """0 also where no price is known."""
    tokens: int = 0
    """Prompt and completion."""
    calls: int = 0
    """Calls that were billed, or may have been."""

    def plus(self, other: Spending) -> Spending:
        """Return the sum."""
        return Spending(self.usd + other.usd, self.tokens + other.tokens, self.calls + other.calls)

    def minus(self, other: Spending) -> Spending:
        """Return the difference."""
        return Spending(self.usd - other.usd, self.tokens - other.tokens, self.calls - other.calls)


NOTHING = Spending()


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may be spent at most; None: as much as it takes."""

    max_cost_usd: Decimal | None = None
    max_tokens: int | None = None
    """Prompt and completion."""
    max_calls: int | None = None

    def __bool__(self) -> bool:
        """Return whether anything is bounded at all."""
        return any(bound is not None for bound in (self.max_cost_usd, self.max_tokens, self.max_calls))

    def passed_by(self, spending: Spending) -> str | None:
        """Return the name of the first bound that `spending` is above."""
        if self.max_cost_usd is not None and spending.usd > self.max_cost_usd:
            return "max_cost_usd"
        if self.max_tokens is not None and spending.tokens > self.max_tokens:
            return "max_tokens"
        if self.max_calls is not None and spending.calls > self.max_calls:
            return "max_calls"
        return None


class Standing(NamedTuple):
    """How far spending has come."""

    bounds: Bounds
    spent: Spending
    """What was billed, and the worst case of calls whose bill never came."""
    reserved: Spending
    """The worst case of the calls that are being made, as far as anything bounds them."""


_UNBOUNDED = Bounds()


class Budget:
    """What a run has spent, and what is reserved for the calls that are being made, within its bounds.

    Whoever makes calls, by whatever way, does for each, or for many at once:

        if budget.reserve(model, worst, look):  # else nothing is reserved, and `look` is called when to ask again
            ...  # make the call
            budget.settle(model, worst, spent)  # exactly once, also when it failed: with what it was billed
        budget.leave(look)                      # when there is no more to ask for after a refusal

    `look` is called between two awaits of others, so it must not await, and should have its owner ask again soon: who
    is told and neither reserves nor leaves keeps those behind waiting. Compared by `==`, it names the one that waits: a
    bound method will do. What is asked for may have changed meanwhile.
    """

    def __init__(
        self,
        bounds: Bounds = _UNBOUNDED,
        *,
        own: Mapping[str, Bounds] | None = None,
        spent: Mapping[str, Spending] | None = None,
    ) -> None:
        """`bounds` are those of all models together, `own` those of single ones by name; `spent` is what they have
        spent before, also of models that are not called any more."""
        before = spent or {}
        self._all = _Pot("", bounds, reduce(Spending.plus, before.values(), NOTHING))
        self._own = {model: _Pot(model, one, before.get(model, NOTHING)) for model, one in (own or {}).items() if one}

    @property
    def spent(self) -> Spending:
        """What was billed, and the worst case of calls whose bill never came."""
        return self._all.spent

    @property
    def reserved(self) -> Spending:
        """The worst case of all calls that are being made and are bounded."""
        return self._all.reserved

    def binds(self, model: str) -> bool:
        """Return whether there is any bound for calls to `model`: else nothing need be reserved for them."""
        return self._all.bounded or model in self._own

    def needs_price(self, model: str) -> bool:
        """Return whether a bound is in US dollars, so that it can be kept only where the price of `model` is known."""
        return any(pot.bounds.max_cost_usd is not None for pot in self._pots(model))

    @property
    def standings(self) -> Mapping[str, Standing]:
        """How far spending has come within the bounds: of each model that has bounds of its own, and, under an empty
        name, of all together."""
        pots = {"": self._all, **self._own}
        return {name: Standing(pot.bounds, pot.spent, pot.reserved) for name, pot in pots.items()}

    def reserve(self, model: str, worst: Spending, look: Look) -> bool:
        """Set `worst` aside if there is room; else `look` is called when it may have come, in order of asking.

        Raises:
            BudgetReached: it does not fit, nothing is open, and nobody else who waits fits. Leave then as well.
        """
        if not self.binds(model):
            self._all.hold(worst)
            return True
        pots = self._pots(model)
        for pot in pots:
            if not pot.admits(model, worst, look):
                for other in pots:
                    if other is not pot:
                        other.leave(look)  # who could not go in any case keeps nobody from the rest
                return False
        for pot in pots:
            pot.take(worst, look)
        return True

    def hold(self, model: str, worst: Spending) -> None:
        """Set `worst` aside whether there is room or not: it is being spent already."""
        for pot in self._pots(model):
            pot.hold(worst)

    def settle(self, model: str, worst: Spending, spent: Spending) -> None:
        """Book what has been spent in place of what was set aside for it."""
        if not self.binds(model):
            self._all.settle(worst, spent)
            return
        pots = self._pots(model)
        for pot in pots:
            pot.settle(worst, spent)
        for pot in pots:
            pot.tell()

    def book(self, model: str, spent: Spending) -> None:
        """Count what nothing was set aside for: it was paid before, or elsewhere."""
        for pot in self._pots(model):
            pot.spent = pot.spent.plus(spent)

    def leave(self, look: Look) -> None:
        """Let others go first: who asked with `look` does not wait any more."""
        for pot in (self._all, *self._own.values()):
            pot.leave(look)

    def postpone(self, model: str, look: Look) -> None:
        """Let others go first: who asks for `model` with `look` could not go now in any case, but will ask again.

        Until then, or until it leaves, no limit is taken to be reached for what others cannot have.
        """
        if self.binds(model):
            for pot in self._pots(model):
                pot.postpone(look)

    def _pots(self, model: str) -> tuple[_Pot, ...]:
        own = self._own.get(model)
        return (self._all,) if own is None else (own, self._all)


class _Pot:
    """One set of bounds, with what is spent and reserved of it, and who waits for room, in order."""

    __slots__ = ("_aside", "_later", "_line", "_open", "bounded", "bounds", "model", "reserved", "spent")

    def __init__(self, model: str, bounds: Bounds, spent: Spending) -> None:
        self.model = model
        """Whose bounds they are; empty for those of all models."""
        self.bounds = bounds
        self.bounded = bool(bounds)
        self.spent = spent
        self.reserved = NOTHING
        self._open = 0
        self._line: deque[Look] = deque()
        self._aside: deque[Look] = deque()
        """Those who ask for more than can ever be left."""
        self._later: list[Look] = []
        """Those who will ask again by themselves."""

    def admits(self, model: str, worst: Spending, look: Look) -> bool:
        """Return whether there is room, and nobody waits who asked before; else who asks waits here.

        Raises:
            BudgetReached: there never will be, and nobody else is left who could go.
        """
        if not self.bounded:
            return True
        passed = self.bounds.passed_by(self.spent.plus(worst))
        if passed is not None:
            self._forget(look)
            if not self._open:
                self._tell_line()
            if self._idle:
                whose = f" for {self.model}" if self.model else ""
                raise BudgetReached(_sentence(passed, f"to {model}", whose, self.bounds, (self.spent, worst)))
            self._aside.append(look)
            return False
        if look in self._later:
            self._later.remove(look)
        fits = self.bounds.passed_by(self.spent.plus(self.reserved).plus(worst)) is None
        if fits and (not self._line or self._line[0] == look):
            return True
        if look not in self._line:
            self._forget(look)
            self._line.append(look)
        return False

    def take(self, worst: Spending, look: Look) -> None:
        if self.bounded:
            self._forget(look)
        self.hold(worst)

    def hold(self, worst: Spending) -> None:
        self._open += 1
        if worst is not NOTHING:
            self.reserved = self.reserved.plus(worst)

    def settle(self, worst: Spending, spent: Spending) -> None:
        self._open -= 1
        if worst is not NOTHING:
            self.reserved = self.reserved.minus(worst)
        self.spent = self.spent.plus(spent)

    def leave(self, look: Look) -> None:
        if self._forget(look) or not self._open:
            self.tell()

    def postpone(self, look: Look) -> None:
        if self.bounded:
            waited = self._forget(look)
            self._later.append(look)
            if waited:
                self.tell()

    def tell(self) -> None:
        """Let them ask, one after the other, as long as they get what they ask for, or step aside.

        When nobody else is left, one of those who have stepped aside finds out that the limit is reached.
        """
        self._tell_line()
        if self._aside and self._idle:
            self._aside[0]()

    @property
    def _idle(self) -> bool:
        """Whether nothing is open, and nobody is there who might still go."""
        return not (self._open or self._line or self._later)

    def _tell_line(self) -> None:
        while self._line:
            look = self._line[0]
            look()
            if self._line and self._line[0] == look:
                return

    def _forget(self, look: Look) -> bool:
        """Let `look` wait no more; returns whether it did."""
        found = False
        for waiting in (self._line, self._aside, self._later):
            if look in waiting:
                waiting.remove(look)
                found = True
        return found


def _sentence(bound: str, to: str, whose: str, bounds: Bounds, spent_and_worst: tuple[Spending, Spending]) -> str:
    """Say which bound is reached, what is left of it, and what to do."""
    spent, worst = spent_and_worst
    match bound:
        case "max_cost_usd":
            most = bounds.max_cost_usd or _ZERO
            need = f"could cost {_shown(worst.usd)}"
            left, limit = f"{_shown(max(most - spent.usd, _ZERO))} is", _shown(most)
        case "max_tokens":
            tokens = bounds.max_tokens or 0
            need = f"could take {worst.tokens:,} tokens"
            left, limit = f"{max(tokens - spent.tokens, 0):,} are", f"{tokens:,}"
        case _:
            calls = bounds.max_calls or 0
            need = "is one more" if worst.calls == 1 else f"are {worst.calls:,} more"
            left, limit = f"{max(calls - spent.calls, 0):,} are", f"{calls:,}"
    what = "the next call" if worst.calls == 1 else f"the next {worst.calls:,} calls"
    return f"Of {bound} = {limit}{whose}, {left} left, and {what} {to} {need}: raise the limit to go on."


def _shown(usd: Decimal) -> str:
    return f"${usd.normalize():f}"
