"""Texts that have no UTF-8 are written down all the same: what was paid for is not lost to them."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qloragen.store.frame import framed, is_whole
from qloragen.store.lines import reply_line, reply_of

from .values import a_cell, a_reply, key

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=20)


@pytest.mark.parametrize(
    ("text", "kept"),
    [("r\udce9q", "r\ufffdq"), ("\ud83d\ude00 \ud800", "\U0001f600 \ufffd"), ("schön 😀", "schön 😀")],
)
def test_half_a_surrogate_pair_is_replaced_and_a_whole_one_is_joined(text, kept):
    line = framed(key("a"), "reply", {text: text, "in": {"list": [text, 1], "pair": (text, None)}})

    assert is_whole(line)
    fields = orjson.loads(line)
    assert fields[kept] == kept
    assert fields["in"] == {"list": [kept, 1], "pair": [kept, None]}


@given(ANY_TEXT, ANY_TEXT)
@example("\ud800", "\udfff")
def test_a_paid_reply_is_kept_whatever_its_texts(body, slug):
    line = reply_line(a_reply(a_cell(type_slug=slug), body=body))

    assert is_whole(line)
    assert reply_of(line).cost_usd == a_reply().cost_usd
