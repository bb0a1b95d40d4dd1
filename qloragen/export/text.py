"""One full prompt per example, as TRL, unsloth and axolotl's `completion` read it."""

from __future__ import annotations

from .example import Example
from .form import Form, Row
from .prompt import Prompt


def text(prompt: Prompt) -> Form:
    """Return the form with one column, `text`. General data with earlier turns does not fit."""

    def row(example: Example) -> Row | None:
        return None if example.earlier else {"text": prompt.whole(example)}

    return Form("text", {"text": "text"}, row)
