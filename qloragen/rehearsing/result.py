"""A rehearsal: what a run is going to be like, as values and for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal

from ..costs import money
from ..words import duration
from .advice import Advice
from .course import over_time
from .observed import Moment, Observed
from .text import about, bound_by, bound_table, listed, models_table, outcomes
from .values import Binding, Cpu, Memory

_MIB = 2**20
_GOOD = "answered"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a run is going to be like; `print(rehearsal)` shows it as a report."""

    observed: Observed
    """All of the run, as it was played."""
    total: int
    """Articles that were to be worked on."""
    played: int
    """Articles that the real pipeline has played; the others were played by what these were like."""
    skips: Mapping[str, int]
    """Reason to number of pieces of the source that are no article."""
    finished: int
    """Articles that the run has done already, and that no other number counts."""
    bindings: tuple[Binding, ...]
    """What bound the run, the most important first."""
    cpu: Cpu
    memory: Memory
    seed: int
    assumptions: tuple[str, ...]
    """What was taken for granted of the provider, in sentences."""
    error: float = 0.0
    """How far time and cost may be off because the sample is one, as a share; 0 where all was played whole."""
    notes: tuple[str, ...] = ()
    """What else the reader should know, in sentences."""
    advice: tuple[Advice, ...] = ()
    """What would make the run faster or cheaper, and what would not."""
    prices: Mapping[str, str] = field(default_factory=dict)
    """Model to where its price comes from, and of when it is."""

    @property
    def makespan_s(self) -> float:
        """Seconds from the first article to the last result, if the CPU is fast enough; see `cpu`."""
        return self.observed.makespan_s

    @property
    def cost_usd(self) -> Decimal | None:
        """What all calls cost; None: the price of a model is not known."""
        return self.observed.cost_usd

    @property
    def records(self) -> int:
        """Records that are made."""
        return self.observed.records

    @property
    def usd_per_1000_records(self) -> Decimal | None:
        """What a thousand of them cost; None: that is not known, or there are none."""
        return 1000 * self.cost_usd / self.records if self.cost_usd is not None and self.records else None

    @property
    def calls(self) -> int:
        """HTTP calls for answers of models, those of batches included."""
        return sum(model.sent for model in self.observed.models.values())

    @property
    def without_answer(self) -> Mapping[str, int]:
        """Outcome to number of calls that brought no good answer; `rejected_tpm` and the like are 429s."""
        return {name: count for name, count in self.observed.provider.total.outcomes.items() if name != _GOOD}

    def as_dict(self) -> dict[str, object]:
        """Return the rehearsal as JSON values; sums of money are decimal strings, or null where they are not known."""
        seen = self.observed
        return {
            "articles": self.total,
            "played_whole": self.played,
            "finished_before": self.finished,
            "skipped": dict(self.skips),
            "makespan_s": round(self.makespan_s, 3),
            "cost_usd": _usd(self.cost_usd),
            "usd_per_1000_records": _usd(self.usd_per_1000_records),
            "finished_articles": seen.articles,
            "records": self.records,
            "rejections": seen.rejections,
            "failures": seen.failures,
            "calls": self.calls,
            "without_answer": dict(self.without_answer),
            "stopped": seen.stopped,
            "sampling_error": round(self.error, 4),
            "bound_by": [asdict(binding) | {"share": round(binding.share, 6)} for binding in self.bindings],
            "cpu": {name: round(value, 6) for name, value in asdict(self.cpu).items()},
            "memory": asdict(self.memory),
            "models": {name: self._model(name) for name in seen.models},
            "advice": [asdict(one) for one in self.advice],
            "assumptions": list(self.assumptions),
            "notes": list(self.notes),
            "prices": dict(self.prices),
            "seed": self.seed,
        }

    def _model(self, name: str) -> dict[str, object]:
        seen, usage = self.observed.models[name], self.observed.usage.get(name)
        return {
            "calls": seen.sent,
            "rate_limited": seen.rate_limited,
            "retried": seen.retried,
            "rpm": seen.rpm,
            "tpm": seen.tpm,
            "max_in_flight": seen.max_in_flight,
            "usage": usage._asdict() if usage else None,
            "cost_usd": _usd(self.observed.costs_usd.get(name, Decimal(0))),
            "bound_s": {bound.value: round(seconds, 3) for bound, seconds in seen.bound_s.items()},
            "moments": [_moment(moment) for moment in self.observed.moments.get(name, ())],
        }

    def __str__(self) -> str:
        parts = [
            self._heading(),
            about(self._facts()),
            models_table(self.observed),
            bound_table(self.bindings),
            over_time(self.observed),
            listed("what to change", [one.sentence for one in self.advice]),
            listed("taken for granted", self.assumptions),
            listed("notes", self.notes),
        ]
        return "\n\n".join(part for part in parts if part)

    def _heading(self) -> str:
        finished = f"; {self.finished:,} are finished already" if self.finished else ""
        noun = "article" if self.total == 1 else "articles"
        return f"Rehearsal of {self.total:,} {noun}{finished}\n{self._way()}".rstrip()

    def _way(self) -> str:
        if self.played == self.total:
            return ""
        return (
            f"by a sample of {self.played:,}, which the real pipeline has played: time and cost to within "
            f"{max(self.error, 0.01):.0%}"
        )

    def _facts(self) -> dict[str, str]:
        seen, per_1000 = self.observed, self.usd_per_1000_records
        each = f" ({money(per_1000)} per 1,000 records)" if per_1000 is not None else ""
        lost = f", {seen.rejections:,} rejected, {seen.failures:,} failed"
        again = " (the next run asks for them again)" if seen.failures else ""
        return {
            "ends early": seen.stopped or "",
            "takes": self._takes(),
            "costs": f"{self._costs()}{each}",
            "skips": ", ".join(f"{count:,} {reason}" for reason, count in self.skips.items()),
            "makes": f"{self.records:,} records{lost}{again}",
            "calls": f"{self.calls:,}, {outcomes(self.without_answer)}",
            "bound by": bound_by(self.bindings, self.cpu, self.makespan_s),
            "CPU": self._core(),
            "memory": f"about {self.memory.run_bytes / _MIB:,.0f} MiB",
        }

    def _takes(self) -> str:
        noun = "article" if self.observed.articles == 1 else "articles"
        done = f" for {self.observed.articles:,} {noun}" if self.observed.stopped else ""
        slower = f"; {duration(self.cpu.work_s)} at least on one core like this machine's" if self._slow else ""
        return f"{duration(self.makespan_s)}{done}{slower}"

    def _costs(self) -> str:
        if self.cost_usd is not None:
            return money(self.cost_usd)
        unknown = ", ".join(model for model, cost_usd in self.observed.costs_usd.items() if cost_usd is None)
        return f"unknown: no price is known for {unknown} (set it with --set models=...)"

    def _core(self) -> str:
        each = f"{1000 * self.cpu.call_s:.1f} ms a call"
        if self.cpu.share > 1 and not self._slow:
            return each
        share = "all" if self._slow else f"{self.cpu.share:.0%}"
        return f"{share} of one core like this machine's ({each})"

    @property
    def _slow(self) -> bool:
        """Whether one core has more to do than the time suffices for; a run that is over at once has not."""
        return self.cpu.share > 1 and bool(self.bindings)


def _usd(cost_usd: Decimal | None) -> str | None:
    return None if cost_usd is None else format(cost_usd.quantize(Decimal("0.000001")).normalize(), "f")


def _moment(moment: Moment) -> dict[str, float]:
    return {name: round(value, 3) for name, value in asdict(moment).items()}
