"""Cut a reply into tokens: numbers that may be types, numbers that cannot be (noise), words, signs and punctuation."""

from __future__ import annotations

import re
from enum import Enum, auto
from itertools import pairwise
from typing import NamedTuple

from .words import JOINERS, NUMBER_WORDS, ROMANS, TYPES


class Kind(Enum):
    """What a token is."""

    NUMBER = auto()
    RANGE = auto()
    """Made of two numbers, later; `low` to `high`."""
    NOISE = auto()
    """A decimal, version, date, time, percentage, amount, identifier...: says nothing about types."""
    WORD = auto()
    NAME = auto()
    """The name of a type, put together from words, later."""
    EMPTY = auto()
    """`[]` or `{}`."""
    NEWLINE = auto()
    COMMA = auto()
    """A comma, or another sign that separates like one."""
    DASH = auto()
    DOTS = auto()
    DOT = auto()
    ENDER = auto()
    SEMICOLON = auto()
    COLON = auto()
    """Also the equals sign."""
    PIPE = auto()
    OPEN = auto()
    CLOSE = auto()
    QUOTE = auto()
    HASH = auto()
    STAR = auto()
    OTHER = auto()


class Token(NamedTuple):
    """A piece of a reply."""

    kind: Kind
    text: str
    """Lower case."""
    spaced: bool = False
    """A blank or line break stands before it."""
    low: int = 0
    """Of a number or range."""
    high: int = 0
    types: tuple[int, ...] = ()
    """Of a name."""
    exact: bool = False
    """Of a name: all its words are there, and no others."""


_ONLY = (
    r"\b(?:no|none)(?: (?:of|the|them|these|others?|types?|instruction|apply|applies)){0,6}"
    r" (?:than|except|besides|but)\b"
    r"|\bnothing (?:but|except)\b|\bnot only\b"
)
_EXCEPT = (
    r"\bother than\b|\brather than\b|\binstead of\b|\b(?:apart|aside) from\b|\bexcept(?:ing)? for\b"
    r"|\bwith the exceptions? of\b|\bleav(?:e|ing) out\b|\bleft out\b"
)
_PHRASES = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (_ONLY, " only "),
        (r"\bbut also\b|\bas well as\b|\balong with\b", " and "),
        (r"\b(?:all|everything|every type|anything|all types|any) but\b", " all except "),
        (_EXCEPT, " except "),
        (r"\b(do|does|did|is|are|was|were|would|should|could|can|wo|ca|have|has)n['’]?t\b", r"\1 not"),
        (r"\b(?:cannot|can not|ca not|could not|(?:unable|impossible) to)\b", " unable "),
        (r"\bnumber of\b", " count "),
        (r"\b(?:a |in )?total of\b", " "),
        (r"\bnot all\b", " some "),
        (r"(?<![\w.,])(?:0|zero)(?= (?:[a-z]+ )?types?\b)", " no "),
        (r"\b(?:per ?cent|pct)\b", "%"),
        (r"\bup to\b", " to "),
        (r"\b(?:(?:instruction_)?types?[_-]?|(?-i:Nos?)|t-?)(?=\d{1,3}\b)", "type "),
        (r"\b(and|or|no)(?=\d{1,3}\b)", r"\1 "),
    )
)
"""Groups of words that mean one word, and that word."""

