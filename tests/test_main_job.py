"""The whole main job, over HTTP against a small server on loopback."""

import itertools
import shutil
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest

import qloragen
from qloragen import AccessDenied, Article, QuotaExhausted, RunStopped, Session, SetupError
from qloragen.simulator import Call, Effect, Latency, Model, Provider, SimulatedClient, Simulation, error
from qloragen.store.run import open_run, read_records
from qloragen.testing import run_virtually
from qloragen.types import Rejection

from .simulated import Simulated

PROMPTS = Path(__file__).resolve().parents[1] / "prompts"

SENTENCE = "Node {n} of the ring keeps its replicas in step with hinted handoff, read repair and nightly repair jobs. "


LONG = " ".join(f"Host h{n} keeps shard s{n} of table t{n} on its own disk." for n in range(200))


def article(n: int, text: str = "") -> dict[str, str]:
    content = f"# Article {n}\n\n{(SENTENCE.format(n=n) * 3).strip()}\n\nIt listens on port {7000 + n}. {text}".strip()
    return {"id": f"a{n}", "title": f"Article {n}", "url": f"https://example.org/{n}", "content": content}


def articles(count: int) -> list[dict[str, str]]:
    return [article(n) for n in range(count)]


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in file.read_bytes().split(b"\n") if line]


async def test_every_article_is_classified_once_and_asked_once_for_each_type_that_applies(tmp_path):
    types = itertools.cycle(["1, 2, 6", "1, 2", "3", "0", "1, 2, 4, 9, 14"])

    async with Simulated(classify=lambda _: next(types)) as server:
        outcome = await qloragen.agenerate(articles(5), tmp_path / "run", base_url=server.base_url)

    assert len(server.of_kind("classify")) == 5
    # "3" brings the two types that always apply along; "0" says that there is nothing in the article at all.
    assert len(server.of_kind("generate")) == 3 + 2 + 3 + 0 + 5
    assert outcome.summary.records == 13
    assert outcome.summary.rejections == {}


async def test_a_record_carries_its_three_texts_and_where_they_come_from(tmp_path):
    async with Simulated(classify=lambda _: "6") as server:
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url)

    record = next(line for line in lines_of(tmp_path / "run/records.jsonl") if line["type"] == 6)
    assert {"instruction", "input", "output"} <= record.keys()
    assert record["input"] in article(1)["content"]
    assert record["article_id"] == "a1"
    assert record["title"] == "Article 1"
    assert record["url"] == "https://example.org/1"
    assert record["type_slug"] == "concept"
    assert record["model"] == "gpt-6-luna"
    assert record["input_mode"] == "evidence"
    assert record["finish_reason"] in {"stop", "tool_calls"}
    assert record["usage"]["prompt_tokens"] > 100
    assert Decimal(record["cost_usd"]) > 0
    assert record["time"].endswith("Z")
    assert len(record["id"]) == len(record["content_hash"]) == len(record["prompt_fingerprint"]) == 32


async def test_the_same_job_again_makes_no_call(tmp_path):
    async with Simulated() as server:
        first = await qloragen.agenerate(articles(4), tmp_path / "run", base_url=server.base_url)
        calls = len(server.calls)
        second = await qloragen.agenerate(articles(4), tmp_path / "run", base_url=server.base_url)

    assert len(server.calls) == calls == 4 * 4
    assert second.summary.records == first.summary.records == 12
    assert second.summary.bills == first.summary.bills


async def test_an_article_more_costs_only_itself_wherever_it_stands(tmp_path):
    async with Simulated() as server:
        await qloragen.agenerate(articles(3), tmp_path / "run", base_url=server.base_url)
        before = len(server.calls)
        more = [article(99), *reversed(articles(3))]
        await qloragen.agenerate(more, tmp_path / "run", base_url=server.base_url)

    assert len(server.calls) - before == 1 + 3


