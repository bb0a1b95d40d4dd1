"""Rehearsals in this process: what they say is what the run does, and nothing of them gets out."""

import os
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from time import process_time

import anyio
import anyio.to_thread
import orjson
import pytest
from structlog.contextvars import get_contextvars
from structlog.testing import capture_logs

import qloragen
from qloragen import Session, SetupError, arehearse, rehearse
from qloragen.engine.bound import Bound
from qloragen.rehearsing import whole
from qloragen.rehearsing.advice import advised
from qloragen.rehearsing.preparing import WHOLE
from qloragen.settings import load
from qloragen.simulator import Batches, Fault, Latency, Model, Outage, Provider, SimulatedClient, Simulation
from qloragen.testing import run_virtually
from qloragen.words import duration

from .rehearsals import a_provider, some_articles


def plainly(source, **wish):
    """Rehearse without advice."""
    return rehearse(source, advice=False, **wish)


# ------------------------------------------------------------------------------------------------- as the run itself


def test_a_rehearsal_is_what_the_run_comes_to(tmp_path):
    articles, provider = some_articles(12), a_provider(rpm=60, p99_s=4.0)

    async def run():
        async with Session(tmp_path / "run", client=SimulatedClient(Provider(provider)), rpm=60) as session:
            start_s = anyio.current_time()
            await session.process(articles)
            return session.summary, anyio.current_time() - start_s

    summary, seconds = run_virtually(run())
    rehearsal = plainly(articles, provider=provider, rpm=60)

    assert rehearsal.makespan_s == pytest.approx(seconds, rel=0.01)
    assert rehearsal.records == summary.records > 20
    assert rehearsal.calls == summary.calls
    assert rehearsal.cost_usd == summary.cost_usd
    assert rehearsal.observed.rejections == sum(summary.rejections.values())


def test_the_same_seed_gives_the_same_rehearsal():
    faults = (Fault("503", 0.3), Fault("rate_limited", 0.05))
    articles, one_by_one = some_articles(6), load(max_concurrency=1)

    first, second = (
        whole.play(articles, one_by_one, replace(a_provider(p99_s=5.0, seed=3), faults=faults)) for _ in range(2)
    )

    assert first.provider == second.provider
    assert first.makespan_s == pytest.approx(second.makespan_s, abs=1e-6)
    assert first.usage == second.usage
    assert {name: (seen.sent, seen.retried) for name, seen in first.models.items()} == {
        name: (seen.sent, seen.retried) for name, seen in second.models.items()
    }


def test_another_seed_gives_other_latencies():
    articles = some_articles(6)

    one, other = (whole.play(articles, load(), a_provider(p99_s=9.0, seed=seed)) for seed in (1, 2))

    assert abs(one.makespan_s - other.makespan_s) > 0.1


def test_a_day_of_waiting_takes_no_time():
    rehearsal = plainly(some_articles(2), provider=a_provider(seconds=80.0), max_concurrency=1, open_articles=1)

    assert rehearsal.makespan_s >= 80 * rehearsal.calls - 1


# ---------------------------------------------------------------------------------------------------- what bound it


def test_a_run_that_waits_for_its_rpm_is_bound_by_it():
    rehearsal = plainly(some_articles(20), rpm=20, max_concurrency=64)

    first = rehearsal.bindings[0]

    assert first.bound is Bound.RPM
    calls = rehearsal.observed.models[first.model].sent
    assert rehearsal.makespan_s == pytest.approx(calls / 20 * 60, rel=0.1)
    assert f"RPM of {first.model}" in str(rehearsal)


def test_a_run_of_few_calls_at_once_is_bound_by_them():
    rehearsal = plainly(some_articles(20), provider=a_provider(seconds=3.0), max_concurrency=2)

    assert rehearsal.bindings[0].bound is Bound.CONCURRENCY
    assert rehearsal.bindings[0].share > 0.8


def test_a_run_whose_calls_wait_for_one_another_is_bound_by_latency():
    rehearsal = plainly(some_articles(4), provider=a_provider(seconds=3.0), max_concurrency=64, open_articles=1)

    assert rehearsal.bindings[0].bound is Bound.IDLE
    assert "latency" in str(rehearsal)


def test_an_outage_is_a_pause_that_the_run_survives():
    provider = replace(a_provider(), outages=(Outage(2, 300),))

    rehearsal = plainly(some_articles(20), provider=provider, max_concurrency=2)

    assert rehearsal.bindings[0].bound is Bound.PAUSED
    assert rehearsal.makespan_s > 300
    assert rehearsal.without_answer["outage"] > 5
    assert rehearsal.observed.articles == 20
    assert "outage: " in str(rehearsal)


