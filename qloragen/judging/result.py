"""What judging has come to: for people as text, for programs as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from ..domain.judging.agreement import Agreement
from ..errors import RunStopped
from ..shares import interval
from ..words import counted
from .telling import controls, questions, rate, row
from .trust import refusal_of
from .values import Judged


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a judge has said of the records of a run, and how far it can be believed; `print` shows it."""

    folder: Path
    """Of the run."""
    model: str
    records: int
    """That are judged, as they are now."""
    of: int
    """Records that the run has."""
    accepted: int
    yes: Mapping[str, int]
    """Question to records of which it was answered with yes."""
    agreement: Agreement
    """With what is known of controls."""
    min_recall: float
    """Below it no records are chosen by the judge."""
    cost_usd: Decimal | None
    """Of all judging of these records, by other judges too; None when the cost of some call is unknown."""
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Reason to judgements of what was asked for that were given up for good: their replies could not be used, or the
    provider refused."""
    failed: int = 0
    """Those that were given up until the next time."""
    stopped: RunStopped | None = None
    """Why judging ended early, when a limit of money, tokens or calls was reached."""

    @property
    def refusal(self) -> str | None:
        """Why no records are chosen by this judge, in a sentence; None when they may be."""
        return refusal_of(self.model, self.agreement, self.min_recall)

    @property
    def trusted(self) -> bool:
        """Whether records may be chosen by this judge."""
        return self.refusal is None

    @property
    def verdict(self) -> str:
        """Whether records may be chosen by this judge, in a sentence."""
        caught, planted = self.agreement.caught.total(), self.agreement.planted.total()
        return (
            f"No records are chosen by this judge: {self.refusal}"
            if self.refusal
            else f"Records may be chosen by this judge: it found {caught} of {planted} planted defects. "
            f"`qloragen export {self.folder} --judged --format messages` writes those that it has accepted."
        )

    @property
    def judged(self) -> Judged:
        """The figures that a report shows."""
        return Judged(
            model=self.model,
            records=self.records,
            accepted=self.accepted,
            items={question: count / self.records if self.records else 0.0 for question, count in self.yes.items()},
            planted=self.agreement.planted.total(),
            caught=self.agreement.caught.total(),
            good=self.agreement.good,
            passed=self.agreement.passed,
            recall=self.agreement.recall,
            min_recall=self.min_recall,
            precision=self.agreement.precision,
            kappa=self.agreement.kappa,
            trusted=self.trusted,
            refusal=self.refusal,
            cost_usd=self.cost_usd,
        )

    def ended_by(self, reason: RunStopped | None) -> Assessment:
        """Return the same with why judging ended early."""
        return replace(self, stopped=reason)

    def as_dict(self) -> dict[str, object]:
        """Return all of it for programs; the cost is a decimal string, or null where it is not known."""
        agreement = self.agreement
        kinds = {
            kind: {"planted": of, "found": agreement.caught[kind]} for kind, of in sorted(agreement.planted.items())
        }
        return {
            "model": self.model,
            "records": self.of,
            "judged": self.records,
            "accepted": self.accepted,
            "questions": {
                question: {
                    "yes": count,
                    "share": rate(count, self.records),
                    "interval": [*interval(count, self.records)],
                }
                for question, count in self.yes.items()
            },
            "controls": {
                "planted": agreement.planted.total(),
                "found": agreement.caught.total(),
                "good": agreement.good,
                "accepted": agreement.passed,
                "kinds": kinds,
                "recall": agreement.recall,
                "precision": agreement.precision,
                "kappa": agreement.kappa,
            },
            "min_recall": self.min_recall,
            "trusted": self.trusted,
            "refusal": self.refusal,
            "rejected": dict(self.rejected),
            "failed": self.failed,
            "cost_usd": None if self.cost_usd is None else format(self.cost_usd, "f"),
            "stopped": None if self.stopped is None else str(self.stopped),
        }

    def __str__(self) -> str:
        parts = ("\n".join(self._head()), questions(self.yes, self.records), controls(self.agreement), self.verdict)
        return "\n\n".join(parts)

    def _head(self) -> Iterator[str]:
        share, bounds = row(self.accepted, self.records)
        yield f"{self.records} of {counted(self.of, 'record')} judged by {self.model}"
        yield f"accepted: {self.accepted}, {share} ({bounds})"
        if self.rejected:
            reasons = ", ".join(f"{count} {reason}" for reason, count in self.rejected.items())
            yield f"judgements given up, which could not be used: {sum(self.rejected.values())} ({reasons})"
        if self.failed:
            yield f"judgements that failed for now: {self.failed}; the same command asks again"
        cost = "not known" if self.cost_usd is None else f"${self.cost_usd:.4f}"
        yield f"cost of all judging here: {cost}"
