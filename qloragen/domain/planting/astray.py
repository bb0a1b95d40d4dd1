"""Records that look well but do not say what their article says: invented, from elsewhere, with something exchanged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from ...types import Draft
from .figures import WORDS
from .invented import INVENTED
from .kind import Clean, Kind, kind
from .text import in_common, names, numbers, prose, sentences, subject

_SAME_MATTER = 0.5
"""Share of longer words in common from which another article's text is about this article's matter all the same."""


def _stranger(clean: Clean, random: Random) -> Clean | None:
    """Return a record of another article, about something else."""
    strangers = clean.strangers
    for other in random.sample(strangers, min(len(strangers), 20)):
        if in_common(other.draft.input, clean.article.content) < _SAME_MATTER:
            return other
    return None


def _wrong_article(clean: Clean, random: Random) -> Draft | None:
    """Take the input, or the whole record, of another article."""
    other = _stranger(clean, random) if clean.mode == "written" else None
    if other is None:
        return None
    whole = Draft(other.draft.instruction, other.draft.input, other.draft.output)
    return whole if random.random() < 0.5 else clean.having("input", other.draft.input)


def _output_from_elsewhere(clean: Clean, random: Random) -> Draft | None:
    strangers = clean.strangers
    for other in random.sample(strangers, min(len(strangers), 20)):
        ours = f"{clean.draft.instruction} {clean.draft.input}"
        if in_common(other.draft.output, ours) < _SAME_MATTER and len(other.draft.output) > 80:
            return clean.having("output", other.draft.output)
    return None


# ---------------------------------------------------------------------------------------------------------- invented


def _made_up(clean: Clean, random: Random, count: int) -> Sequence[str]:
    about = subject(clean.draft.instruction, clean.draft.input)
    forms = random.sample(INVENTED, count)
    return [form.replace("{a}", about).replace("{n}", str(random.randint(3, 95))) for form in forms]


def _invented(clean: Clean, random: Random) -> Draft | None:
    if clean.mode != "written":
        return None
    return clean.having("input", " ".join(_made_up(clean, random, random.randint(5, 8))))


def _half_invented(clean: Clean, random: Random) -> Draft | None:
    """Keep part of the input's sentences, and invent as many or a few more."""
    found = list(prose(clean.draft.input))
    if clean.mode != "written" or len(found) < 2:
        return None
    kept = found[: random.randint(2, min(5, len(found)))]
    made = _made_up(clean, random, len(kept) + random.randint(0, 2))
    mixed = [*kept, *made]
    if random.random() < 0.5:
        random.shuffle(mixed)
    return clean.having("input", " ".join(mixed))


# ------------------------------------------------------------------------------------------------------ other names


def _entity_swapped(clean: Clean, random: Random) -> Draft | None:
    """Put another name in place of one of the output's, everywhere or once."""
    draft = clean.draft
    known = f"{clean.article.content}\n{draft.instruction}\n{draft.input}".casefold()
    own = [name for name in names(draft.output) if name.casefold() in draft.input.casefold()]
    if not own:
        return None
    name = random.choice(own)
    other = _garbled(name, random) if random.random() < 0.3 else None
    if other is None or other.casefold() in known:
        other = _foreign(clean, name, known, random)
    if other is None:
        return None
    times = 1 if random.random() < 0.4 else 0
    swapped = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", other.replace("\\", r"\\"), draft.output, count=times)
    return clean.having("output", swapped)


def _foreign(clean: Clean, name: str, known: str, random: Random) -> str | None:
    """Return a name that another article has in a like form, and this one has not."""
    strangers = clean.strangers
    for other in random.sample(strangers, min(len(strangers), 25)):
        found = names(other.draft.output) or names(other.draft.input)
        like = [one for one in found if _form(one) == _form(name) and one.casefold() not in known]
        if like:
            return random.choice(like)
    return None


def _form(name: str) -> str:
    if "_" in name or "." in name:
        return "identifier"
    if name.islower():
        return "word"
    return "words" if " " in name else "acronym" if name.isupper() else "name"


_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_ENDINGS = ("limit", "mode", "timeout", "size", "interval", "factor")