async def test_a_changed_article_costs_only_itself_and_a_removed_or_renamed_one_nothing(tmp_path):
    async with Simulated() as server:
        await qloragen.agenerate(articles(3), tmp_path / "run", base_url=server.base_url)
        before = len(server.calls)
        renamed = {**article(2), "id": "other", "title": "Other"}
        await qloragen.agenerate([article(1, "More."), renamed], tmp_path / "run", base_url=server.base_url)

    assert len(server.calls) - before == 1 + 3


async def test_a_changed_type_costs_only_its_own_records(tmp_path):
    pack = tmp_path / "pack"
    shutil.copytree(PROMPTS, pack)
    async with Simulated() as server:
        await qloragen.agenerate(articles(3), tmp_path / "run", base_url=server.base_url, pack=pack)
        before = len(server.calls)
        edited = _with_more_guidance((pack / "pack.toml").read_text(), slug="concept")
        (pack / "pack.toml").write_text(edited)
        outcome = await qloragen.agenerate(articles(3), tmp_path / "run", base_url=server.base_url, pack=pack)

    assert len(server.calls) - before == 3
    assert {call.kind for call in server.calls[before:]} == {"generate"}
    assert outcome.summary.records_by_type["concept"] == 6
    assert outcome.export(tmp_path / "train.jsonl").records == 9


def _with_more_guidance(pack: str, slug: str) -> str:
    head, mark, rest = pack.partition(f'slug = "{slug}"')
    before, quote, after = rest.partition('guidance = """')
    assert mark
    assert quote
    return f"{head}{mark}{before}{quote}Be brief. {after}"


async def test_no_record_is_left_out_of_the_count_when_many_are_made_at_once(tmp_path):
    async with Simulated(delay_s=0.05) as server, Session(tmp_path / "run", base_url=server.base_url) as session:
        await session.process(articles(8))

    assert server.peak > 2
    assert session.tally.records == session.summary.records == 24


async def test_the_first_record_does_not_wait_for_the_other_classifications(tmp_path):
    async with Simulated() as server:
        await qloragen.agenerate(articles(6), tmp_path / "run", base_url=server.base_url, open_articles=2)

    kinds = [call.kind for call in server.calls]
    assert kinds.index("generate") < len(kinds) - 1 - kinds[::-1].index("classify")


def test_one_generation_of_an_article_goes_ahead_and_the_others_share_its_prefix(tmp_path):
    """In virtual time, where a reply takes exactly as long as it is said to."""
    provider = Provider(
        Simulation({"*": Model(latency=Latency(median_s=2))}),
        script=lambda call: Effect(prose="1, 2, 3, 4, 5") if call.kind == "classify" else None,
        record=True,
    )

    async def main() -> None:
        # Limits are set: else calls are few at first, until it is seen what the server allows.
        async with Session(tmp_path / "run", client=SimulatedClient(provider), rpm=10**6, tpm=10**9) as session:
            await session.process([article(1, LONG)])

    run_virtually(main())
    leader, *followers = (call for call in provider.calls if call.kind == "generate")
    assert len(followers) == 4
    assert leader.answered is not None
    assert all(call.started >= leader.answered for call in followers)
    assert max(call.started for call in followers) < min(call.answered or 0.0 for call in followers)
    prefix = leader.prompt[: leader.prompt.rindex("</article-")]
    assert all(call.prompt.startswith(prefix) for call in followers)
    assert all(usage_of(call)["prompt_tokens_details"]["cached_tokens"] > 1024 for call in followers)


async def test_all_sums_agree_with_the_bill_of_the_server(tmp_path):
    faults = {5: Effect(arguments="{}"), 7: error(500), 9: Effect(finish_reason="length")}
    async with Simulated(faults=faults) as server:
        outcome = await qloragen.agenerate(articles(5), tmp_path / "run", base_url=server.base_url)
        again = await qloragen.agenerate(articles(6), tmp_path / "run", base_url=server.base_url)

    journal = [line for line in lines_of(tmp_path / "run/journal.jsonl") if line["t"] == "reply"]
    usage = again.summary.total.usage
    assert outcome.summary.calls < again.summary.calls == len(journal) == len(server.calls) - 1
    assert usage.prompt_tokens == server.billed()["prompt_tokens"] == _sum(journal, "prompt_tokens")
    assert usage.cached_tokens == server.billed()["cached_tokens"] == _sum(journal, "cached_tokens")
    assert usage.completion_tokens == server.billed()["completion_tokens"] == _sum(journal, "completion_tokens")
    assert again.summary.cost_usd == sum(Decimal(line["cost_usd"]) for line in journal)
    from_files = qloragen.summary(tmp_path / "run")
    assert (from_files.bills, from_files.records) == (again.summary.bills, again.summary.records)


