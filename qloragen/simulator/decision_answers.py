"""What the simulated model decides, and the form in which a decision comes.

A predicate is as likely as the signs in the text support a type of that description, so that a classification by
predicates agrees with one by numbers about what is clear; a probability of a half is where a type is just supported.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from zlib import crc32

from .answer_themes import stems
from .answer_types import support
from .decision_prompt import judged_text, parts_text
from .effects import Json

Decider = Callable[[str, Mapping[str, object]], Sequence[float] | None]
"""Decides about a text and one question: the probability of a predicate, alone in its sequence; or one for each choice
or level, in their order; None declines to answer."""

_STEEP = 4.0
_LEAST = 0.01
_PLACES = 4


def decide(text: str, question: Mapping[str, object]) -> Sequence[float]:
    """Return what the model thinks; of the same text and question always the same."""
    instructions = parts_text(question.get("instructions"))
    if question.get("type") == "predicate":
        return (_likely(support(instructions, text)),)
    name = "choices" if question.get("type") == "choice" else "levels"
    listed = question.get(name)
    words = [str(answer) for answer in (listed if isinstance(listed, list) else ())]
    weights = [_weight(text, instructions, word) for word in words]
    return [round(weight / sum(weights), _PLACES) for weight in weights]


def answers_to(body: Json, decider: Decider) -> list[Json]:
    """Return the answers to all questions of a request that has been checked, in their order."""
    text = judged_text(body["input"])
    return [_answer(question, decider(text, question)) for question in body["questions"]]


def refuse_all(reply: Json) -> Json:
    """Let the model decline every question."""
    return {**reply, "answers": [_named(answer, "refusal") for answer in reply["answers"]]}


def leave_none(reply: Json) -> Json:
    """Leave no answer."""
    return {**reply, "answers": []}


def _likely(strength: float) -> float:
    probability = 1 / (1 + math.exp(-_STEEP * (min(strength, 3.0) - 1)))
    return round(min(max(probability, _LEAST), 1 - _LEAST), _PLACES)


def _weight(text: str, instructions: str, answer: str) -> float:
    """Return how much speaks for an answer: its words that the text has, and a grain of chance."""
    known = len(stems(answer) & stems(text))
    chance = crc32(f"{text}|{instructions}|{answer}".encode("utf-8", "replace")) / 2**32
    return 0.2 + known + chance


def _named(question: Json, kind: str) -> Json:
    return {"type": kind, "name": question.get("name")}


def _answer(question: Json, found: Sequence[float] | None) -> Json:
    kind = question["type"]
    if found is None:
        return _named(question, "refusal")
    if kind == "predicate":
        return {**_named(question, kind), "probability": found[0]}
    best = max(range(len(found)), key=found.__getitem__)
    if kind == "choice":
        values = [choice["value"] for choice in question["choices"]]
        listed = [{"value": value, "probability": part} for value, part in zip(values, found, strict=True)]
        return {**_named(question, kind), "choice": values[best], "confidence": found[best], "probabilities": listed}
    levels = [level["label"] for level in question["levels"]]
    spread = [
        {"value": number, "label": label, "probability": part}
        for number, (label, part) in enumerate(zip(levels, found, strict=True))
    ]
    score = sum(number * part for number, part in enumerate(found))
    return {**_named(question, kind), "score": score, "confidence": found[best], "probabilities": spread}