def _garbled(name: str, random: Random) -> str | None:
    """Return an identifier as one half remembers it: a part left out, or another at its end."""
    if "_" in name:
        parts = name.split("_")
        at = random.randrange(len(parts))
        if len(parts) > 2 and random.random() < 0.5:
            return "_".join([*parts[:at], *parts[at + 1 :]])
        return "_".join([*parts[:-1], random.choice(_ENDINGS)])
    humps = _PARTS.findall(name)
    if len(humps) > 2 and "".join(humps) == name:
        at = random.randrange(len(humps))
        return "".join([*humps[:at], *humps[at + 1 :]])
    return None


# ---------------------------------------------------------------------------------------------------- other numbers

_IN_WORDS = re.compile(rf"\b({'|'.join(WORDS[2:])})(?= [a-z])")
_TRIES = 12


def _number_changed(clean: Clean, random: Random) -> Draft | None:
    """Change one of the output's numbers to one that its input does not have."""
    draft = clean.draft
    places = [match for match in numbers(draft.output) if match[0] in draft.input]
    words = [match for match in _IN_WORDS.finditer(draft.output) if match[0] in draft.input]
    if words and (not places or random.random() < 0.1):
        match = random.choice(words)
        fit = [word for word in WORDS[2:] if not _has(draft, word) and not _has(draft, str(WORDS.index(word)))]
        return _put(clean, match, random.choice(fit)) if fit else None
    if not places:
        return None
    match = random.choice(places)
    for _ in range(_TRIES):
        other = _another(match[0], random)
        if not _has(draft, other) and _value(other) != _value(match[0]):
            return _put(clean, match, other)
    return None


def _value(number: str) -> str:
    """Return a number without what does not change it."""
    return number.replace(",", "").lstrip("0")


def _has(draft: Draft, number: str) -> bool:
    return any(number in text for text in (draft.instruction.casefold(), draft.input.casefold()))


def _another(number: str, random: Random) -> str:
    """Return a number like this one, as one misremembers it."""
    whole = number.isdecimal()
    form = random.randrange(4) if whole else 3
    if form == 0:
        return f"{number}0" if random.random() < 0.5 or not number.endswith("0") or len(number) < 2 else number[:-1]
    if form == 1:
        return str(max(int(number) + random.choice((-3, -2, -1, 1, 2, 3, 5, 10)), 0))
    if form == 2:
        return str(int(number) * random.choice((2, 3, 5)))
    at = random.choice([at for at, character in enumerate(number) if character.isdecimal()])
    digit = random.choice([digit for digit in "123456789" if digit != number[at]])
    return number[:at] + digit + number[at + 1 :]


def _number_mixed_up(clean: Clean, random: Random) -> Draft | None:
    """Change one of the output's numbers to another one of its input: the right number in the wrong place."""
    draft = clean.draft
    places = [match for match in numbers(draft.output) if match[0] in draft.input]
    given = list(dict.fromkeys(match[0] for match in numbers(draft.input)))
    if not places:
        return None
    match = random.choice(places)
    around = f"{_around(draft.input, match[0])} {_around(draft.input, match[0].replace(',', ''))}"
    others = [number for number in given if _value(number) != _value(match[0]) and number not in around]
    like = [number for number in others if _like(number, match[0])]
    return _put(clean, match, random.choice(like or others)) if others else None


def _like(number: str, other: str) -> bool:
    """Tell whether both are versions of the same depth, decimals, or whole numbers of about the same size."""
    return number.count(".") == other.count(".") and abs(len(number) - len(other)) < 3


def _around(text: str, number: str) -> str:
    """Return the sentences that have the number: another number out of these could be right as well."""
    return " ".join(sentence for block in text.split("\n\n") for sentence in sentences(block) if number in sentence)


def _put(clean: Clean, match: re.Match[str], other: str) -> Draft:
    output = clean.draft.output
    return replace(clean.draft, output=output[: match.start()] + other + output[match.end() :])


ASTRAY: tuple[Kind, ...] = (
    kind("wrong article's input", "ungrounded half_grounded", _wrong_article),
    kind("invented input", "ungrounded half_grounded", _invented),
    kind("half invented input", "half_grounded ungrounded", _half_invented),
    kind("output from elsewhere", "unsupported unsupported_name unsupported_number", _output_from_elsewhere),
    kind("entity swapped", "unsupported_name", _entity_swapped),
    kind("number changed", "unsupported_number", _number_changed),
    kind("number of something else", "unsupported_number", _number_mixed_up),
)
