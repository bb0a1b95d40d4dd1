"""Chats of `from` and `value`, as LLaMA-Factory, axolotl and FastChat read them."""

from __future__ import annotations

from .chat import turns
from .example import Example
from .form import Form, Row

_NAMES = {"system": "system", "user": "human", "assistant": "gpt"}


def sharegpt(system: str | None = None) -> Form:
    """Return the form with one column, `conversations`: a list of `{from, value}`, by `system`, `human` and `gpt`.

    What they say, and when, is as in `messages`.
    """

    def row(example: Example) -> Row:
        said = turns(system or "", example)
        return {"conversations": [{"from": _NAMES[role], "value": value} for role, value in said]}

    return Form("sharegpt", {"conversations": "conversations"}, row)
