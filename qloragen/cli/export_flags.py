"""The flags of `export`: values are checked where Python callers' are."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..dataset.alike import SIMILARITY
from ..dataset.options import FILLED, MIX_ORDERS
from ..export import FORMS


def add_export_flags(parser: argparse.ArgumentParser) -> None:
    """Add all of them but those that are settings."""
    parser.add_argument("--format", required=True, choices=FORMS, help="form of the rows")
    parser.add_argument("--out", type=Path, metavar="PATH", help="where to; to standard output when left out, or -")
    parser.add_argument(
        "--container",
        choices=FILLED,
        help="kind of file, by the ending of --out when left out; datasets: a folder for Hugging Face's `datasets`",
    )
    parser.add_argument("--system", metavar="TEXT", help="system message of chats (messages, sharegpt, openai)")
    parser.add_argument(
        "--template", type=Path, metavar="FILE", help="training template of text and prompt-completion; else the pack's"
    )
    parser.add_argument("--eos", metavar="TOKEN", help="goes after the template, for trainers that add none themselves")
    parser.add_argument("--license", metavar="ID", help="licence on the card of --container datasets, by the hub's ids")
    parser.add_argument("--json", action="store_true", help="print what was exported as JSON, on standard output")
    _add_filters(parser)
    _add_splits(parser)
    _add_mixes(parser)


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--types", metavar="A,B", help="only records of these types, by slug")
    parser.add_argument(
        "--without-flags",
        metavar="A,B",
        help="only those in which these checks noted nothing; any: none noted anything",
    )
    parser.add_argument(
        "--min-grounded", type=float, metavar="X", help="least share of the input that rests on its article"
    )
    parser.add_argument(
        "--min-supported", type=float, metavar="X", help="least share of the output that rests on the input"
    )
    parser.add_argument(
        "--judged", action="store_true", help="only those that `qloragen judge` has accepted, if it can be believed"
    )
    parser.add_argument("--max-tokens", type=int, metavar="N", help="only those whose rows have at most N tokens")
    parser.add_argument(
        "--tokenizer",
        type=Path,
        metavar="FILE",
        help="count these by this tokenizer.json, with the extra `tokenizer`; they are estimated when left out",
    )


def _add_splits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--split", metavar="90/5/5", help="shares of train, validation and test, by article; --out is a folder then"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="another one splits otherwise (0)")
    parser.add_argument(
        "--similarity",
        type=float,
        metavar="X",
        help=f"likeness from which on articles are kept in one split ({SIMILARITY})",
    )
    parser.add_argument(
        "--balance",
        type=float,
        metavar="RATIO",
        help="train on at most RATIO times as many records of a type as of the rarest one",
    )


def _add_mixes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mix",
        action="append",
        metavar="FILE:SHARE",
        help="train on this general data too, as such a share of all that is trained on; may be repeated",
    )
    parser.add_argument(
        "--mix-order",
        choices=MIX_ORDERS,
        help="blended: spread evenly, as when left out; general-first: before the records",
    )
