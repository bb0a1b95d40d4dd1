"""Traces and metrics by OpenTelemetry: an observer of runs, and for the command line a way out.

Names follow the semantic conventions for generative AI, version 0.1.0 of October 2026, the first of their own
(github.com/open-telemetry/semantic-conventions-genai, read 2026-11-29); what they have no name for begins with
`qloragen.`. Nothing of OpenTelemetry is imported until somebody wants it: it is an extra, and takes its time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec

from ..errors import SettingsError
from ..observing import Observer
from ..settings import Settings
from .server import Server, server_of

__all__ = ["exporting", "observer_of"]


def observer_of(settings: Settings) -> Observer | None:
    """Return what makes spans and metrics of a run; None where the setting `telemetry` is off.

    They go to the providers that the process has set up for all its telemetry, before or after; without any, nowhere.

    Raises:
        SettingsError: It is on, and the extra `otel` is not installed, or a variable `OTEL_*` is refused.
    """
    if not settings.telemetry:
        return None
    _need("opentelemetry", "trace")
    with _named_variables():
        observe: Callable[[Server], Observer] = import_module(".observer", __name__).observe
        return observe(server_of(settings))


@contextmanager
def exporting(settings: Settings) -> Iterator[None]:
    """Send what is observed within the block to a collector, by OTLP over HTTP, where the setting `telemetry` is on.

    For applications only; what the process has set up before stays. The collector and all else are as the standard
    variables `OTEL_*` say. One that cannot be reached is told of in the log, and waited for two seconds at the end.

    Raises:
        SettingsError: It is on, and the extra `otel` is not installed, or a variable `OTEL_*` is refused.
    """
    if not settings.telemetry:
        yield
        return
    _need("opentelemetry", "sdk")
    _need("opentelemetry", "exporter", "otlp", "proto", "http")
    with ExitStack() as ends:
        with _named_variables():
            sending: Callable[[], AbstractContextManager[None]] = import_module(".sending", __name__).sending
            ends.enter_context(sending())
        yield


@contextmanager
def _named_variables() -> Iterator[None]:
    """Say what is to be mended where OpenTelemetry refuses its variables, some of them when it is imported."""
    try:
        yield
    except (ValueError, RuntimeError) as error:
        why = str(error).removesuffix(".")
        raise SettingsError(
            f"OpenTelemetry cannot be set up ({why}): mend the variables OTEL_*, or leave telemetry out."
        ) from error


def _need(*path: str) -> None:
    """Check that a package is there, without importing it: of its parents there may be none."""
    for end in range(1, len(path) + 1):
        if find_spec(".".join(path[:end])) is None:
            raise SettingsError(
                "The setting `telemetry` needs the extra `otel`: pip install 'qloragen[otel]', or leave telemetry out."
            )
