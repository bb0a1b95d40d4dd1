"""Families of models, by their names: a model likes what it would have written itself, and so do its relatives."""

from __future__ import annotations

import re
from collections.abc import Mapping

_MAKERS: Mapping[str, str] = {
    "gpt": r"gpt|(?<![a-z0-9])o\d|davinci|codex",
    "claude": r"claude|(?<![a-z])(?:sonnet|opus|haiku)(?![a-z])",
    "gemini": r"gemini|gemma|palm",
    "llama": r"(?<!o)llama(?![._-]?cpp)|vicuna|alpaca",  # ollama and llama.cpp serve any model
    "qwen": r"qwen|qwq",
    "mistral": r"mi[sx]tral|ministral|magistral|codestral|devstral|pixtral",
    "deepseek": r"deepseek",
    "grok": r"grok",
    "phi": r"(?<![a-z])phi(?=[-_\d]|$)",
    "command": r"(?<![a-z])command|aya(?=-)|cohere",
    "granite": r"granite",
    "glm": r"glm",
    "kimi": r"kimi|moonshot",
    "nova": r"(?<![a-z])nova(?=-)|titan",
    "yi": r"(?<![a-z])yi(?=-)",
    "nemotron": r"nemotron",
    "falcon": r"falcon",
    "olmo": r"olmo|tulu",
    "jamba": r"jamba",
    "smollm": r"smollm",
    "minimax": r"minimax",
}
_FIRST_WORD = re.compile(r"[a-z]+")


def families(model: str) -> frozenset[str]:
    """Return the families that a model belongs to: by the names in its own, else by its first word; distilled models
    have two."""
    name = model.lower()
    known = frozenset(family for family, pattern in _MAKERS.items() if re.search(pattern, name))
    if known:
        return known
    own = name.rsplit("/", 1)[-1]
    word = _FIRST_WORD.search(own)
    return frozenset({word[0] if word else own})


def kinship(model: str, other: str) -> str | None:
    """Return a family that two models have in common; None when there is none."""
    return min(families(model) & families(other), default=None)
