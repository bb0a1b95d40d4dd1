"""What whole runs log: events as the table says, about what they are, and neither articles nor secrets."""

from __future__ import annotations

import io
import logging
from contextlib import suppress
from dataclasses import replace

import pytest
import structlog

from qloragen import Session
from qloragen.errors import RunStopped
from qloragen.judging.opening import judging
from qloragen.judging.planning import Wish
from qloragen.logs import configure, get_logger
from qloragen.settings import load
from qloragen.simulator import Fault, Latency, Limits, Model, Outage, Provider, SimulatedClient, Simulation
from qloragen.simulator.faults import KINDS
from qloragen.testing import run_virtually

from .judges import MODEL, PRICED, Oracle, articles, client_of, make_run
from .log_table import CONTEXT, fields_of, listening, table

ROWS = table()
MARK = "quizzaciously"
"""A word of all articles, and so of all prompts and replies, that nothing else would say."""
KEY = "key-of-a-gateway-0123456789"
ARTICLES = [
    {
        "id": f"a{n}",
        "title": f"The {MARK} title {n}",
        "content": f"# {MARK} {n}\n\n"
        + "\n\n".join(
            f"Setting {MARK}_{n}_{part} to {part + 7} {MARK} makes the memtable of article {n} keep part {part} in"
            " memory until it is flushed to an SSTable on disk, which takes longer on slow disks."
            for part in range(6)
        ),
    }
    for n in range(12)
]
ENOUGH = {"rate_limited": 0.05, "503": 0.05, "truncated_body": 0.05, "html_page": 0.04, "length": 0.04} | {
    "prose_instead_of_call": 0.2,
    "content_policy": 0.04,
    "reset_before_headers": 0.04,
    "bad_request": 0.03,
    "hang": 0.02,
}


def storm(*faults: Fault) -> Simulation:
    """Return a provider with a bit of every trouble, whose messages say the caller's key."""
    struck = tuple(Fault(kind, rate, effect=_telling(kind)) for kind, rate in ENOUGH.items())
    model = Model(Limits(rpm=600), latency=Latency(2.0, 8.0, 0.01))
    return Simulation(models={"*": model}, faults=(*faults, *struck), outages=(Outage(20, 15),), seed=7)


def _telling(kind):
    effect = KINDS[kind]
    return effect.error and replace(effect, error={**effect.error, "message": f"It went wrong with {KEY}."})


async def worked(folder, simulation=None, sinks=(), **knobs):
    """Make records of all articles; returns the session."""
    client = SimulatedClient(Provider(simulation or storm()))
    settings = load(**{"max_attempts": 4, "timeout_s": 60, "max_concurrency": 8, **knobs})
    async with Session(folder, client=client, settings=settings, sinks=sinks) as session:
        with suppress(RunStopped):
            await session.process([*ARTICLES, {"id": "bad", "content": ""}, *ARTICLES[:1]])
    return session


def test_every_event_of_a_run_through_all_troubles_is_as_its_row_says(tmp_path):
    with listening() as heard:
        session = run_virtually(worked(tmp_path / "run"))

    assert {"call_failed", "cell_failed", "cell_rejected", "model_paused", "source_skipped"} <= heard.names
    assert_as_told(heard)
    assert session.tally.records > 20


def test_the_same_of_runs_in_batches_and_with_sinks_that_take_nothing_for_a_while(tmp_path):
    faults = (
        Fault("503", start_s=30, end_s=200, endpoints=("batches",)),
        Fault("content_policy", 0.1, endpoints=("batched",)),
    )

    with listening() as heard:
        run_virtually(
            worked(
                tmp_path / "run",
                Simulation(faults=faults),
                sinks=[Moody(), Moody("deaf", 9**9)],
                batch=True,
                max_outage_s=600,
            )
        )

    assert {"batch_submitted", "batch_ended", "batch_call_failed", "cell_failed"} <= heard.names
    assert {"sink_refuses", "sink_takes_again", "sinks_awaited", "records_not_delivered"} <= heard.names
    assert_as_told(heard)
    assert {"run"} == {name for event in of_batches(heard) for name in CONTEXT & event.keys()}
    assert {event["article"] for event in heard.of("cell_settled")} <= {article["id"] for article in ARTICLES}


async def test_the_same_of_a_judge(tmp_path):
    oracle = Oracle(make_run(tmp_path / "run", 2))
    settings, wish = load(judge_model=MODEL, models=PRICED), Wish(None, None, 0.05)

    with listening() as heard:
        async with judging(tmp_path / "run", settings, wish, client_of(oracle.half)) as opened:
            await opened.process()

    assert_as_told(heard)
    judged = heard.of("cell_settled", "call_answered")
    assert {(event["stage"], event["run"]) for event in judged} == {("judge", run_of(heard))}
    assert {event["article"] for event in judged} == {article.id for article in articles()}
    (ended,) = heard.of("run_ended")
    assert (ended["made"], ended["calls"]) == (opened.tally.records, opened.bill.calls)


