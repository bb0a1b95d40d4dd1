"""The three shapes of `write.export`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .alpaca import ALPACA
from .chat import messages as chat
from .example import Example
from .write import Shape


def alpaca(example: Example) -> Mapping[str, object]:
    """Return `instruction`, `input` and `output`."""
    return ALPACA.row(example) or {}


def messages(system: str | None = None) -> Shape:
    """Return the shape `{"messages": [...]}`."""
    form = chat(system)
    return lambda example: form.row(example) or {}


def text(render: Callable[[str, str, str], str]) -> Shape:
    """Return the shape `{"text": render(instruction, input, output)}`."""
    return lambda example: {"text": render(example.instruction, example.input, example.output)}
