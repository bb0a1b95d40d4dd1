"""Near-duplicates in a run: no call for them, and nothing lost that was paid for."""

import subprocess
import sys

import orjson

from qloragen import Session

from .simulated import Simulated

TEXT = " ".join(f"Step {number} of compaction merges table {number * 7} with {number * 3}." for number in range(60))
ARTICLES = [
    {"id": "first", "content": f"# Compaction\n\n{TEXT}"},
    {"id": "copy", "content": f"# Compaction\n\n{TEXT}\n\nMirrored by example.org."},
    {"id": "other", "content": "# Repair\n\n" + TEXT.replace("compaction merges", "repair compares")},
]


async def work(out, server, articles=ARTICLES, **knobs) -> Session:
    async with Session(out, base_url=server.base_url, **knobs) as session:
        await session.process(articles)
    return session


async def test_near_duplicates_make_no_call_in_the_first_run_or_a_later_one(tmp_path):
    async with Simulated(classify=lambda _: "1, 2") as server:
        first = await work(tmp_path / "run", server, near_duplicates="skip")
        calls = len(server.calls)
        later = await work(tmp_path / "run", server, near_duplicates="skip")

        assert len(server.calls) == calls
    assert calls == 2 * 3
    for session in (first, later):
        assert (session.tally.articles, session.tally.finished_articles) == (2, 2)
        assert session.summary.skips == {"near_duplicate": 1}
    assert [skip.where for skip in later.tally.listed_skips] == ["items:2"]


async def test_articles_that_have_records_stay_when_near_duplicates_are_left_out_later(tmp_path):
    async with Simulated(classify=lambda _: "1, 2") as server:
        before = await work(tmp_path / "run", server)
        calls = len(server.calls)
        new = {"id": "new", "content": ARTICLES[0]["content"] + "\n\nReposted."}
        after = await work(tmp_path / "run", server, [*ARTICLES, new], near_duplicates="skip")

        assert len(server.calls) == calls
    assert before.tally.articles == after.tally.articles == after.tally.finished_articles == 3
    assert after.summary.skips == {"near_duplicate": 1}


def test_the_command_lists_near_duplicates_and_ends_as_with_duplicates(tmp_path, serve):
    server = serve()
    source = tmp_path / "articles.jsonl"
    source.write_bytes(b"\n".join(map(orjson.dumps, ARTICLES)))
    command = [sys.executable, "-m", "qloragen", "generate", source, "--out", tmp_path / "run"]
    knobs = ["--base-url", server.base_url, "--set", "near_duplicates=skip"]

    done = subprocess.run([*command, *knobs], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0
    assert "articles.jsonl:2: near_duplicate - 98 % like articles.jsonl:1, which is kept" in done.stderr
    assert "1 (1 near_duplicate)" in done.stderr
