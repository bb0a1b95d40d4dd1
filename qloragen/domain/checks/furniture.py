"""Inputs that are the furniture of a web page: cookie bars, menus, footers, the counters of a repository."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from .case import Case, Check
from .wordlist import listed, phrases


class _Sign(NamedTuple):
    """A phrase that furniture has."""

    words: frozenset[str]
    """One of these is a word of every text that has it; where there are none, the text has to be asked."""
    part: str
    """What is part of every such text."""
    pattern: re.Pattern[str]


def _signs(*rows: tuple[str, str, str]) -> tuple[_Sign, ...]:
    return tuple(_Sign(listed(words), part, re.compile(pattern)) for words, part, pattern in rows)


_NOTICES = _signs(
    ("cookies", "cookies", r"(?:we|our partners|(?:this|our) (?:web)?site) (?:also )?uses? (?:\w+ ){0,2}cookies\b"),
    ("cookies", "cookies", r"(?:accept|reject|allow|manage)(?: all)? cookies\b"),
    (
        "cookies agree accept consent",
        "you ",
        r"by (?:continuing|using|clicking|browsing)\b[^.\n]{0,60}\b(?:cookies|you (?:agree|accept|consent))\b",
    ),
    ("tab", "another tab", r"you signed (?:in|out) (?:with|in) another tab\b"),
    ("refresh", "reload to refresh", r"reload to refresh your session\b"),
    ("reserved", "rights reserved", r"all rights reserved\b"),
    (
        "javascript disabled required enabled",
        "javascript",
        r"javascript is (?:disabled|required|not enabled)\b|enable javascript\b",
    ),
    ("logged", "logged in to", r"you must be logged in to\b"),
    ("create register sign join", "in or ", r"(?:log|sign) in or (?:create|register|sign up|join)\b"),
    ("app", "download ", r"download (?:our|the) app\b"),
    ("us", "follow us", r"follow us\b"),
)
"""Sentences that only furniture has."""
_PHRASES = _signs(
    ("policy settings preferences notice banner", "cookie ", r"cookie (?:policy|settings|preferences|notice|banner)\b"),
    ("all", "accept all", r"accept all\b"),
    ("all", "reject all", r"reject all\b"),
    ("content navigation", "skip to", r"skip to (?:main )?(?:content|navigation)\b"),
    ("navigation menu sidebar", "toggle ", r"toggle (?:the )?(?:navigation|menu|sidebar)\b"),
    ("top", "back to top", r"back to top\b"),
    ("policy", "privacy policy", r"privacy policy\b"),
    ("service use conditions", "terms ", r"terms (?:of (?:service|use)|and conditions)\b"),
    ("", "©", r"©"),
    ("", "copyright ", r"copyright (?:\(c\) )?\d{4}\b"),
    (
        "newsletter blog mailing updates feed channel",
        "subscribe to",
        r"subscribe to (?:our|the|this) (?:newsletter|blog|mailing|updates|feed|channel)\b",
    ),
    ("newsletter updates", "sign up for", r"sign up for (?:our|the)\b[^.\n]{0,30}\b(?:newsletter|updates)\b"),
    ("newsletter", "newsletter", r"join our newsletter\b"),
    ("by", "posted by", r"posted by [\w. ]{2,30} on\b"),
    ("comment comments", "comment", r"\d+ comments?\b|leave a comment\b"),
    ("reply", "reply", r"leave a reply\b"),
    ("previous", "previous:", r"^previous: |\nprevious: "),
    ("next", "next:", r"^next: |\nnext: "),
    ("", "language:", r"language: \w+$|language: \w+\n"),
    ("account", "account", r"create an? (?:free )?account\b"),
    ("reading", "continue reading", r"continue reading\b"),
    ("", "imprint", r"imprint\b"),
    ("statement", "accessibility", r"accessibility statement\b"),
    (
        "post page article story twitter x facebook linkedin reddit",
        "share ",
        r"share (?:this )?(?:(?:post|page|article|story)\b|on (?:twitter|x|facebook|linkedin|reddit)\b)",
    ),
    ("signed logged", "you must be ", r"you must be (?:signed|logged) in to\b"),
    ("star stars", "stars", r"\d[\d.,]*k? stars?\b"),
    ("", "star ", r"star \d[\d.,]*k?\b"),
    ("", "fork", r"\d[\d.,]*k? forks?\b|fork \d[\d.,]*k?\b"),
    ("", "watch", r"\d[\d.,]*k? watch(?:ing|ers?)\b|watch \d[\d.,]*k?\b"),
    ("contributor contributors", "contributor", r"\d[\d.,]*k? contributors?\b"),
    ("post posts", "post", r"(?:previous|next|related|recent|popular|older|newer) posts?\b|view all posts\b"),
    ("article articles", "article", r"(?:previous|next|related|recent|popular|older|newer) articles?\b"),
    ("stories", "stories", r"(?:related|recent|popular|older|newer) stories\b"),
    ("page", "this page", r"(?:edit|improve|on) this page\b|was this page helpful\b"),
    ("by", "powered by", r"powered by \w+"),
    ("in", "sign in", r"sign in(?: with|\s*[|/·•])"),
    ("", "login", r"login\s*[|/·•]"),
    ("in", "log in", r"log in\s*[|/·•]"),
    ("up", "sign up", r"sign up\b"),
    ("min mins minute minutes", " read", r"\d+ min(?:ute)?s? read\b"),
)
"""Phrases that furniture has; in long sentences others have them too."""
_WORDS = frozenset().union(*[sign.words for sign in (*_NOTICES, *_PHRASES)])


def _by_word(signs: Sequence[_Sign]) -> Mapping[str, Sequence[_Sign]]:
    """Return signs by each of their words; those without under an empty one."""
    found: dict[str, list[_Sign]] = {}
    for sign in signs:
        for word in sign.words or ("",):
            found.setdefault(word, []).append(sign)
    return found


_NOTICES_BY_WORD, _PHRASES_BY_WORD = _by_word(_NOTICES), _by_word(_PHRASES)
_SHORT = 12
"""Words of a line or sentence in which such a phrase is furniture."""
_MENU = phrases(
    "home, home page, about, about us, contact, contact us, blog, docs, documentation, pricing, product, products, "
    "solutions, resources, community, download, downloads, support, login, log in, sign in, sign up, sign out, "
    "search, menu, news, events, careers, partners, customers, features, faq, help, forum, github, twitter, "
    "facebook, linkedin, youtube, privacy, terms, legal, imprint, sitemap, rss, register, account, cart, store, "
    "shop, services, portfolio, team, press, jobs, get started, tutorials, examples, overview, api, changelog, "
    "releases, issues, pull requests, actions, projects, wiki, security, insights, code, star, fork, watch, share, "
    "tweet, next, previous, code of conduct, contributing, notifications, settings, related, read more, load more, "
    "show more, see more, most popular, trending now, trending, recommended for you, data protection, manage "
    "preferences, log out, my account, on this page, cookie settings, privacy policy, terms of service"
)
"""Entries of menus."""
_MENU_WORDS = frozenset(" ".join(_MENU).split())
_FEWEST_MENU_WORDS = 3
"""A menu has more: most of its entries, of which there are at least four."""
_SEPARATED = re.compile(r"\s*(?:[|/·•»›>,\t]|\s-\s|\n[-*+ ]*)\s*|\s{2,}")
_FEWEST_ENTRIES = 4
_MENU_SHARE = 0.6
_PIECES = re.compile(r"\s(?:(?<=\n)\n*|(?<=[.!?]\s)\s*|[|·•]\s)")
_MANY_SIGNS = 3
"""So many different ones are furniture, however much else there is."""
_LITTLE_ELSE = 0.3
"""A share of furniture below which not even many signs of it refuse an input: it speaks of such things."""


def _chrome(case: Case) -> str | None:
    lowered = case.parts[1].lowered
    words = ("", *_telling(case.vocabularies[1], case.marked[1]))
    notices = _possible(_NOTICES_BY_WORD, words, lowered)
    phrases = _possible(_PHRASES_BY_WORD, words, lowered)
    signs = {match[0] for pattern in (*notices, *phrases) for match in pattern.finditer(lowered)}
    if not signs and len(_MENU & case.vocabularies[1]) < _FEWEST_MENU_WORDS:
        return None
    share = _furniture(lowered, notices, phrases)
    if share >= case.thresholds.chrome or (len(signs) >= _MANY_SIGNS and share >= _LITTLE_ELSE):
        return "The input is a menu, notice or footer of a page; take paragraphs with something to learn in them."
    return None


_MARKS = str.maketrans({mark: " " for mark in map(chr, range(0x80)) if not (mark.isalnum() or mark == "_")})
_WORD = re.compile(r"\w+")


def _words_of(text: str) -> Sequence[str]:
    """Return what is between marks and blanks, several times faster than an expression where all is ASCII."""
    return text.translate(_MARKS).split() if text.isascii() else _WORD.findall(text)


def _telling(vocabulary: frozenset[str], marked: Sequence[str]) -> Iterator[str]:
    """Yield the words of signs among those of a text as blanks part them, some of which have marks at them."""
    yield from _WORDS & vocabulary
    yield from _WORDS.intersection(_words_of(" ".join(marked)))


def _possible(signs: Mapping[str, Sequence[_Sign]], words: Sequence[str], lowered: str) -> Sequence[re.Pattern[str]]:
    """Return the expressions that may match a text with some words; one may be there twice."""
    return [sign.pattern for word in words if word in signs for sign in signs[word] if sign.part in lowered]


def _furniture(lowered: str, notices: Sequence[re.Pattern[str]], phrases: Sequence[re.Pattern[str]]) -> float:
    """Return which share of a text is furniture, by characters."""
    pieces = [piece for part in _PIECES.split(lowered) if (piece := part.strip(_BULLETS))]
    furniture = [
        piece
        for piece in pieces
        if piece in _MENU
        or any(pattern.search(piece) for pattern in notices)
        or (phrases and len(piece.split()) <= _SHORT and any(pattern.search(piece) for pattern in phrases))
        or _is_menu(piece)
    ]
    return sum(map(len, furniture)) / (sum(map(len, pieces)) or 1)


_BULLETS = " \t-*#+"


def _is_menu(piece: str) -> bool:
    """Whether a line is mostly entries of menus, between marks or blanks alone."""
    if piece.endswith(".") or sum(map(_MENU_WORDS.__contains__, _words_of(piece))) < _FEWEST_MENU_WORDS:
        return False
    entries = [entry for entry in _SEPARATED.split(piece) if entry]
    if len(entries) < _FEWEST_ENTRIES:
        entries = piece.split()
    return len(entries) >= _FEWEST_ENTRIES and sum(entry in _MENU for entry in entries) >= _MENU_SHARE * len(entries)


FURNITURE: tuple[Check, ...] = (
    Check("chrome", "An input that is a cookie notice, menu, footer or the like.", _chrome, thresholds=("chrome",)),
)
