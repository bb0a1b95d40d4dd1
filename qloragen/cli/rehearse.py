"""The command `rehearse`: a run as it would be, before it is paid for."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from shutil import get_terminal_size
from time import monotonic
from typing import TextIO

import orjson

from ..errors import SettingsError
from ..export.whole import refuse_files_of_runs, unwritable
from ..logs import configure
from ..loop import block_on
from ..rehearsing.course import PLAIN
from ..rehearsing.making import rehearsed
from ..rehearsing.preparing import Wish
from ..rehearsing.profile import Profile, read_profile
from ..rehearsing.provider import Said
from ..rehearsing.timeline import NOBODY
from ..settings import load
from ..simulator import Simulation
from ..simulator.description import read_simulation
from ..words import duration
from .bounds import refuse_strangers
from .exits import leave_at_once
from .parser import knobs_of
from .provider_flags import add_rehearsed_provider, fault_of, outage_of, refuse_beside_a_file

_EVERY_S = 0.2


def rehearse(arguments: argparse.Namespace) -> int:
    """Play the run, and print what it is like; what is said meanwhile goes to standard error."""
    settings = load(**knobs_of(arguments))
    asked = settings.log_level != "info"  # what happens in a run that is none is only news for those who ask for it
    if asked or settings.log_format == "json":
        configure(settings.log_format, settings.log_level if asked else "error", None)
    refuse_strangers(arguments, settings)
    wish = Wish(
        out=arguments.out,
        limit=arguments.limit,
        articles=arguments.articles,
        whole=arguments.whole,
        provider=_provider(arguments),
        said=_said(arguments),
        advice=arguments.advice,
    )
    onlooker = _Onlooker(sys.stderr) if sys.stderr.isatty() else NOBODY
    try:
        found = block_on(rehearsed, arguments.source, wish, settings, onlooker, leave_at_once)
    finally:
        onlooker.stage("")
    if arguments.json:
        print(orjson.dumps(found.as_dict(), option=orjson.OPT_INDENT_2).decode())
    else:
        print(_printable(str(found)))
    return 0


class _Onlooker:
    """Says on one line of a terminal what is played, and how far."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._what = ""
        self._said_s = 0.0

    def stage(self, what: str) -> None:
        """See `Onlooker`; the line of the stage before goes."""
        self._what = what
        self._say(what and f"{what} ...")

    def watch(self, played_s: float, calls: int) -> None:
        """See `Onlooker`."""
        if monotonic() - self._said_s >= _EVERY_S:
            self._say(f"{self._what}: {duration(played_s)} and {calls:,} calls so far")

    def _say(self, text: str) -> None:
        self._said_s = monotonic()
        width = get_terminal_size().columns - 1
        self._terminal.write(f"\r\x1b[K{text[:width]}")
        self._terminal.flush()


def _provider(arguments: argparse.Namespace) -> Simulation | Profile | str | None:
    if arguments.config is None:
        return _profile(arguments.profile, arguments.save_profile)
    if arguments.profile is not None or arguments.save_profile is not None:
        raise SettingsError("--profile cannot be used with --config: a file says all of the provider.")
    parser = argparse.ArgumentParser()
    add_rehearsed_provider(parser.add_argument)
    refuse_beside_a_file(arguments, parser)
    return read_simulation(arguments.config)


def _profile(place: str | None, file: Path | None) -> Profile | str | None:
    """Return where the profile is; one that is to be saved is learned here, and not once more."""
    if file is None:
        return place
    if place is None:
        raise SettingsError("--save-profile writes what --profile tells: give both.")
    refuse_files_of_runs(file)
    profile = read_profile(Path(place))
    with unwritable(file):
        file.write_bytes(profile.to_json())
    return profile


def _said(arguments: argparse.Namespace) -> Said:
    return Said(
        rpm=arguments.server_rpm,
        tpm=arguments.server_tpm,
        concurrency=arguments.server_concurrency,
        slots=arguments.slots,
        knee=arguments.knee,
        burst_s=arguments.burst_s,
        charge=arguments.charge,
        announced=not arguments.no_headers,
        retry_after=not arguments.no_retry_after,
        ttft_median_s=arguments.ttft_median_s,
        ttft_p99_s=arguments.ttft_p99_s,
        token_s=arguments.token_s,
        token_p99_s=arguments.token_p99_s,
        context_tokens=arguments.context_tokens,
        reasoning_tokens=arguments.reasoning_tokens,
        cache_ttl_s=arguments.cache_ttl_s,
        faults=tuple(fault_of(text) for text in arguments.fault),
        outages=tuple(outage_of(text) for text in arguments.outage),
        seed=arguments.seed or 0,
    )


def _printable(text: str) -> str:
    """Return a text without what standard output has no letters for."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(PLAIN).encode(encoding, "replace").decode(encoding)
    return text