# ------------------------------------------------------------------------------------------------------- early ends


def test_a_limit_ends_a_rehearsal_as_it_would_end_the_run():
    rehearsal = plainly(some_articles(12), max_calls=20, max_concurrency=2)

    assert rehearsal.observed.articles < 12
    assert rehearsal.calls <= 20
    assert "max_calls" in rehearsal.observed.stopped
    assert "ends early" in str(rehearsal)


def test_no_more_money_is_spent_than_is_set():
    limit = Decimal("0.06")

    rehearsal = plainly(some_articles(36), max_cost_usd=limit)

    assert limit / 2 < rehearsal.cost_usd <= limit
    assert "max_cost_usd" in rehearsal.observed.stopped


def test_what_would_stop_the_run_stops_its_rehearsal():
    provider = replace(a_provider(), faults=(Fault("unauthorized"),))

    rehearsal = plainly(some_articles(5), provider=provider)

    assert rehearsal.records == 0
    assert "key" in rehearsal.observed.stopped
    assert "$0" in str(rehearsal)


# -------------------------------------------------------------------------------------------------------- other tiers


def test_batches_take_their_time_and_cost_half():
    articles, batches = some_articles(6), Batches(median_s=3_600)
    provider = replace(a_provider(), batches=batches)

    at_once, batched = (plainly(articles, provider=provider, batch=batch) for batch in (False, True))

    assert batched.makespan_s > 2 * 3_600
    assert batched.records == at_once.records
    assert batched.cost_usd < at_once.cost_usd
    assert "the batches of the provider" in str(batched)
    assert "over time" not in str(batched)


def test_flex_costs_less_and_is_as_slow_as_the_provider_is_there():
    articles = some_articles(6)
    slow = Model(latency=Latency(1.0), flex=replace(Model().flex, latency=Latency(20.0), unavailable=0.3))

    usual, flex = (plainly(articles, provider=Simulation({"*": slow}), flex=flex) for flex in (False, True))

    assert flex.cost_usd < 0.6 * float(usual.cost_usd)
    assert flex.makespan_s > 5 * usual.makespan_s
    assert flex.without_answer["flex_unavailable"] > 0


# ------------------------------------------------------------------------------------------------ nothing gets out


def test_nothing_is_left_behind_and_nothing_is_written_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)

    rehearsal = plainly(some_articles(3), sinks=f"sqlite:{tmp_path}/records.db")

    assert rehearsal.records > 0
    assert list(tmp_path.iterdir()) == []


def test_a_place_in_which_no_folder_can_be_made_is_named_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))

    with pytest.raises(SetupError, match=r"no folder can be made for them \(No such file or directory\).*TMPDIR"):
        plainly(some_articles(1))


CRAMPED = """
import resource, qloragen
resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, resource.RLIM_INFINITY))
text = "Node {n} repairs what replica {n} has lost, and tells its neighbours so. "
try:
    qloragen.rehearse([text.format(n=n) * 9 for n in range(9)], advice=False)
except qloragen.SetupError as error:
    print(error)
"""


def test_a_place_without_room_is_named_in_a_sentence_and_no_money_is_called_lost(tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", CRAMPED], capture_output=True, text=True, env=environment, check=False)

    assert done.stdout.startswith(f"A rehearsal keeps files until it ends, and {tmp_path}/qloragen-rehearsal-")
    assert done.stdout.endswith(
        " cannot be written: make room there, or name another place in TMPDIR. Nothing was paid for.\n"
    )
    assert list(tmp_path.iterdir()) == []


ALONE = """
import sys
def refuse(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto"}:
        raise SystemExit(f"{event} {arguments}")
sys.addaudithook(refuse)
import qloragen
text = "Node {n} repairs what replica {n} has lost, and tells its neighbours so. "
rehearsal = qloragen.rehearse([text.format(n=n) * 9 for n in range(2)], rpm=100, base_url="http://127.0.0.1:9/v1")
assert rehearsal.advice
print(rehearsal.records)
"""


def test_no_connection_is_made_and_no_key_is_needed(tmp_path):
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, cwd=tmp_path, check=False)

    assert done.stderr == ""
    assert int(done.stdout) > 0


def test_events_of_a_rehearsal_say_so_and_the_context_of_the_caller_is_left_alone():
    with capture_logs() as events:
        plainly(some_articles(1))

    assert get_contextvars() == {}
    assert {event.get("rehearsal", True) for event in events} <= {True}


# --------------------------------------------------------------------------------------------- a run that has begun


