"""Elements of a page, in which text is data whatever it says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

_VOID = frozenset({"br", "meta", "wbr"})
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


class Html(str):
    """Markup that may stand in a page as it is; any other string is text and is escaped."""

    __slots__ = ()


def element(name: str, *inside: str, **attributes: str | float | None) -> Html:
    """Return an element with `inside` in it.

    Attributes are named as in HTML but for `_`, which stands for a hyphen and, at the end, for nothing (`class_`);
    those that are None are left out.
    """
    pairs = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items() if value is not None)
    opening = "".join([name, *(f' {key}="{escape(visible(str(value)))}"' for key, value in pairs)])
    return Html(f"<{opening}>" if name in _VOID else f"<{opening}>{together(inside)}</{name}>")


def together(parts: Iterable[str]) -> Html:
    """Return the parts one after the other."""
    return Html("".join(part if isinstance(part, Html) else escape(visible(part)) for part in parts))


def visible(text: str) -> str:
    """Return `text` with names in place of characters that show nothing, turn others around, or are none at all."""
    return _UNSEEN.sub(lambda match: f"‹U+{ord(match[0]):04X}›", text)


def shortened(text: str, longest: int) -> str:
    """Return the beginning of `text` on one line, in `longest` characters at most."""
    line = " ".join(text[: 4 * longest].split())
    return line if len(line) <= longest and len(text) <= 4 * longest else f"{line[: longest - 1].rstrip()}…"
