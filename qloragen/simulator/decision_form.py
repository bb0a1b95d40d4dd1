"""What `POST /v1/decisions` refuses before a model reads it.

Shapes and bounds are those of the openai package 3.54 (types/decision_create_params.py), the 2 to 10 levels of a score
and the 128 characters of `safety_identifier` those of the API's guide as github.com/davidmigloz/ai_clients_dart quotes
it (specification of October 2026). Unverified: every word of the refusals, which follow those of chat completions, and
which model names are told what. Images are taken, but nobody looks at them.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import refusals
from .effects import Json
from .refusals import Refusal

MOST_QUESTIONS = 400
_KNOWN = frozenset({"model", "input", "questions", "prompt_cache_key", "prompt_cache_options", "safety_identifier"})
_KINDS = ("predicate", "choice", "score")
_ROLES = ("user", "developer", "system", "assistant")
_TOOLS = ("function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output")
_PARTS = ("input_text", "input_image", "input_json", "output_text", "refusal")
_BOUNDS = {"choices": (2, 255), "levels": (2, 10)}
_MOST_IDENTIFIER = 128


def refused_by_decision_form(body: Json) -> Refusal | None:
    """Return what the API says of a body whose fields are missing or wrong, if they are."""
    unknown = next((name for name in body if name not in _KNOWN), None)
    if unknown is not None:
        return refusals.unknown(unknown)
    return _basics(body) or _input(body["input"]) or _questions(body["questions"]) or _options(body)


def _basics(body: Json) -> Refusal | None:
    for name, kinds, wanted in (
        ("model", str, "a string"),
        ("input", str | list, "a string or an array of objects"),
        ("questions", list, "an array of objects"),
    ):
        if body.get(name) is None:
            return refusals.missing(name)
        if not isinstance(body[name], kinds):
            return refusals.wrong_type(name, wanted)
    return None


def _input(given: str | list[object]) -> Refusal | None:
    for number, item in enumerate(given if isinstance(given, list) else ()):
        where = f"input[{number}]"
        if not isinstance(item, dict):
            return refusals.wrong_type(where, "an object")
        kind = item.get("type", "message")
        if kind == "message" and (refusal := _message(where, item)) is not None:
            return refusal
        if kind not in {"message", *_TOOLS}:
            return refusals.invalid_value(f"{where}.type", kind, ("message", *_TOOLS))
    return None


def _message(where: str, message: Json) -> Refusal | None:
    if message.get("role") not in _ROLES:
        return refusals.invalid_value(f"{where}.role", message.get("role"), _ROLES)
    return _content(f"{where}.content", message.get("content"))


def _content(where: str, content: object) -> Refusal | None:
    """Return what is wrong with a text, or with an array of parts."""
    if content is None:
        return refusals.missing(where)
    if isinstance(content, str):
        return None
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        return refusals.wrong_type(where, "a string or an array of parts")
    wrong = next(((n, part.get("type")) for n, part in enumerate(content) if part.get("type") not in _PARTS), None)
    return None if wrong is None else refusals.invalid_value(f"{where}[{wrong[0]}].type", wrong[1], _PARTS)


def _questions(questions: list[object]) -> Refusal | None:
    if (refusal := refusals.wrong_length("questions", len(questions), least=1, most=MOST_QUESTIONS)) is not None:
        return refusal
    for number, question in enumerate(questions):
        where = f"questions[{number}]"
        if not isinstance(question, dict):
            return refusals.wrong_type(where, "an object")
        if question.get("type") not in _KINDS:
            return refusals.invalid_value(f"{where}.type", question.get("type"), _KINDS)
        refusal = _content(f"{where}.instructions", question.get("instructions")) or _name(where, question)
        if refusal is None and question["type"] != "predicate":
            refusal = _answers(where, question)
        if refusal is not None:
            return refusal
    return None


def _name(where: str, question: Json) -> Refusal | None:
    name = question.get("name")
    return None if name is None or isinstance(name, str) else refusals.wrong_type(f"{where}.name", "a string")


def _answers(where: str, question: Json) -> Refusal | None:
    """Return what is wrong with the choices, or the levels, of a question."""
    list_, field = ("choices", "value") if question["type"] == "choice" else ("levels", "label")
    given, where = question.get(list_), f"{where}.{list_}"
    if not isinstance(given, list):
        return refusals.missing(where) if given is None else refusals.wrong_type(where, "an array of objects")
    least, most = _BOUNDS[list_]
    if (refusal := refusals.wrong_length(where, len(given), least=least, most=most)) is not None:
        return refusal
    allowed = (str, bool) if list_ == "choices" else (str,)
    values = [answer.get(field) if isinstance(answer, Mapping) else None for answer in given]
    wrong = next((number for number, value in enumerate(values) if not isinstance(value, allowed)), None)
    if wrong is not None:
        return refusals.wrong_type(f"{where}[{wrong}].{field}", "a string")
    if list_ == "choices" and len({(type(value), value) for value in values}) < len(values):
        return refusals.invalid(f"Invalid '{where}': each choice must be unique.", param=where, code="invalid_value")
    return None


def _options(body: Json) -> Refusal | None:
    identifier, options = body.get("safety_identifier"), body.get("prompt_cache_options")
    if isinstance(identifier, str) and len(identifier) > _MOST_IDENTIFIER:
        return refusals.too_long_text("safety_identifier", _MOST_IDENTIFIER, len(identifier))
    if options is None:
        return None
    if not isinstance(options, dict):
        return refusals.wrong_type("prompt_cache_options", "an object")
    for name, usual, known in (("mode", "implicit", ("implicit", "explicit")), ("ttl", "30m", ("30m",))):
        if (options.get(name) or usual) not in known:
            return refusals.invalid_value(f"prompt_cache_options.{name}", options[name], known)
    return None
