"""Whether a record fits into the context of the training, without a tokenizer.

Bytes are counted by what they are. How many tokens there are to each was fitted to the tokenizer of Llama 2 (32,000
pieces), which makes more of a text than newer ones do: 1,706 pieces of 500 to 1,800 characters of documentation,
recipes, German and Chinese. The error was 6 % in the median and 13 % at the 95th percentile. Against cl100k_base and
o200k_base, which newer models come near to, the estimate is about a quarter too high: what passes fits there as well.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil

from ...template import fill
from .case import Case

_UPPER = bytes(range(ord("A"), ord("Z") + 1))
_LETTERS = _UPPER + bytes(range(ord("a"), ord("z") + 1))
_DIGITS = b"0123456789"
_ASCII = bytes(range(0x80))
_WIDE_STARTS = bytes(range(0xE3, 0xEE))
"""First bytes of Chinese, Japanese and Korean characters, of three bytes each."""

_LETTER, _CAPITAL, _DIGIT, _SIGN, _BEYOND, _WIDE = 0.188, 0.285, 1.604, 0.645, 0.667, 1.208
_BLANK, _TWO_BLANKS, _LINE = 0.339, -0.713, 1.555
"""Tokens to each: letter of ASCII, more for a capital; digit; sign; byte beyond ASCII, but whole wide characters; blank
that stands alone, less where two are together; end of a line."""


def estimate_tokens(text: str) -> int:
    """Return about how many tokens `text` has: 10 us for a record."""
    data = text.encode("utf-8", "replace")
    lines, blanks = data.count(b"\n"), data.count(b" ") + data.count(b"\t")
    rest = data.translate(None, _LETTERS + b" \t\n")
    letters = len(data) - len(rest) - lines - blanks
    no_digits = rest.translate(None, _DIGITS)
    beyond = no_digits.translate(None, _ASCII)
    wide = len(beyond) - len(beyond.translate(None, _WIDE_STARTS))
    found = (
        _LETTER * letters
        + _CAPITAL * (len(data) - len(data.translate(None, _UPPER)))
        + _DIGIT * (len(rest) - len(no_digits))
        + _SIGN * (len(no_digits) - len(beyond))
        + _BEYOND * (len(beyond) - 3 * wide)
        + _WIDE * wide
        + _BLANK * blanks
        + _TWO_BLANKS * data.count(b"  ")
        + _LINE * lines
    )
    return max(round(found), 1 if text else 0)


def _most_tokens(text: str) -> int:
    """Return what the estimate is at most, several times faster: every byte but digits and ends of lines counted as
    the dearest of the others.
    """
    data = text.encode("utf-8", "replace")
    cheap = len(data.translate(None, _DIGITS + b"\n"))
    return ceil(_BEYOND * cheap + _DIGIT * (len(data) - cheap)) + 1


def over_context(case: Case) -> str | None:
    """Find a record whose training prompt is longer than the context."""
    pack, draft, most = case.pack, case.draft, case.thresholds.context_tokens
    frame = _frame(pack.training, tuple(pack.variables.items()))
    text = f"{draft.instruction}{draft.input}{draft.output}"
    if frame + _most_tokens(text) <= most:
        return None
    tokens = frame + estimate_tokens(text)
    if tokens <= most:
        return None
    how = "name fewer paragraphs as evidence" if case.mode == "evidence" else "write a shorter input"
    return f"The record has about {tokens} tokens, and {most} are possible; {how}, and answer from that alone."


@lru_cache(maxsize=16)
def _frame(training: str, variables: tuple[tuple[str, str], ...]) -> int:
    """Return the tokens of a training prompt around the fields."""
    return estimate_tokens(fill(training, {**dict(variables), "instruction": "", "input": "", "output": ""}))
