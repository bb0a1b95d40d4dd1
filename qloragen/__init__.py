"""Turn articles into an instruction dataset for (Q)LoRA fine-tuning, through any OpenAI-compatible API."""

from .errors import (
    AccessDenied,
    BudgetReached,
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
    SourceError,
    StorageFailed,
)
from .oneshot import Outcome, agenerate, export, generate, reparse, summary
from .session import Session
from .settings import Settings
from .summary import Summary
from .types import Article, Record, Skip, Usage

__all__ = [
    "AccessDenied",
    "Article",
    "BudgetReached",
    "Interrupted",
    "ModelNotFound",
    "Outcome",
    "PackError",
    "ProviderUnavailable",
    "QloragenError",
    "QuotaExhausted",
    "Record",
    "RequestFailed",
    "RunLocked",
    "RunStopped",
    "Session",
    "Settings",
    "SettingsError",
    "SetupError",
    "Skip",
    "SourceError",
    "StorageFailed",
    "Summary",
    "Usage",
    "agenerate",
    "export",
    "generate",
    "reparse",
    "summary",
]
