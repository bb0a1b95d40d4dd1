"""Keys and passwords. What stands in the article is as bad: it must not be learned.

What documentation puts in their place is none: keys that say that they are examples, that repeat or count up, that are
left out with dots, and passwords that everyone knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from .case import Case, Check
from .wordlist import listed

_LONG_WORD = 20
"""Keys are at least this long, in characters; passwords stand in addresses that are."""
_KEYS = re.compile(
    r"sk-(?:proj-|ant-|live-|svcacct-)?[A-Za-z0-9_-]{20,}|sk_live_[A-Za-z0-9]{16,}|gh[pos]_[A-Za-z0-9]{30,}"
    r"|github_pat_[A-Za-z0-9_]{30,}|glpat-[A-Za-z0-9_-]{18,}|A(?:KIA|SIA)[A-Z0-9]{16}(?![A-Za-z0-9])"
    r"|AIza[A-Za-z0-9_-]{30,}|xox[bp]-[A-Za-z0-9-]{20,}|hf_[A-Za-z0-9]{30,}"
    r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"
)
_BLOCK = re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:\s|\\n)*((?:[A-Za-z0-9+/=:, -]|\s|\\n){40,})")
_IN_URL = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,20}://([^\s:/@<>\"'`]{1,60}):([^\s/@<>\"'`]{3,80})@[^\s/@<>\"'`]", re.IGNORECASE
)
_ASSIGNED = re.compile(
    r"(?:api[_-]?key|secret[_-]?(?:access[_-]?)?key|access[_-]?key|client[_-]?secret|auth[_-]?token|"
    r"access[_-]?token|bearer|secret|"
    r"passw(?:or)?d)[\"'`]?\s{0,3}(?:[:=]|=>|is|)\s{0,3}[\"'`]?([A-Za-z0-9+/_-]{20,}={0,2})(?!\.?[A-Za-z0-9+/_(-])",
    re.IGNORECASE,
)
_PASSWORD = re.compile(
    r"(?:passw(?:or)?d|pwd)[\"'`]?\s{0,2}[:=]\s{0,2}[\"'`]?([^\s\"'`<>{}$,;()\[\]]{8,40})", re.IGNORECASE
)
_SIGNS = listed("sk- sk_live_ gho_ ghp_ ghs_ github_pat_ glpat- AKIA ASIA AIza xox hf_ eyJ")
"""Without one of these, the expression for keys cannot match."""
_LOWERED_SIGNS = ("@", *map(str.lower, _SIGNS))
"""Without one of these there is no key, and no password in an address; what is assigned has a digit."""
_DIGIT = re.compile(r"\d")
_UNBROKEN = re.compile(rf"[\w+/-]{{{_LONG_WORD},}}")
"""What is assigned, with what touches it: without one that looks drawn, nothing is assigned that does."""
_ASSIGNED_TO = re.compile("key|secret|token|bearer|passw", re.IGNORECASE)
_DUMMY = re.compile(
    r"example|sample|dummy|placeholder|change|redacted|insert|secret|password|your.?(?:api|key|token)|api.?key|x{4}|0{6}|1234|"
    r"abcd|\.\.\.|\*\*|wJalrXUtnFEMI|SflKxwRJSMeKKF2QT4|(?:^|[-_])(?:foo|bar|key|here|fake|test|your|my|token)(?=$|[-_])",
    re.IGNORECASE,
)
"""Words that stand in keys which are none; short ones come up in others by chance, so they must stand apart."""
_KNOWN_PASSWORDS = listed(
    "pass passwd password pwd pw secret changeme changeit admin root user username guest cassandra postgres mysql "
    "test mypassword mypass mysecret hunter2 default example qwerty letmein welcome dba token key pass123 "
    "password123"
)
_FEWEST_DIFFERENT = 10
"""Characters that a random key of usual length has at least."""


def _secret(case: Case) -> str | None:
    for (name, text, _), words in zip(case.parts, case.marked, strict=True):
        if _holds_private_key(text) or _holds_password(text) or (_may_hold_key(words) and _holds_key(text)):
            return f"The {name} contains what looks like a key or password; leave it out."
    return None


def _holds_private_key(text: str) -> bool:
    return "PRIVATE KEY-----" in text and any(_is_drawn(match[1]) for match in _BLOCK.finditer(text))


def _holds_password(text: str) -> bool:
    if "assw" not in text and "ASSW" not in text and "pwd" not in text:
        return False
    return any(_is_password("", match[1].rstrip(".")) and _is_mixed(match[1]) for match in _PASSWORD.finditer(text))


def _may_hold_key(words: Iterable[str]) -> bool:
    """Whether a word, in lower case, is long enough for a key and has what keys have."""
    together = " ".join([word for word in words if len(word) >= _LONG_WORD])
    if not together:
        return False
    if any(sign in together for sign in _LOWERED_SIGNS):
        return True
    return bool(_DIGIT.search(together)) and any(map(_DIGIT.search, _UNBROKEN.findall(together)))


def _holds_key(text: str) -> bool:
    suspects = [word for word in text.split() if len(word) >= _LONG_WORD and not word.isalpha()]
    if "://" in text and any(map(_is_address_with_password, suspects)):
        return True
    together = " ".join([word for word in suspects if "://" not in word])
    if any(sign in together for sign in _SIGNS) and any(map(_is_key, together.split())):
        return True
    if not any(map(_looks_drawn, _UNBROKEN.findall(together))) or not _ASSIGNED_TO.search(text):
        return False
    return any(_is_assigned(match[1]) for match in _ASSIGNED.finditer(text))


def _is_address_with_password(word: str) -> bool:
    return "://" in word and "@" in word and any(_is_password(match[1], match[2]) for match in _IN_URL.finditer(word))


def _is_key(word: str) -> bool:
    return any(
        _is_random(match[0]) and not word[max(0, match.start() - 1) : match.start()].isalnum()
        for match in _KEYS.finditer(word)
    )


_BOTH_CASES = re.compile(r"[A-Z].*[a-z]|[a-z].*[A-Z]")
_HEXADECIMAL = re.compile(r"[0-9a-f]{32}")


def _looks_drawn(word: str) -> bool:
    """Whether a word has digits among letters of both cases, or is hexadecimal."""
    return bool(_DIGIT.search(word) and (_BOTH_CASES.search(word) or _HEXADECIMAL.search(word)))


def _is_random(key: str) -> bool:
    """Whether a key looks drawn by chance, and not made up for a text."""
    body = re.sub(
        r"^(?:sk-(?:proj-|ant-|live-|svcacct-)?|sk_live_|gh[pos]_|github_pat_|glpat-|AKIA|ASIA|AIza|xox[bp]-|hf_)",
        "",
        key,
    )
    return not _DUMMY.search(body) and _is_drawn(body)


def _is_drawn(body: str) -> bool:
    return len(set(body)) >= _FEWEST_DIFFERENT and not _counts_up(body)


_MOST_IN_ORDER = 0.4


def _counts_up(body: str) -> bool:
    """Whether characters follow each other as in the alphabet."""
    in_order = sum(ord(after) - ord(before) == 1 for before, after in pairwise(body))
    return in_order >= _MOST_IN_ORDER * (len(body) - 1)


def _is_password(user: str, password: str) -> bool:
    plain = password.lower()
    return (
        plain not in _KNOWN_PASSWORDS
        and plain != user.lower()
        and not re.search(
            r"^[\[{($%<*x.-]|\.\.\.|\*\*|^(?:my|your|the|some|db|super|s3cr3t)|pass(?:word)?|example|secret|"
            r"changeme|token",
            plain,
        )
    )


def _is_mixed(password: str) -> bool:
    """Whether a password has digits among letters of both cases, as those that are made have, and names have not."""
    return bool(_DIGIT.search(password) and _BOTH_CASES.search(password) and not _counts_up(password))


def _is_assigned(value: str) -> bool:
    return _looks_drawn(value) and _is_random(value)


SECRETS: tuple[Check, ...] = (Check("secret", "Something that looks like a key or a password.", _secret),)
