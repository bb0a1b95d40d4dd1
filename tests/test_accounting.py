"""What becomes of money: useful, wasted by reason, or pending; over any history the sum is what was paid, exactly.

`STORE_ROUNDS=<factor>` multiplies how many histories are tried (100 for a night).
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import tracemalloc
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from decimal import Decimal
from zlib import crc32

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import qloragen
from qloragen.bounds import budget_of, spent_of
from qloragen.costs import lost_said
from qloragen.pipeline.batch_book import JournalledBatches
from qloragen.pipeline.chronicle import Chronicle
from qloragen.pipeline.refused import beside_of, refused_of
from qloragen.pipeline.salvage import NoSalvage
from qloragen.settings import load
from qloragen.store.frame import framed, sink_line
from qloragen.store.index import Index, Mark
from qloragen.store.lines import record_line, record_of, reply_line
from qloragen.store.money import ASKED_AGAIN, NO_TYPES, NOTHING, SURPLUS, Money, Paid, paid_for, total_paid
from qloragen.store.names import JOURNAL
from qloragen.store.run import open_run, read_run
from qloragen.store.standing import Standing
from qloragen.store.submissions import AskedInBatch
from qloragen.store.totals import Totals
from qloragen.types import Invalid, LostCall, Rejection, Usage

from .disks import Memory, quick_folder
from .lives import Opened, check, put_index
from .values import NOON, a_cell, a_classification, a_record, a_reply, key

CELLS = ["c1", "c2", "c3"]
CLASSIFICATIONS = ["k1", "k2"]
REASONS = st.sampled_from(["schema", "refusal", "truncated"])
COSTS = st.sampled_from([None, Decimal(0), Decimal("0.0012"), Decimal("0.00000017"), Decimal("0.33333333")])
USAGES = st.sampled_from([None, Usage(700, 0, 0, 50, 0)])


@dataclass
class Cell:
    """One cell's money, reply by reply."""

    kind: str = "open"
    old: list[tuple[Decimal | None, str]] = field(default_factory=list)
    """Cost and fate of replies that count no more."""
    replies: list[tuple[Decimal | None, str]] = field(default_factory=list)
    lost: list[LostCall] = field(default_factory=list)

    @property
    def settled(self) -> bool:
        return self.kind in {"types", "record", "rejection"}

    def doomed(self, fates: list[str]) -> None:
        self.replies = [(cost, fate) for (cost, _), fate in zip(self.replies, fates, strict=True)]


@dataclass
class Books:
    """What a run should say of its money, worked out by hand."""

    steps: list[tuple[str, str, tuple[object, ...]]] = field(default_factory=list)
    cells: dict[str, Cell] = field(default_factory=dict)

    def add(self, kind: str, name: str, *facts: object) -> None:
        self.steps.append((kind, name, facts))
        cell = self.cells.setdefault(name, Cell())
        getattr(self, f"_{kind}")(cell, *facts)

    def _reply(self, cell, cost):
        cell.replies.append((cost, SURPLUS if cell.settled else "pending"))

    def _found(self, cell, cost):
        unheard = next((number for number, call in enumerate(cell.lost) if call.usage is None), None)
        if unheard is not None:
            cell.lost.pop(unheard)
        self._reply(cell, cost)

    def _lost(self, cell, call):
        cell.lost.append(call)

    def _good(self, cell, kind, at, reasons, fate):
        count = len(cell.replies)
        if count:
            cell.doomed([*reasons[:at], fate, *[SURPLUS] * count][:count])
        cell.kind = kind

    def _bad(self, cell, reasons, reason):
        count = len(cell.replies)
        cell.doomed([*reasons, *[reason] * count][:count])
        cell.kind = "rejection"

    def _failure(self, cell):
        if not cell.settled:
            cell.kind = "failure"

    def _retry(self, cell):
        if cell.kind not in {"types", "record"}:
            cell.old += [(cost, ASKED_AGAIN if fate == "pending" else fate) for cost, fate in cell.replies]
            cell.replies = []
            cell.kind = "open"

    @property
    def sums(self) -> dict[str, Paid]:
        """All money by fate."""
        parts = [
            part
            for cell in self.cells.values()
            for part in (*cell.old, *cell.replies, *((one.cost_usd, one.reason) for one in cell.lost if one.usage))
        ]
        return {
            fate: total_paid(paid_for(cost) for cost, of in parts if of == fate) for fate in {of for _, of in parts}
        }


