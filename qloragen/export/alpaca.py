"""The three Alpaca fields, as axolotl, LLaMA-Factory and torchtune read them without configuration."""

from __future__ import annotations

from .example import Example
from .form import Form, Row


def _row(example: Example) -> Row | None:
    if example.earlier:
        return None
    instruction = "\n\n".join(part for part in (example.system, example.instruction) if part)
    return {"instruction": instruction, "input": example.input, "output": example.output}


ALPACA = Form("alpaca", {"instruction": "text", "input": "text", "output": "text"}, _row)
"""Columns `instruction`, `input` and `output`.

General data with earlier turns does not fit. A system message of it goes before the instruction, with a blank line
between: the answer depends on it, and the three fields have no other place for it.
"""
