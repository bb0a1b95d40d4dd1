"""The flags that say what a provider is like: for `simulate`, which is one, and `rehearse`, which takes one for it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ..errors import SettingsError
from ..simulator import KINDS, Fault, Model, Outage

_MODEL = Model()
_LIMITS, _LATENCY = _MODEL.limits, _MODEL.latency


class _Flag(NamedTuple):
    name: str
    kind: type
    metavar: str
    default: object
    text: str
    left_out: str
    """What holds when it is left out, where the default does not say."""


_OF_LIMITS = (
    _Flag("rpm", float, "N", None, "requests per minute, per model", "unlimited"),
    _Flag("tpm", float, "N", None, "tokens per minute, per model", "unlimited"),
    _Flag("concurrency", int, "N", None, "calls in flight, per model, above which calls are rejected", "unlimited"),
)
"""Names that are also those of limits that a run keeps."""
_OTHERS = (
    _Flag("seed", int, "N", 0, "of the latencies and faults", ""),
    _Flag("burst-s", float, "S", _LIMITS.burst_s, "seconds to which the limits are quantised", ""),
    _Flag("ttft-median-s", float, "S", _LATENCY.median_s, "time to first token, median", ""),
    _Flag("ttft-p99-s", float, "S", None, "time to first token, 99th percentile", "the median"),
    _Flag("token-s", float, "S", _LATENCY.token_s, "time for each completion token, median", ""),
    _Flag("token-p99-s", float, "S", None, "time for each completion token, 99th percentile", "the median"),
    _Flag("context-tokens", int, "N", None, "size of the context window", "endless"),
    _Flag("reasoning-tokens", int, "N", _MODEL.reasoning_tokens, "reasoning tokens in each completion", ""),
    _Flag("cache-ttl-s", float, "S", None, "how long the prompt cache remembers", "as OpenAI's"),
    _Flag("slots", int, "N", None, "calls served together, per model; others wait in the server", "unlimited"),
    _Flag("knee", int, "N", None, "calls in flight, per model, above which each takes longer", "none"),
)


Add = Callable[..., object]
"""`add_argument` of a parser, or of a group in it."""


def add_provider(add: Add) -> None:
    """Add the flags of a provider that is started, with what holds when they are left out."""
    for flag in (*_OF_LIMITS, *_OTHERS):
        usual = f" ({flag.default})" if flag.default is not None else f"; {flag.left_out} when left out"
        add(f"--{flag.name}", type=flag.kind, metavar=flag.metavar, default=flag.default, help=f"{flag.text}{usual}")
    _troubles(add, charge=_LIMITS.charge)


def add_rehearsed_provider(add: Add) -> None:
    """Add the flags of a provider that is only rehearsed against; what is left out is None."""
    for flag in _OF_LIMITS:
        left_out = flag.left_out if flag.name == "concurrency" else f"as --{flag.name}"
        text = f"{flag.text}, at the provider; {left_out} when left out"
        add(f"--server-{flag.name}", type=flag.kind, metavar=flag.metavar, help=text)
    for flag in _OTHERS:
        add(f"--{flag.name}", type=flag.kind, metavar=flag.metavar, help=flag.text)
    _troubles(add, charge=None)


def _troubles(add: Add, *, charge: str | None) -> None:
    add(
        "--charge",
        choices=("sum", "max"),
        default=charge,
        help=f"what a call takes from the TPM: prompt plus cap, or the greater ({_LIMITS.charge})",
    )
    add(
        "--fault",
        action="append",
        default=[],
        metavar="KIND=RATE[@FROM:TO]",
        help=f"share of the calls that go wrong, and between which seconds; may be repeated; {', '.join(KINDS)}",
    )
    add(
        "--outage",
        action="append",
        default=[],
        metavar="START:SECONDS[:KIND]",
        help="when nothing works; kind is 503, reset or refuse; may be repeated",
    )
    add(
        "--config",
        type=Path,
        metavar="FILE",
        help="a TOML file with the fields of qloragen.simulator.Simulation, for what has no flag, and for models of "
        "different behaviour; no other flag about the provider goes with it",
    )
    add("--no-headers", action="store_true", help="announce no limits")
    add("--no-retry-after", action="store_true", help="do not say how long to wait")


def refuse_beside_a_file(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Check that of the flags that `parser` knows, only `--config` is given: a file stands alone.

    Raises:
        SettingsError: Another one is.
    """
    for name, default in vars(parser.parse_args([])).items():
        if name != "config" and getattr(arguments, name) != default:
            raise SettingsError(f"--{name.replace('_', '-')} cannot be used with --config: put it into the file.")


def fault_of(text: str) -> Fault:
    """Return the fault of a text like `503=0.02` or `503=0.5@60:120`.

    Raises:
        SettingsError: It is of another form, or there is no such fault.
    """
    kind, equals, rest = text.partition("=")
    rate, at, window = rest.partition("@")
    start, _, end = window.partition(":")
    if not equals:
        raise SettingsError(f"--fault {text}: is not of the form KIND=RATE or KIND=RATE@FROM:TO.")
    times = (_number("--fault", text, start), _number("--fault", text, end)) if at else (0.0, float("inf"))
    return Fault(kind, _number("--fault", text, rate), *times)


def outage_of(text: str) -> Outage:
    """Return the outage of a text like `60:30` or `60:30:refuse`.

    Raises:
        SettingsError: It is of another form.
    """
    start, _, rest = text.partition(":")
    duration, _, kind = rest.partition(":")
    if not rest:
        raise SettingsError(f"--outage {text}: is not of the form START:SECONDS or START:SECONDS:KIND.")
    match kind or "503":
        case ("503" | "reset" | "refuse") as known:
            return Outage(_number("--outage", text, start), _number("--outage", text, duration), known)
        case unknown:
            raise SettingsError(f"--outage {text}: {unknown} is not one of 503, reset, refuse.")


def _number(flag: str, text: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise SettingsError(f"{flag} {text}: {value!r} is not a number.") from None