class AnyHistory(RuleBasedStateMachine):
    """What may happen to money."""

    def __init__(self) -> None:
        super().__init__()
        self.exits = ExitStack()
        self.folder = self.exits.enter_context(quick_folder())
        self.disk = Memory()
        self.books = Books()
        self.written = 0
        self.opened = Opened(self.folder, self.disk)

    def teardown(self) -> None:
        self.opened.kill()
        self.exits.close()

    @property
    def run(self):
        return self.opened.run

    def there(self, name):
        """Return the cell's replies that count, as the journal has them."""
        return [a_reply(cell(name), cost_usd=cost) for cost, _ in self.books.cells.get(name, Cell()).replies]

    @rule(name=st.sampled_from(CELLS + CLASSIFICATIONS), cost=COSTS, found=st.booleans())
    def reply(self, name, cost, found):
        self.run.add_reply(a_reply(cell(name), cost_usd=cost), found=found)
        self.books.add("found" if found else "reply", name, cost)

    @rule(
        name=st.sampled_from(CELLS + CLASSIFICATIONS),
        reason=st.sampled_from(["timeout", "bad_body"]),
        usage=USAGES,
        cost=COSTS,
    )
    def lost(self, name, reason, usage, cost):
        call = LostCall("m", reason, usage, cost if usage else None, cost, 900, "flex")
        self.run.add_lost(cell(name), call, NOON)
        self.books.add("lost", name, call)

    @rule(
        name=st.sampled_from(CLASSIFICATIONS), at=st.integers(0, 2), data=st.data(), types=st.sampled_from([(), (1,)])
    )
    def types(self, name, at, data, types):
        refused, at, reasons = self.accepted(name, at, data)
        self.run.add_types(cell(name), types, refused)
        self.books.add("good", name, "types", at, reasons, "useful" if types else NO_TYPES)

    @rule(name=st.sampled_from(CELLS), at=st.integers(0, 2), data=st.data())
    def record(self, name, at, data):
        refused, at, reasons = self.accepted(name, at, data)
        revised = self.run.state.record_offset(key(name)) is not None
        self.run.add_record(a_record(name, output=f"{len(self.books.steps)}"), revised=revised, refused=refused)
        self.books.add("good", name, "record", at, reasons, "useful")

    def accepted(self, name, at, data):
        """Return what was refused when the reply number `at` is taken, as those who settle cells work it out."""
        replies = self.there(name)
        if not replies:
            return {}, 0, []
        at = min(at, len(replies) - 1)
        reasons = [data.draw(REASONS) for _ in range(at)]
        paid = self.run.state.money_of(key(name)).paid
        return beside_of(replies[: at + 1], [Invalid(reason, "") for reason in reasons], paid), at, reasons

    @rule(name=st.sampled_from(CELLS + CLASSIFICATIONS), read=st.integers(0, 3), data=st.data(), reason=REASONS)
    def rejection(self, name, read, data, reason):
        replies = self.there(name)[:read]
        reasons = [data.draw(REASONS) for _ in replies]
        refused = refused_of(replies, [Invalid(one, "") for one in reasons])
        self.run.add_rejection(Rejection(cell(name), reason, "No."), refused)
        self.books.add("bad", name, reasons, reason)

    @rule(name=st.sampled_from(CELLS + CLASSIFICATIONS))
    def failure(self, name):
        self.run.add_failure(Rejection(cell(name), "timeout", "Slow."), NOON)
        self.books.add("failure", name)

    @rule(name=st.sampled_from(CELLS + CLASSIFICATIONS))
    def retry(self, name):
        self.run.retry(key(name), NOON)
        self.books.add("retry", name)

    @rule()
    def flush(self):
        self.run.flush()
        self.written = len(self.books.steps)
        check(self.run, self.disk, self.folder)

    @rule(index=st.booleans())
    def close_and_open(self, index):
        self.opened.close()
        self.written = len(self.books.steps)
        self.reopen(index=index)

    @rule(index=st.booleans())
    def die_and_open(self, index):
        self.opened.kill()
        steps, self.books = self.books.steps[: self.written], Books()
        for kind, name, facts in steps:
            self.books.add(kind, name, *facts)
        self.reopen(index=index)

    def reopen(self, *, index):
        if not index:
            put_index(self.folder, {})
        self.opened = Opened(self.folder, self.disk)

    @invariant()
    def everything_that_was_paid_is_useful_or_wasted_or_pending(self):
        totals, sums = self.run.state.totals, self.books.sums
        assert totals.useful == sums.pop("useful", NOTHING)
        assert totals.pending == sums.pop("pending", NOTHING)
        assert totals.waste == sums

    @invariant()
    def the_sum_is_the_bill(self):
        bill = self.run.state.ledger.total()
        assert self.run.state.totals.paid == Paid(bill.calls, bill.cost_usd, bill.unpriced_calls)

    @invariant()
    def lost_calls_are_known_with_their_worst_case(self):
        ledger = self.run.state.ledger
        calls = [one for cell in self.books.cells.values() for one in cell.lost]
        unheard = [one for one in calls if one.usage is None]
        whole = ledger.total_lost()
        assert (whole.calls, whole.billed_calls) == (len(calls), len(calls) - len(unheard))
        assert Counter(one.reason for one in calls) == {place.reason: one.calls for place, one in ledger.lost.items()}
        assert worst_usd(ledger) == ledger.total().cost_usd + sum(one.worst_usd or 0 for one in unheard)


