"""Characters: what every text goes through, whatever its markup.

| what | becomes |
|---|---|
| CR LF, CR, form feed, vertical tab | newline |
| NUL and the other C0 controls but tab and newline, DEL; ANSI escape sequences | nothing |
| surrogate halves (possible in Python strings) | joined where they are a pair, else U+FFFD |
| byte order mark, word joiner, soft hyphen | nothing |
| zero-width space | nothing, but between Thai, Lao, Khmer and Burmese letters, where it parts words, it stays |
| zero-width joiner, non-joiner | nothing between Latin, Greek, Cyrillic; they stay elsewhere (emoji, Persian) |
| data URIs; base64 in a run of 1,000 characters or a block of 8 lines | a marker that says how much was left out |

Everything else stays as it is: bidirectional controls, U+2028, mojibake, HTML entities, stacked accents. The result
is the same when cleaned again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile

_LINE_ENDS = re.compile(r"\r\n?|[\f\v]")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_SOUTH_EAST = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_ZERO_WIDTH_SPACE = re.compile(f"(?<![{_SOUTH_EAST}])\u200b+|\u200b+(?![{_SOUTH_EAST}\u200b])")
_LETTER = "0-9A-Za-z\u00c0-\u024f\u0370-\u052f"
_JOINERS = re.compile(f"(?<=[{_LETTER}])[\u200c\u200d]+(?=[{_LETTER}])")
_INVISIBLE = re.compile("[\ufeff\u2060\u00ad]")
_MAYBE_INVISIBLE = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")

_DATA_URI = re.compile(r"data:[\w.+-]{1,60}/[\w.+-]{1,60}(?:;[\w.+=-]{1,60}){0,4},[A-Za-z0-9+/=_%-]{64,}")
_LONG_RUN = re.compile(r"[A-Za-z0-9+/_-]{1000,}={0,2}")
_BASE64_LINE = re.compile(r"[A-Za-z0-9+/]{40,200}")
_BASE64_END = re.compile(r"[A-Za-z0-9+/]{0,200}={0,2}")
_MIN_BLOCK = 8


def clean(text: str) -> str:
    """Apply the table above."""
    text = _LINE_ENDS.sub("\n", _whole(text))
    text = _CONTROLS.sub("", _ANSI.sub("", text))
    if _MAYBE_INVISIBLE.search(text):
        text = _JOINERS.sub("", _ZERO_WIDTH_SPACE.sub("", _INVISIBLE.sub("", text)))
    return _without_blobs(text)


def one_line(text: str) -> str:
    """Clean a title: as `clean`, in one line."""
    return " ".join(clean(text).split())


def _whole(text: str) -> str:
    """Mend surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _marker(characters: int) -> str:
    return f"[{characters:,} characters of encoded data left out]"


def _without_blobs(text: str) -> str:
    text = _DATA_URI.sub(lambda match: _marker(len(match[0])), text)
    text = _LONG_RUN.sub(lambda match: _marker(len(match[0])) if match[0].strip("-_/+") else match[0], text)
    if not _BASE64_LINE.search(text):
        return text
    return "\n".join(_without_blocks(text.split("\n")))


def _without_blocks(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines, each block of wrapped base64 replaced by one marker."""
    at = 0
    while at < len(lines):
        block = _block(lines, at)
        if block:
            yield _marker(sum(map(len, block)))
        else:
            yield lines[at]
        at += len(block) or 1


def _block(lines: Sequence[str], start: int) -> list[str]:
    """The wrapped base64 that begins at `start`: full lines of one length in mixed case, perhaps a shorter one."""
    first = lines[start]
    if not _BASE64_LINE.fullmatch(first) or first.islower() or first.isupper():
        return []
    width = len(first)
    rest = (lines[at] for at in range(start, len(lines)))
    block = list(takewhile(lambda line: len(line) == width and _BASE64_LINE.fullmatch(line), rest))
    if len(block) < _MIN_BLOCK:
        return []
    after = lines[start + len(block) : start + len(block) + 1]
    tail = [line for line in after if line and len(line) < width and _BASE64_END.fullmatch(line) and len(line) % 4 == 0]
    return block + tail
