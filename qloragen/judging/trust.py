"""Whether a judge can be believed, going by what it has said of controls."""

from __future__ import annotations

from ..domain.judging.agreement import Agreement
from ..words import counted
from .telling import percent

LEAST_PLANTED = 16
"""Planted defects without which nobody can tell a judge that finds 80 % of them from one that does not."""
LEAST_GOOD = 4
"""Controls without a defect without which nobody can tell a judge that finds every defect from one that refuses
everything."""
LEAST_PASSED = 0.5
"""Share of controls without a defect that a judge has to accept."""

_MORE = "judge more records, and controls among them (judge_controls)."


def refusal_of(model: str, agreement: Agreement, min_recall: float) -> str | None:
    """Return why no records are chosen by a judge, in a sentence; None when they may be.

    It has to find `min_recall` of the planted defects, a share, and must not refuse everything to come to that.
    """
    planted, recall = agreement.planted.total(), agreement.recall
    good, passed = agreement.good, agreement.passed
    if recall is None or planted < LEAST_PLANTED:
        return (
            f"{model} has judged {counted(planted, 'planted defect')}, and it takes {LEAST_PLANTED} to tell a "
            f"good judge from a bad one: {_MORE}"
        )
    if recall < min_recall:
        return (
            f"{model} found {agreement.caught.total()} of {planted} planted defects ({percent(recall)}), "
            f"and {percent(min_recall)} are asked for (judge_min_recall): take another judge_model."
        )
    if good < LEAST_GOOD:
        return (
            f"{model} has judged {counted(good, 'control')} without a defect, and it takes {LEAST_GOOD} to"
            f" tell a good judge from one that refuses everything: {_MORE}"
        )
    if passed < LEAST_PASSED * good:
        return (
            f"{model} refused {good - passed} of {good} controls without a defect, and who refuses everything"
            " finds every defect: take another judge_model."
        )
    return None