def worst_usd(ledger, *models):
    """Return the most that was paid, to some models or to all."""
    return sum(spending.usd for model, spending in spent_of(ledger).items() if model in (models or (model,)))


def cell(name):
    return a_classification(name) if name in CLASSIFICATIONS else a_cell(name)


AnyHistory.TestCase.settings = settings(
    max_examples=int(100 * float(os.environ.get("STORE_ROUNDS", "1"))), stateful_step_count=40, deadline=None
)
test_over_any_history_money_is_useful_wasted_or_pending = AnyHistory.TestCase

# ------------------------------------------------------------------------------------------------------ its lines


@given(
    reasons=st.dictionaries(st.text(max_size=8), st.integers(1, 9), max_size=3),
    texts=st.tuples(st.text(), st.text(), st.sampled_from(['x]],"', ',"refused":[["a",1,"1",0]],"', ""])),
)
def test_what_was_refused_is_in_no_line_of_the_sink(reasons, texts):
    record = a_record(instruction=texts[0] + texts[2], output=texts[2] + texts[1])
    refused = {reason: Paid(count, Decimal("0.01") * count, 0) for reason, count in reasons.items()}

    line = record_line(record, refused=refused)

    assert sink_line(line) == sink_line(record_line(record))
    assert (b'"refused"' in line[:80]) == bool(refused)
    assert record_of(sink_line(line)).id == record.id


def test_a_refusal_of_replies_that_are_damaged_leaves_the_sum_right(tmp_path):
    with open_run(tmp_path / "run") as run:
        for cost in ("0.5", "0.25"):
            run.add_reply(a_reply(body=cost, cost_usd=Decimal(cost)))
        run.add_record(a_record(cost_usd=Decimal("0.75")), refused={"schema": Paid(1, Decimal("0.5"), 0)})
    _damage(tmp_path / "run", b'"body":"0.5"', b'"body":"0.6"')

    with open_run(tmp_path / "run") as run:
        assert run.recovery.damaged == [1]
        assert (run.state.totals.useful, run.state.totals.waste) == (Paid(1, Decimal("0.25"), 0), {})
    assert qloragen.verify(tmp_path / "run").problems == []
    said = str(qloragen.summary(tmp_path / "run"))
    assert "damaged lines        1: bills that were in them are in no sum" in said


