"""The provider's own bill against a run's books, to the last digit: faults, refusals, tiers, caches and crashes.

`ACCOUNTING_SEEDS=<number>` lives so many lives.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import orjson

import qloragen
from qloragen import Session
from qloragen.assembly import specs_of
from qloragen.bounds import budget_of
from qloragen.engine import cost
from qloragen.settings import load
from qloragen.simulator import (
    KINDS,
    Fault,
    Flex,
    Latency,
    Model,
    Plan,
    Provider,
    SimulatedClient,
    Simulation,
    SimulatorServer,
)
from qloragen.simulator.provider import ModelEndpoint
from qloragen.store.run import open_run
from qloragen.summary import Summary
from qloragen.types import Usage

from .test_fault_matrix import PatientLoop

SOL, LUNA = "gpt-6-sol", "gpt-6-luna"
NOTHING = Decimal(0)


def tokens(*usd: str) -> dict[str, str]:
    return dict(zip(("prompt", "cached", "cache_write", "completion"), usd, strict=True))


PRICES = {
    SOL: {
        **tokens("2.51", "0.253", "3.137", "20.07"),
        "flex": tokens("1.253", "0.127", "1.569", "10.03"),
        "batch": tokens("1.259", "0.131", "1.571", "10.09"),
    },
    LUNA: {
        **tokens("0.101", "0.0103", "0.127", "0.503"),
        "flex": tokens("0.053", "0.0053", "0.061", "0.251"),
        "batch": tokens("0.059", "0.0059", "0.067", "0.257"),
        "decisions": {"prompt": "0.107", "completion": "0"},
    },
}
"""Of digits that no two sums have in common."""
MODELS = {name: {"price": price} for name, price in PRICES.items()}

QUIET = {"unauthorized", "forbidden", "insufficient_quota", "model_not_found", "missing_usage"}
"""What ends a run, and replies that do not say what they are billed for."""
FAULTS = (
    *(Fault(kind, rate=0.014) for kind in KINDS if kind not in QUIET),
    *(Fault(kind, rate=0.014, endpoints=("batched", "decisions")) for kind in KINDS if kind not in QUIET),
)
AT_ONCE = (
    "500",
    "html_page",
    "length",
    "refusal",
    "invalid_arguments",
    "truncated_body",
    "reset_after_headers",
)
SEEDS = range(1, int(os.environ.get("ACCOUNTING_SEEDS", "2")) + 1)
UNSAID = Fault("missing_usage", rate=0.1)
SLOW = Latency(median_s=2, p99_s=9, token_s=0.01)
BODY = "Node {n} of the ring keeps its replicas in step with hinted handoff, read repair and nightly repair jobs. "


def articles(*numbers: int) -> list[dict[str, str]]:
    """Return articles that are long enough for prompt caches, and some that are not."""
    return [
        {
            "id": f"a{n}",
            "content": f"# Article {n}\n\n{BODY.format(n=n) * (90 if n % 3 else 4)}\n\nIts port is {7000 + n}.",
        }
        for n in numbers
    ]


class Billing(Provider):
    """A provider that keeps apart what it bills and does not say."""

    def __init__(self, *faults: Fault, seed: int = 1, latency: Latency = SLOW, record: bool = False) -> None:
        model = Model(
            latency=latency,
            flex=Flex(unavailable=0.1, downgraded=0.3),
            reasoning_tokens=30,
        )
        super().__init__(Simulation({"*": model}, faults, seed=seed), record=record)
        self.unsaid: list[Bill] = []
        self.busy, self.idle = threading.Event(), threading.Event()
        """The thirtieth call has come; no call is in flight."""

    def arrive(self, body: bytes, headers: Mapping[str, str], clock_s: float, endpoint: ModelEndpoint = "chat") -> Plan:
        plan = super().arrive(body, headers, clock_s, endpoint)
        self.idle.clear()
        if self.statistics.total.calls >= 30:
            self.busy.set()
        return plan

    def end(self, plan: Plan, clock_s: float, *, whole: bool) -> None:
        super().end(plan, clock_s, whole=whole)
        if not self.statistics.total.in_flight:
            self.idle.set()
        if whole and plan.usage is not None and plan.model and not (plan.reply or {}).get("usage"):
            self.unsaid.append((plan.service, plan.model, plan.usage))


Bill = tuple[str, str, Usage]
"""Service, model and tokens."""


def priced(bills: Iterable[Bill]) -> Decimal:
    """Return what tokens cost, by the list."""
    prices = {spec.name: spec.price for spec in specs_of(load(models=MODELS))}
    usd = NOTHING
    for service, model, usage in bills:
        price = prices[model]
        assert price is not None
        usd += cost(usage, price, tier=service)
    return usd


def billed(provider: Provider) -> list[Bill]:
    services = provider.statistics.services
    return [(service, name, one.billed) for service, found in services.items() for name, one in found.items()]


def undelivered(provider: Provider) -> list[Bill]:
    services = provider.statistics.services
    return [(service, name, one.undelivered) for service, found in services.items() for name, one in found.items()]


@dataclass
class ByHand:
    """A journal added up, line by line."""

    replies: Decimal = NOTHING
    lost: Decimal = NOTHING
    worst: Decimal = NOTHING
    useful: Decimal = NOTHING
    """Of replies, what nothing refuses, where there is a record or a type."""
    in_records: Decimal = NOTHING
    """What records say that they have cost, with what was refused before they came to be."""


def by_hand(folder: Path) -> ByHand:
    found, paid, settled = ByHand(), defaultdict[str, Decimal](Decimal), dict[str, dict[str, Any]]()
    for line in lines(folder / "journal.jsonl"):
        match line["t"]:
            case "reply":
                found.replies += Decimal(line["cost_usd"] or 0)
                paid[line["k"]] += Decimal(line["cost_usd"] or 0)
            case "lost":
                assert line["tier"] != "batch" or ":" in line["request_id"]
                found.lost += Decimal(line["cost_usd"] or 0)
                found.worst += Decimal(line["worst_usd"] or 0)
            case "record" | "types":
                settled[line["k"]] = line
            case "retry":
                paid.pop(line["k"], None)  # what comes to nothing stays in vain
    _add_settled(found, paid, settled)
    return found


def _add_settled(found: ByHand, paid: Mapping[str, Decimal], settled: Mapping[str, dict[str, Any]]) -> None:
    for key, line in settled.items():
        refused = {reason: Decimal(usd) for reason, _, usd, _ in line.get("refused", ())}
        if line["t"] == "record" or line["types"]:
            found.useful += paid[key] - sum(refused.values())
        if line["t"] == "record":
            found.in_records += paid[key] - refused.get("surplus", NOTHING)
            assert line["cost_usd"] is None or Decimal(line["cost_usd"]) == paid[key] - refused.get("surplus", NOTHING)


def check(folder: Path, provider: Billing, *, unread: Iterable[Bill] = (), killed: bool = False) -> Summary:
    """Hold a run's books against the provider's bill; after a kill, nobody knows of the calls that were in flight."""
    summary, books = qloragen.summary(folder), by_hand(folder)
    bill, never_came = summary.total.cost_usd, priced(undelivered(provider))
    assert priced(billed(provider)) == bill + never_came + priced([*unread, *provider.unsaid])
    assert summary.total.unpriced_calls == summary.total.bounded_calls == len(provider.unsaid)
    assert priced(provider.unsaid) <= summary.total.worst_usd
    assert bill == books.replies + books.lost

    wasted = sum((paid.cost_usd for paid in summary.waste.values()), NOTHING)
    assert summary.useful.cost_usd == books.useful
    assert books.useful + summary.pending.cost_usd + wasted == bill

    worst = sum((one.worst_usd for one in summary.lost.values()), NOTHING)
    assert worst + books.lost == books.worst
    assert never_came <= worst or killed
    with open_run(folder, anew=True) as run:
        assert run.state.ledger.bills == summary.bills
        assert (run.state.totals.waste, run.state.totals.useful) == (summary.waste, summary.useful)
    costs = [line["cost_usd"] for line in lines(folder / "records.jsonl")]
    assert None in costs or sum(map(Decimal, costs)) == books.in_records
    assert qloragen.verify(folder).problems == []
    return summary


def lines(file: Path) -> Iterator[dict[str, Any]]:
    return map(orjson.loads, file.read_bytes().splitlines())


class Virtual:
    """Sessions of one run, in virtual time."""

    def __init__(self, folder: Path, provider: Billing) -> None:
        self.folder = folder
        self._provider = provider

    def live(self, *numbers: int, dies_after_s: float | None = None, at_once: int = 1, **knobs: object) -> None:
        """Work on articles, several times at once where that is asked for, and die in the midst of it."""
        settings = load(models=MODELS, confirm_above_usd=100, **knobs)

        async def main() -> None:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, PatientLoop)
            loop.watch(anyio.to_thread.current_default_thread_limiter())
            with anyio.move_on_after(dies_after_s):
                async with Session(self.folder, client=SimulatedClient(self._provider), settings=settings) as session:
                    work = session._work  # noqa: SLF001 - a budget has no other face
                    async with anyio.create_task_group() as streams:
                        for _ in range(at_once):
                            streams.start_soon(session.process, articles(*numbers))
            # What this session has counted against its limits is what the next one will begin with.
            assert budget_of(load(), work.run.state.ledger).spent == work.engine.shared.budget.spent

        with asyncio.Runner(loop_factory=PatientLoop) as runner:
            runner.run(main())


def lived(folder: Path, seed: int) -> Summary:
    """Live through sessions that are cancelled, that go on at other tiers and in batches, and that classify in other
    ways; the books are held against the provider's after each."""
    provider = Billing(*FAULTS, UNSAID, seed=seed)
    run = Virtual(folder, provider)
    run.live(*range(8), dies_after_s=8)
    check(folder, provider)
    run.live(*range(12), flex=True)
    check(folder, provider)
    run.live(*range(12, 16), classifier="decisions")
    check(folder, provider)
    run.live(*range(16, 20), classifier="cascade")
    check(folder, provider)
    run.live(*range(16, 28), batch=True, dies_after_s=100)
    check(folder, provider)
    run.live(*range(16, 28), batch=True)
    return check(folder, provider)


