"""Runs that work in batches: the same records at half the price, stopped, bounded, and gone on with in any way."""

from __future__ import annotations

from decimal import Decimal
from signal import SIGINT

import anyio
import pytest

from qloragen import BudgetReached, Interrupted, SettingsError
from qloragen.engine.pricing import cost, lookup
from qloragen.oneshot import summary
from qloragen.simulator import Fault, SimulatedClient
from qloragen.simulator.batch_settings import Batches

from .batch_lives import QUICK, Lives, bill_of, provider_of
from .test_main_job import articles, lines_of

CELLS = 24
"""Of six articles: a classification each, and three records."""
SLOW = Batches(median_s=600, validating_s=10)


def records_of(lives):
    return {line["id"]: (line["instruction"], line["output"]) for line in lines_of(lives.run / "records.jsonl")}


def answered(provider, service):
    return sum(counts.outcomes.get("answered", 0) for counts in provider.statistics.services.get(service, {}).values())


async def interrupt(_, session):
    await anyio.sleep(300)
    session.stop(Interrupted("Stopped.", signal=SIGINT))


def test_batches_make_the_same_records_at_half_the_price_a_batch_for_each_stage(tmp_path):
    single = Lives(tmp_path / "single", provider_of(), articles(6), batch=False)
    single.live()
    lives = Lives(tmp_path / "batch", provider_of(), articles(6))
    lives.live()

    lives.check(CELLS)
    assert records_of(lives) == records_of(single)
    assert [ask for ask in lives.asks if ask.startswith("POST")] == ["POST /files", "POST /batches"] * 2
    assert {account.tier for account in lives.summary.bills} == {"batch"}
    for account, bill in lives.summary.bills.items():
        price = lookup(account.model)
        assert price is not None
        assert bill.cost_usd == cost(bill.usage, price) / 2


def test_a_day_of_waiting_passes_with_a_look_a_minute(tmp_path):
    lives = Lives(tmp_path, provider_of(Batches(median_s=20 * 3_600)), articles(2), batch_poll_s=60)

    lives.live()

    assert lives.now_s > 40 * 3_600
    assert len(lives.asks) == pytest.approx(2 * 20 * 60, rel=0.01)
    lives.check(8)


def test_requests_that_come_one_after_the_other_gather_in_one_batch(tmp_path):
    async def dripping():
        for article in articles(6):
            await anyio.sleep(8)
            yield article

    lives = Lives(tmp_path, provider_of(), dripping(), batch_gather_s=10)
    lives.live()

    assert lives.asks.count("POST /batches") == 2
    lives.check(CELLS)


def test_a_stop_ends_at_once_and_the_next_process_collects_what_goes_on_at_the_provider(tmp_path):
    lives = Lives(tmp_path, provider_of(SLOW), articles(6))

    with pytest.raises(Interrupted):
        lives.live(beside=interrupt)
    assert lives.now_s == pytest.approx(300, abs=1)
    assert [(one.requests, one.batch) for one in lives.left()] == [(6, "batch_0")]
    lives.live()

    assert "POST /files" not in lives.asks[: lives.asks.index("GET /batches/batch_0") + 1]
    lives.check(CELLS)


def test_batches_that_are_open_are_in_the_summary_of_a_run_that_nobody_works_in(tmp_path):
    lives = Lives(tmp_path, provider_of(SLOW), articles(6))
    with pytest.raises(Interrupted):
        lives.live(beside=interrupt)

    (found,) = summary(lives.run).batches

    assert (found.id, found.model, found.requests) == ("batch_0", "gpt-6-sol", 6)
    said = str(summary(lives.run))
    assert "batches at the provider 1 batch with 6 requests: the same command collects them" in said
    assert f"batch_0  gpt-6-sol         6  {found.asked:%Y-%m-%d %H:%M}" in said


def test_an_ordinary_run_collects_what_is_in_batches_and_asks_for_the_rest_at_once(tmp_path):
    lives = Lives(tmp_path, provider_of(SLOW), articles(6))
    with pytest.raises(Interrupted):
        lives.live(beside=interrupt)

    lives.live(batch=False)

    assert (answered(lives.provider, "batch"), answered(lives.provider, "default")) == (6, 18)
    assert (lives.summary.calls, lives.summary.records) == (CELLS, 18)
    assert not [ask for ask in lives.asks if ask.startswith("POST")]
    assert lives.provider.statistics.duplicates == 0


def test_what_an_open_batch_left_undone_is_asked_for_at_once_in_an_ordinary_run(tmp_path):
    lives = Lives(tmp_path, provider_of(Batches(median_s=600, window_s=900, expired=1, unfinished=0.5)), articles(6))
    with pytest.raises(Interrupted):
        lives.live(beside=interrupt)

    lives.live(batch=False)

    assert 0 < answered(lives.provider, "batch") < 6
    assert (lives.summary.calls, lives.summary.records) == (CELLS, 18)
    assert lives.provider.statistics.duplicates == 0
    assert lives.left() == []