def test_when_only_what_was_refused_is_left_it_stays_waste(tmp_path):
    with open_run(tmp_path / "run") as run:
        for cost in ("0.5", "0.25"):
            run.add_reply(a_reply(body=cost, cost_usd=Decimal(cost)))
        run.add_record(a_record(cost_usd=Decimal("0.75")), refused={"schema": Paid(1, Decimal("0.5"), 0)})
    _damage(tmp_path / "run", b'"body":"0.25"', b'"body":"0.26"')

    with open_run(tmp_path / "run") as run:
        totals = run.state.totals

    assert (totals.useful, totals.waste) == (NOTHING, {"schema": Paid(1, Decimal("0.5"), 0)})


def _damage(folder, old, new):
    journal = folder / JOURNAL
    journal.write_bytes(journal.read_bytes().replace(old, new))


def test_verify_finds_a_record_that_costs_something_else_than_its_replies(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.add_reply(a_reply(cost_usd=Decimal("0.5")))
        run.add_record(a_record(cost_usd=Decimal("0.4")))

    assert qloragen.verify(tmp_path / "run").problems == [
        "journal.jsonl has line 2 of records with another cost than the replies that they were made of"
    ]


def test_an_index_of_another_form_is_made_anew(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.add_reply(a_reply(cost_usd=Decimal("0.5")))
    index = tmp_path / "run/index.sqlite"
    with closing(sqlite3.connect(index)) as old, old:
        old.execute("DROP TABLE cells")
        old.execute(
            "CREATE TABLE cells (key BLOB PRIMARY KEY, kind TEXT, at INTEGER, detail TEXT, replies TEXT, times INTEGER)"
        )
        old.execute("""UPDATE mark SET value = replace(value, '"version":2', '"version":1')""")
    (tmp_path / "run/index.sqlite-sum").write_bytes(b"%08x" % crc32(index.read_bytes()))

    for lines_read in (1, 0):
        with open_run(tmp_path / "run") as run:
            assert run.recovery.lines_read == lines_read
            assert run.state.totals.pending == Paid(1, Decimal("0.5"), 0)


def test_what_is_known_of_money_takes_little_memory_on_its_way_into_the_index(tmp_path):
    standing = Standing("record", 1, "concept", money=Money(Paid(2, Decimal("0.0012"), 0)))
    cells = [(key(f"c{number}"), standing) for number in range(2_000)]
    mark = Mark(journal_end=0, lines=0, sink_end=None, totals=Totals(), bills=[])
    with closing(Index(tmp_path / "index.sqlite")) as index:
        tracemalloc.start()
        index.save(cells, mark)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert peak_bytes / len(cells) < 1_000


def test_wherever_a_journal_is_cut_off_or_damaged_what_is_left_adds_up(tmp_path):
    journal = tmp_path / "run" / JOURNAL
    with open_run(tmp_path / "run") as run:
        live_through_everything(run)
    whole = journal.read_bytes()
    ends = [at for at, byte in enumerate(whole) if byte == 10]

    for cut in {*range(len(whole) - 300, len(whole)), *range(0, len(whole), 17)}:
        journal.write_bytes(whole[:cut])
        assert_sums_add_up(tmp_path / "run")
    for first, second in itertools.product(ends, repeat=2):
        journal.write_bytes(damaged(damaged(whole, first), second))
        assert_sums_add_up(tmp_path / "run")


def damaged(lines, end):
    """Return lines with a byte changed in the one that ends there."""
    return lines[: end - 20] + bytes([lines[end - 20] ^ 1]) + lines[end - 19 :]


def live_through_everything(run):
    """Let everything happen that a journal says about money."""
    known = LostCall("m", "bad_body", a_reply().usage, Decimal("0.2"), Decimal("0.2"), 1090, "flex")
    for cost in ("0.5", "0.25"):
        run.add_reply(a_reply(cost_usd=Decimal(cost)))
    run.add_record(a_record(cost_usd=Decimal("0.75")), refused={"schema": Paid(1, Decimal("0.5"), 0)})
    run.add_reply(a_reply(cost_usd=Decimal("0.125")))
    run.add_record(a_record(output="New."), revised=True, refused={SURPLUS: Paid(1, Decimal("0.125"), 0)})
    run.add_lost(a_cell("c2"), known, NOON)
    run.add_lost(a_cell("c2"), _unheard("m", Decimal("0.9")), NOON)
    run.add_reply(a_reply(a_cell("c2"), cost_usd=None), found=True)
    run.add_reply(a_reply(a_cell("c2"), cost_usd=Decimal("0.3")), found=True)
    run.add_rejection(Rejection(a_cell("c2"), "refusal", "No."), {"schema": Paid(1, Decimal(0), 1)})
    run.retry(key("c2"), NOON)
    run.add_reply(a_reply(a_cell("c2"), cost_usd=Decimal("0.7")))
    run.add_failure(Rejection(a_cell("c2"), "timeout", "Slow."), NOON)
    run.add_reply(a_reply(a_classification(), cost_usd=Decimal("0.6")))
    run.add_types(a_classification(), ())


def assert_sums_add_up(folder):
    state = read_run(folder)
    totals, bill = state.totals, state.ledger.total()
    assert totals.paid == (bill.calls, bill.cost_usd, bill.unpriced_calls)
    assert all(part.can_be for part in (totals.useful, totals.pending, *totals.waste.values()))
    assert all(one.calls > 0 <= one.worst_tokens and one.worst_usd >= 0 for one in state.ledger.lost.values())


@pytest.mark.parametrize("kind", ["lost", "reply"])
def test_a_line_about_money_that_lacks_something_is_set_aside(tmp_path, kind):
    with open_run(tmp_path / "run") as run:
        run.add_reply(a_reply())
    with (tmp_path / "run" / JOURNAL).open("ab") as journal:
        half = journal.write(framed(key("c9"), kind, {"model": "m"}) + b"\n")

    with open_run(tmp_path / "run") as run:
        assert run.recovery.torn_bytes == half


@pytest.mark.parametrize("cost_usd", ["a lot", "1,5", ""])
def test_verify_names_lines_whose_money_is_no_number(tmp_path, cost_usd):
    with open_run(tmp_path / "run") as run:
        run.add_reply(a_reply())
        fields = orjson.loads(reply_line(a_reply(a_cell("c9"))))
    own = {name: value for name, value in fields.items() if name not in {"k", "t", "c"}}
    with (tmp_path / "run" / JOURNAL).open("ab") as journal:
        journal.write(framed(key("c9"), "reply", {**own, "cost_usd": cost_usd}) + b"\n")

    assert qloragen.verify(tmp_path / "run").problems[0] == (
        "journal.jsonl has line 2 whole, but not of this program or with another text"
    )


@pytest.mark.parametrize("said", [{}, {"cost_usd": "a lot"}, {"cost_usd": [1]}])
def test_verify_names_a_record_that_does_not_say_what_it_costs(tmp_path, said):
    with open_run(tmp_path / "run") as run:
        run.add_reply(a_reply(cost_usd=Decimal("0.5")))
    with (tmp_path / "run" / JOURNAL).open("ab") as journal:
        journal.write(framed(key("c1"), "record", {"type_slug": "concept", **said}) + b"\n")

    assert qloragen.verify(tmp_path / "run").problems[0] == (
        "journal.jsonl has line 2 of records with another cost than the replies that they were made of"
    )


# -------------------------------------------------------------------------------------------------------- its sums


def test_a_bill_is_kept_for_each_tier(tmp_path):
    with open_run(tmp_path / "run") as run:
        for tier in ("flex", "default", None, "flex"):
            run.add_reply(replace(a_reply(), tier=tier))

    found = qloragen.summary(tmp_path / "run")
    assert {account.tier: bill.calls for account, bill in found.bills.items()} == {None: 1, "default": 1, "flex": 2}
    assert {where: bill.calls for where, bill in found.by_model().items()} == {
        ("m", "generate", "default"): 2,
        ("m", "generate", "flex"): 2,
    }
    assert "m, generate, flex" in str(found)


def test_a_reply_that_was_found_takes_the_place_of_a_lost_call(tmp_path):
    """Also of one whose bill was known: else it would be on the bill twice."""
    with open_run(tmp_path / "run") as run:
        known = LostCall("m", "bad_body", a_reply().usage, Decimal("0.2"), Decimal("0.2"), 1090, None)
        run.add_lost(a_cell(), _unheard("m", Decimal("0.9")), NOON)
        run.add_lost(a_cell(), known, NOON)
        assert worst_usd(run.state.ledger) == Decimal("1.1")
        assert run.state.totals.waste == {"bad_body": Paid(1, Decimal("0.2"), 0)}

        run.add_reply(a_reply(cost_usd=Decimal("0.2")), found=True)
        assert worst_usd(run.state.ledger) == Decimal("1.1")
        assert run.state.totals.waste == {}

        run.add_reply(a_reply(cost_usd=Decimal("0.3")), found=True)
        run.add_reply(a_reply(cost_usd=Decimal("0.3")), found=True)
        assert worst_usd(run.state.ledger) == run.state.ledger.total().cost_usd == Decimal("0.8")
        assert not run.state.ledger.lost


def test_a_reply_that_was_found_takes_nothing_off_the_bill_that_was_paid_for_something_else(tmp_path):
    with open_run(tmp_path / "run") as run:
        known = LostCall("m", "bad_body", Usage(10, 0, 0, 1, 0), Decimal("0.2"), Decimal("0.2"), 11, None)
        run.add_lost(a_cell(), known, NOON)
        run.add_lost(a_cell(), _unheard("another", Decimal("0.9")), NOON)

        run.add_reply(a_reply(cost_usd=Decimal("0.3")), found=True)

        assert run.state.ledger.total().cost_usd == Decimal("0.5")
        assert worst_usd(run.state.ledger) == Decimal("1.4")


def test_a_reply_that_was_found_and_names_no_bill_costs_no_more_than_the_call_that_was_lost(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.add_lost(a_cell(), _unheard("m", Decimal("0.9")), NOON)
        run.add_reply(replace(a_reply(cost_usd=None), usage=Usage()), found=True)

        bill = run.state.ledger.total()
        assert (bill.unpriced_calls, bill.bounded_calls, bill.worst_usd) == (1, 1, Decimal("0.9"))
        assert not run.state.ledger.lost


async def test_what_a_batch_has_lost_is_lost_once_though_the_process_dies_before_it_writes_down_the_end(tmp_path):
    with open_run(tmp_path / "run") as run:
        for name in ("c1", "c2", "c3"):
            run.add_asked(AskedInBatch(a_cell(name), "s1", f"{name}-0", "tools", 700, Decimal("0.3"), 900, NOON))
        run.add_batch("s1", "batch_1", NOON)
        run.add_reply(replace(a_reply(a_cell("c1")), request_id="batch_1:c1-0"))
        run.add_lost(a_cell("c2"), replace(_unheard("m", Decimal("0.3")), request_id="batch_1:c2-0"), NOON)

    with open_run(tmp_path / "run") as run:
        book = JournalledBatches(lambda: "r", run, NobodyWaits(), NoSalvage(), Chronicle(lambda: NOON))
        (left,) = await book.open()

    assert [one.id for one in left.requests] == ["c3-0"]
    assert left.answered == {"c1-0", "c2-0"}


class NobodyWaits:
    """A keeper that nobody asks."""

    async def kept(self) -> None:
        raise AssertionError

    async def durable(self) -> None:
        raise AssertionError


def test_the_worst_case_is_known_by_model(tmp_path):
    with open_run(tmp_path / "run") as run:
        for model, cost in (("a", "0.1"), ("b", "0.2")):
            run.add_reply(a_reply(a_cell(model, model=model), cost_usd=Decimal(cost)))
        run.add_lost(a_cell("a"), _unheard("a", Decimal("0.7")), NOON)
        run.add_lost(a_cell("b"), _unheard("b", None), NOON)
        ledger = run.state.ledger

    assert (worst_usd(ledger, "a"), worst_usd(ledger, "b")) == (Decimal("0.8"), Decimal("0.2"))
    assert worst_usd(ledger) == Decimal(1)
    assert (ledger.total_lost().unpriced_calls, ledger.total_lost().worst_tokens) == (1, 1000)
    assert lost_said(ledger.lost) == (
        "2 (2 timeout); 1 may have been billed: up to $0.7000, which is in no sum; "
        "1 may have been billed, nobody knows how much: no price is known"
    )


def test_a_limit_is_refused_for_all_calls_that_nobody_knows_the_cost_of(tmp_path):
    """Lost ones with a bill are on the bill; those without come on top."""
    with open_run(tmp_path / "run") as run:
        run.add_reply(a_reply(cost_usd=None))
        run.add_lost(a_cell(), LostCall("m", "bad_body", Usage(10), None, None, 10, None), NOON)
        run.add_lost(a_cell(), _unheard("m", None), NOON)

        assert (run.state.ledger.total().unpriced_calls, run.state.ledger.total_lost().unpriced_calls) == (2, 1)
        with pytest.raises(qloragen.SettingsError, match=r"3 calls of this run have no known cost"):
            budget_of(load(max_cost_usd=1), run.state.ledger)


def _unheard(model, worst_usd):
    return LostCall(model, "timeout", None, None, worst_usd, 500, None)


def test_the_summary_says_what_was_paid_in_vain_and_what_is_not_known(tmp_path):
    with open_run(tmp_path / "run") as run:
        for cost in ("0.3", "0.1"):
            run.add_reply(a_reply(cost_usd=Decimal(cost)))
        run.add_record(a_record(cost_usd=Decimal("0.4")), refused={"schema": Paid(1, Decimal("0.3"), 0)})
        run.add_reply(a_reply(a_classification(), cost_usd=Decimal("0.6")))
        run.add_types(a_classification(), ())
        run.add_reply(a_reply(a_cell("c2"), cost_usd=None))
        run.add_lost(a_cell("c2"), _unheard("m", Decimal("0.05")), NOON)

    found = qloragen.summary(tmp_path / "run")

    assert str(found).split("\n\n")[3].splitlines() == [
        "paid in vain                                  calls     USD  of the bill",
        "  no_types (classified, and no type applies)      1  0.6000        60.0%",
        "  schema                                          1  0.3000        30.0%",
        "total                                             2  0.9000        90.0%",
    ]
    assert "paid, not yet made into records 1 (unknown cost)" in str(found)
    assert "1 call of models whose price was unknown then: not zero, but in no sum." in str(found)
    assert "1 (1 timeout); 1 may have been billed: up to $0.0500, which is in no sum" in str(found)
    values = found.as_dict()
    assert values["waste"] == [
        {"reason": "no_types", "calls": 1, "cost_usd": "0.6", "unpriced_calls": 0, "share": 0.6},
        {"reason": "schema", "calls": 1, "cost_usd": "0.3", "unpriced_calls": 0, "share": 0.3},
    ]
    assert values["useful"] == {"calls": 1, "cost_usd": "0.1", "unpriced_calls": 0}
    assert orjson.loads(orjson.dumps(values))["lost_calls"][0]["worst_usd"] == "0.05"
