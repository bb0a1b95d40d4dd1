"""How a model is asked for structured answers, found out by trying where nobody knows."""

from __future__ import annotations

from typing import Literal

import anyio

from ..types import Completion, Structure

ORDER: tuple[Structure, ...] = ("tools", "json_schema", "json_object")
"""From the best to the one that nearly every server has."""


MOST_PROBES = 6
"""Replies after which requests do not go one by one any more, whatever is known."""
MOST_SILENT = 2
"""Empty replies in a row after which a form is taken for one that the server does not know."""


class StructureChoice:
    """One model's way to structured answers. While nothing is known of it, requests hold `turn` and go one by one.

    A form that the user has `chosen` stays; one that merely is usual for the model's name is trusted until the server,
    which may not be the provider that the name is known from, answers in prose.
    """

    def __init__(self, wanted: Structure | Literal["auto"], *, chosen: bool) -> None:
        self.current: Structure = ORDER[0] if wanted == "auto" else wanted
        self.settled = chosen
        """The model has answered in this form, or there is no other left, or the user has chosen."""
        self.one_by_one = wanted == "auto"
        """Requests go one by one until the form is settled."""
        self.proven = False
        """The model has answered in this form."""
        self._silent = 0
        self._replies = 0
        self.turn = anyio.Lock(fast_acquire=True)

    @property
    def probing(self) -> bool:
        """Whether the form is still to be found out, one request at a time."""
        return self.one_by_one and not self.settled

    def step_down(self) -> bool:
        """Go on to the next form; False when there is none, or this one has worked: then it is not to blame."""
        rest = ORDER[ORDER.index(self.current) + 1 :]
        if not rest or self.proven:
            return False
        self.current = rest[0]
        return True

    def observe(self, completion: Completion) -> None:
        """Learn from a reply to a structured request: a structured answer settles the form, prose rules it out."""
        if self.proven or completion.structure != self.current:
            return
        self._replies += 1
        if _is_structured(completion):
            self.proven = self.settled = True
        elif self.settled:
            return
        elif self._speaks_otherwise(completion):
            self.settled = not self.step_down()
        # What so many replies do not show may never be seen.
        self.one_by_one = self.one_by_one and self._replies < MOST_PROBES

    def _speaks_otherwise(self, completion: Completion) -> bool:
        """Tell words in place of the answer from a reply that shows nothing: refused, filtered, empty for once."""
        if completion.finish_reason in {"content_filter", "none"} or completion.refusal is not None:
            return False
        self._silent = 0 if completion.text.strip() else self._silent + 1
        return self._silent in {0, MOST_SILENT}


def _is_structured(completion: Completion) -> bool:
    if completion.structure == "tools":
        return completion.arguments is not None
    return (completion.arguments or "").lstrip().startswith("{")
