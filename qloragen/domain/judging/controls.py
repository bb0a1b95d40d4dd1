"""Records of which it is known how they should be judged: the judge is measured by them.

Good ones are good by construction: they ask for one statement of the input word for word, and give it. Bad ones are
records of the run with one defect planted, of kinds that nobody finds without reading. That the records themselves are
good is not known, so none of them is a good control; one that was bad already is no better for a defect more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from ...template import fill
from ...types import Article, Draft, digest
from ..planting import KINDS, Clean
from ..planting.invented import INVENTED
from ..planting.text import in_common, paragraphs, prose, subject
from .text import Told, is_quoted, told_of

QUOTATION = "quotation"
"""The kind of good controls."""
READ_TO_BE_FOUND = frozenset({"dangling instruction", "output from elsewhere", "entity swapped", "number changed"})
"""Kinds of `planting` that are seen in a record only by who reads it."""


@dataclass(frozen=True, slots=True)
class Control:
    """A record of which it is known how it should be judged."""

    kind: str
    planted: bool
    """Whether it has a defect."""
    draft: Draft
    told: Told
    """What the judge is told of its type."""


Make = Callable[[Clean, Random], Control | None]
"""Returns a control made from a record; None where that is not possible."""


def chance(seed: str) -> Random:
    """Return the chance by which controls are drawn: the same for the same seed."""
    return Random(int(digest(seed), 16))  # noqa: S311 - nothing secret


def good(clean: Clean, random: Random) -> Control | None:
    """Return a control that asks for a statement of the record's input word for word; of another part of the article
    where the input has none that the article makes too, and None where that has none."""
    contexts = [clean.draft.input] if _statements(clean.draft.input, clean.article) else []
    contexts = contexts or [part for part in paragraphs(clean.article) if _statements(part, clean.article)]
    if not contexts:
        return None
    context, texts = random.choice(contexts), clean.pack.judge
    statement, beginning = random.choice(_statements(context, clean.article))
    topic = clean.article.title or subject(statement, context)
    values = {**clean.pack.variables, "quoted_topic": topic, "quoted_beginning": beginning}
    draft = Draft(fill(texts.quotation, values), context, statement)
    return Control(QUOTATION, planted=False, draft=draft, told=_quotation(clean))


def bad(clean: Clean, seed: str, kinds: Iterable[str]) -> Control | None:
    """Return a control with a defect of the first of the kinds that is possible; None where none of them is."""
    made = (BAD[kind](clean, chance(f"{kind}:{seed}")) for kind in kinds)
    return next((control for control in made if control is not None), None)


# ------------------------------------------------------------------------------------------------------------- kinds


def _another_question(clean: Clean, random: Random) -> Control | None:
    """Ask what the record of another article asks."""
    others = [one for one in clean.strangers if _apart(one.draft.instruction, clean)]
    if not others:
        return None
    draft = replace(clean.draft, instruction=random.choice(others).draft.instruction)
    return Control("another question", planted=True, draft=draft, told=told_of(clean.type))


def _invented_claim(clean: Clean, random: Random) -> Control | None:
    """Add a claim that the article does not make."""
    forms = [form for form in INVENTED if _apart(form, clean)]
    if not forms:
        return None
    about = subject(clean.draft.instruction, clean.draft.input)
    claim = random.choice(forms).replace("{a}", about).replace("{n}", str(random.randint(3, 95)))
    draft = replace(clean.draft, output=f"{clean.draft.output.rstrip()} {claim}")
    return Control("invented claim", planted=True, draft=draft, told=told_of(clean.type))


def _wrong_type(clean: Clean, random: Random) -> Control | None:
    """Call the record by a type that it is not of: one of code where it has none, or else a quotation."""
    del random
    without_code = not _LIKE_CODE.search(f"{clean.draft.input}\n{clean.draft.output}")
    of_code = [kind for kind in clean.pack.types if "code" in {kind.shows, kind.needs} and kind != clean.type]
    told = told_of(of_code[0]) if without_code and of_code else _quotation(clean)
    return Control("wrong type", planted=True, draft=clean.draft, told=told)


def _planted(name: str) -> Make:
    plant = next(kind.plant for kind in KINDS if kind.name == name)

    def make(clean: Clean, random: Random) -> Control | None:
        draft = plant(clean, random)
        return None if draft is None else Control(name, planted=True, draft=draft, told=told_of(clean.type))

    return make


BAD: Mapping[str, Make] = {
    "another question": _another_question,
    "invented claim": _invented_claim,
    "wrong type": _wrong_type,
    **{kind.name: _planted(kind.name) for kind in KINDS if kind.name in READ_TO_BE_FOUND},
}
"""Kinds of defects that controls have."""

_BEGINNING = 6
"""Words by which a statement is named."""
_FEWEST_WORDS, _MOST_WORDS = 9, 60
_LIKE_CODE = re.compile(r"[`{}<>=;|\\$]|::|->|\w\(|^(?: {4}|\t)", re.MULTILINE)
_SAME_MATTER = 0.5
"""Share of longer words in common from which a text is about the article's matter."""


def _quotation(clean: Clean) -> Told:
    texts = clean.pack.judge
    return Told(texts.quotation_name, texts.quotation_guidance)


def _statements(context: str, article: Article) -> Sequence[tuple[str, str]]:
    """Return the statements of a context that can be asked for, each with the words that it begins with."""
    words = " ".join(context.split())
    found = [(sentence, " ".join(sentence.split()[:_BEGINNING])) for sentence in prose(context) if sentence in words]
    alone = [one for one in found if _is_quotable(one[0]) and words.count(one[1]) == 1]
    return [(sentence, beginning) for sentence, beginning in alone if is_quoted(sentence, article.content)]


def _is_quotable(sentence: str) -> bool:
    return _FEWEST_WORDS <= len(sentence.split()) <= _MOST_WORDS and not _LIKE_CODE.search(sentence)


def _apart(text: str, clean: Clean) -> bool:
    """Whether a text is about something else than the article."""
    return in_common(text, clean.article.content) < _SAME_MATTER


def surroundings(all_of_them: Sequence[Clean], place: int, most: int = 12) -> Sequence[Clean]:
    """Return records after a place, of which parts are taken for the one at it; the first ones follow the last."""
    count = min(most, len(all_of_them) - 1)
    return [all_of_them[(place + step) % len(all_of_them)] for step in range(1, count + 1)]