def test_a_run_in_batches_goes_on_with_what_an_ordinary_one_has_begun(tmp_path):
    lives = Lives(tmp_path, provider_of(), articles(6))
    lives.live(batch=False, source=articles(2))

    lives.live()

    assert answered(lives.provider, "batch") == 16
    assert (lives.summary.calls, lives.summary.records) == (CELLS, 18)


def test_replies_that_nobody_asks_for_any_more_are_kept(tmp_path):
    lives = Lives(tmp_path, provider_of(SLOW), articles(6))
    with pytest.raises(Interrupted):
        lives.live(beside=interrupt)

    lives.live(source=articles(1))
    lives.live()

    assert lives.summary.records == 18
    lives.check(CELLS)


def test_a_client_without_the_batch_api_cannot_be_used(tmp_path):
    class Plain:
        def __init__(self, client):
            self.post = client.post

    lives = Lives(tmp_path, provider_of(), articles(1))

    with pytest.raises(SettingsError, match="cannot be used for batches"):
        lives.live(client_of=Plain)


# ------------------------------------------------------------------------------------------ the spending limit


def test_the_spending_limit_is_never_passed_and_a_higher_one_goes_on(tmp_path):
    lives = Lives(tmp_path, provider_of(SLOW), articles(6))
    limits = []

    for cents in range(1, 40):
        limit = Decimal(cents) / 400
        try:
            lives.live(max_cost_usd=limit)
        except BudgetReached:
            limits.append(limit)
            assert bill_of(lives.provider) <= limit
            assert lives.left() == []
        else:
            break

    assert limits
    lives.check(CELLS)


def test_what_is_in_open_batches_counts_against_the_limit_of_the_next_process(tmp_path):
    lives = Lives(tmp_path, provider_of(SLOW), articles(6))
    with pytest.raises(Interrupted):
        lives.live(beside=interrupt)

    with pytest.raises(BudgetReached):
        lives.live(max_cost_usd=Decimal("0.000001"))

    assert lives.summary.calls == 6
    assert lives.left() == []
    lives.live()
    lives.check(CELLS)


# ------------------------------------------------------------------------------------------ side by side


def test_decisions_are_made_at_once(tmp_path):
    lives = Lives(tmp_path, provider_of(), articles(6), classifier="decisions")

    lives.live()

    assert answered(lives.provider, "decisions") == 6
    assert answered(lives.provider, "default") == 0
    assert lives.asks.count("POST /batches") == 1
    assert lives.provider.statistics.duplicates == 0


def test_the_way_to_ask_an_unknown_model_is_found_out_by_single_calls_before_any_batch(tmp_path):
    lives = Lives(tmp_path, provider_of(), articles(6), generate_model="m")
    lives.live()

    assert answered(lives.provider, "default") == 1
    assert answered(lives.provider, "batch") == CELLS - 1
    assert lives.summary.records == 18
    assert lives.provider.statistics.duplicates == 0


def test_faults_of_all_kinds_and_both_stages_end_in_one_bill(tmp_path):
    faults = (
        Fault("500", 0.1, endpoints=("batched",)),
        Fault("rate_limited", 0.1, endpoints=("batched",)),
        Fault("length", 0.1, endpoints=("batched",)),
        Fault("503", 0.2, endpoints=("files", "batches")),
    )
    lives = Lives(tmp_path, provider_of(QUICK, faults=faults, seed=5), articles(20))

    lives.live()

    assert lives.summary.cost_usd == bill_of(lives.provider)
    assert lives.provider.statistics.duplicates == 0
    assert lives.left() == []


def test_a_batch_that_is_being_made_at_a_stop_has_its_id_on_record(tmp_path):
    class Slow(SimulatedClient):
        async def ask(self, ask, *, timeout_s):
            reply = await super().ask(ask, timeout_s=timeout_s)
            if (ask.method, ask.path) == ("POST", "/batches"):
                stopped.set()
                await anyio.sleep(20)
            return reply

    async def stop(_, session):
        await stopped.wait()
        session.stop(Interrupted("Stopped.", signal=SIGINT))

    lives, stopped = Lives(tmp_path, provider_of(SLOW), articles(6)), anyio.Event()
    with pytest.raises(Interrupted):
        lives.live(beside=stop, client_of=lambda client: Slow(lives.provider))
    assert [one.batch for one in lives.left()] == ["batch_0"]
    lives.live()

    lives.check(CELLS)


def test_a_batch_of_a_model_that_is_used_no_more_is_collected_all_the_same(tmp_path):
    lives = Lives(tmp_path, provider_of(SLOW), articles(6))
    with pytest.raises(Interrupted):
        lives.live(beside=interrupt)
    assert len(lives.left()) == 1

    lives.now_s += 1_000
    lives.live(classify_model="gpt-6-luna", accept_changes=True)

    assert lives.left() == []
    assert lives.summary.cost_usd == bill_of(lives.provider)
