"""One full prompt per example, as TRL, unsloth and axolotl's `completion` read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .example import Example

if TYPE_CHECKING:
    from .write import Shape


def text(render: Callable[[str, str, str], str]) -> Shape:
    """Return the shape `{"text": render(instruction, input, output)}`."""

    def shape(example: Example) -> dict[str, str]:
        return {"text": render(example.instruction, example.input, example.output)}

    return shape
