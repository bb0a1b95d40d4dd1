"""What a text costs in tokens, for the simulated provider: an arithmetic of characters that takes microseconds."""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase, digits

_LOWER, _UPPER, _DIGITS = ascii_lowercase.encode(), ascii_uppercase.encode(), digits.encode()
_RULES, _STOPS = b"-_=~*#+", b".,:;"
_NOT_ASCII = bytes(range(128, 256))


def count_tokens(text: str) -> int:
    """Return about how many tokens `text` has: at least 1 unless it is empty, and nearly the sum over its pieces.

    The weights were fitted to the o200k_base encoding (bpe-openai, 2026-11-24) on 201 documents about a database, 290
    code blocks out of them, and paragraphs of Chinese and Japanese. Error against it: documents 3.0 % in the median and
    10 % at the 95th percentile, code blocks alone 7 % and 23 %, Chinese 3 %, Japanese 8 %.
    """
    return count_bytes(text.encode("utf-8", "replace"))


def count_bytes(whole: bytes) -> int:
    """Return the same for a text in UTF-8, which may end within a character."""
    rest = whole.translate(None, _LOWER)
    lower = len(whole) - len(rest)
    upper, rest = _taken(rest, _UPPER)
    number, rest = _taken(rest, _DIGITS)
    rules, rest = _taken(rest, _RULES)
    stops, rest = _taken(rest, _STOPS)
    other, rest = (0, rest) if rest.isascii() else _taken(rest, _NOT_ASCII)
    spaces, lines = rest.count(b" "), rest.count(b"\n")
    weight = 0.139 * lower + 0.195 * upper + 0.893 * number + 0.559 * rules + 0.723 * stops + 0.244 * other
    weight += 0.397 * spaces + 0.714 * lines + 0.635 * (len(rest) - spaces - lines)
    # Indents and drawn lines are few tokens, however long.
    weight -= 1.42 * whole.count(b"    ") + 1.788 * whole.count(b"----")
    return max(round(weight), 1) if whole else 0


def _taken(rest: bytes, kind: bytes) -> tuple[int, bytes]:
    """Return how many bytes of `rest` are of a `kind`, and the others."""
    left = rest.translate(None, kind)
    return len(rest) - len(left), left
