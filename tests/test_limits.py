"""What servers say about their limits, and what is made of it."""

from __future__ import annotations

from random import Random

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.engine.announced import announced, duration_s
from qloragen.engine.limiter import SHORTEST_BURST_S, Bucket
from qloragen.engine.limits import Limits
from qloragen.testing import VirtualLoop


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


def headers(
    *, limit: object, remaining: object = None, reset: str | None = None, kind: str = "tokens"
) -> dict[str, str]:
    named = {"limit": limit, "remaining": remaining, "reset": reset}
    return {f"x-ratelimit-{name}-{kind}": str(value) for name, value in named.items() if value is not None}


# ------------------------------------------------------------------------------------------------------------ headers


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12ms", 0.012),
        ("1s", 1.0),
        ("1.5s", 1.5),
        ("6m0s", 360.0),
        ("1m2.5s", 62.5),
        ("1h2m3s", 3723.0),
        ("2d", 172_800.0),
        ("7", 7.0),
        ("0.25", 0.25),
        ("-1", 0.0),
        ("", None),
        ("soon", None),
        ("1s later", None),
        ("Tue, 24 Nov 2026 10:00:00 GMT", None),
        ("nan", None),
        ("inf", None),
        (None, None),
    ],
)
def test_the_durations_of_all_servers_are_read(text, seconds):
    assert duration_s(text) == (None if seconds is None else pytest.approx(seconds))


@given(st.text(max_size=20))
def test_any_text_at_all_is_a_duration_or_none(text):
    found = duration_s(text)

    assert found is None or found >= 0


def test_a_limit_comes_with_its_level_where_it_leaks_away_evenly():
    said = announced(headers(limit=60_000, remaining=50_000, reset="10s"), "tokens")

    assert said is not None
    assert (said.per_minute, said.level) == (60_000, 10_000)


def test_a_window_that_is_emptied_at_once_has_no_level():
    said = announced(headers(limit=60_000, remaining=50_000, reset="45s"), "tokens")

    assert said is not None
    assert (said.per_minute, said.level, said.remaining, said.reset_s) == (60_000, None, 50_000, 45)


@pytest.mark.parametrize(
    "said",
    [
        {},
        headers(limit=0),
        headers(limit=-1),
        headers(limit="many"),
        headers(limit="none"),
        headers(limit="nan"),
        headers(limit=14_400, remaining=14_370, reset="2m59.56s"),  # per day
        headers(limit=1_000, kind="requests"),
    ],
)
def test_what_is_no_limit_per_minute_is_left_alone(said):
    assert announced(said, "tokens") is None


# ---------------------------------------------------------------------------------------------------------- discovery


def wait_s(limits: Limits, tokens: int) -> float:
    """Return how long a request of `tokens` has to wait from now on."""
    return max(limits.waits_s(tokens, anyio.current_time()))


async def test_limits_that_nobody_gave_are_taken_from_the_server():
    limits = Limits(None, None)
    share = limits.take(500, anyio.current_time())

    limits.learn(headers(limit=60_000, remaining=59_500, reset="0.5s"), share)

    assert (limits.rpm, limits.tpm, limits.told) == (None, 60_000, True)
    assert wait_s(limits, 500) == pytest.approx(0.5)  # of the half second's 500 tokens all are in use


async def test_the_smaller_of_both_limits_counts_and_follows_the_server():
    limits = Limits(None, 60_000)
    share = limits.take(1, anyio.current_time())

    limits.learn(headers(limit=30_000), share)
    assert limits.tpm == 30_000
    limits.learn(headers(limit=90_000), share)
    assert limits.tpm == 60_000


async def test_an_exhausted_window_says_how_long_to_wait():
    limits = Limits(None, None)
    share = limits.take(1, anyio.current_time())

    assert limits.learn(headers(limit=60_000, remaining=100, reset="40s"), share) == 0
    assert limits.learn(headers(limit=60_000, remaining=0, reset="40s"), share) == 40


# ------------------------------------------------------------------------------------------------------ reconciliation


class _Server:
    """Charges calls by a formula of its own, and says so in headers that arrive a latency late."""

    def __init__(self, tpm: int, charge: float) -> None:
        self.tpm, self.charge = tpm, charge
        self.bucket = Bucket(tpm, 60)

    def charged(self, tokens: int) -> dict[str, str]:
        self.bucket.take(tokens * self.charge)
        level = self.bucket.level
        return headers(limit=self.tpm, remaining=int(self.tpm - level), reset=f"{level * 60 / self.tpm:.3f}s")


@pytest.mark.parametrize("charge", [0.7, 0.9, 1.0, 1.2, 1.6])
@pytest.mark.parametrize("latency_s", [0.1, 5.0])
async def test_whatever_the_server_charges_its_whole_rate_is_used_and_never_much_more(charge, latency_s):
    """The peak of the server's level is what it would have needed as a burst; ours is half a second's share."""
    server, limits, random = _Server(600_000, charge), Limits(None, 600_000), Random(3)  # noqa: S311 - sizes
    peak = charged = 0.0

    async def answered(said: dict[str, str], share) -> None:
        await anyio.sleep(random.uniform(0.5, 1.5) * latency_s)
        limits.learn(said, share)

    async with anyio.create_task_group() as tasks:
        while anyio.current_time() < 120:
            tokens = random.randint(100, 3_000)
            while (seconds := wait_s(limits, tokens)) > 0:  # noqa: ASYNC110 - corrections may come meanwhile
                await anyio.sleep(seconds)
            share = limits.take(tokens, anyio.current_time())
            tasks.start_soon(answered, server.charged(tokens), share)
            if anyio.current_time() > 30:
                peak, charged = max(peak, server.bucket.level), charged + tokens * charge

    assert charged == pytest.approx(90 * 10_000, rel=0.05)
    assert peak < 10_000 * (1.0 if latency_s < 1 else 1 + latency_s * abs(charge - 1))


async def test_a_difference_is_corrected_once_however_many_replies_report_it():
    limits = Limits(None, 600_000)
    shares = [limits.take(100, anyio.current_time()) for _ in range(20)]
    said = [headers(limit=600_000, remaining=600_000 - 4_000 - 100 * n, reset=f"{(40 + n) / 100}s") for n in range(20)]

    for late, share in zip(said, shares, strict=True):
        limits.learn(late, share)

    assert wait_s(limits, 1) == pytest.approx((2_000 + 3_900 - 5_000 + 1) / 10_000, abs=0.02)


async def test_bursts_become_shorter_only_down_to_a_bound():
    limits = Limits(6_000, 600_000)
    limits.learn(headers(limit=6_000, kind="requests"), limits.take(1, anyio.current_time()))
    await anyio.sleep(60)

    for _ in range(6):
        limits.refused()

    shares = 0
    while wait_s(limits, 1) == 0:
        limits.take(1, anyio.current_time())
        shares += 1
    assert shares == 100 * SHORTEST_BURST_S
