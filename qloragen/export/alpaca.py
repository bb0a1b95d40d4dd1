"""The three Alpaca fields, as axolotl, LLaMA-Factory and torchtune read them without configuration."""

from __future__ import annotations

from .example import Example


def alpaca(example: Example) -> dict[str, str]:
    """Return `instruction`, `input` and `output`."""
    return {"instruction": example.instruction, "input": example.input, "output": example.output}
