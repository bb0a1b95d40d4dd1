"""A record as one text to train on: made from a template, and cut where the answer begins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from string import Template

from ..template import fill, flaws, variables
from .example import Example, ExportError

_QUESTION = ("instruction", "input")
_ANSWER = "output"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A training template: a text with `${instruction}` and `${input}`, then `${output}`, then an end marker.

    Line ends around the template do not count. A system message of general data goes before it, with a blank line
    between.

    Raises:
        ExportError: The template has a mistake; one sentence for each.
    """

    template: str
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    """Values of further names that the template may use, such as those of a prompt pack."""
    eos: str = ""
    """Goes after the end marker: for trainers that do not add the end-of-sequence token of their tokenizer. TRL's does,
    to each text and completion that does not end with it (TRL 1.16, `SFTTrainer`), so that for it this stays empty."""
    name: str = "The training template"
    """What messages call the template."""

    def __post_init__(self) -> None:
        mistakes = tuple(self._mistakes())
        if mistakes:
            raise ExportError(" ".join(f"{self.name} {mistake}." for mistake in mistakes))

    def whole(self, example: Example) -> str:
        """Return the full text of an example, without a line end after it."""
        return self.head(example) + self.tail(example)

    def head(self, example: Example) -> str:
        """Return what stands before the answer."""
        before, _ = _halves(self.template)
        opening = f"{example.system}\n\n" if example.system else ""
        return opening + fill(before, {**self.variables, "instruction": example.instruction, "input": example.input})

    def tail(self, example: Example) -> str:
        """Return the answer and what follows it."""
        _, after = _halves(self.template)
        return example.output + fill(after, self.variables) + self.eos

    @property
    def ends_line(self) -> bool:
        """Whether the answer begins a line, so that the tokens of what is before it do not depend on it."""
        return _halves(self.template)[0].endswith("\n")

    def _mistakes(self) -> Iterator[str]:
        found = [*flaws(self.template, {*self.variables, *_QUESTION, _ANSWER})]
        if found:
            yield from (f"{flaw.what}, in line {flaw.line}" for flaw in found)
            return
        used = variables(self.template)
        missing = [name for name in (*_QUESTION, _ANSWER) if name not in used]
        if missing:
            yield from (f"does not use ${{{name}}}, which it has to" for name in missing)
            return
        after = variables(_halves(self.template)[1])
        for name in (*_QUESTION, _ANSWER):
            if name in after:
                yield (f"uses ${{{name}}} after the first ${{{_ANSWER}}}, where only the end marker may stand")


@lru_cache(maxsize=16)
def _halves(template: str) -> tuple[str, str]:
    """Return what is before the answer, and what after."""
    text = template.strip("\n")
    place = next(match for match in Template.pattern.finditer(text) if _ANSWER in (match["named"], match["braced"]))
    return text[: place.start()], text[place.end() :]