def usage_of(call: Call) -> Any:
    assert call.usage is not None
    return call.usage


def _sum(lines: list[dict[str, Any]], name: str) -> Any:
    return sum(line["usage"][name] for line in lines)


async def test_the_cost_of_a_record_includes_the_replies_that_were_refused(tmp_path):
    refuse_first = {1: Effect(arguments='{"instruction": ""}')}
    async with Simulated(classify=lambda _: "1, 2", faults=refuse_first) as server:
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url)

    records = lines_of(tmp_path / "run/records.jsonl")
    generations = [call for call in server.of_kind("generate") if call.usage]
    assert len(generations) == 3
    assert sum(record["usage"]["completion_tokens"] for record in records) == sum(
        usage_of(call)["completion_tokens"] for call in generations
    )


async def test_a_wrong_key_ends_the_run_within_one_window_of_calls_and_the_right_one_goes_on(tmp_path):
    wrong = error(401, code="invalid_api_key", message="Incorrect API key provided: sk-wrongwrong.")
    async with Simulated(faults=lambda call: wrong if "wrong" in call.headers["authorization"] else None) as server:
        with pytest.raises(AccessDenied) as caught:
            await _with_key("sk-wrongwrong", server, tmp_path)
        refused = len(server.calls)
        await _with_key("sk-right", server, tmp_path)

    assert refused <= 8
    assert "OPENAI_API_KEY" in str(caught.value)
    assert "wrongwrong" not in str(caught.value)
    assert len(server.calls) == refused + 50 * 4
    assert b"wrongwrong" not in b"".join(file.read_bytes() for file in (tmp_path / "run").iterdir())


async def _with_key(key: str, server: Simulated, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", key)
        await qloragen.agenerate(articles(50), tmp_path / "run", base_url=server.base_url, max_concurrency=4)


async def test_an_exhausted_quota_keeps_everything_finished_and_goes_on_later(tmp_path):
    quota = error(429, code="insufficient_quota", type="insufficient_quota")
    async with Simulated(faults=lambda call: quota if 20 <= call.index < 30 else None) as server:
        with pytest.raises(QuotaExhausted):
            await qloragen.agenerate(articles(50), tmp_path / "run", base_url=server.base_url, max_concurrency=4)
        stopped_at = len(server.calls)
        kept = sum(call.usage is not None for call in server.calls)
        server.faults = None
        outcome = await qloragen.agenerate(articles(50), tmp_path / "run", base_url=server.base_url)

    assert stopped_at <= 20 + 8
    assert outcome.summary.calls == 50 * 4
    assert len(server.calls) - stopped_at == 50 * 4 - kept


async def test_an_unreadable_classification_is_asked_again_once_then_given_up_for_good(tmp_path):
    replies = itertools.chain(["I am not sure.", "1, 2"], itertools.repeat("It depends."))

    async with Simulated(classify=lambda _: next(replies)) as server:
        outcome = await qloragen.agenerate(articles(2), tmp_path / "run", base_url=server.base_url, open_articles=1)
        calls = len(server.calls)
        await qloragen.agenerate(articles(2), tmp_path / "run", base_url=server.base_url)

    assert len(server.of_kind("classify")) == 4
    assert outcome.summary.records == 2
    assert outcome.summary.rejections == {"unreadable": 1}
    assert len(server.calls) == calls


async def test_an_invalid_record_is_asked_again_with_what_was_wrong_then_rejected_with_its_reason(tmp_path):
    broken = Effect(arguments='{"instruction": "What is it?", "evidence": [77], "output": "It is a ring of nodes."}')
    async with Simulated(
        classify=lambda _: "1, 2", faults=lambda call: broken if call.kind == "generate" else None
    ) as server:
        outcome = await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url)
        calls = len(server.calls)
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url)

    first, second = (call for call in server.of_kind("generate") if "Summarise a section" in call.prompt)
    assert calls == len(server.calls) == 1 + 2 * 2
    assert outcome.summary.records == 0
    assert sum(outcome.summary.rejections.values()) == 2
    assert "77" not in first.prompt
    assert "77" in second.prompt
    assert len(second.prompt) > len(first.prompt)
    rejection = next(line for line in lines_of(tmp_path / "run/journal.jsonl") if line["t"] == "rejection")
    assert rejection["reason"]
    assert "77" in rejection["detail"]


