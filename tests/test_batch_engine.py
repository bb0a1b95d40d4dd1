"""The engine of batches by itself: what it is handed, what it hands back, and what it writes down before."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from decimal import Decimal
from typing import Any

import anyio
import anyio.lowlevel
import orjson
import pytest

from qloragen.engine import Engine, LostCall, Message, ModelSpec, Price, Request
from qloragen.engine.batches.book import Submission
from qloragen.engine.batches.engine import batching
from qloragen.engine.batches.lane import Terms
from qloragen.engine.batches.parcel import Room
from qloragen.engine.models import family
from qloragen.errors import ChangesNotAccepted, Interrupted, RequestFailed, StorageFailed
from qloragen.simulator import Fault, SimulatedClient
from qloragen.simulator.batch_settings import Batches
from qloragen.testing import VirtualLoop

from .batch_lives import provider_of

PRICE = Price(Decimal(1), Decimal(2), tiers={"batch": Price(Decimal("0.5"), Decimal(1))})


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


class Book:
    """Writes nothing down but what was told."""

    run = "r"
    left = 0

    def __init__(self, *left):
        self.left_open = list(left)
        self.told = []
        self.submissions = []
        self.adopted = {}

    async def open(self):
        return self.left_open

    async def asked(self, submission):
        self.told.append(("asked", len(submission.requests)))
        self.submissions.append(submission)

    async def begun(self, name, batch):
        self.told.append(("begun", batch))

    def adopt(self, name, id, completion):
        self.adopted[id] = completion.text

    def lose(self, name, id, lost):
        self.told.append(("lost", id))

    async def kept(self):
        pass

    def end(self, name, status):
        self.told.append(("end", status))

    def forget(self, id):
        self.told.append(("forget", id))


class Setting:
    """An engine, and everything around it."""

    def __init__(self, batches=None, *faults, models=("gpt-6-luna",), **terms):
        self.provider = provider_of(batches or Batches(median_s=100), faults=faults)
        self.client = SimulatedClient(self.provider)
        self.book = Book()
        self.engine = Engine(self.client, [ModelSpec(name, family(name), PRICE) for name in models])
        self.terms = Terms(**{"gather_s": 1.0, "poll_s": 10.0, **terms})

    def working(self):
        return batching(self.engine, self.client, self.book, self.terms)

    @property
    def batches(self):
        return [told for kind, told in self.book.told if kind == "asked"]


def request(n, model="gpt-6-luna", **more):
    return Request(model, (Message("user", f"Say {n}."),), 50, id=f"id-{n}", **more)


async def gathered(batches, requests, keep=None, lost=None):
    outcomes = {}

    async def one(request):
        try:
            outcomes[request.id] = await batches.complete(request, keep, lost)
        except (RequestFailed, Interrupted, StorageFailed) as error:
            outcomes[request.id] = error

    async with anyio.create_task_group() as tasks:
        for each in requests:
            tasks.start_soon(one, each)
    return outcomes


async def test_a_request_is_answered_by_a_batch_at_its_price():
    setting = Setting()
    async with setting.working() as batches:
        outcomes = await gathered(batches, map(request, range(3)))

    assert setting.book.told[:2] == [("asked", 3), ("begun", "batch_0")]
    assert ("end", "completed") in setting.book.told
    for completion in outcomes.values():
        usage = completion.usage
        assert (completion.tier, completion.model) == ("batch", "gpt-6-luna")
        assert completion.cost_usd == (usage.prompt_tokens * Decimal("0.5") + usage.completion_tokens) / 10**6
    assert sorted(completion.request_id for completion in outcomes.values()) == [f"batch_0:id-{n}" for n in range(3)]
    assert setting.engine.spent_usd == sum(completion.cost_usd for completion in outcomes.values())
    assert setting.engine.reserved_usd == 0
    model = setting.engine.statistics["gpt-6-luna"]
    assert model.prompt_tokens == sum(completion.usage.prompt_tokens for completion in outcomes.values()) > 0
    assert model.completion_tokens == sum(completion.usage.completion_tokens for completion in outcomes.values()) > 0


@pytest.mark.parametrize(("room", "sizes"), [(Room(requests=4), [4, 4, 2]), (Room(bytes=500), [2, 2, 2, 2, 2])])
async def test_files_are_no_larger_than_the_api_takes(room, sizes):
    setting = Setting(room=room)
    async with setting.working() as batches:
        await gathered(batches, map(request, range(10)))

    assert setting.batches == sizes


async def test_each_batch_asks_one_model():
    setting = Setting(models=("gpt-6-luna", "gpt-6-sol"))
    requests = [request(n, ("gpt-6-luna", "gpt-6-sol")[n % 2]) for n in range(10)]
    async with setting.working() as batches:
        await gathered(batches, requests)

    assert setting.batches == [5, 5]
    assert {model: counts.calls for model, counts in setting.provider.statistics.services["batch"].items()} == {
        "gpt-6-luna": 5,
        "gpt-6-sol": 5,
    }


async def test_what_only_single_calls_have_is_left_out_of_batches():
    class Watched(SimulatedClient):
        async def ask(self, ask, *, timeout_s):
            seen.append(ask.body)
            return await super().ask(ask, timeout_s=timeout_s)

    setting, seen = Setting(), list[bytes]()
    setting.client = Watched(setting.provider)
    messages = (Message("user", "Shared. Say it.", shared=8),)
    async with setting.working() as batches:
        await gathered(batches, [replace(request(0), messages=messages, cache_key="k", metadata={"a": "b"})])

    line = next(part for part in seen[0].split(b"\r\n") if part.startswith(b"{"))
    body = orjson.loads(line)["body"]
    assert body["messages"] == [{"role": "user", "content": "Shared. Say it."}]
    assert body.keys().isdisjoint({"prompt_cache_key", "store", "metadata", "service_tier"})


async def test_the_reply_of_a_caller_that_has_left_is_adopted():
    setting = Setting()
    async with setting.working() as batches:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(batches.complete, request(0))
            await anyio.sleep(50)
            tasks.cancel_scope.cancel()
        await anyio.sleep(100)

    assert setting.book.adopted.keys() == {"id-0"}


async def test_a_caller_that_leaves_before_its_batch_is_made_is_in_none():
    setting = Setting(gather_s=100)
    async with setting.working() as batches:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(batches.complete, request(0))
            await anyio.sleep(50)
            tasks.cancel_scope.cancel()
        await anyio.sleep(300)

    assert setting.book.told == [("forget", "id-0")]
    assert setting.provider.statistics.endpoints == {}


async def test_a_stop_wakes_all_who_wait_and_no_batch_is_made_any_more():
    setting = Setting()
    async with setting.working() as batches, anyio.create_task_group() as tasks:

        async def stop():
            await anyio.sleep(50)
            batches.stop(Interrupted("Enough."))

        tasks.start_soon(stop)
        outcomes = await gathered(batches, map(request, range(3)))
        assert anyio.current_time() == pytest.approx(50, abs=0.1)
        assert [batch.status for batch in batches.progress] == ["in_progress"]
        later = await gathered(batches, [request(9)])

    assert {str(error) for error in (*outcomes.values(), *later.values())} == {"Enough."}
    assert setting.batches == [3]


async def test_a_batch_whose_replies_cannot_be_kept_stays_open():
    async def refuse(_):
        raise StorageFailed("No room.")

    setting = Setting()
    async with setting.working() as batches:
        outcomes = await gathered(batches, map(request, range(3)), keep=refuse)

    assert {type(error) for error in outcomes.values()} == {StorageFailed}
    assert not [told for told in setting.book.told if told[0] == "end"]


async def test_requests_that_cannot_be_sent_at_all_fail_alone():
    setting = Setting()
    bad = [replace(request(1), max_completion_tokens=0), replace(request(2), messages=(Message("user", "\ud800"),))]
    bad.append(replace(request(3), max_cost_usd=Decimal("0.0000001")))
    async with setting.working() as batches:
        outcomes = await gathered(batches, [request(0), *bad])

    reasons = [outcomes[f"id-{n}"].reason for n in (1, 2, 3)]
    assert reasons == ["bad_request", "unencodable", "request_cost"]
    assert setting.batches == [1]


async def test_a_request_without_a_reply_is_lost_at_its_worst_and_asked_for_again():
    lost = list[LostCall]()
    setting = Setting(None, Fault("hang", endpoints=("batched",), end_s=100))
    async with setting.working() as batches:
        outcomes = await gathered(batches, [request(0)], lost=lost.append)

    assert [(one.reason, one.tier, one.usage) for one in lost] == [("timeout", "batch", None)]
    assert lost[0].worst_usd > outcomes["id-0"].cost_usd
    assert setting.engine.spent_usd == lost[0].worst_usd + outcomes["id-0"].cost_usd
    assert setting.batches == [1, 1]


async def test_with_a_limit_of_enqueued_tokens_batches_wait_for_each_other():
    setting = Setting(enqueued_tokens=lambda _: 60)
    async with setting.working() as batches, anyio.create_task_group() as tasks:
        tasks.start_soon(gathered, batches, [request(n) for n in range(6)])
        await anyio.sleep(50)
        assert len(batches.progress) == 1

    assert len(setting.batches) > 1
    assert anyio.current_time() > 100 * len(setting.batches)


async def test_requests_without_an_id_are_answered_too():
    setting = Setting()
    async with setting.working() as batches:
        completion = await batches.complete(replace(request(0), id=None))

    assert completion.text


@pytest.mark.parametrize("room", [Room(requests=3), Room(bytes=300)])
async def test_a_full_file_is_sent_while_others_still_come(room):
    setting = Setting(gather_s=100, room=room)
    async with setting.working() as batches, anyio.create_task_group() as tasks:
        for n in range(6):
            tasks.start_soon(gathered, batches, [replace(request(n), messages=(Message("user", "Say it. " * 13),))])
            await anyio.sleep(90)
        assert setting.batches
        tasks.cancel_scope.cancel()


async def test_a_file_is_in_memory_once_and_only_while_it_is_sent():
    class Measured(SimulatedClient):
        async def ask(self, ask, *, timeout_s):
            if ask.path == "/files":
                sizes.append(len(ask.body))
                peaks.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.stop()
            return await super().ask(ask, timeout_s=timeout_s)

    setting, sizes, peaks = Setting(), list[int](), list[int]()
    setting.client = Measured(setting.provider)
    text = "All of them hold the same text. " * 1_000
    requests = [replace(request(n), messages=(Message("user", f"Say {n}.", head=text),)) for n in range(200)]
    async with setting.working() as batches:
        tracemalloc.start()
        await gathered(batches, requests)

    assert sizes[0] > 6_000_000
    assert peaks[0] < 1.5 * sizes[0]


async def test_a_request_whose_caller_leaves_while_its_file_is_put_together_is_in_no_batch_twice():
    setting, again = Setting(), dict[str, Any]()
    async with setting.working() as batches, anyio.create_task_group() as tasks:
        with anyio.CancelScope() as first:
            async with anyio.create_task_group() as beside:
                beside.start_soon(gathered, batches, [request(0)])
                await anyio.lowlevel.checkpoint()
                tasks.start_soon(gathered, batches, [request(n) for n in range(1, 250)])
                await anyio.sleep(1)  # and then turn by turn
                while not setting.engine.reserved_usd:
                    await anyio.lowlevel.checkpoint()
                assert setting.batches == []
                first.cancel()
        again.update(await gathered(batches, [request(0)]))

    assert setting.batches == [249, 1]
    assert setting.provider.statistics.total.calls == 250
    assert again["id-0"].text
    assert setting.engine.reserved_usd == 0


async def test_what_was_refused_for_want_of_room_waits_until_another_batch_has_ended():
    setting = Setting(Batches(median_s=3_000, enqueued_tokens=100))
    async with setting.working() as batches, anyio.create_task_group() as tasks:
        tasks.start_soon(gathered, batches, [request(n) for n in range(10)])
        await anyio.sleep(100)
        assert setting.batches == [10]
        tasks.start_soon(gathered, batches, [request(n) for n in range(10, 20)])
        await anyio.sleep(2_000)
        assert setting.batches == [10, 10]

    assert setting.batches == [10, 10, 10]


async def test_requests_that_keep_coming_slowly_are_not_waited_for_without_end():
    setting = Setting()
    async with setting.working() as batches, anyio.create_task_group() as tasks:
        for n in range(200):
            tasks.start_soon(gathered, batches, [request(n)])
            await anyio.sleep(0.9)

    assert len(setting.batches) >= 3
    assert setting.batches[0] == pytest.approx(67, abs=1)


async def test_a_request_that_waits_holds_nothing_that_is_as_long_as_its_prompt():
    setting, held = Setting(), list[int]()
    text = "All of them hold the same text. " * 1_000
    requests = [replace(request(n), messages=(Message("user", f"Say {n}.", head=text),)) for n in range(200)]
    async with setting.working() as batches, anyio.create_task_group() as tasks:
        tracemalloc.start()
        tasks.start_soon(gathered, batches, requests)
        await anyio.sleep(50)
        # What the provider holds is not this side's: the files of batches, above all.
        others = [
            tracemalloc.Filter(inclusive=False, filename_pattern=pattern)
            for pattern in ("*/simulator/*", "*/parcel.py")
        ]
        held.extend(trace.size for trace in tracemalloc.take_snapshot().filter_traces(others).traces)
        tracemalloc.stop()

    assert sum(held) < 200 * len(text) / 5


async def test_a_beginning_that_fails_and_is_tried_again_collects_no_batch_twice():
    setting = Setting(Batches(median_s=1_000))
    async with setting.working() as batches, anyio.create_task_group() as tasks:
        tasks.start_soon(batches.complete, request(0))
        await anyio.sleep(50)
        tasks.cancel_scope.cancel()
    (asked,) = setting.book.submissions
    later = Setting()
    later.client = setting.client
    later.book.left_open = [replace(asked, batch="batch_0"), Submission("other", asked.model, (), asked.asked, "gone")]

    async with later.working() as batches:
        for _ in range(2):
            with pytest.raises(ChangesNotAccepted, match="does not know batch gone"):
                await batches.attach()
        assert [one.id for one in batches.progress] == ["batch_0"]
        await anyio.sleep(2_000)

    assert [told for told in later.book.told if told[0] == "end"] == [("end", "completed")]
    assert later.book.adopted.keys() == {"id-0"}
