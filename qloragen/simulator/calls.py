"""What tests see of one call, and the hook by which they decide what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from .decision_prompt import input_text, parts_text
from .effects import Effect, Json
from .faults import Endpoint, Fault
from .requests import structured

Kind = Literal["classify", "generate"]


@dataclass(slots=True)
class Call:
    """One request as it arrived, and what was answered."""

    index: int
    """0, 1, 2... in order of arrival."""
    body: Json
    headers: Mapping[str, str]
    """Lower-case names; none in process."""
    started: float
    """Seconds of the event loop's clock."""
    answered: float | None = None
    """None while unanswered, and for connections that broke."""
    status: int | None = None
    usage: Json | None = None
    """What the reply billed, as the client saw it; None where it saw no bill."""
    reply: Json | None = None
    endpoint: Endpoint = "chat"

    @property
    def model(self) -> str:
        """The model asked for."""
        return str(self.body.get("model"))

    @property
    def kind(self) -> Kind:
        """`generate` for a call that asks for a structured answer, else `classify`."""
        return "generate" if structured(self.body) else "classify"

    @property
    def texts(self) -> list[str]:
        """The text of each message, parts joined; for decisions that of the input, and of each question."""
        if self.endpoint == "decisions":
            questions = [parts_text(question.get("instructions")) for question in self.body["questions"]]
            return [input_text(self.body["input"]), *questions]
        return [_text(message.get("content")) for message in self.body["messages"]]

    @property
    def prompt(self) -> str:
        """All texts, with an empty line between them."""
        return "\n\n".join(self.texts)


Trouble = Fault | Effect
"""What a script may do to a call; of a `Fault` only what it does and its name count."""

Script = Callable[[Call], Trouble | None] | Mapping[int, Trouble]
"""What becomes of a call, by a function, or by its index."""


def scripted(script: Script | None, call: Call) -> Fault | None:
    """Return what the script does to a call."""
    if script is None:
        return None
    trouble = script(call) if callable(script) else script.get(call.index)
    return Fault("scripted", effect=trouble) if isinstance(trouble, Effect) else trouble


def _text(content: str | list[Json] | None) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content)
    return content or ""