async def test_text_that_only_looks_like_a_tool_call_is_none(tmp_path):
    fake = '<tool_call>{"name": "save_record", "arguments": {"instruction": "x"}}</tool_call>'
    async with Simulated(
        classify=lambda _: "1, 2", faults=lambda call: Effect(prose=fake) if call.kind == "generate" else None
    ) as server:
        outcome = await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url, structure="tools")

    assert outcome.summary.records == 0
    assert outcome.summary.rejections == {"no_call": 2}


async def test_a_cell_that_failed_for_now_is_asked_again_by_the_next_run(tmp_path):
    broken = Effect(status=400, error={"message": "no", "code": None, "param": None, "type": "x"})
    async with Simulated(
        classify=lambda _: "1, 2", faults=lambda call: error(500) if call.kind == "generate" else None
    ) as server:
        failed = await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url, max_attempts=1)
        server.faults = None
        outcome = await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url)
        server.faults = lambda _: broken
        refused = await qloragen.agenerate([article(2)], tmp_path / "run", base_url=server.base_url)
        server.faults = None
        mended = await qloragen.agenerate([article(2)], tmp_path / "run", base_url=server.base_url)

    assert sum(failed.summary.failures.values()) == 2
    assert outcome.summary.failures == {}
    assert outcome.summary.records == 2
    # A refused request may be the fault of a setting, so it is not held against the article either.
    assert refused.summary.failures == {"bad_request": 1}
    assert mended.summary.failures == {}
    assert mended.summary.records == 4


async def test_records_whose_lines_were_lost_come_back_from_the_journal_for_nothing(tmp_path):
    async with Simulated() as server:
        await qloragen.agenerate(articles(3), tmp_path / "run", base_url=server.base_url)
        before = (tmp_path / "run/records.jsonl").read_bytes()
        (tmp_path / "run/records.jsonl").write_bytes(before[:700])
        calls = len(server.calls)
        await qloragen.agenerate(articles(3), tmp_path / "run", base_url=server.base_url)

    assert len(server.calls) == calls
    after = (tmp_path / "run/records.jsonl").read_bytes()
    assert sorted(after.split(b"\n")) == sorted(before.split(b"\n"))


async def test_reparsing_rebuilds_the_same_records_and_saves_what_was_wrongly_rejected(tmp_path):
    async with Simulated() as server:
        await qloragen.agenerate(articles(3), tmp_path / "run", base_url=server.base_url)
        calls = len(server.calls)
    records = (tmp_path / "run/records.jsonl").read_bytes()
    _reject_the_last_record_as_an_older_check_would(tmp_path / "run")

    result = await anyio.to_thread.run_sync(qloragen.reparse, tmp_path / "run")

    assert (result.records, result.gained, result.lost) == (9, 1, 0)
    assert (tmp_path / "run/records.jsonl").read_bytes() == records
    assert qloragen.summary(tmp_path / "run").rejections == {}
    assert len(server.calls) == calls


def _reject_the_last_record_as_an_older_check_would(folder: Path) -> None:
    last = list(read_records(folder))[-1]
    with open_run(folder) as run:
        cell = next(reply.cell for reply in run.all_replies() if reply.cell.key == last.id)
        run.add_rejection(Rejection(cell, "too_strict", "An old rule."))


