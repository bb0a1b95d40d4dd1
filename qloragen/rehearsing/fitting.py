"""The settings of a run, fit for a rehearsal of it."""

from __future__ import annotations

from ..errors import SettingsError
from ..settings import Settings


def fit(settings: Settings) -> Settings:
    """Return the settings with which a rehearsal plays the run: those that decide which calls are made, and when, are
    as they are; nothing goes to sinks, nothing waits for disks, and nobody is asked.

    Raises:
        SettingsError: The run would use a model on this machine.
    """
    if settings.local:
        raise SettingsError(
            "A model on this machine is as fast as this machine is, which no rehearsal knows: leave out local."
        )
    return settings.model_copy(
        update={"sinks": (), "durability": "process", "accept_changes": True, "telemetry": False, "salvage": False}
    )
