"""How a model is asked for structured answers, found out by trying where nobody knows."""

from __future__ import annotations

from typing import Literal

import anyio

from ..types import Completion, Structure

ORDER: tuple[Structure, ...] = ("tools", "json_schema", "json_object")
"""From the best to the one that nearly every server has."""


class StructureChoice:
    """One model's way to structured answers. While it is not `settled`, requests hold `turn` and go one by one."""

    def __init__(self, wanted: Structure | Literal["auto"]) -> None:
        self.current: Structure = ORDER[0] if wanted == "auto" else wanted
        self.settled = wanted != "auto"
        """The model has answered in this form, or there is no other left, or the user has chosen."""
        self.turn = anyio.Lock(fast_acquire=True)

    def step_down(self) -> bool:
        """Go on to the next form; False when there is none."""
        rest = ORDER[ORDER.index(self.current) + 1 :]
        if not rest:
            return False
        self.current = rest[0]
        return True

    def observe(self, completion: Completion) -> None:
        """Learn from a reply to a structured request: a structured answer settles the form, prose rules it out."""
        if self.settled or completion.structure != self.current:
            return
        if _is_structured(completion):
            self.settled = True
        elif _is_prose(completion):
            self.settled = not self.step_down()


def _is_structured(completion: Completion) -> bool:
    if completion.structure == "tools":
        return completion.arguments is not None
    return completion.text.lstrip().startswith("{")


def _is_prose(completion: Completion) -> bool:
    """Tell words in place of the answer from a reply that shows nothing: refused, filtered, empty."""
    spoken = completion.finish_reason in {"stop", "length"} and completion.refusal is None
    return spoken and bool(completion.text.strip())
