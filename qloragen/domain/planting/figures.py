"""Numbers in other forms that mean the same: 10,000 and 10000, 5 % and 5 percent, 3 and three."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
"""The numbers that are rather written in words, in their order."""
_UNITS = {
    "ms": "milliseconds",
    "KB": "kilobytes",
    "MB": "megabytes",
    "GB": "gigabytes",
    "TB": "terabytes",
    "MiB": "mebibytes",
    "GiB": "gibibytes",
    "mg": "milligrams",
    "g": "grams",
    "kg": "kilograms",
    "mm": "millimetres",
    "cm": "centimetres",
    "km": "kilometres",
    "ml": "millilitres",
    "°C": "degrees Celsius",
}
_ROUND = {"1,000,000": "1 million", "1,000": "one thousand", "1000000": "1 million"}
_YEARS = range(1900, 2100)


def _parted(number: str) -> str:
    return number if int(number) in _YEARS else _ROUND.get(number, f"{int(number):,}")


_FORMS: tuple[tuple[str, Callable[[str], str]], ...] = (
    (rf"(?<=\d) ?(?:{'|'.join(map(re.escape, _UNITS))})(?!\w)", lambda unit: f" {_UNITS[unit.strip()]}"),
    (r"(?<![\w.,:/\-])\d{1,3}(?:,\d{3})+(?![\w.,]*\d)", lambda number: _ROUND.get(number, number.replace(",", ""))),
    (r"(?<![\w.,:/\-])[1-9]\d{3,8}(?![\w/\-]|[.,:]\d)", _parted),
    (r"(?<=\d) ?%", lambda _: " percent"),
    (r"(?<=\d) per ?cent\b", lambda _: "%"),
    (rf"\b(?:{'|'.join(WORDS[2:])})(?= [a-z])", lambda word: str(WORDS.index(word))),
    (r"(?<=[a-z] )(?:[2-9]|1[0-2])(?= [a-z]{3})", lambda number: WORDS[int(number)]),
)
_ANY = re.compile("|".join(f"({pattern})" for pattern, _ in _FORMS))


def other_forms(text: str, random: Random, share: float) -> str:
    """Return `text` with about that share of its numbers written in another way."""

    def drawn(match: re.Match[str]) -> str:
        return _FORMS[(match.lastindex or 1) - 1][1](match[0]) if random.random() < share else match[0]

    return _ANY.sub(drawn, text)