def test_the_provider_bills_what_the_books_say_and_what_never_came(tmp_path):
    found = [lived(tmp_path / f"run{seed}", seed) for seed in SEEDS]

    assert {account.tier for one in found for account in one.bills} == {"default", "flex", "decisions", "batch"}
    assert {place.reason for one in found for place in one.lost} >= {"cancelled", "connection"}
    assert {reason for one in found for reason in one.waste} >= {"schema", "truncated", "refusal"}
    for one in found:
        assert one.total.usage.cached_tokens > 0
        assert one.total.usage.cache_write_tokens > 0
        assert one.total.unpriced_calls > 0


def test_streams_with_all_cells_in_common_pay_for_each_once_and_a_retry_pays_again(tmp_path):
    provider = Billing(*FAULTS, UNSAID, Fault("refusal", rate=0.2), seed=7)
    run = Virtual(tmp_path / "run", provider)

    run.live(*range(8), at_once=3, dies_after_s=15)
    check(tmp_path / "run", provider)
    run.live(*range(8), at_once=3)
    before = check(tmp_path / "run", provider)
    asked_again = qloragen.retry(tmp_path / "run")
    run.live(*range(8), at_once=3)
    after = check(tmp_path / "run", provider)

    assert before.calls < after.calls <= before.calls + 9 * asked_again.total()
    assert after.records > before.records


