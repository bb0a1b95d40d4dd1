"""From the body of a call to what is asked, and from an answer to the body of a reply: as in the API, or shorter, where
both ends know already what is said."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ..types import Usage
from .decision_form import refused_by_decision_form
from .decision_prompt import read_decision_prompt
from .draws import identify
from .effects import Effect, Json
from .faults import Endpoint
from .prompts import Measured, read_prompt
from .reading import Reading
from .refusals import Refusal
from .replies import Generated
from .requests import read_body, refused_by_form
from .wording import Worded, word


class Asked(NamedTuple):
    """A body whose form is right."""

    body: Json
    prompt: Measured


class Unreadable(NamedTuple):
    """A body that the API refuses whatever the model."""

    refusal: Refusal
    model: object
    """What stands where the model should; None where nothing can be read."""


class Language(Protocol):
    """What clients and the provider speak."""

    def identify(self, raw: bytes) -> bytes:
        """Return 8 bytes that stand for the call: those with the same ones are the same call, made again."""
        ...

    def read(self, raw: bytes, endpoint: Endpoint) -> Asked | Unreadable:
        """Return what is asked."""
        ...

    def word(self, reading: Reading, generated: Generated, usage: Usage, effect: Effect) -> Worded:
        """Return what is answered to a chat completion, which is billed so; `effect` is what goes wrong with it."""
        ...


class ApiLanguage:
    """Reads every body, and writes every reply in full; chance depends on `seed` and body."""

    word = staticmethod(word)

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def identify(self, raw: bytes) -> bytes:
        """See `Language.identify`."""
        return identify(raw, self._seed)

    def read(self, raw: bytes, endpoint: Endpoint) -> Asked | Unreadable:
        """See `Language.read`."""
        body = read_body(raw)
        if isinstance(body, Refusal):
            return Unreadable(body, None)
        decides = endpoint == "decisions"
        if (refusal := refused_by_decision_form(body) if decides else refused_by_form(body)) is not None:
            return Unreadable(refusal, body.get("model"))
        return Asked(body, read_decision_prompt(body) if decides else read_prompt(body))
