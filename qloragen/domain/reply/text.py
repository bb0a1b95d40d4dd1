"""Clean a model's reply and choose the part of it that is the answer.

Typography is made plain (dashes, digits, quotes, ticks), markup becomes line breaks and labels, reasoning between tags
is dropped. What follows the last "answer" label comes before anything else in the reply.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_REASONING = re.compile(
    r"<(/?)(?:think|thinking|thoughts?|reasoning|reflection|scratchpad|analysis)\b[^<>]{0,80}>", re.IGNORECASE
)
_CHANNEL = re.compile(r"<\|channel\|>\s*final\s*<\|message\|>")
_CONTROL = re.compile(r"<\|[^|<>]{1,40}\|>|</?s>")
_TAG = re.compile(r"<(/?)([A-Za-z][\w-]{0,40})((?:\s[^<>]{0,200})?)/?>")
_MARKUP = re.compile(r"^[ \t]*`{3,}.*$|`|\*\*|__|^[ \t]*#{1,6}[ \t]+|~~[^~\n]{1,200}~~", re.MULTILINE)
_BLANKS = re.compile(r"[ \t\f\v]+")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")

_BLOCK_TAGS = frozenset(
    ["br", "p", "li", "ul", "ol", "tr", "table", "thead", "tbody", "div", "item", "h1", "h2", "h3", "h4"]
)
_CELL_TAGS = frozenset(("td", "th"))
_LABEL_TAGS = frozenset(
    ["types", "answer", "result", "output", "classification", "response", "final", "final_answer", "instruction_types"]
)

_PLAIN = {
    **dict.fromkeys("‐‑‒–—―−﹣", "-"),
    **dict.fromkeys("“”„«»「」『』", '"'),
    **dict.fromkeys("‘’‚", "'"),
    **dict.fromkeys("•‣◦▪●∙·○■★", "* "),
    **dict.fromkeys("✓✔☑✅", " ✓ "),
    **dict.fromkeys("✗✘☒❌☐⬜", " ✗ "),
    **dict.fromkeys("\u2028\u2029\x85", "\n"),
    "、": ",",
    "。": ". ",
    "〜": "~",
    "…": "...",
    "\u20e3": " ",
    "\U0001f51f": " 10 ",
    "→": ":",
}

_ANSWER = re.compile(
    r"(?:^|(?<=[.!?;>\n]))[ \t>*-]{0,8}(?:(?:so|therefore|thus|hence),?[ ])?(?:(?:my|the|here is the|here's the)[ ])?"
    r"(?:(?:final|correct|corrected|revised|updated|short)[ ])?"
    r"(?:answers?|results?|verdict|conclusion|output|response|correction)"
    r"[ ]?(?:(?:is|are|would be)\b[ ]?:?|[:=]|-(?=[ ])|$)"
    r"|\\boxed[ ]?\{",
    re.IGNORECASE | re.MULTILINE,
)
_LABELS_TRIED = 3
_LONGEST = 20_000
"""Characters of a reply that are read, from its end; an answer has a hundred or two."""


def clean(text: str) -> str:
    """Return `text` in plain typography without reasoning and markup; words, numbers and line breaks stay."""
    text = _NOT_ASCII.sub(_plain, text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _after_reasoning(_final_channel(text))[-_LONGEST:]
    text = _TAG.sub(_untagged, _CONTROL.sub(" ", text))
    text = text.replace("&amp;", "&").replace("&nbsp;", " ")
    return _BLANKS.sub(" ", _MARKUP.sub("", text)).strip()


def answer_regions(text: str) -> Iterator[str]:
    """Yield the parts of a cleaned reply to read, the best first; the first that says something certain is the answer.

    After an answer label with digits behind it nothing before it counts: what was weighed there is no answer.
    """
    tails = [text[label.end() :] for label in _ANSWER.finditer(text)][-_LABELS_TRIED:]
    for tail in reversed(tails):
        if any(map(str.isalnum, tail)) or "[" in tail:
            yield "types: " + tail.lstrip()
    if not (tails and any(map(str.isdigit, tails[-1]))):
        yield text


def _plain(match: re.Match[str]) -> str:
    character = match.group()
    if character in _PLAIN:
        return _PLAIN[character]
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    return _compatible(character)


def _compatible(character: str) -> str:
    match unicodedata.category(character):
        case "Zs":
            return " "
        case "Cf" | "Mn":
            return ""
        case "No" if not unicodedata.decomposition(character).startswith(("<super>", "<sub>", "<fraction>")):
            value = unicodedata.numeric(character)
            return f" {int(value)} " if value.is_integer() else character
    return unicodedata.normalize("NFKC", character) if "\uff00" <= character <= "\uff5f" else character


def _final_channel(text: str) -> str:
    return _CHANNEL.split(text)[-1]


def _after_reasoning(text: str) -> str:
    """Drop what stands between reasoning tags, before a lone closing one, and after a lone opening one."""
    kept: list[str] = []
    start, open_tag = 0, False
    for tag in _REASONING.finditer(text):
        if not tag.group(1) and not open_tag:
            kept.append(text[start : tag.start()])
            open_tag = True
        elif tag.group(1):
            if not open_tag:
                kept.clear()
            start, open_tag = tag.end(), False
    return "\n".join(kept if open_tag else [*kept, text[start:]])


def _untagged(tag: re.Match[str]) -> str:
    closing, name, attributes = tag.group(1), tag.group(2).lower(), tag.group(3)
    if name in _CELL_TAGS:
        return " " if closing else " | "
    if name in _BLOCK_TAGS:
        return "\n"
    if name in _LABEL_TAGS:
        return "\n" if closing else f"\n{name.replace('_', ' ')}: "
    if name == "type":
        return "\n" if closing else "\ntype" + re.sub(r'[="]', " ", attributes) + " "
    return " "
