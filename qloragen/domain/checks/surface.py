"""Defects that are seen in the text itself: empty, copied, echoed, left unfinished."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict

import orjson

from .case import Case, Check

MIN_BYTES: Mapping[str, int] = {"instruction": 8, "input": 20, "output": 8}
"""Shortest fields, in bytes of UTF-8, so that five characters of Chinese count as the short sentence they are."""
_LEAK_CHARS = 40
"""A sentence of the prompts at least this long does not come up in a record by chance."""


# ------------------------------------------------------------------------------------------------------- empty, short

_EMPTY_WORDS = frozenset(
    ("", "na", "none", "null", "nil", "string", "text", "todo", "tbd", "output", "response", "answer")
)
_FIELD_NAMES = {
    "instruction": "The instruction",
    "input": "The context that the record rests on",
    "output": "The output",
}


def _too_short(case: Case) -> str | None:
    for name, text in case.fields:
        if len(text.strip().encode("utf-8", "replace")) < MIN_BYTES[name] or _plain(text) in _EMPTY_WORDS:
            return f"{_FIELD_NAMES[name]} is empty or too short to mean anything."
    return None


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _control_characters(case: Case) -> str | None:
    for name, text in case.fields:
        if any(match[0] not in case.article for match in _CONTROL.finditer(text)):
            return f"The {name} contains control characters."
    return None


# ------------------------------------------------------------------------------------------------------- placeholders

_PLACEHOLDERS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"<\s*(?:the\s+)?(?:LLM|model|assistant|AI)(?:['’]s)?\s+(?:response|answer|output)\b[^<>\n]{0,40}>",
        r"[<\[]\s*(?:insert|fill in|your|to be|todo:?|tbd:?|placeholder)\s[^<>\[\]\n]{1,60}[>\]](?!\()",
        r"[<\[]\s*(?:todo|tbd|placeholder)\s*[>\]](?!\()",
        r"\{\{\s*[a-z_][\w ']{0,60}\}\}",
        r"\blorem ipsum\b",
        r"</?article-[0-9a-f]{8}>",
    )
)


def _placeholder(case: Case) -> str | None:
    for name, text in case.fields:
        for pattern in _PLACEHOLDERS:
            found = next((match[0] for match in pattern.finditer(text) if match[0] not in case.article), None)
            if found is not None:
                return f"The {name} contains the placeholder {found[:60]}; write the finished text in its place."
    return None


# --------------------------------------------------------------------------------------------------------------- echo

_WORD = re.compile(r"\w+")
_SAYS_NOTHING = frozenset(
    _WORD.findall(
        "a an and any are article as at be by can describe describing discuss do does explain explaining for from give "
        "how in instruction is it its main me of on or outline please provide question record section some summarise "
        "summarising summarize summarizing summary tell text that the their this to topic type us what write you"
    )
)


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold())) - _SAYS_NOTHING


def _plain(text: str) -> str:
    return "".join(_WORD.findall(text.casefold()))


def _echo(case: Case) -> str | None:
    """Find an instruction that asks nothing beyond a type's name, or repeats its own type's guidance."""
    words = _words(case.draft.instruction)
    names = (name for known in case.pack.types for name in (known.name, *known.aliases))
    guidance = _words(case.type.guidance)
    if any(words <= _words(name) for name in names) or _is_echo(case, words, guidance):
        return "The instruction only repeats the type of the record; ask about something concrete and name it."
    return None


def _is_echo(case: Case, words: frozenset[str], guidance: frozenset[str]) -> bool:
    return len(words & guidance) >= case.thresholds.prompt_echo * len(words | guidance)


_SENTENCE_ENDS = re.compile(r"(?<=[.:;])\s+|\n+(?:- )?")


def _leak(case: Case) -> str | None:
    prompts = (
        case.type.guidance,
        case.pack.generate.system,
        case.pack.generate.closing,
        *asdict(case.pack.record).values(),
    )
    fields = (("instruction", case.draft.instruction), ("output", case.draft.output))
    for sentence in _sentences("\n".join(prompts)):
        for name, text in fields:
            if sentence in text and sentence not in case.article:
                return f"The {name} repeats a sentence of this prompt."
    return None


def _sentences(text: str) -> Iterator[str]:
    return (part for part in _SENTENCE_ENDS.split(text) if len(part) >= _LEAK_CHARS)


_PARAGRAPH_NUMBER = re.compile(r"(?:^|\s)(\[+\d{1,4}\]+)(?=[\s.,;:]|$)")


def _paragraph_number(case: Case) -> str | None:
    """Find the number of a paragraph, which means nothing to those who see the record alone."""
    for name, text in (("instruction", case.draft.instruction), ("output", case.draft.output)):
        found = next((match[1] for match in _PARAGRAPH_NUMBER.finditer(text) if match[1] not in case.article), None)
        if found is not None:
            return f"The {name} mentions the paragraph number {found}; numbers belong into the evidence alone."
    return None


# --------------------------------------------------------------------------------------------- answers that are none

_REFUSAL = re.compile(
    r"(?:i['’]m|i am) (?:sorry|unable|afraid|not able)\b|i (?:can(?:['’]t|not)|do not have|don['’]t have)\b"
    r"|(?:sorry|apologies)\b[,!.]|as an? (?:ai|large language|language) (?:language )?(?:model|assistant)\b",
    re.IGNORECASE,
)


def _refusal(case: Case) -> str | None:
    if _REFUSAL.match(case.draft.output):
        return "The output refuses to answer; answer from the evidence."
    return None


def _copy(case: Case) -> str | None:
    instruction, given, output = (_plain(text) for _, text in case.fields)
    if output == given:
        return "The output is the input over again; answer the instruction instead."
    if instruction in (output, given):
        return "The instruction is the same text as another field."
    return None


def _json(case: Case) -> str | None:
    for name, text in (("instruction", case.draft.instruction), ("output", case.draft.output)):
        if text[:1] in ("{", "[") and text not in case.article and _is_json(text):
            return f"The {name} is JSON; write it as plain text."
    return None


def _is_json(text: str) -> bool:
    if re.match(r'\{\s*"(?:instruction|input|evidence|output)"\s*:', text):
        return True
    try:
        return isinstance(orjson.loads(text), dict | list)
    except orjson.JSONDecodeError:
        return False


SURFACE: tuple[Check, ...] = (
    Check("empty", "A field is empty, or too short to mean anything.", _too_short),
    Check("control_characters", "Control characters that the article does not have.", _control_characters),
    Check("placeholder", "Something left to be filled in.", _placeholder),
    Check("prompt_echo", "The instruction repeats the name or guidance of its type.", _echo),
    Check("prompt_leak", "A sentence of the prompts.", _leak),
    Check("paragraph_number", "The number of a paragraph, which the record does not show.", _paragraph_number),
    Check("refusal", "The output refuses to answer.", _refusal),
    Check("copy", "One field is another over again.", _copy),
    Check("json_in_string", "JSON where plain text should be.", _json),
)
