"""Prompts that come back: a type's name or guidance as instruction, sentences of the prompts, marks of their form."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from ...types import InstructionType
from ..pack import Pack
from .case import Case, Check
from .wordlist import listed

_WORD = re.compile(r"\w+")
_SAYS_NOTHING = listed(
    "a an and any are article as at be by can describe describing discuss do does explain explaining for from give "
    "how in instruction is it its main me of on or outline please provide question record section some summarise "
    "summarising summarize summarizing summary tell text that the their this to topic type us what write you"
)
_LEAK_CHARS = 40
"""A sentence of the prompts at least this long does not come up in a record by chance."""
_SHORT_LEAK_CHARS = 28
"""The same of those that no article could have, since they are about records."""
_SENTENCE_ENDS = re.compile(r"\n+(?:- )?|(?<=[.:;])\s+")


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold())) - _SAYS_NOTHING


# --------------------------------------------------------------------------------------------------------------- echo


class _Prompts(NamedTuple):
    """What the types of a pack say, as sets of words, and in which of them a word is."""

    said: tuple[frozenset[str], ...]
    names: int
    """The first so many are names of types; the others guidances, their sentences, and when types apply."""
    having: Mapping[str, tuple[int, ...]]


_FEW_WORDS = 3
"""Sets of no more words resemble others by chance."""


@lru_cache(maxsize=16)
def _prompts(types: tuple[InstructionType, ...]) -> _Prompts:
    names = dict.fromkeys(_words(name) for kind in types for name in (kind.name, *kind.aliases))
    texts = (text for kind in types for text in (kind.guidance, *_sentences(kind.guidance), kind.applies_when))
    said = (*names, *dict.fromkeys(_words(text) for text in texts))
    having: dict[str, list[int]] = {}
    for at, words in enumerate(said):
        for word in words:
            having.setdefault(word, []).append(at)
    return _Prompts(said, len(names), {word: tuple(places) for word, places in having.items()})


def _echo(case: Case) -> str | None:
    """Find an instruction that asks nothing beyond a type's name, or repeats what the prompts say of a type."""
    words = _words(case.draft.instruction)
    if not words or _repeats(words, _prompts(case.pack.types), case.thresholds.prompt_echo):
        return "The instruction only repeats the type of the record; ask about something concrete and name it."
    return None


def _repeats(words: frozenset[str], prompts: _Prompts, share: float) -> bool:
    having, least = prompts.having, share * len(words)
    known = [having[word] for word in words if word in having]
    if len(known) < least:
        return False
    in_common = Counter(chain.from_iterable(known))
    for at, common in [found for found in in_common.items() if found[1] >= least]:
        said = prompts.said[at]
        if at < prompts.names and common == len(words):
            return True
        if len(said) > _FEW_WORDS and common >= share * (len(words) + len(said) - common):
            return True
    return False


# --------------------------------------------------------------------------------------------------------------- leak

_MARKS = re.compile(
    r"###\s*(?:instruction|context|input|response|output|end)\b:?|<\|(?:im_start|im_end|endoftext|eot_id)[^|\n]*\|>"
    r"|\[/?INST\]|<</?SYS>>",
    re.IGNORECASE,
)
"""Marks of training prompts and chat templates."""
_LABEL = re.compile(r"(?:\*\*)?(?:instruction|output|response|answer|assistant|question)(?:\*\*)?:", re.IGNORECASE)


_ANY = ""
"""Stands for the word of sentences without blanks."""


def _leak(case: Case) -> str | None:
    sentences = _own_sentences(case.type.guidance, tuple(case.pack.variables.items()), _texts(case.pack))
    for (name, text, lowered), words in case.written_vocabularies:
        known = chain.from_iterable([sentences[word] for word in (_ANY, *words.intersection(sentences))])
        if any(said in lowered and not case.article_has(said) for said in known):
            return f"The {name} repeats a sentence of this prompt."
        found = _mark(text)
        if found is not None and found not in case.article:
            return f"The {name} contains {found}, which belongs to the form of a record; write its text alone."
    return None


def _texts(pack: Pack) -> tuple[str, ...]:
    record = pack.record
    fields = (record.function, record.instruction, record.evidence, record.input, record.output)
    return (pack.generate.system, pack.generate.closing, *pack.input_rules.values(), *fields)


def _mark(text: str) -> str | None:
    if label := _LABEL.match(text):
        return label[0]
    if "###" in text or "<|" in text or "INST]" in text or "SYS>>" in text:
        return mark[0] if (mark := _MARKS.search(text)) else None
    return None


@lru_cache(maxsize=256)
def _own_sentences(
    guidance: str, variables: tuple[tuple[str, str], ...], texts: tuple[str, ...]
) -> Mapping[str, Sequence[str]]:
    """Return what may not come up, in lower case, by the longest of the words that it has between blanks."""
    said = "\n".join(texts)
    for name, value in variables:
        said = said.replace(f"${{{name}}}", value)
    parts = (*_sentences(guidance), *_sentences(said, _SHORT_LEAK_CHARS))
    lowered = dict.fromkeys(part.lower() for part in parts if "${" not in part)
    found: dict[str, list[str]] = {_ANY: []}
    for part in lowered:
        found.setdefault(max(part.split()[1:-1], key=len, default=_ANY), []).append(part)
    return found


def _sentences(text: str, least: int = _LEAK_CHARS) -> Iterator[str]:
    return (part for part in _SENTENCE_ENDS.split(text) if len(part) >= least)


PROMPTS: tuple[Check, ...] = (
    Check(
        "prompt_echo",
        "The instruction repeats the name or guidance of a type.",
        _echo,
        thresholds=("prompt_echo",),
    ),
    Check("prompt_leak", "A sentence of the prompts, or a mark of their form.", _leak),
)
