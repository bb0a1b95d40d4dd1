"""The command that stands in for a provider: `simulate`."""

from __future__ import annotations

import argparse
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

import anyio

from ..errors import SettingsError
from ..simulator import (
    KINDS,
    Capacity,
    Counts,
    Fault,
    Latency,
    Limits,
    Model,
    Outage,
    PromptCache,
    Provider,
    Simulation,
    SimulatorServer,
    Statistics,
)
from ..simulator.description import read_simulation

_MODEL = Model()
_LIMITS, _LATENCY = _MODEL.limits, _MODEL.latency

_FLAGS: tuple[tuple[str, type, str, object, str], ...] = (
    ("--port", int, "N", 0, "port to listen on; a free one when left out"),
    ("--seed", int, "N", 0, "of the latencies and faults"),
    ("--rpm", float, "N", None, "requests per minute, per model; unlimited when left out"),
    ("--tpm", float, "N", None, "tokens per minute, per model; unlimited when left out"),
    ("--burst-s", float, "S", _LIMITS.burst_s, "seconds to which the limits are quantised (%(default)s)"),
    ("--ttft-median-s", float, "S", _LATENCY.median_s, "time to first token, median (%(default)s)"),
    ("--ttft-p99-s", float, "S", None, "time to first token, 99th percentile; the median when left out"),
    ("--token-s", float, "S", _LATENCY.token_s, "time for each completion token, median (%(default)s)"),
    ("--token-p99-s", float, "S", None, "time for each completion token, 99th percentile; the median when left out"),
    ("--context-tokens", int, "N", None, "size of the context window; endless when left out"),
    ("--reasoning-tokens", int, "N", _MODEL.reasoning_tokens, "reasoning tokens in each completion (%(default)s)"),
    ("--cache-ttl-s", float, "S", None, "how long the prompt cache remembers; as OpenAI's when left out"),
    ("--concurrency", int, "N", None, "calls in flight, per model, above which calls are rejected"),
    ("--slots", int, "N", None, "calls served together, per model; others wait in the server"),
    ("--knee", int, "N", None, "calls in flight, per model, above which each takes longer"),
    ("--api-key", str, "KEY", None, "the one key that is let in; all are when left out"),
)


def flags(parser: argparse.ArgumentParser) -> None:
    """Add what can be set."""
    for flag, kind, metavar, default, text in _FLAGS:
        parser.add_argument(flag, type=kind, metavar=metavar, default=default, help=text)
    parser.add_argument(
        "--charge",
        choices=("sum", "max"),
        default=_LIMITS.charge,
        help="what a call takes from the TPM: prompt plus cap, or the greater (%(default)s)",
    )
    parser.add_argument("--model", action="append", metavar="M", help="a model that there is; all are when left out")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND=RATE[@FROM:TO]",
        help=f"share of the calls that go wrong, and between which seconds; may be repeated; {', '.join(KINDS)}",
    )
    parser.add_argument(
        "--outage",
        action="append",
        default=[],
        metavar="START:SECONDS[:KIND]",
        help="when nothing works; kind is 503, reset or refuse; may be repeated",
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="a TOML file with the fields of qloragen.simulator.Simulation, for what has no flag, and for models of "
        "different behaviour; only --port goes with it",
    )
    parser.add_argument("--no-headers", action="store_true", help="announce no limits")
    parser.add_argument("--no-retry-after", action="store_true", help="do not say how long to wait")


def simulate(arguments: argparse.Namespace) -> int:
    """Listen until SIGINT or SIGTERM, then show on standard error what was seen."""
    simulation = _simulation(arguments) if arguments.config is None else _described(arguments)
    provider = Provider(simulation)
    options = {"use_uvloop": find_spec("uvloop") is not None}
    anyio.run(_listen, provider, arguments.port or 0, backend_options=options)
    print(_table(provider.statistics), file=sys.stderr)
    return 0


async def _listen(provider: Provider, port: int) -> None:
    async with SimulatorServer(provider, port=port) as server:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            print(f"listening on {server.base_url}", flush=True)
            async for _ in signals:
                return


# ------------------------------------------------------------------------------------------------------------ settings


def _described(arguments: argparse.Namespace) -> Simulation:
    """Return the simulation of a file, which stands alone."""
    parser = argparse.ArgumentParser()
    flags(parser)
    for name, default in vars(parser.parse_args([])).items():
        if name not in {"config", "port"} and getattr(arguments, name) != default:
            raise SettingsError(f"--{name.replace('_', '-')} cannot be used with --config: put it into the file.")
    return read_simulation(arguments.config)


def _simulation(arguments: argparse.Namespace) -> Simulation:
    return Simulation(
        models=dict.fromkeys(arguments.model or ("*",), _behaviour(arguments)),
        faults=tuple(_fault(text) for text in arguments.fault),
        outages=tuple(_outage(text) for text in arguments.outage),
        seed=arguments.seed,
        api_key=arguments.api_key,
    )


def _behaviour(arguments: argparse.Namespace) -> Model:
    return Model(
        limits=Limits(
            rpm=arguments.rpm,
            tpm=arguments.tpm,
            burst_s=arguments.burst_s,
            charge=arguments.charge,
            announced=not arguments.no_headers,
            retry_after=not arguments.no_retry_after,
        ),
        capacity=Capacity(arguments.concurrency, arguments.slots, arguments.knee),
        latency=Latency(arguments.ttft_median_s, arguments.ttft_p99_s, arguments.token_s, arguments.token_p99_s),
        cache=PromptCache(ttl_s=arguments.cache_ttl_s),
        context_tokens=arguments.context_tokens,
        reasoning_tokens=arguments.reasoning_tokens,
    )


def _fault(text: str) -> Fault:
    """Return the fault of a text like `503=0.02` or `503=0.5@60:120`."""
    kind, equals, rest = text.partition("=")
    rate, at, window = rest.partition("@")
    start, _, end = window.partition(":")
    if not equals:
        raise SettingsError(f"--fault {text}: is not of the form KIND=RATE or KIND=RATE@FROM:TO.")
    times = (_number("--fault", text, start), _number("--fault", text, end)) if at else (0.0, float("inf"))
    return Fault(kind, _number("--fault", text, rate), *times)


def _outage(text: str) -> Outage:
    """Return the outage of a text like `60:30` or `60:30:refuse`."""
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


# ---------------------------------------------------------------------------------------------------------- statistics


_COLUMNS = ("model", "calls", "peak", "prompt", "cached", "written", "completion", "outcomes")


def _table(statistics: Statistics) -> str:
    """Return what was seen, a line for each model."""
    rows: list[tuple[str, ...]] = [_COLUMNS]
    rows += [_row(name, counts) for name, counts in statistics.models.items()]
    rows.append(_row("all", statistics.total))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS) - 1)]
    return "\n".join([*(_line(row, widths) for row in rows), f"answered more than once: {statistics.duplicates}"])


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    name, *numbers, outcomes = row
    columns = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
    return "  ".join([name.ljust(widths[0]), *columns, outcomes])


def _row(name: str, counts: Counts) -> tuple[str, ...]:
    bill = counts.billed
    numbers = (counts.calls, counts.peak, bill.prompt_tokens, bill.cached_tokens, bill.cache_write_tokens)
    outcomes = ", ".join(f"{outcome} {count:,}" for outcome, count in counts.outcomes.items()) or "none"
    return (name, *(f"{number:,}" for number in (*numbers, bill.completion_tokens)), outcomes)