def run_of(tmp_path, articles, **knobs):
    async def run():
        async with Session(tmp_path, client=SimulatedClient(Provider(a_provider())), **knobs) as session:
            await session.process(articles)
            return session.summary

    return run_virtually(run())


def test_what_a_run_has_finished_is_left_out(tmp_path):
    articles = some_articles(10)
    run_of(tmp_path / "run", articles[:6])
    before = {path: path.read_bytes() for path in (tmp_path / "run").glob("*.js*")}

    rehearsal = plainly(articles, out=tmp_path / "run")

    assert (rehearsal.finished, rehearsal.total) == (6, 4)
    assert rehearsal.records == plainly(articles[6:]).records
    assert "6 are finished already" in str(rehearsal)
    assert {path: path.read_bytes() for path in (tmp_path / "run").glob("*.js*")} == before


def test_a_limit_counts_what_the_run_has_spent(tmp_path):
    articles = some_articles(12)
    spent = run_of(tmp_path / "run", articles[:6]).calls

    rehearsal = plainly(articles, out=tmp_path / "run", max_calls=spent + 5)

    assert rehearsal.calls <= 5
    assert "max_calls" in rehearsal.observed.stopped
    assert "Spending limits are what the run has left of them." in rehearsal.notes


def test_work_that_no_longer_counts_is_said_to(tmp_path):
    articles = some_articles(4)
    run_of(tmp_path / "run", articles)

    rehearsal = plainly(articles, out=tmp_path / "run", classify_model="gpt-6-luna")

    assert (rehearsal.finished, rehearsal.total) == (0, 4)
    (said,) = [note for note in rehearsal.notes if "has changed since" in note]
    assert "classify model gpt-6-sol -> gpt-6-luna" in said


def test_a_finished_run_is_not_rehearsed(tmp_path):
    articles = some_articles(2)
    run_of(tmp_path / "run", articles)

    with pytest.raises(SetupError, match="All articles of the source are finished"):
        plainly(articles, out=tmp_path / "run")


# ----------------------------------------------------------------------------------------------- more than a sample


def test_more_articles_than_are_played_whole_are_like_these():
    articles = some_articles(24)

    all_of_them = plainly(articles, rpm=200)
    sampled = plainly(articles, whole=12, rpm=200)

    assert (sampled.played, sampled.total) == (12, 24)
    assert sampled.records == pytest.approx(all_of_them.records, rel=0.25)
    assert sampled.makespan_s == pytest.approx(all_of_them.makespan_s, rel=0.25)
    assert 0 < sampled.error < 1
    assert "a sample of 12" in str(sampled)
    assert sum(sampled.observed.costs_usd.values()) == sampled.cost_usd


def test_a_rehearsal_of_more_articles_than_there_are_takes_as_much_longer():
    articles = some_articles(12)

    few, many = (plainly(articles, articles=count, rpm=60, tpm=10_000_000) for count in (12, 240))

    assert many.observed.articles == 240
    assert many.makespan_s == pytest.approx(20 * few.makespan_s, rel=0.1)
    assert float(many.cost_usd) == pytest.approx(20 * float(few.cost_usd), rel=0.1)


def test_batches_are_rehearsed_whole_or_not_at_all():
    with pytest.raises(SetupError, match="--whole 9"):
        plainly(some_articles(9), whole=5, batch=True)


def test_a_source_of_too_few_articles_for_batches_is_told_how_many_it_has():
    with pytest.raises(SetupError, match=r"to play 3 articles, not 50: .*or take fewer \(--articles 3\)"):
        plainly(some_articles(3), articles=50, whole=50, batch=True)


# ------------------------------------------------------------------------------------------------------------ callers


async def test_it_can_be_awaited_where_a_loop_is_running():
    rehearsal = await arehearse(some_articles(2), advice=False)

    assert rehearsal.records > 0
    assert rehearsal.played == 2 <= WHOLE


async def test_the_blocking_form_says_so_where_a_loop_is_running():
    with pytest.raises(SetupError, match="arehearse"):
        rehearse(some_articles(1))


