"""The simulated provider's prompt cache, by its bill."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.simulator import Effect, Latency, Model, PromptCache, Provider, Script, Simulation, Wire
from qloragen.simulator.tokens import count_tokens

ARTICLE = "".join(f"Sentence number {n} says something that no other says. " for n in range(400))
"""Some 4,000 tokens."""


class Shell:
    """Sends calls at times of its choice; each takes two seconds."""

    def __init__(self, model: str = "gpt-4.1", *, script: Script | None = None, **cache: Any) -> None:
        behaviour = Model(cache=PromptCache(**cache), latency=Latency(median_s=2.0))
        self.provider = Provider(Simulation(models={"*": behaviour}), script=script)
        self.model = model

    def usage(self, at_s: float, *texts: str | list[dict[str, Any]], **parameters: Any) -> tuple[int, int, int]:
        """Return (prompt, cached, written) tokens of a call that starts at `at_s`."""
        messages = [{"role": "user", "content": text} for text in texts]
        body = orjson.dumps({"model": self.model, "messages": messages, **parameters})
        plan = self.provider.arrive(body, {}, at_s)
        self.provider.end(plan, at_s + plan.last_s, whole=True)
        assert plan.usage is not None
        return plan.usage.prompt_tokens, plan.usage.cached_tokens, plan.usage.cache_write_tokens

    def cached(self, at_s: float, *texts: str | list[dict[str, Any]], **parameters: Any) -> int:
        return self.usage(at_s, *texts, **parameters)[1]


def exactly(tokens: int) -> str:
    """Return a text whose prompt has so many tokens."""
    return next(
        ARTICLE[:size] for size in range(2_000, 9_000) if count_tokens(f"\nuser: {ARTICLE[:size]}") + 6 == tokens
    )


def part(text: str, **mark: str) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "text", "text": text}
    return {**found, "prompt_cache_breakpoint": {"mode": "explicit", **mark}} if mark else found


# ---------------------------------------- prefixes: older models


def test_a_prefix_is_read_by_calls_that_start_after_an_earlier_one_was_answered():
    shell = Shell()

    assert shell.cached(0.0, ARTICLE, "one") == 0
    assert shell.cached(1.9, ARTICLE, "two") == 0
    assert shell.cached(2.0, ARTICLE, "three") > 3_000


@pytest.mark.parametrize(("late", "ends_s"), [(Effect(delay_s=50.0), 52.0), (Effect(wire=Wire.TRICKLE), 61.0)])
def test_a_reply_that_comes_late_is_not_read_before_it_has_come(late, ends_s):
    shell = Shell(script={0: late})

    shell.usage(0.0, ARTICLE, "one")

    assert shell.cached(ends_s - 0.1, ARTICLE, "two") == 0
    assert shell.cached(ends_s + 0.1, ARTICLE, "three") > 3_000


def test_a_prefix_counts_in_steps_of_128_from_1024_tokens_on():
    shell = Shell()
    prompt, _, _ = shell.usage(0.0, ARTICLE, "one")

    cached = shell.cached(10.0, ARTICLE, "two")

    assert cached % 128 == 0
    assert prompt - 3 * 128 <= cached <= prompt


def test_a_short_prompt_is_never_cached():
    shell = Shell()
    shell.usage(0.0, ARTICLE[:3_000])

    assert shell.cached(10.0, ARTICLE[:3_000]) == 0


@pytest.mark.parametrize(("tokens", "read"), [(1_023, 0), (1_024, 1_024), (1_151, 1_024), (1_152, 1_152)])
def test_a_prompt_that_comes_again_is_read_from_1024_tokens_on(tokens, read):
    shell = Shell()
    text = exactly(tokens)

    assert shell.usage(0.0, text)[0] == tokens
    assert shell.cached(10.0, text) == read


@pytest.mark.parametrize("head", ['{"a": 1, "b": [2, 3]}, ' * 300, "数据库节点" * 500, ARTICLE[:8_000]])
@pytest.mark.parametrize("tail", ["the quick brown fox " * 400, "数据库节点" * 500, "7" * 3_000])
def test_a_prefix_has_the_tokens_of_its_own_text_whatever_comes_after(head, tail):
    shell = Shell()
    shell.usage(0.0, f"{head}A{tail}")

    assert count_tokens(head) - 2 * 128 - 64 < shell.cached(10.0, f"{head}B{tail}") <= count_tokens(head)


def test_a_prefix_is_not_read_past_the_first_difference():
    shell = Shell()
    prompt, _, _ = shell.usage(0.0, ARTICLE)

    half = shell.cached(10.0, ARTICLE[: len(ARTICLE) // 2] + ARTICLE[: len(ARTICLE) // 2 : -1])

    assert prompt * 0.4 < half <= prompt * 0.5
    assert shell.cached(20.0, "x" + ARTICLE) == 0


def test_each_model_and_each_cache_key_has_a_cache_of_its_own():
    shell = Shell()
    shell.usage(0.0, ARTICLE, prompt_cache_key="a")

    assert shell.cached(10.0, ARTICLE) == 0
    assert shell.cached(10.0, ARTICLE, prompt_cache_key="b") == 0
    assert shell.cached(10.0, ARTICLE, prompt_cache_key="a") > 0
    shell.model = "gpt-4o"
    assert shell.cached(20.0, ARTICLE, prompt_cache_key="a") == 0


def test_a_prefix_is_forgotten_after_its_last_use():
    shell = Shell(ttl_s=60)
    shell.usage(0.0, ARTICLE)

    assert shell.cached(50.0, ARTICLE) > 0
    assert shell.cached(111.0, ARTICLE) > 0
    assert shell.cached(174.0, ARTICLE) == 0
    assert shell.cached(175.0, ARTICLE) == 0
    assert shell.cached(176.0, ARTICLE) > 0


def test_the_cache_forgets_the_oldest_prefixes_when_it_is_full():
    shell = Shell(entries=200)
    shell.usage(0.0, ARTICLE)
    for n in range(20):
        shell.usage(3.0, f"{n} {ARTICLE}")

    assert shell.cached(10.0, ARTICLE) == 0
    assert shell.cached(10.0, f"19 {ARTICLE}") > 0


@given(
    st.lists(
        st.tuples(st.floats(0, 5), st.integers(0, 3), st.integers(0, len(ARTICLE)), st.sampled_from([None, "key"])),
        min_size=1,
        max_size=12,
    )
)
def test_no_more_is_read_than_some_answered_call_had(calls):
    shell, now_s = Shell(), 0.0
    earlier: list[tuple[float, str | None, str]] = []
    for pause_s, variant, length, key in calls:
        now_s += pause_s
        text = f"{variant}{ARTICLE[:length]}{'z' * 200}"
        _, cached, written = shell.usage(now_s, text, **({"prompt_cache_key": key} if key else {}))
        visible = [common(text, old) for at_s, old_key, old in earlier if old_key == key and at_s + 2 <= now_s]
        assert cached <= count_tokens(text[: max(visible, default=0)]) + 8
        assert written == 0
        earlier.append((now_s, key, text))


def common(one: str, other: str) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


# ---------------------------------------- breakpoints: newer models


def test_by_default_a_newer_model_writes_at_the_end_of_the_prompt_and_reads_nothing_else():
    shell = Shell("gpt-6-luna")

    first, second = shell.usage(0.0, ARTICLE, "one"), shell.usage(10.0, ARTICLE, "two")

    assert first[1:] == (0, first[0])
    assert second[1:] == (0, second[0])
    assert shell.usage(20.0, ARTICLE, "one") == (first[0], first[0], 0)


def test_a_longer_conversation_reads_what_the_shorter_one_wrote():
    shell = Shell("gpt-5.6-terra")
    short = shell.usage(0.0, ARTICLE)

    longer = shell.usage(10.0, ARTICLE, "and now?")

    assert longer == (longer[0], short[2], longer[0] - short[2])


def test_explicit_breakpoints_are_written_once_and_read_by_the_siblings():
    shell, explicit = Shell("gpt-6-luna"), {"prompt_cache_options": {"mode": "explicit"}}

    first, second, third = (
        shell.usage(at_s, [part(ARTICLE, ttl="30m"), part(question)], **explicit)
        for at_s, question in ((0.0, "one?"), (10.0, "two?"), (1_700.0, "three?"))
    )

    assert first[1] == 0
    assert 3_000 < first[2] < first[0]
    assert second[1:] == (first[2], 0)
    assert third[1:] == (first[2], 0)


@pytest.mark.parametrize(
    ("options", "mark", "lasts_s"),
    [
        ({}, {"mode": "explicit"}, 1_800),
        ({"ttl": "12h"}, {"mode": "explicit"}, 43_200),
        ({"ttl": "12h"}, {"ttl": "30m"}, 1_800),
        ({}, {"ttl": "12h"}, 43_200),
    ],
)
def test_a_breakpoint_lives_as_long_as_it_or_its_call_says(options, mark, lasts_s):
    asked = {"prompt_cache_options": {"mode": "explicit", **options}}
    for at_s, read in ((2 + lasts_s - 1, True), (2 + lasts_s + 1, False)):
        shell = Shell("gpt-6-luna")
        shell.usage(0.0, [part(ARTICLE, **mark), part("one?")], **asked)
        assert (shell.cached(at_s, [part(ARTICLE, **mark), part("two?")], **asked) > 0) == read


def test_the_end_of_a_prompt_lives_for_thirty_minutes_too():
    shell = Shell("gpt-6-luna")
    shell.usage(0.0, ARTICLE)

    assert shell.cached(1_700.0, ARTICLE) > 0


def test_reading_a_breakpoint_renews_it():
    shell, explicit = Shell("gpt-6-luna"), {"prompt_cache_options": {"mode": "explicit"}}
    marked = [part(ARTICLE, mode="explicit"), part("one?")]
    shell.usage(0.0, marked, **explicit)

    assert shell.cached(1_700.0, [part(ARTICLE), part("two?")], **explicit) > 0
    assert shell.cached(3_400.0, [part(ARTICLE), part("three?")], **explicit) > 0
    assert shell.cached(5_300.0, [part(ARTICLE), part("four?")], **explicit) == 0


@pytest.mark.parametrize(("tokens", "written"), [(1_023, 0), (1_024, 1_024)])
def test_breakpoints_count_from_1024_tokens_on(tokens, written):
    assert Shell("gpt-6-luna").usage(0.0, exactly(tokens))[2] == written


def test_calls_that_race_each_other_all_pay_for_writing():
    shell, explicit = Shell("gpt-6-luna"), {"prompt_cache_options": {"mode": "explicit"}}
    text = [part(ARTICLE, mode="explicit")]

    first, second = shell.usage(0.0, text, **explicit), shell.usage(1.0, text, **explicit)

    assert first[1:] == second[1:] == (0, first[2])
    assert first[2] > 0


def test_without_a_breakpoint_the_explicit_mode_caches_nothing():
    shell, explicit = Shell("gpt-6-luna"), {"prompt_cache_options": {"mode": "explicit"}}

    assert [shell.usage(at_s, ARTICLE, **explicit)[1:] for at_s in (0.0, 10.0)] == [(0, 0), (0, 0)]


@pytest.mark.parametrize(
    ("model", "rule", "reports"),
    [
        ("gpt-6-luna", "by_name", True),
        ("openai/gpt-5.6-sol", "by_name", True),
        ("gpt-5.5", "by_name", False),
        ("gpt-5.7-sol", "by_name", True),
        ("gpt-5.10", "by_name", True),
        ("gpt-7", "by_name", True),
        ("llama-3", "by_name", False),
        ("gpt-6-luna", "prefix", False),
        ("llama-3", "breakpoints", True),
    ],
)
def test_the_name_decides_how_prompts_are_cached_unless_a_setting_does(model, rule, reports):
    provider = Provider(Simulation(models={"*": Model(cache=PromptCache(rule=rule))}))
    body = orjson.dumps({"model": model, "messages": [{"role": "user", "content": "hello"}]})

    details = orjson.loads(provider.arrive(body, {}, 0.0).body)["usage"]["prompt_tokens_details"]

    assert ("cache_write_tokens" in details) == reports


def test_a_model_may_have_no_cache():
    shell = Shell(rule="none")
    shell.usage(0.0, ARTICLE)

    assert shell.cached(10.0, ARTICLE) == 0
