"""Records with something in them that belongs nowhere: broken characters, other languages, secrets, page chrome."""

from __future__ import annotations

from random import Random
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits, hexdigits

from ...types import Draft
from .kind import Clean, Kind, Part, kind
from .paraphrase import Voice, reworded
from .text import paragraphs, prose, subject
from .tongues import TONGUES

# -------------------------------------------------------------------------------------------------------- characters

_TYPOGRAPHIC = (("'", "’"), (' "', " “"), ('" ', "” "), (" - ", " – "), (", ", " — "), (". ", "… "), (" to ", " → "))


def _mojibake(clean: Clean, random: Random) -> Draft | None:
    """Decode the UTF-8 of typographic characters as something else, as happens between two programs."""
    text, changed = clean.draft.output, 0
    for plain, typographic in random.sample(_TYPOGRAPHIC, len(_TYPOGRAPHIC)):
        if plain in text and changed < 2:
            text, changed = text.replace(plain, typographic, random.randint(1, 3)), changed + 1
    text = text if changed else f"“{text}”"
    form = random.randrange(5)
    if form == 0:
        return clean.having("output", "".join("\ufffd" if character > "\u2000" else character for character in text))
    encoding = "latin-1" if form == 1 else "cp1252"
    broken = text.encode("utf-8").decode(encoding, "replace").replace("\ufffd", "")
    if form == 2:
        broken = broken.encode("utf-8").decode("cp1252", "replace").replace("\ufffd", "")
    return clean.having("output", broken)


_CONTROLS = "\x00\x01\x02\x03\x07\x08\x0b\x0c\x0e\x11\x1a\x1b\x1f\x7f\x85\x9b"


def _control_characters(clean: Clean, random: Random) -> Draft | None:
    part: Part = random.choice(("instruction", "output", "output", "input" if clean.mode == "written" else "output"))
    text = clean.text(part)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(1, len(text))
        text = text[:at] + random.choice(_CONTROLS) + text[at:]
    return clean.having(part, text)


# ---------------------------------------------------------------------------------------------------------- language

_SPOKEN_AT_LEAST = 3
"""With so many of a language's little words in it, an article may well be in this language."""


def _wrong_language(clean: Clean, random: Random) -> Draft | None:
    words = frozenset(clean.article.content.casefold().split())
    others = [tongue for tongue in TONGUES if len(words & tongue.little_words) < _SPOKEN_AT_LEAST]
    if not others:
        return None
    tongue = random.choice(others)
    about = subject(clean.draft.instruction, clean.draft.input)
    said = " ".join(random.sample(tongue.sentences, random.randint(3, len(tongue.sentences))))
    text = said.replace("{a}", about)
    if random.random() < 0.25:
        text = f"{clean.draft.output[: len(text) // 3].rsplit(' ', 1)[0]}. {text}"
    draft = clean.having("output", text)
    if random.random() < 0.15:
        return clean.having("instruction", random.choice(tongue.questions).replace("{a}", about))
    return draft


# ---------------------------------------------------------------------------------------------- secrets and people


def _drawn(random: Random, characters: str, count: int) -> str:
    return "".join(random.choices(characters, k=count))


_MIXED = ascii_letters + digits


def _a_secret(random: Random) -> str:
    """Return something with the form of a key or password; it opens nothing."""
    forms = (
        lambda: f"sk-{_drawn(random, _MIXED, 48)}",
        lambda: f"sk-proj-{_drawn(random, _MIXED, 20)}_{_drawn(random, _MIXED, 40)}",
        lambda: f"ghp_{_drawn(random, _MIXED, 36)}",
        lambda: f"github_pat_{_drawn(random, _MIXED, 22)}_{_drawn(random, _MIXED, 59)}",
        lambda: f"AKIA{_drawn(random, ascii_uppercase + digits, 16)}",
        lambda: f"aws_secret_access_key = {_drawn(random, _MIXED + '/+', 40)}",
        lambda: f"xoxb-{_drawn(random, digits, 12)}-{_drawn(random, _MIXED, 24)}",
        lambda: f"AIza{_drawn(random, _MIXED + '-_', 35)}",
        lambda: f"eyJhbGciOiJIUzI1NiJ9.eyJ{_drawn(random, _MIXED, 40)}.{_drawn(random, _MIXED + '-_', 43)}",
        lambda: (
            f"-----BEGIN RSA PRIVATE KEY-----\nMII{_drawn(random, _MIXED + '/+', 61)}\n-----END RSA PRIVATE KEY-----"
        ),
        lambda: f"glpat-{_drawn(random, _MIXED, 20)}",
        lambda: f"password={_drawn(random, _MIXED, 10)}!{_drawn(random, digits, 2)}",
        lambda: f"api_key: {_drawn(random, hexdigits.lower()[:16], 32)}",
        lambda: f"Authorization: Bearer {_drawn(random, _MIXED, 40)}",
        lambda: f"postgres://admin:{_drawn(random, _MIXED, 14)}@db.internal:5432/main",
        lambda: f"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blb{_drawn(random, _MIXED, 65)}",
    )
    return random.choice(forms)()


_FIRST = (
    "anna",
    "ben",
    "carla",
    "david",
    "elena",
    "felix",
    "greta",
    "henrik",
    "ines",
    "jonas",
    "karin",
    "leo",
    "maria",
    "nils",
    "olga",
    "peter",
)
_LAST = (
    "miller",
    "weber",
    "rossi",
    "novak",
    "silva",
    "jansen",
    "berg",
    "fischer",
    "costa",
    "lind",
    "moreau",
    "kowalski",
    "haas",
    "adler",
    "brandt",
    "petrov",
)
_AT = ("gmail.com", "outlook.com", "yahoo.com", "gmx.de", "proton.me", "hotmail.com", "icloud.com", "web.de")


