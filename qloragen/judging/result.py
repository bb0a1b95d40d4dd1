"""What judging has come to: for people as text, for programs as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from ..domain.judging.agreement import Agreement
from ..errors import RunStopped
from ..shares import interval
from ..words import counted
from .telling import parts_of, percent, rate
from .values import LEAST_GOOD, LEAST_PASSED, LEAST_PLANTED, Judged

_MORE = "judge more records, and controls among them (judge_controls)."


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
        planted, recall = self.agreement.planted.total(), self.agreement.recall
        good, passed = self.agreement.good, self.agreement.passed
        if recall is None or planted < LEAST_PLANTED:
            return (
                f"{self.model} has judged {counted(planted, 'planted defect')}, and it takes {LEAST_PLANTED} to tell a "
                f"good judge from a bad one: {_MORE}"
            )
        if recall < self.min_recall:
            return (
                f"{self.model} found {self.agreement.caught.total()} of {planted} planted defects ({percent(recall)}), "
                f"and {percent(self.min_recall)} are asked for (judge_min_recall): take another judge_model."
            )
        if good < LEAST_GOOD:
            return (
                f"{self.model} has judged {counted(good, 'control')} without a defect, and it takes {LEAST_GOOD} to"
                f" tell a good judge from one that refuses everything: {_MORE}"
            )
        if passed < LEAST_PASSED * good:
            return (
                f"{self.model} refused {good - passed} of {good} controls without a defect, and who refuses everything"
                " finds every defect: take another judge_model."
            )
        return None

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
            f"`qloragen export {self.folder} --judged` writes those that it has accepted."
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
        return "\n\n".join(parts_of(self))
