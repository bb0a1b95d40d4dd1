"""An estimate as values: what a source still needs, in each mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal

from ..words import counted
from .text import about, calls_table, count_range, hourly, modes_table, time, usd_range
from .values import Amount, ModeEstimate

_MICRO = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a source would cost; `print(estimate)` shows it as tables."""

    articles: int
    skips: Mapping[str, int]
    """Reason to number of pieces of the source that are no article."""
    modes: tuple[ModeEstimate, ...]
    """What is set comes first, then what could be set in its place."""
    basis: str
    """What is expected of replies, and where that is known from."""
    latency: str
    """How long a call is taken to last, and where that is known from."""
    prices: Mapping[str, str]
    """Model to where its price comes from, and of when it is."""
    unknown_prices: tuple[str, ...]
    """Models whose price is not known; nothing is known of what they cost."""
    notes: tuple[str, ...]
    """What else the reader should know, in sentences."""
    paid_usd: Decimal | None = None
    """What the run has cost already; None: there is no run yet, or some of it is not known."""

    @property
    def chosen(self) -> ModeEstimate:
        """The mode that is set."""
        return self.modes[0]

    @property
    def cost_usd(self) -> Amount | None:
        """What is still to be paid in the mode that is set; None: a price is not known."""
        return self.chosen.cost_usd

    def as_dict(self) -> dict[str, object]:
        """Return the estimate as JSON values; sums of money are decimal strings, or null where they are not known."""
        return {**_plain(asdict(self)), "modes": [_mode(mode) for mode in self.modes]}

    def __str__(self) -> str:
        parts = [
            self._heading(),
            calls_table(self.chosen),
            about(self._facts()),
            modes_table(self.modes),
            "\n".join(self.notes),
        ]
        return "\n\n".join(part for part in parts if part)

    def _heading(self) -> str:
        skipped = sum(self.skips.values())
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.skips.items())
        left_out = f", {skipped} skipped ({reasons})" if skipped else ""
        return f"{counted(self.articles, 'article')}{left_out}{self._done()}"

    def _done(self) -> str:
        if self.paid_usd is None and not self.chosen.finished:
            return ""
        paid = "" if self.paid_usd is None else f"; ${self.paid_usd:.4f} is paid for already"
        return f"; {self.chosen.finished} finished, {self.chosen.to_classify} to classify{paid}"

    def _facts(self) -> dict[str, str]:
        mode = self.chosen
        per_1000 = mode.usd_per_1000_records
        prices = {
            origin: [model for model in self.prices if self.prices[model] == origin] for origin in self.prices.values()
        }
        return {
            "cost": usd_range(mode.cost_usd, self.unknown_prices),
            "per 1,000 records": usd_range(per_1000, self.unknown_prices)
            if mode.records.likely
            else "no record to make",
            "records": count_range(mode.records),
            "from the cache": f"{mode.cached_share:.0%} of the prompt tokens" if mode.calls.likely else "",
            "time": time(mode.pace) if mode.calls.likely else "",
            "for one hour": hourly(mode.pace),
            "basis": self.basis,
            "calls last": self.latency,
            "prices": "\n".join(f"{', '.join(models)}: {origin}" for origin, models in prices.items()),
        }


def _mode(mode: ModeEstimate) -> dict[str, object]:
    needs = {need.model: {"rpm": round(need.hourly_rpm, 1), "tpm": round(need.hourly_tpm)} for need in mode.pace.needs}
    binding = mode.pace.binding
    pace = {
        "seconds": None if mode.pace.seconds is None else round(mode.pace.seconds, 1),
        "binding": None if binding is None else {"model": binding[0], "limit": binding[1]},
        "for_one_hour": needs,
        "batched_stages": mode.pace.batched_stages,
    }
    return {**_plain(asdict(mode)), "cached_share": round(mode.cached_share, 4), "pace": pace}


def _plain(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: _value(value) for name, value in fields.items()}


def _value(value: object) -> object:
    match value:
        case Decimal():
            return format(value.quantize(_MICRO).normalize(), "f")
        case dict():
            return _plain(value)
        case list() | tuple():
            return [_value(part) for part in value]
        case _:
            return value