_MONTH = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.?"
)
_LEXEMES = re.compile(
    rf"""
    (?P<NEWLINE>\n)
  | (?P<NOISE>
        (?:https?://|www\.)\S*+
      | \d{{4}}-\d{{1,2}}(?:-\d{{1,2}})?(?!\d)                                      # dates
      | \d{{1,2}}(?P<sep>[/.])\d{{1,2}}(?P=sep)\d{{4}}(?!\d)
      | \b{_MONTH}[ ]\d{{1,2}}(?:st|nd|rd|th)?(?:,?[ ]\d{{4}})?\b
      | \b\d{{1,2}}(?:st|nd|rd|th)?[ ]{_MONTH}(?![a-z])
      | \b\d{{1,2}}:\d\d(?::\d\d)?(?!\d)                                            # times
      | (?<![\d,])\d{{1,3}}(?:,\d{{3}})+(?![\d,])                                   # thousands
      | \d++(?:\.\d++)*[ ]?%                                                        # percentages
      | (?:(?<=\d:)|(?<=\d:[ ])|(?<=\d[ ]-[ ])|(?<=\d[ ]=[ ])|(?<=\d=))\d{{1,2}}/(?:5|10|100)(?![\d/])   # scores
      | \d{{1,2}}/(?:5|10|100)(?=[ ](?:for|confiden|sure|certain|rating|score))
      | [$€£]\d++(?:\.\d++)?                                                        # money
      | \d++(?:\.\d++)++(?:-?[A-Za-z]\w*+)?                                         # decimals, versions
      | (?<![\w.])\.\d++
      | (?<=[,\[(:=][ ])-\d++ | (?<=[,\[(:=])-\d++                                  # negative numbers
      | (?<![\w-])[A-Za-z][A-Za-z]*+(?:-\d++)+        # identifiers: CVE-2021-44521
      | (?<![A-Za-z_])[A-Za-z_]++\d++(?:\.\d++)*\w*+
      | \d++[A-Za-z_]\w*+ | \d++\.x\b                                               # 4GB, 3rd, 4.x
    )
  | (?P<NUMBER>\d++)
  | (?P<EMPTY>\[\]|\{{\}})
  | (?P<CHECKED>\[[xX✓]\])
  | (?P<UNCHECKED>\[[ ]\])
  | (?P<WORD>[Nn]/[Aa]\b|[Nn](?:os?|r)\.(?=[ ]?\d)|[^\W\d_]+(?:'[^\W\d_]+)*|[✓✗])
  | (?P<DOTS>\.{{2,}})
  | (?P<DOT>\.)
  | (?P<ENDER>[!?])
  | (?P<SEMICOLON>;)
  | (?P<COLON>[:=]+>?)
  | (?P<COMMA>[,+&/\\])
  | (?P<DASH>[-~]+>?)
  | (?P<PIPE>\|)
  | (?P<OPEN>[(\[{{<])
  | (?P<CLOSE>[)\]}}>])
  | (?P<QUOTE>["'`])
  | (?P<HASH>\#)
  | (?P<STAR>\*)
  | (?P<OTHER>[^\s])
    """,
    re.VERBOSE,
)

_SIGNS = {"CHECKED": "✓", "UNCHECKED": "✗"}
_SENTENCE = frozenset((Kind.COLON, Kind.ENDER, Kind.OTHER, Kind.NOISE))


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of a cleaned reply, number words and Roman numerals in plain lists made numbers."""
    for phrase, replacement in _PHRASES:
        text = phrase.sub(replacement, text)
    found: list[Token] = []
    for match in _LEXEMES.finditer(text):
        group = match.lastgroup or "OTHER"
        spaced = match.start() == 0 or text[match.start() - 1].isspace()
        found.append(_token(group, match.group(), spaced=spaced))
    return _spelled_out(found)


def _token(group: str, text: str, *, spaced: bool) -> Token:
    if group in _SIGNS:
        return Token(Kind.WORD, _SIGNS[group], spaced)
    if group == "NUMBER":
        return _number(text, spaced=spaced)
    if group == "WORD" and text[-1] == ".":
        return Token(Kind.WORD, "number", spaced)
    return Token(Kind[group], text if group == "WORD" else text.lower(), spaced)


def _number(text: str, *, spaced: bool) -> Token:
    """Four digits and more are years and amounts, whatever the pack numbers its types with."""
    if len(text) > 3:
        return Token(Kind.NOISE, text, spaced)
    return Token(Kind.NUMBER, text, spaced, int(text), int(text))


def _spelled_out(tokens: list[Token]) -> list[Token]:
    """Read number words and Roman numerals as numbers where nothing else is said on their line, or after "type"."""
    out: list[Token] = []
    line: list[Token] = []
    for token in [*tokens, Token(Kind.NEWLINE, "\n")]:
        line.append(token)
        if token.kind is Kind.NEWLINE:
            out += map(_spelled_number, line) if _is_spelled_list(line) else _after_type_words(line)
            line = []
    return [token._replace(text=token.text.lower()) for token in out[:-1]]


def _spelled_value(token: Token) -> int:
    return NUMBER_WORDS.get(token.text.lower(), 0) or ROMANS.get(token.text, 0)


def _spelled_number(token: Token) -> Token:
    value = _spelled_value(token) if token.kind is Kind.WORD else 0
    return Token(Kind.NUMBER, token.text, token.spaced, value, value) if value else token


def _is_spelled_list(line: list[Token]) -> bool:
    words = [token for token in line if token.kind is Kind.WORD and token.text.lower() not in JOINERS | TYPES]
    if any(token.kind in _SENTENCE for token in line) or not all(map(_spelled_value, words)):
        return False
    return len(words) > 1 or (len(words) == 1 and words[0].text not in ROMANS)


def _is_pronoun(token: Token, following: Token) -> bool:
    return token.text == "I" and following.kind is Kind.WORD and following.text.lower() not in JOINERS


def _after_type_words(line: list[Token]) -> list[Token]:
    out: list[Token] = []
    listing = False
    for token, following in pairwise([*line, Token(Kind.NEWLINE, "")]):
        spelled = listing and not _is_pronoun(token, following)
        out.append(_spelled_number(token) if spelled else token)
        if token.kind is Kind.WORD:
            listing = out[-1].kind is Kind.NUMBER or token.text.lower() in (TYPES | JOINERS if listing else TYPES)
    return out
