"""What goes wrong with batches, and what becomes of it: nothing is lost, and nothing paid for twice."""

from __future__ import annotations

import anyio
import orjson
import pytest

from qloragen import AccessDenied, ChangesNotAccepted, ModelNotFound, ProviderUnavailable, QuotaExhausted
from qloragen.engine.client import Ask, HttpReply
from qloragen.simulator import Fault, Model, error
from qloragen.simulator.batch_settings import Batches

from .batch_lives import QUICK, Lives, bill_of, provider_of
from .test_main_job import articles

CELLS = 24
"""Of six articles: a classification each, and three records."""


def batched(kind, rate=1.0, **options):
    return Fault(kind, rate, endpoints=("batched",), **options)


def lives_of(tmp_path, batches=QUICK, *faults, source=None, **simulation):
    return Lives(tmp_path, provider_of(batches, faults=faults, **simulation), source or articles(6))


NOT_THERE = HttpReply(404, b'{"error":{"message":"No such object"}}')


def without_batches(_ask, _reply):
    return HttpReply(404, b'{"error":{"message":"Not Found"}}')


# ------------------------------------------------------------------------------------------ batches as a whole


@pytest.mark.parametrize(
    "batches",
    [
        Batches(median_s=20, window_s=600, expired=0.5, unfinished=0.5),
        Batches(median_s=20, window_s=600, expired=0.5, unfinished=1),
        Batches(median_s=20, failed=0.4),
    ],
    ids=["half expired", "expired", "failed"],
)
def test_what_batches_leave_undone_goes_into_the_next_and_nothing_else_does(tmp_path, batches):
    lives = lives_of(tmp_path, batches)

    lives.live()

    assert lives.asks.count("POST /batches") > 2
    assert lives.summary.records == 18
    lives.check(CELLS)


def test_what_is_left_of_a_batch_that_somebody_cancelled_goes_into_the_next(tmp_path):
    lives = lives_of(tmp_path, Batches(median_s=600, cancelling_s=20))

    async def cancel(client, session):
        await anyio.sleep(300)
        assert session.batches[0].done
        await client.ask(Ask("POST", f"/batches/{session.batches[0].id}/cancel"), timeout_s=10)

    lives.live(beside=cancel)

    assert lives.asks.count("POST /batches") > 2
    lives.check(CELLS)


def test_a_provider_whose_batches_bring_nothing_stops_the_run(tmp_path):
    lives = lives_of(tmp_path, Batches(failed=1))

    with pytest.raises(ProviderUnavailable, match=r"gpt-6-sol: 5 batches one after the other brought not one reply"):
        lives.live()

    assert lives.asks.count("POST /batches") == 5
    assert lives.left() == []


@pytest.mark.parametrize("known", [True, False], ids=["set", "found out"])
def test_no_more_tokens_are_enqueued_than_the_provider_takes(tmp_path, known):
    limit = 2_000
    lives = lives_of(tmp_path, Batches(median_s=60, enqueued_tokens=limit))

    lives.live(batch_enqueued_tokens=limit if known else None)

    assert lives.asks.count("POST /batches") > (10 if known else 12)
    lives.check(CELLS)


def test_a_request_that_is_too_large_to_be_enqueued_at_all_is_left_for_the_next_run(tmp_path):
    lives = lives_of(tmp_path, Batches(enqueued_tokens=100))

    lives.live()

    assert lives.summary.failures == {"over_enqueued_tokens": 6}
    assert lives.left() == []


# ------------------------------------------------------------------------------------------ single requests


@pytest.mark.parametrize("kind", ["500", "503", "429", "hang", "html_page", "error_inside_200", "html_error"])
def test_a_request_that_fails_in_passing_goes_into_the_next_batch(tmp_path, kind):
    kind = "rate_limited" if kind == "429" else kind
    lives = lives_of(tmp_path, QUICK, batched(kind, 0.3))

    lives.live()

    assert lives.summary.records == 18
    assert lives.asks.count("POST /batches") > 2
    lives.check(CELLS)


@pytest.mark.parametrize(("kind", "reason"), [("content_policy", "content_filter"), ("500", "server_error")])
def test_a_request_that_fails_for_a_reason_of_its_own_is_given_up_for_good(tmp_path, kind, reason):
    lives = lives_of(tmp_path, QUICK, batched(kind, 0.2, sticky=True, models=("gpt-6-luna",)))

    lives.live()
    rejected = lives.summary.rejections

    assert rejected.keys() == {reason}
    assert lives.summary.records == 18 - rejected[reason]
    lives.check(CELLS - rejected[reason])


def test_a_request_that_is_too_long_is_left_for_the_next_run(tmp_path):
    lives = lives_of(tmp_path, QUICK, batched("context_length", 0.2, sticky=True, models=("gpt-6-luna",)))

    lives.live()

    assert lives.summary.failures.keys() == {"context_length"}
    assert lives.summary.rejections == {}
    assert lives.asks.count("POST /batches") == 2


def test_replies_that_cannot_be_used_are_asked_for_again_in_the_next_batch(tmp_path):
    provider = provider_of(faults=(batched("invalid_arguments", 0.3, models=("gpt-6-luna",)),))
    lives = Lives(tmp_path, provider, articles(6), record_asks=4)

    lives.live()

    assert lives.summary.records == 18
    assert lives.summary.calls > CELLS
    assert lives.summary.cost_usd == bill_of(lives.provider)
    assert lives.provider.statistics.duplicates == 0


