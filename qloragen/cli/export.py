"""The command `export`: from records to what a trainer reads."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import orjson

from ..dataset.making import export
from ..dataset.options import Options
from ..errors import SettingsError
from ..settings import load
from .parser import knobs_of


def export_records(arguments: argparse.Namespace) -> int:
    """Write training data; what there is to say of it goes to standard error, with `--json` to standard output."""
    if arguments.json and arguments.out in {None, Path("-")}:
        raise SettingsError("--json needs --out, for without it standard output is where the examples go.")
    written = export(arguments.folder, arguments.out, arguments.format, **_options(arguments))
    if arguments.json:
        print(orjson.dumps(written.as_dict(), option=orjson.OPT_INDENT_2).decode())
    elif written.out or written.remarks:
        print(written if written.out else "\n".join(written.remarks), file=sys.stderr)
    return 0


def _options(arguments: argparse.Namespace) -> Options:
    return {
        "container": arguments.container,
        "types": arguments.types,
        "without_flags": arguments.without_flags,
        "min_grounded": arguments.min_grounded,
        "min_supported": arguments.min_supported,
        "judged": arguments.judged,
        "max_tokens": arguments.max_tokens,
        "tokenizer": arguments.tokenizer,
        "system": arguments.system,
        "template": arguments.template,
        "eos": arguments.eos,
        "pack": load(**knobs_of(arguments)).pack,
        "split": arguments.split,
        "seed": arguments.seed,
        "similarity": arguments.similarity,
        "balance": arguments.balance,
        "mix": arguments.mix,
        "mix_order": arguments.mix_order,
        "license": arguments.license,
    }