def assert_as_told(heard):
    """Look at the level and the fields of every record."""
    for record in heard.records:
        row = ROWS[record.msg, record.levelname.lower()]
        fields = fields_of(record).keys()
        assert row.fields is None or row.fields == fields - (CONTEXT - row.fields), record.msg
        assert "run" in fields, record.msg


def of_batches(heard):
    """Return the fields of what is about batches, and so about no single article."""
    return heard.of(*(name for name in heard.names if name.startswith("batch_")))


class Moody:
    """A sink that takes nothing for a minute, or never."""

    def __init__(self, name: str = "moody", refusals: int = 3) -> None:
        self.name = name
        self._refusals = refusals

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, trace):
        return None

    async def put(self, records):
        self._refusals -= 1
        if self._refusals >= 0:
            raise OSError("It takes nothing.")

    async def drop(self, ids):
        return None


def test_what_happens_to_an_article_or_a_cell_says_which(tmp_path):
    with listening() as heard:
        session = run_virtually(worked(tmp_path / "run"))

    cells = heard.of("cell_settled", "cell_rejected", "cell_failed")
    assert len(heard.of("article_finished")) == session.tally.finished_articles
    assert len(cells) == session.summary.classified + session.tally.records + session.tally.missing
    for event in heard.of("call_sent", "call_answered", "call_failed") + cells:
        assert {event["run"], event["article"], event["stage"]} == {run_of(heard), event["article"], event["stage"]}
        assert ("type" in event) == (event["stage"] == "generate")
    assert {event["article"] for event in cells} == {article["id"] for article in ARTICLES}
    assert all("article" not in event for event in heard.of("source_skipped", "run_opened", "run_ended"))


def run_of(heard):
    """Return the name of the run."""
    return heard.of("run_opened")[0]["run"]


def test_a_run_says_when_it_opens_and_what_each_session_has_come_to(tmp_path):
    with listening("INFO") as heard:
        first = run_virtually(worked(tmp_path / "run", max_calls=20))
        paid_first = first.bill
        second = run_virtually(worked(tmp_path / "run"))

    opened, ended = heard.of("run_opened"), heard.of("run_ended")
    assert [(one["resumed"], one["folder"]) for one in opened] == [
        (False, str(tmp_path / "run")),
        (True, str(tmp_path / "run")),
    ]
    assert len({one["run"] for one in opened + ended}) == 1
    assert "max_calls" in str(ended[0]["status"])
    assert ended[1]["status"] == "ended"
    for event, session in zip(ended, (first, second), strict=True):
        assert event["made"] == session.tally.records
        assert event["rejected"] == dict(session.tally.rejected)
        assert event["skipped"] == {"empty": 1, "duplicate": 1}
    assert [one["calls"] for one in ended] == [paid_first.calls, second.bill.calls - paid_first.calls]
    assert sum(one["cost_usd"] for one in ended) == pytest.approx(float(second.bill.cost_usd))
    assert ended[1]["elapsed_s"] > 10


def test_files_that_had_to_be_mended_are_told_of_under_the_name_of_their_run(tmp_path):
    with listening() as heard:
        run_virtually(worked(tmp_path / "run", max_calls=20))
        with (tmp_path / "run" / "journal.jsonl").open("ab") as journal:
            journal.write(b'{"broken')
        run_virtually(worked(tmp_path / "run"))

    (mended,) = heard.of("run_recovered")
    assert mended["run"] == run_of(heard)
    assert_as_told(heard)


@pytest.mark.parametrize(
    ("simulation", "knobs", "said"),
    [
        (storm(), {"max_calls": 20}, ("WARNING", "BudgetReached")),
        (Simulation(faults=(Fault("insufficient_quota", every=20),)), {}, ("ERROR", "QuotaExhausted")),
    ],
)
def test_a_run_that_ends_early_is_a_warning_where_that_was_wished_and_else_an_error(tmp_path, simulation, knobs, said):
    with listening("INFO") as heard:
        run_virtually(worked(tmp_path / "run", simulation, **knobs))

    (stopping,) = [record for record in heard.records if record.msg == "run_stopping"]
    assert (stopping.levelname, fields_of(stopping)["reason"]) == said
    assert fields_of(stopping)["run"] == run_of(heard)


def test_a_good_run_says_at_level_info_only_that_it_was_there_and_what_it_skipped(tmp_path):
    with listening("INFO") as heard:
        run_virtually(worked(tmp_path / "run", Simulation()))

    assert [record.msg for record in heard.records] == ["run_opened", "source_skipped", "source_skipped", "run_ended"]


