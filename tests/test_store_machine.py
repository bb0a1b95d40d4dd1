"""A run directory against a plain model of it, through any sequence of additions, deaths, damage and openings.

`STORE_ROUNDS=<factor>` multiplies how many sequences are tried (100 for a night). They are the same at each run, and a
failure prints the steps that lead to it.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from qloragen.store.money import NO_MONEY, Paid
from qloragen.store.names import JOURNAL, SINK
from qloragen.store.standing import Standing
from qloragen.types import Cell, Rejection

from .disks import Memory, quick_folder
from .lives import Opened, put_index
from .values import NOON, a_cell, a_classification, a_record, a_reply, an_article, key

CELLS = ["c1", "c2", "c3", "c4", "c5"]
CLASSIFICATIONS = ["k1", "k2"]
SLUGS = ["concept", "design"]
REASONS = ["timeout", "refusal"]


@dataclass
class Model:
    """What a run should say of itself, worked out with dictionaries."""

    steps: list[tuple[str, str, str]] = field(default_factory=list)
    """Kind, name and text of everything that was added."""
    cells: dict[str, Standing] = field(default_factory=dict)
    """With numbers of replies in the place of offsets."""
    records: dict[str, str] = field(default_factory=dict)
    """Name to output, in order."""
    bills: int = 0

    def add(self, kind: str, name: str, text: str = "") -> None:
        """Take in one step."""
        self.steps.append((kind, name, text))
        before = self.cells.get(name, Standing("open"))
        if kind == "reply":
            self.bills += 1
            if not before.settled:
                self.cells[name] = before._replace(replies=(*before.replies, self.bills))
        elif kind == "failure" and not before.settled:
            times = before.times + 1 if (before.kind, before.detail) == ("failure", text) else 1
            self.cells[name] = Standing("failure", -1, text, before.replies, times)
        elif kind == "retry" and before.kind not in {"record", "types"}:
            self.cells[name] = Standing("open")
        elif kind == "types":
            self.cells[name] = Standing("types", -1, text)
        elif kind == "rejection":
            self.records.pop(name, None)
            self.cells[name] = Standing("rejection", -1, text)
        elif kind == "revised" or (kind == "record" and name not in self.records):
            self.records.pop(name, None)
            self.records[name] = text
            self.cells[name] = Standing("record", -1, text.split(maxsplit=1)[0])

    def count(self, kind: str) -> Counter[str]:
        """Return how many cells stand so, by detail."""
        return Counter(standing.detail for standing in self.cells.values() if standing.kind == kind)


def after(steps: list[tuple[str, str, str]]) -> Model:
    model = Model()
    for step in steps:
        model.add(*step)
    return model


class AnyLife(RuleBasedStateMachine):
    """What may happen to a run directory."""

    def __init__(self) -> None:
        super().__init__()
        self.exits = ExitStack()
        self.folder = self.exits.enter_context(quick_folder())
        self.disk = Memory()
        self.model = Model()
        self.written = 0
        """Steps that are with the kernel."""
        self.in_sink: dict[str, str] | None = {}
        """What the sink should hold now; None when nobody has said that it should be up to date."""
        self.opened = Opened(self.folder, self.disk)

    def teardown(self) -> None:
        self.opened.kill()
        self.exits.close()

    # ------------------------------------------------------------------------------------------------------- adding

    @rule(text=st.sampled_from(["One", "Two"]), name=st.sampled_from(CELLS))
    def article(self, text, name):
        self.opened.run.add_article(an_article(text, id=name))

    @rule(name=st.sampled_from(CELLS + CLASSIFICATIONS))
    def reply(self, name):
        self.model.add("reply", name)
        self.opened.run.add_reply(a_reply(cell(name), body=str(self.model.bills)))

    @rule(name=st.sampled_from(CLASSIFICATIONS), types=st.sampled_from([(), (1,), (1, 2)]))
    def types(self, name, types):
        self.opened.run.add_types(cell(name), types)
        self.model.add("types", name, " ".join(map(str, types)))

    @rule(name=st.sampled_from(CELLS), slug=st.sampled_from(SLUGS), revised=st.booleans())
    def record(self, name, slug, revised):
        kind = "revised" if revised else "record"
        if revised or name not in self.model.records:
            text = f"{slug} {len(self.model.steps)}"
            self.opened.run.add_record(a_record(name, type_slug=slug, output=text), revised=revised)
            self.model.add(kind, name, text)
        else:
            self.opened.run.add_record(a_record(name, output="a second one"))

    @rule(name=st.sampled_from(CELLS + CLASSIFICATIONS), reason=st.sampled_from(REASONS), final=st.booleans())
    def giving_up(self, name, reason, final):
        run = self.opened.run
        given_up = Rejection(cell(name), reason, "No.")
        if final:
            run.add_rejection(given_up)
        else:
            run.add_failure(given_up, NOON)
        self.model.add("rejection" if final else "failure", name, reason)

    @rule(name=st.sampled_from(CELLS + CLASSIFICATIONS))
    def retry(self, name):
        self.opened.run.retry(key(name), NOON)
        self.model.add("retry", name)

    # ------------------------------------------------------------------------------------------------------ writing

    @rule()
    def keep(self):
        self.opened.run.filing.write(self.opened.run.filing.end)
        self.written = len(self.model.steps)

    @rule()
    def flush(self):
        self.opened.run.flush()
        self.written = len(self.model.steps)
        self.in_sink = dict(self.model.records)

    @rule()
    def save_the_index(self):
        run = self.opened.run
        moment = run.moment()
        run.filing.write(moment.ends.journal)
        run.filing.sync()
        run.filing.project(moment.ends.sink)
        run.filing.save(moment.changes, moment.mark, run.filing.checked())
        run.saved(moment)
        self.written = len(self.model.steps)
        self.in_sink = None if run.state.sink_is_stale else dict(self.model.records)

    # ------------------------------------------------------------------------------------------ ending and beginning

    @rule()
    def close_and_open(self):
        self.opened.close()
        self.reopen(torn=0, sink_is_sound=True)

    @rule(torn=st.integers(0, 9), index=st.booleans())
    def die_and_open(self, torn, index):
        self.die(torn, index=index)
        self.model = after(self.model.steps[: self.written])
        self.reopen(torn=torn)

    @rule(damage=st.sampled_from(["", "other\n", "half", "other middle"]), torn=st.integers(0, 9), index=st.booleans())
    def die_with_a_damaged_sink_and_open(self, damage, torn, index):
        self.die(torn, index=index)
        self.model = after(self.model.steps[: self.written])
        sink = self.disk.data(self.folder / SINK)
        half = len(sink) // 2
        if self.disk.data(self.folder / JOURNAL):
            damaged = {"half": sink[:half], "other middle": sink[:half] + b"x" + sink[half:]}
            self.disk.put(self.folder / SINK, damaged.get(damage, damage.encode()))
        self.reopen(torn=torn)

    def die(self, torn: int, *, index: bool) -> None:
        self.opened.kill()
        self.disk.put(self.folder / JOURNAL, self.disk.data(self.folder / JOURNAL) + b'{"k":"012'[:torn])
        if not index:
            put_index(self.folder, {})

    def reopen(self, *, torn: int, sink_is_sound: bool = False) -> None:
        self.written = len(self.model.steps)
        self.in_sink = dict(self.model.records)
        self.opened = Opened(self.folder, self.disk)
        recovery = self.opened.run.recovery
        assert (recovery.torn_bytes, recovery.damaged) == (torn, [])
        assert recovery.sink is None or not sink_is_sound

    # ---------------------------------------------------------------------------------------------- what always holds

    @invariant()
    def the_sums_are_those_of_the_model(self):
        state = self.opened.run.state
        assert state.totals.records_by_type == self.model.count("record")
        assert state.totals.rejections == self.model.count("rejection")
        assert state.totals.failures == self.model.count("failure")
        assert state.totals.classified == self.model.count("types").total()
        assert state.totals.unsettled == sum(bool(standing.replies) for standing in self.model.cells.values())
        bill = state.ledger.total()
        assert bill.calls == self.model.bills
        assert state.totals.paid == Paid(bill.calls, bill.cost_usd, bill.unpriced_calls)
        assert state.keys("record") == sorted(map(key, self.model.records))

    @invariant()
    def each_cell_stands_as_in_the_model(self):
        run = self.opened.run
        for name in CELLS + CLASSIFICATIONS:
            found = run.state.standing(key(name)) or Standing("open")
            expected = self.model.cells.get(name, Standing("open"))
            bodies = tuple(int(reply.body) for reply in run.replies(key(name)))
            assert found._replace(at=-1, replies=bodies, money=NO_MONEY) == expected
            if name in self.model.records:
                assert run.record(key(name)).output == self.model.records[name]

    @invariant()
    def the_sink_is_the_records_in_order(self):
        if self.in_sink is not None:
            sink = self.disk.data(self.folder / SINK)
            lines = map(orjson.loads, sink.splitlines())
            expected = [(key(name), text) for name, text in self.in_sink.items()]
            assert [(line["id"], line["output"]) for line in lines] == expected


def cell(name: str) -> Cell:
    return a_classification(name) if name in CLASSIFICATIONS else a_cell(name)


AnyLife.TestCase.settings = settings(
    max_examples=int(100 * float(os.environ.get("STORE_ROUNDS", "1"))), stateful_step_count=50, deadline=None
)
test_a_run_is_at_each_moment_what_a_plain_model_of_it_says = AnyLife.TestCase
