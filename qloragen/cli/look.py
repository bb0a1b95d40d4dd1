"""The commands that only look: `status`, `packs` and `settings`."""

from __future__ import annotations

import argparse
from pathlib import Path

import orjson

from ..delivery import missing_in_sinks
from ..manifest import read_manifest
from ..oneshot import summary
from ..packs import load_pack
from ..settings import explain, load
from ..store.lock import in_use
from ..store.names import MANIFEST
from ..summary import Summary
from ..words import counted
from .follow import followed, standing
from .parser import knobs_of


def status(arguments: argparse.Namespace) -> int:
    """Show a run from its files alone, once or for as long as a process works at it."""
    if arguments.follow:
        return followed(arguments)
    found = summary(arguments.folder)
    manifest = read_manifest(arguments.folder)
    missing = missing_in_sinks(arguments.folder)
    if arguments.json:
        about = manifest.model_dump(mode="json") if manifest else None
        print(_json({"run": about, "summary": found.as_dict(), "missing_in_sinks": missing}))
        return 0
    heading = standing(arguments.folder, manifest) if manifest else _unwritten(arguments.folder, found)
    print(f"{arguments.folder}: {heading}\n")
    print(found)
    for name, count in missing.items():
        lacks = f"lacks {counted(count, 'record')}; the same command or `qloragen deliver` brings them" if count else ""
        print(f"sink {name}: {lacks or 'has all records'}")
    return 0


def _unwritten(folder: Path, found: Summary) -> str:
    """Return where a run stands that has no `run.json`; it is written before the first call."""
    if found.calls:
        return f"{MANIFEST} is missing or damaged; the same command goes on"
    if in_use(folder):
        return "a process is at work and has sent no call yet"
    return "no call was sent yet; the same command goes on"


def packs(arguments: argparse.Namespace) -> int:
    """Check a pack and list its types."""
    values = load(**knobs_of(arguments))
    pack = load_pack(values.pack, values.pack_variables)
    variables = ", ".join(f"{name} = {value!r}" for name, value in pack.variables.items())
    print(f"{pack.name} {pack.version} ({pack.fingerprint})\nvariables: {variables}\n")
    width = max(len(kind.slug) for kind in pack.types)
    for kind in pack.types:
        print(f"{kind.number:>3}  {kind.slug:<{width}}  {'always' if kind.always else '      '}  {kind.name}")
    return 0


def settings(arguments: argparse.Namespace) -> int:
    """List every setting with its value and origin."""
    knobs = explain(**knobs_of(arguments))
    if arguments.json:
        print(_json([knob._asdict() for knob in knobs]))
        return 0
    for knob in knobs:
        value = "not set" if knob.value is None else orjson.dumps(knob.value).decode()
        print(f"{knob.name} = {value}\n    {knob.description}\n    {knob.variable}; from {knob.origin}")
    return 0


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
