"""All forms of training data, by name."""

from __future__ import annotations

from dataclasses import replace

from .alpaca import ALPACA
from .chat import messages, openai
from .completion import prompt_completion
from .example import Example, ExportError
from .form import Form, Row
from .prompt import Prompt
from .sharegpt import sharegpt
from .text import text

_CHATS = {"messages": messages, "sharegpt": sharegpt, "openai": openai}
_PROMPTS = {"text": text, "prompt-completion": prompt_completion}

FORMS: tuple[str, ...] = ("alpaca", "text", "prompt-completion", "messages", "sharegpt", "openai")

TAG = "source"
"""The column that tells records and general data apart."""


def form_of(name: str, *, system: str | None, prompt: Prompt) -> Form:
    """Return the form called `name`: chats with `system` as the system message of examples that have none of their
    own, texts made by `prompt`.

    Raises:
        ExportError: There is no such form, it has no place for `system`, or `prompt` does not fit it.
    """
    if name in _CHATS:
        return _CHATS[name](system)
    if name not in FORMS:
        raise ExportError(f"There is no format {name}; the formats are {', '.join(FORMS)}.")
    if system:
        raise ExportError(f"The format {name} has no system message; leave it out, or use {', '.join(_CHATS)}.")
    return _PROMPTS[name](prompt) if name in _PROMPTS else ALPACA


def tagged(form: Form) -> Form:
    """Return `form` with the further column `source`, where it may have one."""
    if not form.takes_tag:
        return form

    def row(example: Example) -> Row | None:
        plain = form.row(example)
        return None if plain is None else {**plain, TAG: example.source}

    return replace(form, columns={**form.columns, TAG: "text"}, row=row)
