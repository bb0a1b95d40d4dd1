"""Single values that a JSON schema allows: texts, numbers, and the bounds that it sets them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence

Json = Mapping[str, object]
Draw = Callable[[int], int]
"""Gives a number from 0 to below another."""

MOST_CHARS = 20_000
"""What is given where a schema asks for longer texts at the least."""
_SHORT_CHARS = 60

# ------------------------------------------------------------------------------------------------------------- texts


def string(schema: Json, name: str, phrases: Sequence[str], draw: Draw) -> str:
    """Return a text for the property `name`, made of `phrases`, of which there is one at least.

    A pattern is met if a common sample meets it.
    """
    least, most = _lengths(schema)
    form, pattern = schema.get("format"), schema.get("pattern")
    if isinstance(form, str) and form in _FORMATS:
        return _FORMATS[form]
    if isinstance(pattern, str):
        found = _matching(pattern, phrases[0], least, most)
        if found is not None:
            return found
    phrase = phrases[draw(len(phrases))]
    if most < _SHORT_CHARS or _NAMES_SOMETHING.search(name):
        phrase = " ".join(phrase.split()[:4]).strip(".,;:`")
    return _between(phrase, least, most, phrases)


def fitted(text: str, schema: Json, phrases: Callable[[], Sequence[str]]) -> str:
    """Return `text` cut, or extended by `phrases`, to the lengths that `schema` allows."""
    least, most = _lengths(schema)
    return _between(text, least, most, phrases() if len(text) < least else ())


def cut(text: str, most: int) -> str:
    """Return the beginning of `text`, to the last sentence or else word that ends within `most` characters."""
    if len(text) <= most:
        return text
    head = text[:most]
    stop = max(head.rfind(". "), head.rfind(".\n"), head.rfind("。"))
    if stop >= most // 3:
        return head[: stop + 1]
    blank = head.rfind(" ")
    return head[:blank] if blank >= most // 2 else head


def _between(text: str, least: int, most: int, more: Sequence[str]) -> str:
    for phrase in more:
        if len(text) >= least:
            break
        text = f"{text} {phrase}"
    shortened = cut(text, most)
    return shortened if len(shortened) >= least else text.ljust(least, ".")[:most]


_NAMES_SOMETHING = re.compile(
    r"name|title|label|tag|key|id$|topic|term|word|category|kind|type|city|country|author|unit", re.IGNORECASE
)
_FORMATS: Mapping[str, str] = {
    "date-time": "2026-03-14T09:30:00Z",
    "date": "2026-03-14",
    "time": "09:30:00Z",
    "duration": "PT1H30M",
    "email": "someone@example.org",
    "idn-email": "someone@example.org",
    "uuid": "0b6f8a2e-3c4d-4e5f-8a9b-1c2d3e4f5a6b",
    "uri": "https://example.org/a",
    "uri-reference": "https://example.org/a",
    "hostname": "example.org",
    "ipv4": "192.0.2.7",
    "ipv6": "2001:db8::7",
    "ipvanyaddress": "192.0.2.7",
    "json-string": "{}",
    "json-pointer": "/a",
    "regex": "a+",
}
_SAMPLES = (
    *("1", "12", "1.5", "123", "1234", "12345", "A", "a", "AB", "ab", "ABC", "abc", "Abc", "a-b", "a_b", "AB-12", "A1"),
    *("a1", "ABC-123", "1.2.3", "v1.2.3", "#a1b2c3", "en-GB", "+441234567890", "2026-03-14", "09:30", "a.b", "a/b"),
)
_SAMPLE_CHARS = 80


def _matching(pattern: str, phrase: str, least: int, most: int) -> str | None:
    try:
        wanted = re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return None
    texts = (phrase[:_SAMPLE_CHARS], *phrase.split()[:6], *_SAMPLES, *_FORMATS.values())
    return next((text for text in texts if least <= len(text) <= most and wanted.search(text)), None)


def _lengths(schema: Json) -> tuple[int, int]:
    most = bound(schema, "maxLength", MOST_CHARS)
    return min(bound(schema, "minLength", 0), most, MOST_CHARS), most


# ----------------------------------------------------------------------------------------------------------- numbers

_SPREAD = 98
"""Whole numbers to choose from."""


def integer(schema: Json, draw: Draw) -> int:
    """Return a whole number within the bounds of `schema`."""
    step = bound(schema, "multipleOf", 1) or 1
    low, high = _range(schema)
    first = int(-(-_first(low, high, 1) // step))
    first += _excluded(schema, first * step)
    last = first + _SPREAD if high is None else int(high // step)
    last -= _excluded(schema, last * step)
    return (first + draw(max(min(last - first, _SPREAD), 0) + 1)) * step


def number(schema: Json, draw: Draw) -> float:
    """Return a number within the bounds of `schema`, with two decimals where that can be."""
    low, high = _range(schema)
    step = schema.get("multipleOf")
    if isinstance(step, int | float) and 0 < step < math.inf:
        count = math.ceil(_first(low, high, step) / step)
        return (count + _excluded(schema, count * step)) * step
    start = _first(low, high, 0)
    end = start + 100 if high is None else high
    found = start + (end - start) * (1 + draw(7)) / 8
    return round(found, 2) if start < round(found, 2) < end else found


def allows(items: Json, value: object) -> bool:
    """Tell whether a whole number is within the bounds of `items`, and among its choices if it has any."""
    low, high = _range(items)
    choices = items.get("enum")
    if not isinstance(value, int) or (isinstance(choices, list | tuple) and value not in choices):
        return False
    return (low is None or value >= low) and (high is None or value <= high)


def bound(schema: Json, name: str, otherwise: int) -> int:
    """Return the whole number at `name`, not below 0, or `otherwise` where there is none."""
    value = _limit(schema.get(name))
    return otherwise if value is None else max(int(value), 0)


def _range(schema: Json) -> tuple[float | None, float | None]:
    """Return the least and the greatest value, whether they are themselves allowed or not."""
    lows = [value for name in ("minimum", "exclusiveMinimum") if (value := _limit(schema.get(name))) is not None]
    highs = [value for name in ("maximum", "exclusiveMaximum") if (value := _limit(schema.get(name))) is not None]
    return max(lows, default=None), min(highs, default=None)


_HUGE = 1e300


def _limit(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < _HUGE else None


def _first(low: float | None, high: float | None, usual: float) -> float:
    """Return where to begin: at the least value, or some way below the greatest."""
    if low is not None:
        return low
    return usual if high is None or high > usual else high - 10


def _excluded(schema: Json, value: float) -> bool:
    return value in (_limit(schema.get("exclusiveMinimum")), _limit(schema.get("exclusiveMaximum")))