@pytest.mark.parametrize("whole", [WHOLE, 150])
async def test_a_rehearsal_that_nobody_waits_for_ends_soon(tmp_path, monkeypatch, whole):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    articles = some_articles(200)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: arehearse(articles, max_concurrency=1, whole=whole))
        while not list(tmp_path.iterdir()):
            await anyio.lowlevel.checkpoint()
        began_s = process_time()
        tasks.cancel_scope.cancel()

    assert process_time() - began_s < 1.5
    assert anyio.to_thread.current_default_thread_limiter().borrowed_tokens == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"source": []}, "There is no article in the source"),
        ({"source": ["Too short."]}, r"no article in the source \(1 too_short\)"),
        ({"whole": 0}, "whole is 0"),
        ({"articles": 0}, "articles is 0"),
        ({"articles": 10**24}, "articles is 1000000000000000000000000; it must be 100,000,000 or less"),
        ({"out": __file__}, "is a file; give a directory"),
        ({"limit": -1}, "limit is -1"),
        ({"local": True}, "leave out local"),
        ({"provider": "nowhere"}, "nowhere"),
        ({"rpms": 3}, "rpms"),
    ],
)
def test_what_cannot_be_rehearsed_is_said_in_a_sentence(wish, said):
    with pytest.raises(SetupError, match=said):
        plainly(**{"source": some_articles(2), **wish})


# ------------------------------------------------------------------------------------------------------ what is said


def test_a_rehearsal_is_json_and_money_is_exact():
    rehearsal = plainly(some_articles(4), rpm=100)

    found = orjson.loads(orjson.dumps(rehearsal.as_dict()))

    assert Decimal(found["cost_usd"]) == pytest.approx(rehearsal.cost_usd, abs=Decimal("0.000001"))
    assert found["records"] == rehearsal.records
    assert sum(model["calls"] for model in found["models"].values()) == found["calls"]
    assert sum(Decimal(model["cost_usd"]) for model in found["models"].values()) == pytest.approx(
        Decimal(found["cost_usd"]), abs=Decimal("0.00001")
    )
    for model in found["models"].values():
        assert sum(moment["sent"] for moment in model["moments"]) == model["calls"]


def test_the_report_names_what_somebody_decides_by():
    rehearsal = plainly(some_articles(8), rpm=100, tpm=50_000)

    said = str(rehearsal)

    for name in ("takes", "costs", "makes", "calls", "bound by", "CPU", "memory", "over time", "taken for granted"):
        assert name in said
    assert duration(rehearsal.makespan_s) in said
    assert "100 RPM, 50,000 TPM" in said
    assert all(len(line) <= 110 for line in said.splitlines())


def test_a_price_that_is_not_known_is_not_made_up():
    rehearsal = plainly(some_articles(2), classify_model="mine", generate_model="gpt-6-luna")

    assert rehearsal.cost_usd is None
    assert rehearsal.usd_per_1000_records is None
    assert "costs       unknown: no price is known for mine (set it with --set models=...)\n" in str(rehearsal)


def test_a_run_that_ends_with_its_first_call_is_not_said_to_keep_a_core_busy():
    rehearsal = plainly(some_articles(2), max_cost_usd="0.0001")

    said = str(rehearsal)
    assert rehearsal.cpu.share > 1
    assert "takes       0 s for 0 articles\n" in said
    assert "one core" not in said


def test_reasoning_that_the_run_does_not_ask_for_is_said_not_to_count():
    quiet = plainly(some_articles(1), provider=a_provider())
    thinking = Simulation(models={"*": Model(reasoning_tokens=300)})

    said = plainly(some_articles(1), provider=thinking).notes

    assert "gpt-6-luna is asked not to reason, so its 300 reasoning tokens do not count." in said
    assert quiet.notes == ()


def test_advice_is_what_another_rehearsal_says():
    articles = some_articles(10)

    slow = rehearse(articles, rpm=20, max_concurrency=64)
    fast = plainly(articles, rpm=40, max_concurrency=64)

    helpful = [one for one in slow.advice if "RPM" in one.change and one.effect == "faster"]
    assert helpful
    assert helpful[0].time_ratio == pytest.approx(fast.makespan_s / slow.makespan_s, rel=0.15)
    assert helpful[0].sentence in " ".join(str(slow).split())


def test_articles_that_are_worked_on_one_by_one_are_told_to_be_more():
    articles, settings, provider = some_articles(6), load(open_articles=1, max_concurrency=64), a_provider()

    def play(changed, simulation):
        if changed.open_articles == 1:
            raise SetupError("Other changes are not asked about here.")
        return whole.play(articles, changed, simulation)

    alone = whole.play(articles, settings, provider)
    (more, *_) = advised(alone, settings, provider, play)

    assert more.change == "open_articles: 2 in place of 1"
    assert more.effect == "faster"
    assert more.time_ratio is not None
    assert 0.4 < more.time_ratio < 0.7


def test_the_names_are_public():
    assert {qloragen.rehearse, qloragen.arehearse, qloragen.Rehearsal} <= {
        getattr(qloragen, name) for name in qloragen.__all__
    }
    assert not Path("qloragen-rehearsal").exists()
