"""Chat messages, as OpenAI's fine-tuning, TRL, axolotl and LLaMA-Factory read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .example import Example

if TYPE_CHECKING:
    from .write import Shape


def messages(system: str | None = None) -> Shape:
    """Return the shape `{"messages": [...]}`.

    The user says the instruction, a blank line, the input; the assistant the output. `system` goes before them, the
    same for every example.
    """
    opening = [{"role": "system", "content": system}] if system else []

    def shape(example: Example) -> dict[str, list[dict[str, str]]]:
        question = "\n\n".join(part for part in (example.instruction, example.input) if part)
        return {
            "messages": [
                *opening,
                {"role": "user", "content": question},
                {"role": "assistant", "content": example.output},
            ]
        }

    return shape
