"""Take a text apart: whatever it is written in, the same thing said again has mostly the same stems.

One pattern finds the pieces of what stands between blanks. Stems are crude on purpose: the form is taken off an English
word, and six letters are kept, which is harmless in other languages. Chinese, Japanese, Korean and Thai are pairs of
neighbouring characters. `maxHeapSize`, `max_heap_size`, `max.heap.size` and `--max-heap-size` are themselves, and the
words in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

from .vocabulary import MONTHS, NUMBER_WORDS, STOP_WORDS, UNITS

Shape = Literal["word", "capital", "code", "number", "wide", "end", "line", "wrap", "mark"]
"""What a token is. `capital`: a word such as Kafka; `code`: a word that shows by itself that it is a name (nodetool.sh,
max_heap, --force, HTTP); `wide`: a run of a script without blanks; `end` of a sentence; `line`: the beginning of a
paragraph or of an item of a list; `wrap`: of any other line; `mark`: a bracket, quote or colon."""


class Word(NamedTuple):
    """What a token comes to; the same for the same token."""

    text: str
    shape: Shape
    stem: str = ""
    """Empty of words that say nothing, and of what is no word."""
    parts: tuple[str, ...] = ()
    """All stems in it, its own first."""
    value: str = ""
    """What it counts, in digits; the number words of some languages too."""
    unit: str = ""
    """What it counts of, where that is written into it: `second` in 10s."""
    key: str = ""
    """By which it is compared: its value or its stem."""


# ----------------------------------------------------------------------------------------------------------- tokens

_WIDE = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_TEMPLATE = (
    r"(?!\d){c}+(?:(?:[./@'’-]|::)(?=[^\W_]){c}+)*"
    r"|\d+(?:[.,_]\d+)*(?:\.x\b)?(?:{c}+|%)?"
    r"|[.!?]\Z|[:;()\"|]|\*\*|%"
    r"|(?<![\w.-])--?[A-Za-z][\w-]*"
)
_ASCII = re.compile(_TEMPLATE.format(c=r"\w"), re.ASCII)
_ANY = re.compile(_TEMPLATE.format(c=rf"[^\W{_WIDE}]") + rf"|[{_WIDE}]+|[。！？：；“„«»]")


def tokens(run: str) -> list[str]:
    """Return the pieces that count of what stands between two blanks, in order: words, numbers, ends of sentences."""
    return (_ASCII if run.isascii() else _ANY).findall(run)


_REMEMBERED = 32_768
_SIGNS: Mapping[str, Shape] = {
    **dict.fromkeys((*':;：；()"“„«»|', "**"), "mark"),
    **dict.fromkeys(".!?。！？", "end"),
}
_NUMBER = re.compile(r"\d|[vV]\d+(?:\.\d+)*\Z")
_WIDE_RUN = re.compile(f"[{_WIDE}]")


@lru_cache(maxsize=_REMEMBERED)
def word_of(token: str) -> Word:
    """Return what a token comes to; remembers the last 32,768, for words come again and again."""
    word = _read(token)
    return word._replace(key=word.value or word.stem)


def _read(token: str) -> Word:
    if not token.strip() or token[-1].isspace() or (token[0].isdecimal() and token[-1] in ".)"):
        return Word(token, "wrap" if not token.strip() and token.count("\n") == 1 else "line")
    shape = _SIGNS.get(token)
    if shape is not None:
        return Word(token, shape)
    if _NUMBER.match(token):
        return _number(token.lstrip("vV"))
    return Word(token, "wide", token, _pairs(token)) if _WIDE_RUN.match(token) else _named(token)


def _pairs(run: str) -> tuple[str, ...]:
    return tuple(run[at : at + 2] for at in range(len(run) - 1)) or (run,)


# ---------------------------------------------------------------------------------------------------------- numbers

_DIGITS = re.compile(r"(\d+(?:[.,_]\d+)*)(\.x)?(.*)", re.DOTALL)
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:_\d{3})+|\d{1,3}(?:\.\d{3}){2,}")
_SCALES = {"k": 3, "m": 6, "bn": 9}
_ORDINALS = frozenset(("st", "nd", "rd", "th"))


def _number(token: str) -> Word:
    found = _DIGITS.fullmatch(token)
    digits, open_end, rest = found.groups() if found else (token, None, "")
    value = plain_digits(digits) + (open_end or "")
    suffix = rest.casefold()
    if not suffix or suffix in _ORDINALS:
        return Word(token, "number", "", (value,), value)
    if suffix in _SCALES and rest != "M" and not open_end:
        value = scaled(value, _SCALES[suffix])
        return Word(token, "number", "", (value,), value)
    unit = UNITS.get(rest) or UNITS.get(suffix)
    if unit:
        return Word(token, "number", "", (value, unit), value, unit)
    return Word(token, "code", token.casefold(), (token.casefold(), value, *_split_stems(rest)), value)


def plain_digits(digits: str) -> str:
    """Return a number as it is compared: 10,000 and 10_000 are 10000, 007 is 7, 0,5 is 0.5; 4.0 and 4.0.1 stay."""
    if _THOUSANDS.fullmatch(digits):
        separator = next(mark for mark in ",_." if mark in digits)
        digits = digits.replace(separator, "")
    digits = digits.replace(",", ".").replace("_", "")
    return digits.lstrip("0") or "0" if digits.isdecimal() else digits


def scaled(value: str, zeros: int) -> str:
    """Return `value` times a power of ten: 1.5 and 6 zeros are 1500000."""
    whole, _, fraction = value.partition(".")
    if not whole.isdecimal() or len(fraction) > zeros or (fraction and not fraction.isdecimal()):
        return value
    return (whole + fraction.ljust(zeros, "0")).lstrip("0") or "0"


# ------------------------------------------------------------------------------------------------------------ words

_HUMP = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_]+")
_JOINTS = re.compile(r"[\W_]+")
_CAMEL = re.compile(r"[a-z][A-Z]|[A-Z]{2}[a-z]{2}|[A-Za-z]\d|\d[A-Za-z]")
_OWNER = re.compile(r"['’]s?\Z")


def _named(token: str) -> Word:
    token = _OWNER.sub("", token)
    whole = token.casefold()
    if whole in STOP_WORDS:
        return Word(token, "word", value=NUMBER_WORDS.get(whole, ""))
    if len(token) > 2 and token[-1] == "s" and token.isalpha() and token[:-1].isupper():
        whole = whole[:-1]
        return Word(token, "code", whole, (whole,))
    measure = whole.partition("/")[0]
    unit = UNITS.get(measure, "") if len(measure) > 1 or whole == "%" else ""
    if unit or (token.isalpha() and not _CAMEL.search(token)):
        stem = unit or stem_of(whole)
        value = NUMBER_WORDS.get(whole) or MONTHS.get(whole, "")
        return Word(token, _shape(token), stem, (stem,), value, unit)
    pieces = dict.fromkeys(_split_stems(token))
    return Word(token, _joined_shape(token), whole, (whole, *pieces), value=NUMBER_WORDS.get(whole, ""))


def _shape(token: str) -> Shape:
    if token.isupper() and len(token) > 1:
        return "code"
    return "capital" if token[:1].isupper() and len(token) > 1 else "word"


def _joined_shape(token: str) -> Shape:
    if token[0] == "-" or "_" in token.strip("_") or "." in token or "::" in token or token.count("/") > 1:
        return "code"
    if _CAMEL.search(token) or token.isupper() or any(character.isdecimal() for character in token):
        return "code"
    return "capital" if token[:1].isupper() else "word"


def _split_stems(token: str) -> Iterator[str]:
    for piece in _JOINTS.split(token):
        for hump in _HUMP.findall(piece) if not piece.islower() or not piece.isalpha() else (piece,):
            whole = hump.casefold()
            if whole and whole not in STOP_WORDS:
                yield stem_of(whole)


_VOWEL = re.compile("[aeiouyäöüáéíóúàèìòùâêîôû]")
_STEM_CHARS = 6


def stem_of(word: str) -> str:
    """Return what the forms of a lower-case word have in common, roughly: stor of store, stores, stored and storing."""
    if len(word) < 4:
        return word
    word = f"{word[:-3]}y" if word.endswith("ies") and len(word) > 4 else word
    if word[-1] == "s" and word[-2] not in "sui":
        word = word[:-1]
    for ending, least in (("ing", 6), ("ed", 5), ("ly", 6)):
        if word.endswith(ending) and len(word) >= least and _VOWEL.search(word[: -len(ending)]):
            word = word[: -len(ending)]
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiou":
        word = word[:-1]
    if len(word) > 3 and word[-1] == "e":
        word = word[:-1]
    return (f"{word[:-1]}i" if word[-1] == "y" and len(word) > 3 else word)[:_STEM_CHARS]