async def test_reparsing_withdraws_what_a_stricter_check_refuses_and_keeps_its_reply(tmp_path):
    answer = '{"instruction": "How is it set up?", "evidence": [1], "output": "[insert the answer here], by hand."}'
    placeholder = Effect(arguments=answer)
    async with Simulated(
        classify=lambda _: "1, 2", faults=lambda call: placeholder if "Summarise a section" in call.prompt else None
    ) as server:
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url)
    with open_run(tmp_path / "run") as run:
        (taken,), (refused,) = run.state.keys("record"), run.state.keys("rejection")
        first = next(reply for reply in run.all_replies() if reply.cell.key == refused)
        # As a check would have done that knew no placeholders.
        run.add_record(replace(run.record(taken), id=refused, usage=first.usage, time=first.time))
    assert len(lines_of(tmp_path / "run/records.jsonl")) == 2

    result = await anyio.to_thread.run_sync(qloragen.reparse, tmp_path / "run")

    assert (result.records, result.gained, result.lost) == (1, 0, 1)
    assert qloragen.summary(tmp_path / "run").calls == 4
    assert [line["id"] for line in lines_of(tmp_path / "run/records.jsonl")] == [taken]


async def test_a_stream_yields_records_as_they_are_stored_and_those_of_earlier_sessions(tmp_path):
    async with Simulated() as server:
        first = [record async for record in _streamed(tmp_path, server, articles(3))]
        again = [record async for record in _streamed(tmp_path, server, articles(4))]

    assert len(first) == 9
    assert {record.id for record in first} < {record.id for record in again}
    assert {record.id for record in again} == {record.id for record in read_records(tmp_path / "run")}
    assert len(again) == 12
    assert len(server.calls) == 4 * 4


async def _streamed(tmp_path, server, source):
    async with Session(tmp_path / "run", base_url=server.base_url) as session:
        async for record in session.stream(source):
            yield record


async def test_a_stream_takes_articles_only_as_fast_as_its_records_are_taken(tmp_path):
    taken = 0

    async def endless():
        nonlocal taken
        for n in itertools.count():
            taken += 1
            yield Article(f"a{n}", article(n)["content"])

    async with (
        Simulated(classify=lambda _: "1, 2") as server,
        Session(tmp_path / "run", base_url=server.base_url, open_articles=3) as session,
    ):
        seen = 0
        async for _ in session.stream(endless()):
            seen += 1
            assert taken <= 3 + 1 + seen
            if seen == 20:
                break

    assert taken < 30


async def test_leaving_a_stream_early_keeps_what_was_in_flight(tmp_path):
    async with Simulated(delay_s=0.01) as server:
        async with Session(tmp_path / "run", base_url=server.base_url, open_articles=4) as session:
            async for _ in session.stream(articles(100)):
                break

        assert len(server.calls) < 100
        assert server.in_flight == 0
        assert session.summary.calls == len(server.calls)


async def test_an_error_of_the_caller_does_not_lose_calls_in_flight(tmp_path):
    async with Simulated(delay_s=0.01) as server:
        with pytest.raises(ZeroDivisionError):
            async with Session(tmp_path / "run", base_url=server.base_url, open_articles=4) as session:
                async for _ in session.stream(articles(100)):
                    raise ZeroDivisionError

        assert qloragen.summary(tmp_path / "run").calls == len(server.calls) < 100


async def test_a_source_that_breaks_ends_the_run_with_its_error_once_the_open_articles_are_finished(tmp_path):
    async def breaking():
        yield article(1)
        yield article(2)
        raise ConnectionResetError("the database went away")

    async with Simulated(delay_s=0.01) as server:
        with pytest.raises(ConnectionResetError, match="went away"):
            await qloragen.agenerate(breaking(), tmp_path / "run", base_url=server.base_url)

    assert qloragen.summary(tmp_path / "run").records == 6
    assert len(server.calls) == 8


async def test_a_waiting_source_does_not_hold_up_a_stop(tmp_path):
    async def stuck():
        yield article(1)
        await anyio.sleep_forever()

    async with (
        Simulated(classify=lambda _: "1, 2") as server,
        Session(tmp_path / "run", base_url=server.base_url) as session,
    ):
        seen = 0
        with pytest.raises(qloragen.Interrupted):
            async for _ in session.stream(stuck()):
                seen += 1
                if seen == 2:
                    session.stop(qloragen.Interrupted("enough"))

    assert seen == 2


