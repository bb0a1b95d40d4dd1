"""How the simulated provider counts tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.simulator.tokens import count_tokens

PROSE = (
    "Each node keeps its own memtables, and a flush writes them to disk as immutable files. Compaction merges those "
    "files later, drops what was deleted, and so keeps the number of places that a read has to look at small. "
)
CODE = "CREATE TABLE shop.orders (\n    id uuid,\n    placed_at timestamp,\n    PRIMARY KEY (id, placed_at)\n);\n"
CHINESE = "一致性级别决定了有多少个副本必须确认一次读写。常见的选择是本地法定人数，它在性能和正确性之间取得了平衡。"


@pytest.mark.parametrize(("text", "counted"), [(PROSE, 236), (CODE, 120), (CHINESE, 195)])
def test_tokens_are_counted_about_as_a_tokenizer_counts_them(text, counted):
    assert count_tokens(text * 5) == pytest.approx(counted, rel=0.2)


@given(st.text(), st.text())
def test_tokens_of_two_texts_together_are_about_the_sum(left, right):
    together = count_tokens(left + right)

    assert abs(together - count_tokens(left) - count_tokens(right)) <= 4
    assert (together == 0) == (left + right == "")


@given(st.text(alphabet=" -\n", min_size=1))
def test_what_is_not_empty_costs_a_token_at_least(text):
    assert count_tokens(text) >= 1