@pytest.mark.parametrize(
    ("kind", "stop"), [("insufficient_quota", QuotaExhausted), ("unauthorized", AccessDenied)], ids=["quota", "key"]
)
def test_an_account_that_is_shut_out_stops_the_run_when_all_that_came_is_kept(tmp_path, kind, stop):
    lives = lives_of(tmp_path, QUICK, batched(kind, 0.5, end_s=60))

    with pytest.raises(stop):
        lives.live()
    assert lives.left() == []
    lives.now_s = 100.0
    lives.live()

    lives.check(CELLS)


def test_a_model_that_the_provider_does_not_know_stops_the_run(tmp_path):
    lives = lives_of(tmp_path, QUICK, models={"gpt-6-luna": Model()})

    with pytest.raises(ModelNotFound, match="gpt-6-sol"):
        lives.live()

    assert lives.left() == []


def test_a_parameter_that_a_model_does_not_take_is_left_out_in_the_next_batch(tmp_path):
    refused = error(400, "Unknown parameter.", code="unknown_parameter", param="reasoning_effort")
    parameters = {"gpt-6-luna": {"parameters": {"reasoning_effort": "low"}}}

    def script(call):
        return refused if "reasoning_effort" in call.body else None

    lives = Lives(tmp_path, provider_of(), articles(6), models=parameters)
    lives.provider = provider_of(script=script)
    lives.live()

    assert lives.summary.records == 18
    lives.check(CELLS)


# ------------------------------------------------------------------------------------------ calls to the Batch API


@pytest.mark.parametrize(
    "kind",
    [
        "503",
        "rate_limited",
        "reset_before_headers",
        "reset_after_headers",
        "truncated_body",
        "hang",
        "html_page",
        "500",
    ],
)
@pytest.mark.parametrize("endpoint", ["files", "batches"])
def test_calls_that_fail_in_passing_are_made_again_and_no_batch_is_made_twice(tmp_path, kind, endpoint):
    lives = lives_of(tmp_path, QUICK, Fault(kind, 0.5, endpoints=(endpoint,)), seed=3)

    lives.live()

    assert lives.provider.statistics.endpoints[endpoint].outcomes.get(kind, 0) > 0
    lives.check(CELLS)


def test_an_outage_is_waited_for(tmp_path):
    lives = lives_of(tmp_path, QUICK, Fault("503", start_s=5, end_s=3_000, endpoints=("files", "batches")))

    lives.live()

    assert lives.now_s > 3_000
    lives.check(CELLS)


def test_a_limit_of_batches_an_hour_is_waited_for(tmp_path):
    lives = lives_of(tmp_path, Batches(created_per_hour=1))

    lives.live()

    assert lives.now_s > 3_600
    lives.check(CELLS)


def test_a_provider_without_batches_is_said_to_have_none(tmp_path):
    lives = lives_of(tmp_path)

    with pytest.raises(ProviderUnavailable, match=r"This provider has no Batch API .*leave --batch out"):
        lives.live(edit=without_batches)

    assert lives.left() == []
    lives.live(edit=without_batches, batch=False)
    assert lives.summary.records == 18
    assert (lives.summary.calls, lives.summary.lost_calls) == (CELLS, 0)


def test_what_may_be_in_a_batch_of_another_provider_is_not_paid_for_again_in_silence(tmp_path):
    lives = lives_of(tmp_path)
    assert lives.live(at=2, before=False)
    assert [one.batch for one in lives.left()] == [None]

    with pytest.raises(ChangesNotAccepted, match=r"no Batch API, and a batch with 6 requests .* may have been made"):
        lives.live(edit=without_batches, batch=False)
    lives.live(edit=without_batches, batch=False, accept_changes=True)

    assert lives.summary.records == 18
    assert lives.summary.lost_calls == 6


def test_a_key_that_is_refused_stops_the_run(tmp_path):
    lives = lives_of(tmp_path, api_key="k")

    with pytest.raises(AccessDenied, match="POST /files was refused with HTTP 401"):
        lives.live()


# ------------------------------------------------------------------------------------------ results


def test_results_that_are_gone_are_booked_as_lost_and_asked_for_again(tmp_path):
    lives, gone = lives_of(tmp_path), list[str]()

    def edit(ask, reply):
        if ask.path.endswith("/content"):
            gone.append(ask.path)
            return NOT_THERE if ask.path == gone[0] else reply
        return reply

    lives.live(edit=edit)

    assert lives.summary.records == 18
    assert lives.summary.calls == CELLS
    assert lives.summary.lost_calls == 6
    assert lives.provider.statistics.total.calls == CELLS + 6
    assert lives.left() == []


def test_lines_that_are_missing_broken_or_unknown_concern_no_others(tmp_path):
    lives, edited = lives_of(tmp_path), list[bytes]()

    def edit(ask, reply):
        if not ask.path.endswith("/content") or edited:
            return reply
        edited.extend(lines := reply.body.splitlines())
        unknown = orjson.dumps({**orjson.loads(lines[1]), "custom_id": "of somebody else"})
        return HttpReply(200, b"\n".join([b"", unknown, lines[2][:50], b"[]", *lines[3:]]))

    lives.live(edit=edit)

    assert len(edited) == 6
    assert lives.summary.records == 18
    assert (lives.summary.calls, lives.summary.lost_calls) == (CELLS, 3)
    assert lives.provider.statistics.total.calls == CELLS + 3


def test_a_batch_that_the_provider_does_not_know_is_not_paid_for_again_in_silence(tmp_path):
    lives = lives_of(tmp_path, Batches(median_s=600))
    lives.live(at=5, before=True)
    lives.provider = provider_of()

    with pytest.raises(ChangesNotAccepted, match=r"does not know batch batch_0, in which 6 requests .* with --yes"):
        lives.live()
    lives.live(accept_changes=True)

    assert lives.summary.records == 18
    assert lives.summary.lost_calls == 6