async def test_the_spending_limit_is_never_passed_and_a_higher_one_goes_on(tmp_path):
    async with Simulated() as server:
        limit = Decimal("0.05")
        stopped = await qloragen.agenerate(articles(60), tmp_path / "run", base_url=server.base_url, max_cost_usd=limit)
        outcome = await qloragen.agenerate(articles(60), tmp_path / "run", base_url=server.base_url, max_cost_usd=5)

    assert isinstance(stopped.stopped, qloragen.BudgetReached)
    assert stopped.summary.cost_usd is not None
    assert 0 < stopped.summary.cost_usd <= limit
    assert outcome.stopped is None
    assert outcome.summary.records == 180
    assert len(server.calls) == 240


async def test_an_unknown_price_is_unknown_and_never_zero(tmp_path):
    async with Simulated() as server:
        outcome = await qloragen.agenerate(
            [article(1)],
            tmp_path / "run",
            base_url=server.base_url,
            generate_model="my-own",
            models={"gpt-6-sol": {"price": {"prompt": "3", "completion": "0"}}},
        )

    assert outcome.summary.cost_usd is None
    assert "unknown" in str(outcome.summary)
    assert all(line["cost_usd"] is None for line in lines_of(tmp_path / "run/records.jsonl"))
    classification = usage_of(server.of_kind("classify")[0])["prompt_tokens"]
    bills = outcome.summary.by_model()
    assert bills["gpt-6-sol", "classify", "default"].total_usd == Decimal(3) * classification / 1_000_000


@pytest.mark.parametrize("structure", ["tools", "json_schema", "json_object"])
@pytest.mark.parametrize("mode", ["evidence", "written"])
async def test_both_ways_to_an_input_work_in_every_structure(tmp_path, structure, mode):
    async with Simulated(classify=lambda _: "1, 2") as server:
        outcome = await qloragen.agenerate(
            [article(1)], tmp_path / "run", base_url=server.base_url, structure=structure, input=mode
        )

    answers = [orjson.loads(structured_answer(call)) for call in server.of_kind("generate")]
    assert outcome.summary.records == len(answers) == 2
    assert {("input" in answer, "evidence" in answer) for answer in answers} == {
        (mode == "written", mode == "evidence")
    }
    for record in outcome.records():
        assert record.input_mode == mode
        if mode == "written":
            assert record.input in [answer["input"] for answer in answers]
        else:
            assert record.input in article(1)["content"]


def structured_answer(call: Call) -> str:
    assert call.reply is not None
    message = call.reply["choices"][0]["message"]
    calls = message.get("tool_calls")
    return str(calls[0]["function"]["arguments"] if calls else message["content"])


async def test_a_server_that_ignores_tools_is_found_out_and_remembered(tmp_path):
    def ignores_tools(call):
        return Effect(prose="Here is a record for you.") if "tools" in call.body else None

    async with Simulated(classify=lambda _: "1, 2", faults=ignores_tools) as server:
        outcome = await qloragen.agenerate(
            articles(10), tmp_path / "run", base_url=server.base_url, classify_model="a", generate_model="b"
        )

    assert outcome.summary.records == 20
    assert Counter("tools" in call.body for call in server.of_kind("generate")) == {True: 1, False: 20}


async def test_a_limit_takes_so_many_articles_and_not_one_more(tmp_path):
    async with Simulated() as server:
        outcome = await qloragen.agenerate(articles(9), tmp_path / "run", limit=2, base_url=server.base_url)

    assert outcome.summary.articles == 2
    assert len(server.of_kind("classify")) == 2


async def test_a_plan_counts_what_is_missing_without_a_call(tmp_path):
    async with Simulated() as server:
        await qloragen.agenerate(articles(3), tmp_path / "run", base_url=server.base_url)
        calls = len(server.calls)
        async with Session(tmp_path / "run", base_url=server.base_url) as session:
            plan = await session.plan([*articles(3), article(7), "too short"])

    assert len(server.calls) == calls
    assert (plan.articles, plan.finished, plan.classifications, plan.generations, plan.skipped) == (4, 3, 1, 0, 1)


