"""What a provider shows late, or not at all: looked for again, before anything is paid for a second time."""

from __future__ import annotations

import anyio
import orjson
import pytest

from qloragen import Interrupted, ProviderUnavailable
from qloragen.engine.client import HttpReply
from qloragen.simulator.batch_settings import Batches

from .batch_lives import QUICK, provider_of
from .test_batch_faults import CELLS, NOT_THERE, batched, lives_of
from .test_main_job import articles


@pytest.mark.parametrize("path", ["/batches/", "/files/"])
def test_what_is_not_there_for_a_moment_is_looked_for_again(tmp_path, path):
    lives, seen = lives_of(tmp_path), list[str]()

    def edit(ask, reply):
        seen.append(ask.path)
        return NOT_THERE if ask.path.startswith(path) and seen.count(ask.path) <= 3 else reply

    lives.live(edit=edit)

    lives.check(CELLS)


def test_a_batch_that_the_provider_forgets_stops_the_run_before_it_is_paid_for_again(tmp_path):
    lives = lives_of(tmp_path, Batches(median_s=600))

    def edit(ask, reply):
        return NOT_THERE if ask.path == "/batches/batch_0" else reply

    with pytest.raises(ProviderUnavailable, match=r"does not know batch batch_0, in which 6 requests .* with --yes"):
        lives.live(edit=edit)
    assert [one.batch for one in lives.left()] == ["batch_0"]
    lives.live(edit=edit, accept_changes=True)

    assert lives.summary.records == 18
    assert lives.summary.lost_calls == 6


def test_a_batch_that_is_listed_late_is_not_made_a_second_time(tmp_path):
    lives, made_s = lives_of(tmp_path), list[float]()

    def edit(ask, reply):
        if (ask.method, ask.path) == ("POST", "/batches"):
            made_s.append(anyio.current_time())
            return HttpReply(502, b"Bad gateway")
        listed = not made_s or anyio.current_time() > made_s[-1] + 200
        return reply if ask.path != "/batches" or listed else HttpReply(200, b'{"object":"list","data":[]}')

    lives.live(edit=edit)

    assert len(made_s) == 2
    lives.check(CELLS)


def test_a_server_that_shows_the_same_page_for_ever_is_asked_for_two(tmp_path):
    lives = lives_of(tmp_path)
    assert lives.live(at=2, before=True)
    other = {"id": "batch_x", "status": "completed", "created_at": 2**40, "metadata": {}}

    def edit(ask, reply):
        same = (ask.method, ask.path) == ("GET", "/batches")
        return HttpReply(200, orjson.dumps({"data": [other], "has_more": True})) if same else reply

    lives.live(edit=edit)

    lives.check(CELLS)


def test_a_batch_that_names_the_file_of_its_replies_late_is_looked_at_again(tmp_path):
    lives, looks = lives_of(tmp_path), list[str]()

    def edit(ask, reply):
        shown = orjson.loads(reply.body) if ask.path.startswith("/batches/") else {}
        if shown.get("output_file_id") is None or looks.count(ask.path) == 3:
            return reply
        looks.append(ask.path)
        return HttpReply(200, orjson.dumps({**shown, "output_file_id": None}))

    lives.live(edit=edit)

    lives.check(CELLS)


def test_batches_of_requests_that_are_all_refused_for_what_they_are_stop_no_run(tmp_path):
    lives = lives_of(tmp_path, QUICK, batched("content_policy", sticky=True))

    lives.live(open_articles=1)

    assert lives.asks.count("POST /batches") == 6
    assert lives.summary.rejections == {"content_filter": 6}


def test_batches_that_are_gone_say_nothing_about_others(tmp_path):
    lives = lives_of(tmp_path, Batches(median_s=6_000))

    async def interrupt(_, session):
        await anyio.sleep(300)
        session.stop(Interrupted("Stopped."))

    with pytest.raises(Interrupted):
        lives.live(beside=interrupt, batch_enqueued_tokens=None, batch_gather_s=1, source=slowly())
    assert len(lives.left()) == 6
    lives.provider = provider_of()
    lives.live(accept_changes=True)

    assert lives.summary.records == 18


async def slowly():
    for article in articles(6):
        yield article
        await anyio.sleep(10)
