"""An observer of one's own hears of every article, cell, call and bill: each once, and the one inside the other."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from qloragen import BudgetReached, Session, agenerate, ajudge
from qloragen.simulator import Fault, Latency, Model, Provider, SimulatedClient, Simulation
from qloragen.testing import run_virtually

from .judges import MODEL, Oracle, client_of, make_run
from .simulated import Simulated
from .test_main_job import articles

FAULTS = (Fault("503", 0.1), Fault("rate_limited", 0.1), Fault("refusal", 0.1), Fault("content_policy", 0.1))
ARTICLE: ContextVar[str | None] = ContextVar("article", default=None)
CELL: ContextVar[str | None] = ContextVar("cell", default=None)


class Attempt:
    """A call, and what it has come to."""

    def __init__(self) -> None:
        self.article, self.cell = ARTICLE.get(), CELL.get()
        self.ends: list[str] = []

    def answered(self, completion):
        self.ends.append("answered")

    def failed(self, reason, status):
        self.ends.append(reason)


class Notes:
    """Writes down all that an observer hears, and in what context."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.attempts: list[Attempt] = []
        self.settlements: Counter[str] = Counter()
        self.bills: list[object] = []

    @contextmanager
    def article(self, article):
        self.heard.append(("begun", article.id))
        token = ARTICLE.set(article.id)
        try:
            yield
        finally:
            ARTICLE.reset(token)
            self.heard.append(("left", article.id))

    def finished(self, article):
        assert ARTICLE.get() == article.id
        self.heard.append(("finished", article.id))

    @contextmanager
    def cell(self, cell):
        assert ARTICLE.get() == cell.article_id
        token = CELL.set(cell.key)
        try:
            yield
        finally:
            CELL.reset(token)

    def attempt(self, request, *, number, waited_s):
        self.attempts.append(Attempt())
        return self.attempts[-1]

    def billed(self, cell, usage, cost_usd):
        self.bills.append(cost_usd)

    def settled(self, cell, reason):
        assert CELL.get() == cell.key
        self.settlements[cell.key] += 1


def runs(folder, *bounds):
    """Make records of twelve articles in as many sessions as there are bounds of calls; returns the last and notes."""
    provider = Provider(Simulation(models={"*": Model(latency=Latency(2.0))}, faults=FAULTS))

    async def session_to(max_calls, notes):
        knobs = {"max_calls": max_calls, "max_concurrency": 6}
        async with Session(folder, client=SimulatedClient(provider), observer=notes, **knobs) as session:
            with suppress(BudgetReached):
                await session.process(articles(12))
        return session

    notes = [Notes() for _ in bounds]
    sessions = [run_virtually(session_to(*each)) for each in zip(bounds, notes, strict=True)]
    return sessions[-1], provider, notes


def test_every_article_cell_call_and_bill_is_heard_of_once_over_all_sessions_of_a_run(tmp_path):
    session, provider, (first, second) = runs(tmp_path / "run", 30, None)

    attempts, bills = first.attempts + second.attempts, first.bills + second.bills
    assert [len(attempt.ends) for attempt in attempts] == [1] * len(attempts)
    assert len(attempts) == provider.statistics.total.calls > session.bill.calls > 30
    assert all(attempt.article and attempt.cell for attempt in attempts)
    assert sum(bills) == session.cost_usd
    assert len(bills) == session.bill.calls
    assert max((first.settlements + second.settlements).values()) == 1
    settled = session.summary.classified + session.summary.records + sum(session.summary.rejections.values())
    assert len(first.settlements + second.settlements) == settled


def test_articles_are_begun_and_left_once_in_each_session_and_finished_in_between(tmp_path):
    session, _, (first, second) = runs(tmp_path / "run", 30, None)

    ids = {article["id"] for article in articles(12)}
    for name in ids:
        assert [what for what, about in second.heard if about == name] == ["begun", "finished", "left"]
    stopped = Counter(what for what, _ in first.heard)
    assert stopped["begun"] == stopped["left"] > stopped["finished"] > 0
    assert session.tally.finished_articles == 12


class Few(Notes):
    """An observer that is false as a value."""

    def __len__(self) -> int:
        return 0


async def test_an_observer_may_be_false_as_a_value(tmp_path):
    notes = Few()
    async with Session(tmp_path, client=SimulatedClient(Provider(Simulation())), observer=notes) as session:
        await session.process(articles(1))

    assert len(notes.bills) == session.bill.calls > 0


async def test_a_run_made_in_one_call_is_heard_as_well(tmp_path):
    notes = Notes()

    async with Simulated() as server:
        outcome = await agenerate(articles(2), tmp_path / "run", observer=notes, base_url=server.base_url)

    assert len(notes.bills) == len(notes.attempts) == outcome.summary.calls > 0


async def test_a_judge_is_heard_like_the_maker_of_records(tmp_path):
    client, notes = client_of(Oracle(make_run(tmp_path / "run", 2)).half), Notes()

    await ajudge(tmp_path / "run", client=client, observer=notes, judge_model=MODEL)

    assert len(notes.attempts) == len(notes.settlements) == len(notes.bills) == len(client.calls) > 10
    assert [what for what, _ in notes.heard].count("finished") == len(notes.heard) // 3