def test_batches_that_do_not_say_what_they_are_billed_for_are_on_the_bill_with_their_bound(tmp_path):
    provider = Billing(Fault("missing_usage", rate=1, endpoints=("batched",)))
    run = Virtual(tmp_path / "run", provider)

    run.live(1, batch=True)
    found = qloragen.summary(tmp_path / "run").total
    run.live(1, 2, batch=True, max_cost_usd=1)

    assert found.calls == found.unpriced_calls == found.bounded_calls > 1
    assert priced(billed(provider)) <= qloragen.summary(tmp_path / "run").total.worst_usd
    assert qloragen.summary(tmp_path / "run").classified == 2


def test_after_a_kill_only_what_was_in_flight_is_on_no_bill(tmp_path, portal):
    provider = Billing(*(Fault(kind, rate=0.02) for kind in AT_ONCE), latency=Latency(median_s=0.05), record=True)
    source, folder = tmp_path / "articles.jsonl", tmp_path / "run"
    source.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in articles(*range(16))))
    with portal.wrap_async_context_manager(SimulatorServer(provider)) as server:
        process = start(source, folder, server.base_url)
        assert provider.busy.wait(30)
        process.kill()
        process.wait()
        assert provider.idle.wait(30)
        cut = check(folder, provider, unread=unread_by(folder, provider), killed=True)
        assert start(source, folder, server.base_url).wait() in {0, 3}

    left = unread_by(folder, provider)
    assert len(left) <= provider.statistics.total.peak
    found = check(folder, provider, unread=left, killed=True)
    assert 0 < cut.calls < found.calls
    assert {place.reason for place in found.lost} >= {"connection"}


def start(source: Path, folder: Path, base_url: str) -> subprocess.Popen[bytes]:
    """Start a process that works on a run."""
    command = [sys.executable, "-m", "qloragen", "generate", str(source), "--out", str(folder), "--base-url", base_url]
    models = {"QLORAGEN_MODELS": orjson.dumps(MODELS).decode(), "QLORAGEN_MAX_CONCURRENCY": "8"}
    with (folder.parent / "log").open("ab") as log:
        return subprocess.Popen(command, env={**os.environ, **models}, stderr=log)


def unread_by(folder: Path, provider: Provider) -> list[Bill]:
    """Return the bills of replies that went out whole and are not in the journal: whoever they were for was dead."""
    there = {orjson.loads(line["body"])["id"] for line in lines(folder / "journal.jsonl") if line["t"] == "reply"}
    return [
        ("default", call.model, _usage(call.usage))
        for call in provider.calls
        if call.usage is not None and call.reply is not None and call.reply["id"] not in there
    ]


def _usage(shown: Mapping[str, Any]) -> Usage:
    prompt, completion = shown["prompt_tokens_details"], shown["completion_tokens_details"]
    return Usage(
        shown["prompt_tokens"],
        prompt["cached_tokens"],
        prompt.get("cache_write_tokens", 0),
        shown["completion_tokens"],
        completion["reasoning_tokens"],
    )
