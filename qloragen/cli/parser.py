"""What can be typed."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from ..calibrating import SAMPLE
from ..rehearsing.preparing import WHOLE
from ..report.browsing import MOST as MOST_BROWSED
from . import simulate
from .assignments import assignment, merged
from .bounds import add_bounds, bounded
from .export_flags import add_export_flags
from .provider_flags import add_rehearsed_provider

Command = Callable[[argparse.Namespace], int]

KNOB = "knob_"
"""Marks the results of flags that are settings."""

EXIT_CODES = """\
exit codes:
  0    done
  2    the command, a setting, the pack or the source cannot be used, or nobody has agreed to what has changed;
       nothing was started
  3    done, but some items failed (see `qloragen status`); verify: something is wrong;
       report --strict: a goal is not reached
  4    a limit of money, tokens or calls is reached
  5    stopped by key, quota, model, provider or disk
  130  stopped by Ctrl-C (SIGINT)
  143  stopped by SIGTERM
  129  stopped by SIGHUP, as a closed terminal sends it
Everything but 2 is continued by the same command; what is paid for and has arrived is not paid for again.
"""


def parser_for(commands: Mapping[str, Command]) -> argparse.ArgumentParser:
    """Return the parser; its result's `command` is the chosen one of `commands`."""
    parser = argparse.ArgumentParser(
        prog="qloragen",
        description="Turn articles into an instruction dataset, through any OpenAI-compatible API.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"qloragen {version('qloragen')}")
    names = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, (summary, fill) in _COMMANDS.items():
        command = names.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        fill(command)
        command.set_defaults(command=commands[name])
    return parser


def knobs_of(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the settings that were given as flags."""
    flags = {name.removeprefix(KNOB): value for name, value in vars(arguments).items() if name.startswith(KNOB)}
    given = {name: value for name, value in flags.items() if value is not None}
    return bounded({**merged(getattr(arguments, "set", None) or ()), **given}, arguments)


def _folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="the run directory")


def _generate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", nargs="+", type=Path, metavar="SOURCE", help="files, folders or globs of articles")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="the run directory")
    parser.add_argument("--limit", type=_count, metavar="N", help="take at most N articles")
    _of_a_run(parser)


def _of_a_run(parser: argparse.ArgumentParser) -> None:
    """Add what can be set for a run, besides its source and its directory."""
    _way(parser)
    parser.add_argument(
        "--yes",
        action="store_const",
        const=True,
        dest=f"{KNOB}accept_changes",
        help="go on when something has changed and work that is done is to be paid for again",
    )
    parser.add_argument(
        "--local",
        nargs="?",
        const=True,
        dest=f"{KNOB}local",
        metavar="GGUF",
        help="run a language model on this machine: the small one of `make demo`, or a GGUF file",
    )
    parser.add_argument(
        "--sink",
        action="append",
        dest=f"{KNOB}sinks",
        metavar="NAME",
        help="bring the records there too: sqlite:FILE or astra:KEYSPACE.COLLECTION; may be repeated",
    )
    _pack_knob(parser)
    _knob(parser, "--log-format", "log_format", "FORM", "console or json: the form of log lines on standard error")
    _knob(parser, "--log-level", "log_level", "LEVEL", "debug, info, warning or error")
    _any_knob(parser)


def _way(parser: argparse.ArgumentParser) -> None:
    """Add what decides which calls are made, and what they cost."""
    _knob(parser, "--base-url", "base_url", "URL", "address of an OpenAI-compatible API, up to and with /v1")
    _knob(parser, "--classify-model", "classify_model", "M", "model that decides which types an article supports")
    _knob(parser, "--generate-model", "generate_model", "M", "model that writes the records")
    _knob(parser, "--classifier", "classifier", "C", "numbers, json, decisions or cascade: who says which types apply")
    _knob(parser, "--rpm", "rpm", "N", "requests per minute, per model")
    _knob(parser, "--tpm", "tpm", "N", "tokens per minute, per model")
    _knob(parser, "--concurrency", "max_concurrency", "N", "calls in flight, per model")
    _knob(parser, "--input", "input", "MODE", "evidence: code puts a record's input together; written: the model does")
    add_bounds(parser)
    _tiers(parser)


def _tiers(parser: argparse.ArgumentParser) -> None:
    """Add the ways to pay half the price."""
    parser.add_argument(
        "--flex",
        action="store_const",
        const=True,
        dest=f"{KNOB}flex",
        help="ask for the flex tier where a model has one: half the price, slower, not always there",
    )
    parser.add_argument(
        "--batch",
        action="store_const",
        const=True,
        dest=f"{KNOB}batch",
        help="ask through the Batch API: half the price, replies within 24 hours",
    )


def _estimate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", nargs="+", type=Path, metavar="SOURCE", help="files, folders or globs of articles")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="a run directory: what is done there is left out; a sample goes there"
    )
    parser.add_argument("--limit", type=_count, metavar="N", help="take at most N articles")
    parser.add_argument(
        "--sample",
        type=_count,
        metavar="N",
        help="pay for N articles first, and judge the others by them; they are the beginning of the run in --out",
    )
    parser.add_argument(
        "--compare-models",
        type=_names,
        default=(),
        metavar="A,B",
        help="show these models too, in the place of those that are set",
    )
    _way(parser)
    _pack_knob(parser)
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    _any_knob(parser)


def _rehearse(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", nargs="+", type=Path, metavar="SOURCE", help="files, folders or globs of articles")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="a run directory: what is finished there is left out; nothing goes there",
    )
    parser.add_argument("--limit", type=_count, metavar="N", help="take at most N articles")
    parser.add_argument("--articles", type=_count, metavar="N", help="as if there were N articles like these")
    parser.add_argument(
        "--whole",
        type=_count,
        default=WHOLE,
        metavar="N",
        help=f"articles that the real pipeline plays; of more, so many, and all by what these were like ({WHOLE})",
    )
    parser.add_argument(
        "--profile", metavar="DIR", help="a run directory: the provider is as it was there; or a file with its profile"
    )
    parser.add_argument(
        "--save-profile",
        type=Path,
        metavar="FILE",
        help="write what --profile tells to a file, as JSON: it holds no text, and is read at once",
    )
    parser.add_argument(
        "--no-advice",
        action="store_false",
        dest="advice",
        help="do not find out what would make it faster or cheaper, which takes several small rehearsals",
    )
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    _of_a_run(parser)
    add_rehearsed_provider(parser.add_argument_group("the provider").add_argument)


def _calibrate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", nargs="+", type=Path, metavar="SOURCE", help="files, folders or globs of articles")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="a run directory of its own")
    parser.add_argument("--sample", type=_count, default=SAMPLE, metavar="N", help=f"articles to classify ({SAMPLE})")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another one draws other articles")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    _knob(parser, "--base-url", "base_url", "URL", "address of an OpenAI-compatible API, up to and with /v1")
    _knob(parser, "--classify-model", "classify_model", "M", "the strong model, which lists numbers")
    _knob(parser, "--decide-model", "decide_model", "M", "the model that judges statements")
    add_bounds(parser)
    _pack_knob(parser)
    _any_knob(parser)


def _judge(parser: argparse.ArgumentParser) -> None:
    _folder(parser)
    parser.add_argument(
        "--sample", type=_part, metavar="N", help="judge N records, or a share of them such as 0.1; all when left out"
    )
    parser.add_argument("--limit", type=_count, metavar="N", help="judge at most N of these")
    _knob(parser, "--judge-model", "judge_model", "M", "model that judges, of another family than the one that wrote")
    parser.add_argument(
        "--same-family",
        action="store_const",
        const=True,
        dest=f"{KNOB}judge_same_family",
        help="let a model judge records of its own family all the same",
    )
    _knob(parser, "--base-url", "base_url", "URL", "address of an OpenAI-compatible API, up to and with /v1")
    _knob(parser, "--rpm", "rpm", "N", "requests per minute")
    _knob(parser, "--tpm", "tpm", "N", "tokens per minute")
    _knob(parser, "--concurrency", "max_concurrency", "N", "calls in flight")
    add_bounds(parser)
    _tiers(parser)
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    _pack_knob(parser)
    _knob(parser, "--log-format", "log_format", "FORM", "console or json: the form of log lines on standard error")
    _knob(parser, "--log-level", "log_level", "LEVEL", "debug, info, warning or error")
    _any_knob(parser)


def _status(parser: argparse.ArgumentParser) -> None:
    _folder(parser)
    parser.add_argument(
        "--follow",
        action="store_true",
        help="show what another process does there, until it ends; waits for one if there is none",
    )
    parser.add_argument("--json", action="store_true", help="print JSON for programs; with --follow, line by line")


def _report(parser: argparse.ArgumentParser) -> None:
    _folder(parser)
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="also write one page with everything, and records to be browsed"
    )
    parser.add_argument(
        "--most",
        type=_count,
        default=MOST_BROWSED,
        metavar="N",
        help=f"records and rejected pairs that the page holds at most ({MOST_BROWSED})",
    )
    parser.add_argument(
        "--tokenizer",
        type=Path,
        metavar="FILE",
        help="count tokens by this tokenizer.json, with the extra `tokenizer`; they are estimated when left out",
    )
    parser.add_argument("--strict", action="store_true", help="exit with 3 when a goal of the quality table is missed")


def _reparse(parser: argparse.ArgumentParser) -> None:
    _folder(parser)
    _pack_knob(parser)
    _any_knob(parser)


def _export(parser: argparse.ArgumentParser) -> None:
    _folder(parser)
    add_export_flags(parser)
    _pack_knob(parser)


def _deliver(parser: argparse.ArgumentParser) -> None:
    _folder(parser)
    parser.add_argument(
        "--to",
        action="append",
        dest=f"{KNOB}sinks",
        metavar="NAME",
        help="sqlite:FILE, sqlite:FILE#TABLE or astra:KEYSPACE.COLLECTION; may be repeated; when left out, those of "
        "the setting `sinks`",
    )
    parser.add_argument(
        "--anew", action="store_true", help="hand over every record, also those that were handed over before"
    )
    _knob(parser, "--log-format", "log_format", "FORM", "console or json: the form of log lines on standard error")
    _any_knob(parser)


def _retry(parser: argparse.ArgumentParser) -> None:
    _folder(parser)
    parser.add_argument(
        "--reason",
        action="append",
        default=[],
        metavar="R",
        help="only those given up for this reason (see `qloragen status`); may be repeated",
    )


def _packs(parser: argparse.ArgumentParser) -> None:
    _pack_knob(parser)
    _any_knob(parser)


def _checks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    _any_knob(parser)


def _settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    _any_knob(parser)


_COMMANDS: Mapping[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "generate": ("make instruction records from articles, or go on with a run", _generate),
    "estimate": ("say what articles would cost, in this way and in others; calls only for --sample", _estimate),
    "rehearse": (
        "play a run in virtual time: how long, how dear, what binds, what to change; makes no call",
        _rehearse,
    ),
    "calibrate": ("compare classification by decisions with a strong model's on a sample, for a threshold", _calibrate),
    "judge": ("let a model of another family judge the records of a run, into a run of its own beside it", _judge),
    "status": ("show what a run has come to and what it has cost", _status),
    "report": ("show what a run's records are like: funnel, quality, types, lengths, diversity, cost", _report),
    "reparse": ("apply today's parser and checks to the replies a run has paid for; makes no call", _reparse),
    "export": ("write training files from the records of a run", _export),
    "deliver": ("bring a sink what it does not have of the records of a run; makes no call", _deliver),
    "verify": ("check every line, id and sum of a run; changes nothing", _folder),
    "rebuild": ("write records.jsonl anew from the journal; makes no call", _folder),
    "retry": ("let the next run ask again for items that were given up for good", _retry),
    "packs": ("check a prompt pack and show its instruction types", _packs),
    "checks": ("show every check of records, what is done about what it finds, and its thresholds", _checks),
    "settings": ("show every setting, its environment variable, its value and where that came from", _settings),
    "simulate": ("stand in for a provider, on this machine, to rehearse a run against", simulate.flags),
}


def _pack_knob(parser: argparse.ArgumentParser) -> None:
    _knob(parser, "--pack", "pack", "DIR", "folder of a prompt pack; the one that is built in when left out")


def _any_knob(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        action="append",
        type=assignment,
        metavar="NAME=VALUE",
        help="any other setting by name (see `qloragen settings`), with dots or JSON for tables; may be repeated",
    )


def _knob(parser: argparse.ArgumentParser, flag: str, name: str, metavar: str, text: str) -> None:
    parser.add_argument(flag, dest=f"{KNOB}{name}", metavar=metavar, help=text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number, 1 or more, not {text}")
    return int(text)


def _part(text: str) -> float:
    with suppress(ValueError):
        value = float(text)
        if 0 < value < 1 or (value >= 1 and text.isdecimal()):  # 1.0 might be meant as all of them
            return value
    raise argparse.ArgumentTypeError(f"must be a whole number, or a share between 0 and 1, not {text}")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.split(",") if (name := part.strip()))