async def test_bad_pieces_of_a_source_are_counted_and_cost_nothing(tmp_path):
    odd: list[Any] = [article(1), "", {"id": "x"}, article(1), 7, {**article(2), "id": "a1"}]

    async with Simulated(classify=lambda _: "1, 2") as server:
        outcome = await qloragen.agenerate(odd, tmp_path / "run", base_url=server.base_url)

    assert len(server.of_kind("classify")) == 1
    assert sum(outcome.summary.skips.values()) == 5
    assert outcome.summary.skips["duplicate"] == 1
    assert outcome.summary.skips["id_conflict"] == 1


async def test_a_session_that_has_stopped_starts_nothing_more(tmp_path):
    async with Simulated() as server, Session(tmp_path / "run", base_url=server.base_url) as session:
        session.stop(qloragen.Interrupted("enough"))

        with pytest.raises(RunStopped):
            await session.process(articles(3))

    assert server.calls == []


async def test_the_blocking_call_refuses_to_block_an_event_loop(tmp_path):
    with pytest.raises(SetupError, match="agenerate"):
        qloragen.generate(articles(1), tmp_path / "run")


def test_the_blocking_call_does_the_whole_job(tmp_path, anyio_backend):
    with anyio.from_thread.start_blocking_portal() as portal, portal.wrap_async_context_manager(Simulated()) as server:
        outcome = qloragen.generate(articles(2), tmp_path / "run", base_url=server.base_url)

    assert [record.type for record in outcome.records()].count(6) == 2
    assert "gpt-6-luna" in str(outcome.summary)


async def test_a_bound_on_types_keeps_the_ones_that_always_apply(tmp_path):
    async with Simulated(classify=lambda _: "3, 4, 5, 6") as server:
        outcome = await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url, max_types=3)

    assert {record.type for record in outcome.records()} == {1, 2, 3}
    assert len(server.of_kind("generate")) == 3


async def test_a_classification_can_be_held_in_shape_by_a_schema(tmp_path):
    def answer(call: Call) -> Effect | None:
        return Effect(arguments='{"types": [7, 9]}') if "list_types" in str(call.body) else None

    async with Simulated(faults=answer) as server:
        outcome = await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url, classifier="json")

    assert {record.type for record in outcome.records()} == {1, 2, 7, 9}


async def test_two_streams_with_articles_in_common_pay_for_them_once(tmp_path):
    async with (
        Simulated(delay_s=0.01) as server,
        Session(tmp_path / "run", base_url=server.base_url) as session,
        anyio.create_task_group() as tasks,
    ):
        seen: list[list[str]] = [[], []]

        async def take(into: list[str]) -> None:
            into.extend([record.id async for record in session.stream(articles(3))])

        for ids in seen:
            tasks.start_soon(take, ids)

    assert len(server.calls) == 3 * 4
    assert len(lines_of(tmp_path / "run/records.jsonl")) == 9
    assert sorted(seen[0]) == sorted(seen[1])
    assert len(seen[0]) == 9


async def test_a_classification_that_was_cut_off_is_asked_again_with_more_room(tmp_path):
    async with Simulated(classify=lambda _: "1, 2, 1", faults={0: Effect(finish_reason="length")}) as server:
        outcome = await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url)

    first, second = server.of_kind("classify")
    assert second.body["max_completion_tokens"] > first.body["max_completion_tokens"]
    assert outcome.summary.records == 2


async def test_fenced_json_is_read_where_json_was_asked_for(tmp_path):
    answer = '{"instruction": "How do the replicas keep in step?", "evidence": [1], "output": "By hinted handoff."}'
    fenced = Effect(arguments=f"```json\n{answer}\n```")
    async with Simulated(
        classify=lambda _: "1, 2", faults=lambda call: fenced if call.kind == "generate" else None
    ) as server:
        outcome = await qloragen.agenerate(
            [article(1)], tmp_path / "run", base_url=server.base_url, structure="json_schema"
        )

    assert outcome.summary.records == 2