@pytest.mark.parametrize("format", ["console", "json"])
def test_no_text_of_articles_and_replies_and_no_secret_is_logged_at_any_level(tmp_path, monkeypatch, format):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    lines = io.StringIO()
    configure(format, "debug", lines)

    with listening() as heard:
        run_virtually(worked(tmp_path / "run"))

    said = lines.getvalue() + "".join(str(vars(record)) for record in heard.records)
    assert MARK in (tmp_path / "run/records.jsonl").read_text()
    assert said.count("call_answered") > 80
    assert MARK not in said
    assert KEY not in said


def test_a_key_in_the_words_by_which_a_provider_ends_a_run_is_not_repeated(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    with listening() as heard:
        run_virtually(worked(tmp_path / "run", Simulation(faults=(Fault("503", effect=_telling("503")),))))

    assert "went wrong with ***" in heard.of("run_stopping")[0]["why"]
    assert "went wrong with ***" in heard.of("run_ended")[0]["status"]
    assert KEY not in str([vars(record) for record in heard.records])


def test_a_secret_in_an_event_is_hidden_from_hosts_too(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    with listening() as heard:
        get_logger().info("failed", error=f"no access for {KEY}", deep={"list": [f"sk-{'x' * 20}", 7, None]})

    assert heard.of("failed") == [{"error": "no access for ***", "deep": {"list": ["sk-***", 7, None]}}]


def test_the_context_and_the_configuration_of_an_embedding_program_stay_as_they_are(tmp_path):
    root, ours = logging.getLogger(), logging.getLogger("qloragen")
    before = (root.level, [*root.handlers], ours.level, ours.propagate, structlog.is_configured())
    seen = []

    def look():
        seen.append(dict(structlog.contextvars.get_contextvars()))

    async def source():
        for article in ARTICLES[:2]:
            look()
            yield article

    class Looking(Moody):
        async def put(self, records):
            look()

    async def program():
        structlog.contextvars.bind_contextvars(request="r1", run="my own")
        client = SimulatedClient(Provider(Simulation()))
        async with Session(tmp_path / "run", client=client, sinks=[Looking()]) as session:
            look()
            async for _ in session.stream(source()):
                look()
            await session.process(ARTICLES)
            look()
        look()

    run_virtually(program())

    assert len(seen) > 8
    assert [context for context in seen if context != {"request": "r1", "run": "my own"}] == []
    assert before == (root.level, [*root.handlers], ours.level, ours.propagate, structlog.is_configured())


def test_a_source_that_clears_its_context_as_web_frameworks_do_does_not_clear_that_of_the_run(tmp_path):
    async def source():
        for n, article in enumerate(ARTICLES):
            structlog.contextvars.clear_contextvars()
            structlog.contextvars.bind_contextvars(row=n)
            yield article

    async def program():
        async with Session(tmp_path / "run", client=SimulatedClient(Provider(Simulation()))) as session:
            await session.process(source())

    with listening() as heard:
        run_virtually(program())

    assert {fields_of(record).get("run") for record in heard.records} == {run_of(heard)}


@pytest.mark.parametrize("event", ["run_opened", "call_sent", "call_answered", "cell_settled", "run_ended"])
def test_a_handler_of_the_host_that_raises_ends_no_run_and_costs_no_call(tmp_path, event, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    provider = Provider(Simulation())

    def broken(record: logging.LogRecord) -> bool:
        if record.msg == event:
            raise ValueError("the filter is broken")
        return True

    async def program():
        async with Session(tmp_path / "run", client=SimulatedClient(provider)) as session:
            await session.process(ARTICLES[:3])
        return session

    with listening() as heard:
        heard.addFilter(broken)
        session = run_virtually(program())

    assert session.tally.finished_articles == 3
    assert session.bill.calls == provider.statistics.total.calls == provider.statistics.total.outcomes["answered"]


def test_events_carry_what_the_embedding_program_has_bound(tmp_path):
    async def program():
        structlog.contextvars.bind_contextvars(tenant="t1")
        await worked(tmp_path / "run", Simulation())

    with listening() as heard:
        run_virtually(program())

    assert {fields_of(record)["tenant"] for record in heard.records} == {"t1"}


def test_a_record_says_which_line_of_the_library_it_comes_from(tmp_path):
    with listening() as heard:
        run_virtually(worked(tmp_path / "run", Simulation()))

    assert {record.filename for record in heard.records} >= {"logbook.py", "flow.py", "settling.py", "onlookers.py"}
    assert "_base.py" not in {record.filename for record in heard.records}
