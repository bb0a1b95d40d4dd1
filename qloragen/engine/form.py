"""In what form a model is asked: what its family is known to accept, and what it has turned out to refuse."""

from __future__ import annotations

import re
from dataclasses import replace

import orjson

from ..logs import get_logger
from ..types import Structure
from .body import BREAKPOINT
from .call import Call
from .failures import Action, Failure, Row, matching
from .models import Family, without
from .spec import ModelSpec
from .structure import StructureChoice

_INDISPENSABLE = frozenset({"model", "messages", "tools", "tool_choice", "response_format"})
_WORD = re.compile(r"\w+")

log = get_logger()


class Form:
    """The form of one model's calls; refusals change it for all calls to come."""

    def __init__(self, spec: ModelSpec) -> None:
        self._model = spec.name
        self.family: Family = spec.family
        self.shape = StructureChoice(
            spec.structure or spec.family.structure, chosen=spec.structure not in {None, "auto"}
        )

    def is_of(self, call: Call) -> bool:
        """Whether a call has today's form."""
        return call.family is self.family and call.structure in {None, self.shape.current}

    def structure_for(self, *, structured: bool) -> Structure | None:
        """Return how a structured answer is asked for now; None for plain text."""
        return self.shape.current if structured else None

    def verdict(self, call: Call, failure: Failure) -> Row:
        """Return the row of the failure table that holds, after changing the form if that can help.

        What another call has been refused for meanwhile is changed already: then asking again is enough.
        """
        outdated = not self.is_of(call)
        return next(
            row
            for row in matching(failure)
            if row.action is not Action.CHANGE or outdated or self._adapt(row, call, failure)
        )

    def _adapt(self, row: Row, call: Call, failure: Failure) -> bool:
        """Change the form of further calls; False if that would ask the same again."""
        match row.reason:
            case "parameter":
                return self._drop(failure, call)
            case "bounds":
                return self._drop_bounds()
            case _:
                return self.shape.step_down()

    def _drop_bounds(self) -> bool:
        if self.family.bounds:
            self.family = replace(self.family, bounds=False)
            return True
        return False

    def _drop(self, failure: Failure, call: Call) -> bool:
        name = _refused(failure, orjson.loads(call.body).keys() - _INDISPENSABLE, call)
        changed = without(self.family, name) if name else None
        if changed is None:
            return False
        self.family = changed
        tier = "; replies are paid for at the standard tier's price" if name == "service_tier" else ""
        log.warning("parameter_refused", model=self._model, parameter=name, what=f"calls go without it{tier}")
        return True


def _refused(failure: Failure, sent: set[str], call: Call) -> str | None:
    """Return which of the parameters that were `sent` is refused, by its path or else in words.

    `tools[0].function` is `tools`, but a cache breakpoint, which stands deep inside the messages, is itself.
    """
    said = failure.parameter or failure.message
    if BREAKPOINT in said and BREAKPOINT.encode() in call.body:
        return BREAKPOINT
    names = [re.split(r"[.\[]", failure.parameter, maxsplit=1)[0]] if failure.parameter else _WORD.findall(said)
    return next((name for name in names if name in sent), None)
