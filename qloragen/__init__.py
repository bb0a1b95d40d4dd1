"""Turn articles into an instruction dataset for (Q)LoRA fine-tuning, through any OpenAI-compatible API."""

from importlib import import_module
from typing import TYPE_CHECKING

from .calibrating import Calibration, acalibrate, calibrate
from .dataset.making import export
from .dataset.result import ExportSummary
from .delivery import Delivered, adeliver, deliver
from .errors import (
    AccessDenied,
    BudgetReached,
    ChangesNotAccepted,
    ClassifierFailed,
    Interrupted,
    ModelNotFound,
    PackError,
    ProviderUnavailable,
    QloragenError,
    QuotaExhausted,
    RequestFailed,
    RunLocked,
    RunStopped,
    SettingsError,
    SetupError,
    SinkFailed,
    SourceError,
    StorageFailed,
)
from .estimation import Estimate, aestimate, estimate
from .judging.command import ajudge, judge
from .judging.result import Assessment
from .oneshot import Outcome, agenerate, generate, reparse, summary
from .report.gather import quality_report
from .report.values import Report
from .session import Session
from .settings import Settings
from .store.verify import Verification
from .summary import Summary
from .types import Article, Record, Skip, Usage
from .upkeep import rebuild, retry, verify

if TYPE_CHECKING:
    from .rehearsing.making import arehearse, rehearse
    from .rehearsing.result import Rehearsal

__all__ = [
    "AccessDenied",
    "Article",
    "Assessment",
    "BudgetReached",
    "Calibration",
    "ChangesNotAccepted",
    "ClassifierFailed",
    "Delivered",
    "Estimate",
    "ExportSummary",
    "Interrupted",
    "ModelNotFound",
    "Outcome",
    "PackError",
    "ProviderUnavailable",
    "QloragenError",
    "QuotaExhausted",
    "Record",
    "Rehearsal",
    "Report",
    "RequestFailed",
    "RunLocked",
    "RunStopped",
    "Session",
    "Settings",
    "SettingsError",
    "SetupError",
    "SinkFailed",
    "Skip",
    "SourceError",
    "StorageFailed",
    "Summary",
    "Usage",
    "Verification",
    "acalibrate",
    "adeliver",
    "aestimate",
    "agenerate",
    "ajudge",
    "arehearse",
    "calibrate",
    "deliver",
    "estimate",
    "export",
    "generate",
    "judge",
    "quality_report",
    "rebuild",
    "rehearse",
    "reparse",
    "retry",
    "summary",
    "verify",
]

_SELDOM = {"arehearse": ".rehearsing.making", "rehearse": ".rehearsing.making", "Rehearsal": ".rehearsing.result"}
"""Names whose import takes the simulated provider along: a tenth of a second, for those who use them."""


def __getattr__(name: str) -> object:
    if name not in _SELDOM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_SELDOM[name], __name__), name)