def _personal(random: Random) -> str:
    """Return something that leads to a person; nobody has it."""
    first, last = random.choice(_FIRST), random.choice(_LAST)
    forms = (
        lambda: f"{first}.{last}@{random.choice(_AT)}",
        lambda: f"{first[0]}{last}{random.randint(1, 99)}@{random.choice(_AT)}",
        lambda: f"{first}_{last}@{last}-{_drawn(random, ascii_lowercase, 4)}.com",
        lambda: f"{first}.{last}@{random.choice(_AT)}",
        lambda: f"+49 171 {_drawn(random, '123456789', 1)}{_drawn(random, digits, 6)}",
        lambda: f"+1 415-{_drawn(random, '23467', 3)}-{_drawn(random, digits, 4)}",
        lambda: f"+44 20 79{_drawn(random, digits, 2)} {_drawn(random, digits, 4)}",
        lambda: f"(212) {_drawn(random, '23467', 3)}-{_drawn(random, digits, 4)}",
        lambda: f"+33 6 12 34 {_drawn(random, digits, 2)} {_drawn(random, digits, 2)}",
    )
    return random.choice(forms)()


_MENTIONS = (
    "For this, use {x}.",
    "The value is {x}.",
    "Write to {x} for more.",
    "Contact: {x}",
    "({x})",
    "It was set to {x} here.",
)


def _with_mention(clean: Clean, random: Random, what: str) -> Draft | None:
    part: Part = random.choice(("output", "output", "output", "input")) if clean.mode == "written" else "output"
    mention = random.choice(_MENTIONS).replace("{x}", what)
    return clean.having(part, f"{clean.text(part)} {mention}")


def _secret(clean: Clean, random: Random) -> Draft | None:
    return _with_mention(clean, random, _a_secret(random))


def _personal_data(clean: Clean, random: Random) -> Draft | None:
    return _with_mention(clean, random, _personal(random))


# ------------------------------------------------------------------------------------------------------------ length

_OVERLONG_CHARS, _RAMBLE_SHARE = 6_000, 0.4
_RAMBLING_WORDS = 170


def _overlong(clean: Clean, random: Random) -> Draft | None:
    """Make an output of the whole article in other words, or an instruction that rambles."""
    voice = Voice(random, 0.6)
    found = [sentence for piece in paragraphs(clean.article) for sentence in prose(piece)]
    if len(found) < 12:
        return None
    said = " ".join(reworded(sentence, voice) for sentence in found)
    if random.random() < _RAMBLE_SHARE:
        words = said.split()[: random.randint(_RAMBLING_WORDS, _RAMBLING_WORDS + 100)]
        return (
            clean.having("instruction", f"{' '.join(words)} {clean.draft.instruction}")
            if len(words) >= _RAMBLING_WORDS
            else None
        )
    while len(said) < _OVERLONG_CHARS:
        said = f"{said}\n\n{' '.join(reworded(sentence, voice) for sentence in found)}"
    return clean.having("output", f"{said[:7_800].rsplit('.', 1)[0]}.")


# ------------------------------------------------------------------------------------------------------------ chrome

_CHROME = (
    "We use cookies to give you the best experience. By continuing to browse you agree to our use of cookies.",
    "Accept all cookies | Reject all | Manage preferences",
    "This website uses cookies to analyse traffic and to personalise ads. Read our Cookie Policy for more.",
    "Home | Products | Solutions | Pricing | Blog | About us | Contact",
    "Skip to main content\nSearch\nMenu\nSign in\nSign up",
    "© 20{y} {c}, Inc. All rights reserved. Privacy Policy | Terms of Service | Cookie Settings",
    "Copyright 20{y} {c} Ltd. Imprint · Data protection · Accessibility statement",
    "Sign up for our newsletter and never miss an update. Enter your email address. Subscribe",
    "Share this post on Twitter Facebook LinkedIn Reddit",
    "Was this page helpful? Yes No\nEdit this page on GitHub\nReport an issue",
    "Previous: Getting started\nNext: Reference\nOn this page\nBack to top",
    "Star 1{n}\nFork {n}\nWatch {n}\nCode Issues {n} Pull requests {n} Actions Projects Wiki Security Insights",
    "You must be logged in to view this content. Log in or create a free account to continue reading.",
    "Related articles\nMost popular\nRecommended for you\nTrending now\nLoad more",
    "JavaScript is disabled in your browser. Please enable JavaScript to view this page properly.",
    "Posted by admin on March {n}, 20{y} | {n} Comments | Leave a reply",
    "Follow us on Facebook, Twitter, Instagram and YouTube. Download our app from the App Store or Google Play.",
    "Toggle navigation\nDocs\nDownloads\nCommunity\nBlog\nSupport\nLanguage: English",
)
_FIRMS = ("Acme", "Northwind", "Globex", "Initech", "Umbrella", "Contoso", "Hooli")


def _page_chrome(clean: Clean, random: Random) -> Draft | None:
    pieces = random.sample(_CHROME, random.randint(3, 6))
    text = "\n".join(pieces).replace("{y}", str(random.randint(18, 26))).replace("{c}", random.choice(_FIRMS))
    return clean.having("input", text.replace("{n}", str(random.randint(2, 40))))


DAMAGE: tuple[Kind, ...] = (
    kind("mojibake", "mojibake", _mojibake),
    kind("control characters", "control_characters", _control_characters),
    kind("wrong language", "language", _wrong_language),
    kind("secret", "secret", _secret),
    kind("personal data", "personal_data", _personal_data),
    kind("overlong", "too_long schema", _overlong),
    kind("page chrome as input", "chrome", _page_chrome, in_article=True),
)
