"""What there is to see of a run at work, in words, as numbers, and from another process."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.store.lock import locked
from qloragen.store.names import PROGRESS
from qloragen.view import Allowance, BatchView, ModelView, Paused, Spent, View
from qloragen.watching.file import Glimpse, Standing, glimpse, write_view
from qloragen.watching.meter import Meter
from qloragen.watching.words import state

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
MODEL = ModelView(
    in_flight=3,
    max_in_flight=16,
    waiting=5,
    sent=40,
    completed=37,
    rate_limited=1,
    no_capacity=0,
    retried=2,
    given_up=0,
    requests_per_minute=58.5,
    tokens_per_minute=12_000.0,
    rpm=60,
    bound="RPM",
)
VIEW = View(
    run="a-run",
    makes="records",
    started=NOON,
    time=NOON,
    elapsed_s=30.0,
    articles=12,
    finished_articles=7,
    expected_articles=200,
    made=36,
    rejections={"ungrounded": 2, "twin": 1},
    failures={"timeout": 1},
    models={"gpt-a": MODEL},
    calls=44,
    cost_usd=Decimal("0.01234567890123456789"),
    prompt_tokens=80_000,
    cached_tokens=20_000,
    allowance=Allowance(Decimal(5), None, 100, Spent(Decimal("0.5"), 9, 44), Spent(Decimal("0.1"), 3, 3)),
    batches=(BatchView("batch_1", "gpt-a", "in_progress", 2, 10, NOON),),
    sinks={"astra": 4},
    eta_s=12.5,
)


def test_a_view_survives_json_to_the_last_digit():
    paused = replace(MODEL, pause=Paused("outage", "HTTP 503", 8.0), allowance=Allowance(max_tokens=7))
    view = replace(VIEW, models={"gpt-a": paused})

    again = View.from_dict(orjson.loads(orjson.dumps(view.as_dict())))

    assert again == view


COUNT = st.integers(0, 10**30)
SECONDS = st.floats(0, allow_nan=False, allow_infinity=False)
NAME = st.text(st.characters(codec="utf-8"))
NAMES = st.dictionaries(NAME, COUNT, max_size=3)
MONEY = st.decimals(0, allow_nan=False, allow_infinity=False)
MOMENT = st.datetimes(timezones=st.just(UTC))
SPENT = st.builds(Spent, MONEY, COUNT, COUNT)
ALLOWANCE = st.builds(Allowance, st.none() | MONEY, st.none() | COUNT, st.none() | COUNT, SPENT, SPENT)
MODELS = st.builds(
    replace,
    st.just(MODEL),
    waiting=COUNT,
    requests_per_minute=SECONDS,
    rpm=st.none() | COUNT,
    bound=NAME,
    pause=st.none() | st.builds(Paused, NAME, NAME, st.none() | SECONDS),
    allowance=st.none() | ALLOWANCE,
)
VIEWS = st.builds(
    View,
    run=NAME,
    makes=NAME,
    started=MOMENT,
    time=MOMENT,
    elapsed_s=SECONDS,
    expected_articles=st.none() | COUNT,
    rejections=NAMES,
    failures=NAMES,
    models=st.dictionaries(NAME, MODELS, max_size=3),
    cost_usd=MONEY,
    allowance=ALLOWANCE,
    batches=st.lists(st.builds(BatchView, st.none() | NAME, NAME, NAME, COUNT, COUNT, MOMENT), max_size=2).map(tuple),
    sinks=NAMES,
    stopping=st.none() | NAME,
    leaves_in_s=st.none() | SECONDS,
    eta_s=st.none() | SECONDS,
    ended=st.booleans(),
)


@settings(max_examples=60)
@given(VIEWS)
def test_whatever_is_seen_of_a_session_another_process_sees_the_same(view):
    with TemporaryDirectory() as folder, locked(Path(folder), "journal.jsonl"):
        write_view(Path(folder), view)

        assert glimpse(Path(folder)) == Glimpse(Standing.AT_WORK, view)


@pytest.mark.parametrize(
    "values", [{"time": "2026-11-29T12:00:00"}, {"elapsed_s": "nan"}, {"eta_s": "inf"}, {"made": None}]
)
def test_what_nobody_could_show_is_no_view(values):
    with pytest.raises(ValueError, match="no view of a run"):
        View.from_dict(VIEW.as_dict() | values)


def test_what_a_later_version_says_besides_is_left_out_of_a_view():
    values = VIEW.as_dict() | {"mood": "good"}

    assert View.from_dict(values) == VIEW


@pytest.mark.parametrize("values", [None, [], {}, VIEW.as_dict() | {"models": 3}])
def test_what_is_no_view_is_not_taken_for_one(values):
    with pytest.raises(ValueError, match="no view of a run"):
        View.from_dict(values)


def test_a_view_knows_its_sums_and_shares():
    assert (VIEW.rejected, VIEW.failed, VIEW.in_flight) == (3, 1, 3)
    assert VIEW.cached_share == 0.25
    assert VIEW.made_per_minute == 72.0
    assert replace(VIEW, prompt_tokens=0).cached_share is None
    assert VIEW.allowance.bounded
    assert not Allowance().bounded


# ----------------------------------------------------------------------------------------------------------- in words


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (replace(VIEW, batches=(), ended=True), "ended"),
        (replace(VIEW, batches=()), "waits for the RPM of gpt-a"),
        (VIEW, "waits for the batch (in progress, 2 of 10 done); waits for the RPM of gpt-a"),
        (replace(VIEW, stopping="Enough.", leaves_in_s=39.6), "stopping: finishes 3 calls, at most 40 s more"),
        (replace(VIEW, stopping="Enough."), "stopping: finishes 3 calls"),
        (replace(VIEW, stopping="Enough.", models={}), "brings 4 records to astra"),
        (replace(VIEW, stopping="Enough.", models={}, sinks={}), "stopping"),
        (replace(VIEW, models={}, batches=(), articles=0), "begins"),
        (replace(VIEW, models={}, batches=(), finished_articles=12), "brings 4 records to astra"),
        (replace(VIEW, models={}, batches=()), "at work"),
    ],
)
def test_the_state_of_a_run_is_said_in_words(view, words):
    assert state(view) == words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bound": "TPM"}, "waits for the TPM of gpt-a"),
        ({"bound": "budget"}, "waits for what calls in flight leave of the budget for gpt-a"),
        ({"bound": "flex capacity"}, "waits for room at the flex tier of gpt-a"),
        ({"bound": "concurrency", "in_flight": 16}, "as many calls in flight as gpt-a may have (16)"),
        ({"bound": "concurrency"}, "begins with a few of the 16 calls in flight that gpt-a may have"),
        ({"bound": "concurrency", "waiting": 0}, "waits for replies to 3 calls"),
        ({"bound": "idle"}, "waits for replies to 3 calls"),
        ({"bound": "what a later version knows"}, "waits for replies to 3 calls"),
        ({"pause": Paused("outage", "HTTP 503", 8.2)}, "paused: the provider answers HTTP 503, next probe in 8 s"),
        (
            {"pause": Paused("outage", "connection refused")},
            "paused: the provider does not answer, a probe is under way (connection refused)",
        ),
        (
            {"pause": Paused("outage", "HTTP 503, code busy, Come back later", 8.2)},
            "paused: the provider answers HTTP 503, next probe in 8 s (code busy, Come back later)",
        ),
        ({"pause": Paused("what a later version knows", "x\n", 8.2)}, "paused: x\\n, next probe in 8 s"),
        ({"pause": Paused("rate_limited", "x", 61.0)}, "paused: the rate limit is reached, next probe in 1 min 01 s"),
        ({"pause": Paused("no_capacity", "x", 2.0)}, "paused: the flex tier has no room, next probe in 2 s"),
        ({"pause": Paused("held", "out cannot be written: No space")}, "paused: out cannot be written: No space"),
    ],
)
def test_what_a_model_waits_for_is_said_in_words(changes, words):
    view = replace(VIEW, batches=(), models={"gpt-a": replace(MODEL, **changes)})

    assert state(view) == words


def test_of_several_models_it_is_said_which_one_is_paused():
    paused = replace(MODEL, pause=Paused("outage", "HTTP 503", 8.0))
    view = replace(VIEW, batches=(), models={"gpt-a": paused, "gpt-b": MODEL})

    said = state(view)

    assert said == "paused: gpt-a: the provider answers HTTP 503, next probe in 8 s; waits for the RPM of gpt-b"


@pytest.mark.parametrize(
    ("models", "words"), [("ab", "a and b"), ("abc", "a, b and c"), ("abcd", "a, b, c and 1 more")]
)
def test_models_that_wait_for_the_same_are_named_together(models, words):
    view = replace(VIEW, batches=(), models=dict.fromkeys(models, MODEL))

    assert state(view) == f"waits for the RPM of {words}"


def test_of_several_batches_it_is_said_which_one_is_collected():
    batches = (replace(VIEW.batches[0], status="collecting"), replace(VIEW.batches[0], id=None, status="submitting"))

    said = state(replace(VIEW, models={}, batches=batches))

    assert said == "collecting batch 1 of 2 (10 requests); submitting batch 2 of 2 (10 requests)"


def test_no_text_of_a_server_can_steer_a_terminal_or_fill_it():
    paused = replace(MODEL, pause=Paused("outage", f"HTTP 503, \x1b[2J{'x' * 500}", 8.0))

    said = state(replace(VIEW, batches=(), models={"gpt-a": paused}))

    assert said.isprintable()
    assert len(said) < 150


# -------------------------------------------------------------------------------------------------------------- rates


def test_a_rate_is_that_of_the_last_minute():
    meter = Meter(0.0)
    for second in range(1, 301):
        meter.note(second, second if second <= 200 else 200 + 3 * (second - 200))

    assert meter.per_minute(300.0, 500) == 180.0


def test_a_burst_at_the_beginning_is_no_rate():
    meter = Meter(0.0)

    assert meter.per_minute(0.1, 10) == 120.0


@given(st.lists(st.tuples(st.floats(0.01, 30), st.integers(0, 1000)), min_size=1, max_size=200), st.floats(0, 30))
def test_a_rate_is_never_above_that_of_the_fastest_moment(steps, after_s):
    meter, now_s, count, fastest = Meter(0.0), 0.0, 0, 0.0
    for wait_s, more in steps:
        now_s, count, fastest = now_s + wait_s, count + more, max(fastest, more / wait_s)
        meter.note(now_s, count)

    rate = meter.per_minute(now_s + after_s, count)

    assert 0 <= rate <= 60 * fastest * (1 + 1e-9)


# --------------------------------------------------------------------------------------------------- other processes


def test_a_run_that_nobody_has_seen_is_absent(tmp_path):
    assert glimpse(tmp_path) == Glimpse(Standing.ABSENT, None)
    assert glimpse(tmp_path / "none") == Glimpse(Standing.ABSENT, None)


def test_a_session_at_work_is_seen_by_others(tmp_path):
    with locked(tmp_path, "journal.jsonl"):
        before = glimpse(tmp_path)
        write_view(tmp_path, VIEW)
        at_work = glimpse(tmp_path)

    assert before == Glimpse(Standing.AT_WORK, None)
    assert at_work == Glimpse(Standing.AT_WORK, VIEW)


@pytest.mark.parametrize(("ended", "standing"), [(True, Standing.ENDED), (False, Standing.DIED)])
def test_a_session_that_was_left_is_told_from_one_that_was_killed(tmp_path, ended, standing):
    last = replace(VIEW, ended=ended)
    with locked(tmp_path, "journal.jsonl"):
        write_view(tmp_path, last)

    assert glimpse(tmp_path) == Glimpse(standing, last)


def test_what_an_earlier_process_has_left_is_not_taken_for_the_one_at_work(tmp_path):
    with locked(tmp_path, "journal.jsonl"):
        write_view(tmp_path, VIEW)
    (tmp_path / PROGRESS).write_bytes((tmp_path / PROGRESS).read_bytes().replace(b'"process ', b'"process 9'))

    with locked(tmp_path, "journal.jsonl"):
        seen = glimpse(tmp_path)

    assert seen == Glimpse(Standing.AT_WORK, None)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"process": "p", "view": {}}', b'{"view": 3}', b"\xff", b"[" * 100_000]
)
def test_a_damaged_file_says_nothing(tmp_path, content):
    (tmp_path / PROGRESS).write_bytes(content)

    assert glimpse(tmp_path) == Glimpse(Standing.ABSENT, None)


def test_nobody_else_may_read_what_a_run_is_like(tmp_path):
    write_view(tmp_path, VIEW)

    assert (tmp_path / PROGRESS).stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == [PROGRESS]


def test_a_link_in_the_place_of_a_draft_leads_to_no_harm(tmp_path):
    mine = tmp_path / "mine"
    mine.write_text("kept")
    run = tmp_path / "run"
    run.mkdir()
    (run / f"{PROGRESS}.new").symlink_to(mine)
    (run / PROGRESS).symlink_to(mine)

    write_view(run, VIEW)

    assert mine.read_text() == "kept"
    assert not (run / PROGRESS).is_symlink()
    assert glimpse(run) == Glimpse(Standing.DIED, VIEW)


def test_where_the_file_cannot_be_replaced_no_draft_is_left(tmp_path):
    (tmp_path / PROGRESS).mkdir()

    with pytest.raises(OSError, match="directory"):
        write_view(tmp_path, VIEW)

    assert [path.name for path in tmp_path.iterdir()] == [PROGRESS]
