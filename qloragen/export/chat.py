"""Chats of `role` and `content`, as TRL, axolotl, LLaMA-Factory and OpenAI's fine-tuning read them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from .example import Example, Turn
from .form import Form, Row


def messages(system: str | None = None) -> Form:
    """Return the form with one column, `messages`: a list of `{role, content}`.

    The user says the instruction, a blank line, the input; the assistant the output. Earlier turns of general data go
    before them, and before all of it the example's own system message or else `system`.
    """
    return Form("messages", {"messages": "messages"}, partial(_row, system or ""))


def openai(system: str | None = None) -> Form:
    """Return the form of `messages` as OpenAI takes it: rows hold nothing else. `OpenAiRules` checks them."""
    return Form("openai", {"messages": "messages"}, partial(_row, system or ""), takes_tag=False)


def turns(system: str, example: Example) -> Iterator[tuple[str, str]]:
    """Yield the roles `system`, `user` and `assistant` with what they say, in order."""
    if example.system or system:
        yield "system", example.system or system
    yield from example.earlier
    yield from (Turn("user", question(example)), Turn("assistant", example.output))


def question(example: Example) -> str:
    """Return what the user says at last."""
    return "\n\n".join(part for part in (example.instruction, example.input) if part)


def _row(system: str, example: Example) -> Row:
    return {"messages": [{"role": role, "content": said} for role, said in turns(system, example)]}
