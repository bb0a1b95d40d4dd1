"""Choosing records for an export by what a judge has said of them, if it can be believed."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ..domain.judging.text import text_hash
from ..errors import SetupError
from ..export import Example
from ..settings import load
from ..upkeep import mend
from .reading import Heard, assess, heard_of, judge_folder, place_of

Objection = Literal["refused", "unjudged"]
"""Why a record is not accepted: the judge has refused it, or has not judged it as it is now."""


class Choice:
    """The records that a judge has accepted, for an export."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard

    def objection(self, example: Example) -> Objection | None:
        """Say why a record is not to be exported; None: it is accepted."""
        hashed = text_hash(example.instruction, example.input, example.output)
        yes = self._heard.answers.get(place_of(example.id, hashed))
        if yes is None:
            return "unjudged"
        return None if len(yes) == len(self._heard.questions) else "refused"


def accepted(folder: Path) -> Choice:
    """Return the records that the judge has accepted that was used last, or, where `judge_model` is set, the last one
    with that model.

    Raises:
        SetupError: Nothing was judged, or the judge has not found enough of the planted defects to be believed.
    """
    mend(judge_folder(folder))
    settings = load()
    heard = heard_of(folder, model=settings.judge_model)
    if heard is None:
        by = f" by {settings.judge_model}" if settings.judge_model else ""
        raise SetupError(f"No record of {folder} was judged{by}: `qloragen judge {folder}` does that.")
    found = assess(folder, heard, settings.judge_min_recall)
    if found.refusal:
        raise SetupError(f"The records of {folder} cannot be chosen by their judge: {found.refusal}")
    return Choice(heard)
