"""What the simulated model says: deterministic answers that read the prompt, so that a rehearsal looks like a real run.

A prompt that lists numbered types gets the numbers of those that its text supports; one that wants a record gets one
made of the text's own sentences; any other schema is filled with values that it allows, and plain chat gets a few
sentences.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from .answer_plain import plain
from .answer_prompt import Prompt, read, whole
from .answer_reading import read_text
from .answer_record import write
from .answer_scalars import cut
from .answer_schema import fill, resolved
from .answer_types import Kind, kinds, supported

_JSON = json.JSONEncoder(ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply: content, or a call of `function` with JSON `arguments`."""

    text: str | None
    function: str | None = None
    arguments: str | None = None
    tokens: int | None = None
    """What it costs; None: what its words cost."""


def answer(body: Mapping[str, object]) -> Answer:
    """Return what the model answers to a parsed chat-completions `body`; equal bodies get equal answers.

    Never raises, however odd the body is: what is missing or of another type counts as not said.
    """
    prompt = read(body)
    schema = prompt.form.schema
    if schema is None:
        return Answer(_said(prompt))
    given = whole(_JSON.encode(_structured(prompt, schema)))
    if prompt.form.function is None:
        return Answer(given)
    return Answer(None, prompt.form.function, given)


def _said(prompt: Prompt) -> str:
    listed = _listed(prompt)
    if listed:
        return ", ".join(map(str, supported(listed, prompt.material)))
    sentences = [found for _, text in read_text(prompt.material).paragraphs[:8] for found in plain(text).sentences]
    return " ".join(sentences[:3]) or f"You said: {' '.join(prompt.ask.split())[:200]}"


def _listed(prompt: Prompt) -> tuple[Kind, ...]:
    """Return the types to choose from; numbered rules for a chat without material of its own are none."""
    if prompt.ask == prompt.material and "number" not in prompt.rules.lower():
        return ()
    return kinds(prompt.rules) or (kinds(prompt.ask) if prompt.ask != prompt.material else ())


_RECORD = frozenset({"instruction", "output"})
_INPUT_CHARS = 2_000


def _structured(prompt: Prompt, schema: Mapping[str, object]) -> object:
    """Return the value for `schema`: a record if it asks for one, types if it lists numbers to choose from."""
    properties = resolved(schema, schema).get("properties")
    if not schema or (isinstance(properties, dict) and properties.keys() >= _RECORD):
        return _record(prompt, schema)
    known: dict[str, object] = {}
    listed = _listed(prompt)
    if listed and isinstance(properties, dict):
        known = {name: supported(listed, prompt.material) for name, part in properties.items() if _chooses(part)}
    return fill(schema, prompt, known)


def _record(prompt: Prompt, schema: Mapping[str, object]) -> object:
    record = write(prompt)
    known: dict[str, object] = {
        "instruction": record.instruction,
        "input": cut(record.input, _INPUT_CHARS),
        "context": cut(record.input, _INPUT_CHARS),
        "output": record.output,
    }
    if read_text(prompt.material).numbered or not schema:
        known["evidence"] = record.evidence
    if not schema:
        return {name: known[name] for name in ("instruction", "evidence", "output")}
    return fill(schema, prompt, known)


def _chooses(part: object) -> bool:
    """Tell a list of whole numbers out of some that are given."""
    items = part.get("items") if isinstance(part, dict) else None
    numbers = items.get("enum") if isinstance(items, dict) else None
    return isinstance(numbers, list) and bool(numbers) and all(type(number) is int for number in numbers)
