"""The command that stands in for a provider: `simulate`."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec

import anyio

from ..signals import received
from ..simulator import (
    Capacity,
    Counts,
    Latency,
    Limits,
    Model,
    PromptCache,
    Provider,
    Simulation,
    SimulatorServer,
    Statistics,
)
from ..simulator.description import read_simulation
from .provider_flags import add_provider, fault_of, outage_of, refuse_beside_a_file


def flags(parser: argparse.ArgumentParser) -> None:
    """Add what can be set."""
    parser.add_argument("--port", type=int, metavar="N", default=0, help="port to listen on; a free one when left out")
    _flags_of_the_provider(parser)


def _flags_of_the_provider(parser: argparse.ArgumentParser) -> None:
    add_provider(parser.add_argument)
    parser.add_argument("--api-key", metavar="KEY", help="the one key that is let in; all are when left out")
    parser.add_argument("--model", action="append", metavar="M", help="a model that there is; all are when left out")


def simulate(arguments: argparse.Namespace) -> int:
    """Listen until a signal comes, then show on standard error what was seen."""
    simulation = _simulation(arguments) if arguments.config is None else _described(arguments)
    provider = Provider(simulation)
    options = {"use_uvloop": find_spec("uvloop") is not None}
    anyio.run(_listen, provider, arguments.port or 0, backend_options=options)
    print(_table(provider.statistics), file=sys.stderr)
    return 0


async def _listen(provider: Provider, port: int) -> None:
    async with SimulatorServer(provider, port=port) as server:
        with received() as signals:
            print(f"listening on {server.base_url}", flush=True)
            async for _ in signals:
                return


# ------------------------------------------------------------------------------------------------------------ settings


def _described(arguments: argparse.Namespace) -> Simulation:
    """Return the simulation of a file, which stands alone."""
    parser = argparse.ArgumentParser()
    _flags_of_the_provider(parser)
    refuse_beside_a_file(arguments, parser)
    return read_simulation(arguments.config)


def _simulation(arguments: argparse.Namespace) -> Simulation:
    return Simulation(
        models=dict.fromkeys(arguments.model or ("*",), _behaviour(arguments)),
        faults=tuple(fault_of(text) for text in arguments.fault),
        outages=tuple(outage_of(text) for text in arguments.outage),
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