async def test_a_server_behind_a_well_known_name_that_ignores_tools_is_found_out_too(tmp_path):
    def ignores_tools(call: Call) -> Effect | None:
        return Effect(prose="Here is a record for you.") if "tools" in call.body else None

    async with Simulated(classify=lambda _: "1, 2", faults=ignores_tools) as server:
        outcome = await qloragen.agenerate(articles(3), tmp_path / "run", base_url=server.base_url)

    assert outcome.summary.records == 6


async def test_a_parameter_of_the_user_is_part_of_the_address(tmp_path):
    seeded = {"gpt-6-luna": {"parameters": {"seed": 7}}}
    async with Simulated(classify=lambda _: "1, 2") as server:
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url)
        before = len(server.calls)
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url, models=seeded)

    assert [call.body.get("seed") for call in server.calls[before:]] == [7, 7]


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_limit_below_one_is_refused(tmp_path, limit):
    async with Simulated() as server:
        with pytest.raises(SetupError, match="1 or more"):
            await qloragen.agenerate(articles(2), tmp_path / "run", limit=limit, base_url=server.base_url)

    assert server.calls == []


async def test_a_limit_of_spending_is_not_promised_over_calls_whose_cost_nobody_knows(tmp_path):
    async with Simulated() as server:
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url, generate_model="my-own")

        with pytest.raises(SetupError, match="max_cost_usd"):
            await qloragen.agenerate([article(2)], tmp_path / "run", base_url=server.base_url, max_cost_usd=1)


async def test_a_run_directory_that_goes_away_stops_the_run(tmp_path):
    def remove(call: Call) -> None:
        if call.index == 10:
            (tmp_path / "run/journal.jsonl").unlink()

    async with Simulated(faults=remove) as server:
        with pytest.raises(qloragen.StorageFailed, match="deleted"):
            await qloragen.agenerate(articles(50), tmp_path / "run", base_url=server.base_url, open_articles=2)

    assert len(server.calls) < 30


async def test_what_was_damaged_by_hand_is_set_aside_and_done_again(tmp_path):
    async with Simulated(classify=lambda _: "1, 2") as server:
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url)
        before = {record.id: record for record in read_records(tmp_path / "run")}
        journal = tmp_path / "run/journal.jsonl"
        lines = journal.read_bytes().splitlines()
        cell = next(iter(before)).encode()
        numbers = [number for number, line in enumerate(lines) if cell in line]
        for number in numbers:  # the reply and the record of one cell
            lines[number] = lines[number].replace(b"markdown", b"Markdown").replace(b"evidence", b"Evidence")
        journal.write_bytes(b"\n".join([*lines, b""]))
        outcome = await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url)

    assert outcome.summary.records == 2
    assert outcome.summary.damaged_lines == 2
    assert {record.id for record in outcome.records()} == set(before)
    assert len(server.of_kind("generate")) == 3
    aside = (tmp_path / "run/aside/journal.jsonl").read_bytes()
    assert len(numbers) == 2
    assert all(lines[number] in aside for number in numbers)


async def test_reparsing_with_another_pack_leaves_alone_what_it_cannot_read(tmp_path):
    pack = tmp_path / "pack"
    shutil.copytree(PROMPTS, pack)
    text = (pack / "pack.toml").read_text()
    (pack / "pack.toml").write_text(text.replace("number = 14", "number = 26"))
    async with Simulated(classify=lambda _: "1, 2, 26") as server:
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url, pack=pack)
    before = qloragen.summary(tmp_path / "run")

    own = await anyio.to_thread.run_sync(qloragen.reparse, tmp_path / "run")
    other = await anyio.to_thread.run_sync(lambda: qloragen.reparse(tmp_path / "run", pack=PROMPTS))

    assert (own.records, own.reclassified) == (3, 0)
    assert (other.records, other.reclassified) == (3, 0)
    assert qloragen.summary(tmp_path / "run").rejections == before.rejections
