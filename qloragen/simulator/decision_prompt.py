"""A request for decisions as the provider reads it: the input in pieces, and behind it the questions.

Unverified: that the questions come last, that the implicit breakpoint of the prompt cache stands at the end of the
input, before them, and what they cost in tokens.
"""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from .effects import Json
from .prompts import Breakpoint, Prompt


def read_decision_prompt(body: Json) -> Prompt:
    """Return the prompt of a request that has been checked."""
    segments: list[bytes] = []
    breakpoints: list[Breakpoint] = []
    for text, is_marked in _pieces(body["input"]):
        segments.append(text.encode("utf-8", "replace"))
        if is_marked:
            breakpoints.append((len(segments) - 1, None))
    options = body.get("prompt_cache_options") or {}
    if options.get("mode") != "explicit" and segments:
        breakpoints.append((len(segments) - 1, None))
    segments.append(orjson.dumps(body["questions"]))
    key = body.get("prompt_cache_key")
    messages = len(body["input"]) if isinstance(body["input"], list) else 1
    return Prompt(tuple(segments), tuple(breakpoints), key if isinstance(key, str) else None, messages)


def input_text(given: object) -> str:
    """Return all text of an input, an empty line between its pieces."""
    return "\n\n".join(text for text, _ in _pieces(given) if text)


def judged_text(given: object) -> str:
    """Return the text of an input that questions are about: all but what system and developer say, unless nobody else
    says anything."""
    items = given if isinstance(given, list) else []
    rules = [item for item in items if item.get("role") in {"system", "developer"}]
    return input_text([item for item in items if item not in rules] if len(rules) < len(items) else given)


def parts_text(content: object) -> str:
    """Return the text of a message's content, or of a question's instructions."""
    return "".join(text for text, _ in _parts(content))


def _pieces(given: object) -> Iterator[tuple[str, bool]]:
    """Yield each text of an input, and whether a breakpoint stands behind it."""
    if isinstance(given, str):
        yield given, False
        return
    for item in given if isinstance(given, list) else ():
        if item.get("type", "message") == "message":
            yield from _parts(item.get("content"))
        else:
            yield orjson.dumps(item).decode(), False


def _parts(content: object) -> Iterator[tuple[str, bool]]:
    if isinstance(content, str):
        yield content, False
        return
    for part in content if isinstance(content, list) else ():
        marked = part.get("prompt_cache_breakpoint") is not None
        if part.get("type") == "input_json":
            yield orjson.dumps(part.get("data")).decode(), marked
        else:
            yield str(part.get("text") or part.get("refusal") or ""), marked
