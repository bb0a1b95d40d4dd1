"""Inputs that are the furniture of a web page: cookie bars, menus, footers, the counters of a repository."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .case import Case, Check
from .wordlist import phrases

_NOTICES = tuple(
    (sign, re.compile(pattern))
    for sign, pattern in (
        ("cookies", r"(?:we|our partners|(?:this|our) (?:web)?site) (?:also )?uses? (?:\w+ ){0,2}cookies\b"),
        ("cookies", r"(?:accept|reject|allow|manage)(?: all)? cookies\b"),
        (
            "you ",
            r"by (?:continuing|using|clicking|browsing)\b[^.\n]{0,60}\b(?:cookies|you (?:agree|accept|consent))\b",
        ),
        ("another tab", r"you signed (?:in|out) (?:with|in) another tab\b"),
        ("reload to refresh", r"reload to refresh your session\b"),
        ("rights reserved", r"all rights reserved\b"),
        ("javascript", r"javascript is (?:disabled|required|not enabled)\b|enable javascript\b"),
        ("logged in to", r"you must be logged in to\b"),
        ("in or ", r"(?:log|sign) in or (?:create|register|sign up|join)\b"),
        ("download ", r"download (?:our|the) app\b"),
        ("follow us", r"follow us\b"),
    )
)
"""What must be there for an expression to be tried, and the expression: sentences that only furniture has."""
_PHRASES = tuple(
    (sign, re.compile(pattern))
    for sign, pattern in (
        ("cookie ", r"cookie (?:policy|settings|preferences|notice|banner)\b"),
        ("accept all", r"accept all\b"),
        ("reject all", r"reject all\b"),
        ("skip to", r"skip to (?:main )?(?:content|navigation)\b"),
        ("toggle ", r"toggle (?:the )?(?:navigation|menu|sidebar)\b"),
        ("back to top", r"back to top\b"),
        ("privacy policy", r"privacy policy\b"),
        ("terms ", r"terms (?:of (?:service|use)|and conditions)\b"),
        ("©", r"©"),
        ("copyright ", r"copyright (?:\(c\) )?\d{4}\b"),
        ("subscribe to", r"subscribe to (?:our|the|this) (?:newsletter|blog|mailing|updates|feed|channel)\b"),
        ("sign up for", r"sign up for (?:our|the)\b[^.\n]{0,30}\b(?:newsletter|updates)\b"),
        ("newsletter", r"join our newsletter\b"),
        ("posted by", r"posted by [\w. ]{2,30} on\b"),
        ("comment", r"\d+ comments?\b|leave a comment\b"),
        ("reply", r"leave a reply\b"),
        ("previous:", r"^previous: |\nprevious: "),
        ("next:", r"^next: |\nnext: "),
        ("language:", r"language: \w+$|language: \w+\n"),
        ("account", r"create an? (?:free )?account\b"),
        ("continue reading", r"continue reading\b"),
        ("imprint", r"imprint\b"),
        ("accessibility", r"accessibility statement\b"),
        (
            "share ",
            r"share (?:this )?(?:(?:post|page|article|story)\b|on (?:twitter|x|facebook|linkedin|reddit)\b)",
        ),
        ("you must be ", r"you must be (?:signed|logged) in to\b"),
        ("stars", r"\d[\d.,]*k? stars?\b"),
        ("star ", r"star \d[\d.,]*k?\b"),
        ("fork", r"\d[\d.,]*k? forks?\b|fork \d[\d.,]*k?\b"),
        ("watch", r"\d[\d.,]*k? watch(?:ing|ers?)\b|watch \d[\d.,]*k?\b"),
        ("contributor", r"\d[\d.,]*k? contributors?\b"),
        ("post", r"(?:previous|next|related|recent|popular|older|newer) posts?\b|view all posts\b"),
        ("article", r"(?:previous|next|related|recent|popular|older|newer) articles?\b"),
        ("stories", r"(?:related|recent|popular|older|newer) stories\b"),
        ("this page", r"(?:edit|improve|on) this page\b|was this page helpful\b"),
        ("powered by", r"powered by \w+"),
        ("sign in", r"sign in(?: with|\s*[|/·•])"),
        ("login", r"login\s*[|/·•]"),
        ("log in", r"log in\s*[|/·•]"),
        ("sign up", r"sign up\b"),
        (" read", r"\d+ min(?:ute)?s? read\b"),
    )
)
"""The same of phrases that furniture has; in long sentences others have them too."""
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
_FEWEST_MENU_WORDS = 3
_SEPARATED = re.compile(r"\s*(?:[|/·•»›>,\t]|\s-\s|\n[-*+ ]*)\s*|\s{2,}")
_FEWEST_ENTRIES = 4
_MENU_SHARE = 0.6
_PIECES = re.compile(r"\n+|(?<=[.!?])\s+|\s[|·•]\s")
_MANY_SIGNS = 3
"""So many different ones are furniture, however much else there is."""
_LITTLE_ELSE = 0.3
"""A share of furniture below which not even many signs of it refuse an input: it speaks of such things."""


def _chrome(case: Case) -> str | None:
    lowered = case.parts[1].lowered
    notices = [pattern for sign, pattern in _NOTICES if sign in lowered]
    phrases = [pattern for sign, pattern in _PHRASES if sign in lowered]
    signs = {match[0] for pattern in (*notices, *phrases) for match in pattern.finditer(lowered)}
    if not signs and len(_MENU.intersection(case.words[1])) < _FEWEST_MENU_WORDS:
        return None
    share = _furniture(lowered, notices, phrases)
    if share >= case.thresholds.chrome or (len(signs) >= _MANY_SIGNS and share >= _LITTLE_ELSE):
        return "The input is a menu, notice or footer of a page; take paragraphs with something to learn in them."
    return None


def _furniture(lowered: str, notices: Sequence[re.Pattern[str]], phrases: Sequence[re.Pattern[str]]) -> float:
    """Return which share of a text is furniture, by characters."""
    pieces = [piece for part in _PIECES.split(lowered) if (piece := part.strip(_BULLETS))]
    furniture = [
        piece
        for piece in pieces
        if piece in _MENU
        or any(pattern.search(piece) for pattern in notices)
        or (len(piece.split()) <= _SHORT and any(pattern.search(piece) for pattern in phrases))
        or _is_menu(piece)
    ]
    return sum(map(len, furniture)) / (sum(map(len, pieces)) or 1)


_BULLETS = " \t-*#+"


def _is_menu(piece: str) -> bool:
    """Whether a line is mostly entries of menus, between marks or blanks alone."""
    if piece.endswith("."):
        return False
    entries = [entry for entry in _SEPARATED.split(piece) if entry]
    if len(entries) < _FEWEST_ENTRIES:
        entries = piece.split()
    return len(entries) >= _FEWEST_ENTRIES and sum(entry in _MENU for entry in entries) >= _MENU_SHARE * len(entries)


FURNITURE: tuple[Check, ...] = (
    Check("chrome", "An input that is a cookie notice, menu, footer or the like.", _chrome, thresholds=("chrome",)),
)
