"""The command that brings records of a run elsewhere: `deliver`."""

from __future__ import annotations

import argparse

from ..delivery import deliver as deliver_records
from ..errors import SettingsError
from ..logs import configure
from ..settings import load
from ..words import counted
from .parser import knobs_of


def deliver(arguments: argparse.Namespace) -> int:
    """Bring sinks what they do not have, one after the other."""
    knobs = knobs_of(arguments)
    settings = load(**knobs)
    if not settings.sinks:
        raise SettingsError("No sink is named: give --to NAME, such as --to sqlite:records.db, or set sinks.")
    configure(settings.log_format, settings.log_level, None)
    for name in settings.sinks:
        done = deliver_records(arguments.folder, name, anew=arguments.anew, **knobs)
        dropped = f", {counted(done.dropped, 'record')} taken back" if done.dropped else ""
        print(f"{name}: {counted(done.records, 'record')} handed over{dropped}; it has all of them now")
    return 0
