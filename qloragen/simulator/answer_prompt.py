"""Read a chat-completions request as a model would: what it is about, what it asks, and in which form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request, read."""

    material: str
    """The text between two tags, or else the longest message of the user."""
    ask: str
    """What the user says after the material; the last message of the user where nothing is tagged."""
    rules: str
    """The messages of system and developer."""
    form: Form
    salt: str
    """What else tells this request from another about the same matter."""


@dataclass(frozen=True, slots=True)
class Form:
    """How the answer is to be given: as text when `schema` is None."""

    schema: Json | None = None
    function: str | None = None
    """The function to call, None where the content is to be JSON."""


def read(body: Json) -> Prompt:
    """Return what `body` says; whatever is missing or of another type counts as not said."""
    said = list(_messages(body))
    user = [text for role, text in said if role == "user"] or [text for _, text in said[-1:]]
    rules = "\n\n".join(text for role, text in said if role in {"system", "developer"})
    material, ask = _divided(user)
    salt = f"{body.get('model')}|{body.get('seed')}|{body.get('temperature')}|{len(said)}"
    return Prompt(material, ask, rules, _form(body, user[-1] if user else ""), whole(salt))


def whole(text: str) -> str:
    """Return `text` with question marks for lone surrogates, which have no UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


# ---------------------------------------------------------------------------------------------------------- messages


def _messages(body: Json) -> Iterator[tuple[object, str]]:
    messages = body.get("messages")
    for message in messages if isinstance(messages, list | tuple) else ():
        if isinstance(message, dict):
            yield message.get("role"), whole(_text(message.get("content")))


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list | tuple) else ()
    texts = (part.get("text") for part in parts if isinstance(part, dict))
    return "".join(text for text in texts if isinstance(text, str))


_OPENING = re.compile(r"^<([A-Za-z][\w.:-]{0,99})>[ \t]*\n", re.MULTILINE)


def _divided(user: list[str]) -> tuple[str, str]:
    """Return the material and what is asked about it."""
    for at, text in enumerate(user):
        opening = _OPENING.search(text)
        if opening is None:
            continue
        end = text.rfind(f"\n</{opening[1]}>")
        if end >= opening.end():
            after = text[end + len(opening[1]) + 4 :]
            before = text[: opening.start()]
            asked = [part.strip() for part in (before, after, *user[at + 1 :])]
            return text[opening.end() : end], "\n\n".join(filter(None, asked))
    return max(user, key=len, default=""), user[-1] if user else ""


# -------------------------------------------------------------------------------------------------------------- form


def _form(body: Json, last: str) -> Form:
    function = _function(body)
    if function is not None:
        parameters = function.get("parameters") or {"type": "object", "properties": {}}
        return Form(_mapping(parameters), str(function.get("name")))
    wanted = _mapping(body.get("response_format"))
    match wanted.get("type"):
        case "json_schema":
            return Form(_mapping(_mapping(wanted.get("json_schema")).get("schema")))
        case "json_object":
            return Form(stated_schema(last) or {})
    return Form()


def _function(body: Json) -> Json | None:
    """Return the function that the tools and the choice among them come down to: the named one, or the first."""
    tools, choice = body.get("tools"), body.get("tool_choice")
    if choice == "none" or not isinstance(tools, list | tuple):
        return None
    functions = [_mapping(tool.get("function")) for tool in tools if isinstance(tool, dict)]
    functions = [function for function in functions if isinstance(function.get("name"), str)]
    name = _mapping(_mapping(choice).get("function")).get("name")
    named = (function for function in functions if function["name"] == name)
    return next(named, functions[0] if functions else None)


def _mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}


_DECODER = json.JSONDecoder()
_TRIES = 20
_ANNOUNCED = re.compile(r"schema[^{]{0,200}(?=\{)", re.IGNORECASE)
_SCHEMA_WORDS = frozenset({"type", "properties", "$ref", "anyOf", "oneOf", "allOf", "enum", "items"})


def stated_schema(text: str) -> Json | None:
    """Return the JSON schema that `text` states: the last one that begins a line, or the first that is announced."""
    lines = [match.end() - 1 for match in re.finditer(r"^\{", text, re.MULTILINE)]
    announced = [match.end() for match in islice(_ANNOUNCED.finditer(text), _TRIES)]
    for at in (*lines[: -_TRIES - 1 : -1], *announced):
        found = _decoded(text, at)
        if isinstance(found, dict) and not _SCHEMA_WORDS.isdisjoint(found):
            return found
    return None


def _decoded(text: str, at: int) -> object:
    try:
        return _DECODER.raw_decode(text, at)[0]
    except (ValueError, RecursionError):
        return None
