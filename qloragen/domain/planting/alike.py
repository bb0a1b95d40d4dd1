"""Records that say again what another record says: word for word, nearly so, or as a twin in the same article."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from ...types import Draft
from .asking import asked_anew
from .kind import Clean, Kind, kind
from .paraphrase import Voice, reworded
from .text import lowered, prose


def _exact(clean: Clean, random: Random) -> Draft | None:
    """Say the same with other blanks, capitals or punctuation at most."""
    draft = clean.draft
    forms = (
        draft,
        replace(draft, instruction=f"{draft.instruction} ", output=f" {draft.output}"),
        replace(draft, output="\n".join(draft.output.split(". "))) if random.random() < 0.1 else draft,
        replace(draft, instruction=lowered(draft.instruction)),
    )
    return random.choice(forms)


_FEWEST_WORDS = 30
"""Of fewer words, other words for some make another answer."""


def _near(clean: Clean, random: Random) -> Draft | None:
    """Change a few words of the output, and of the question as well."""
    draft, voice = clean.draft, Voice(random, 0.15, filler=0.0)
    if len(draft.output.split()) < _FEWEST_WORDS:
        return None
    output = "\n".join(reworded(line, voice) for line in draft.output.split("\n"))
    if output == draft.output:
        words = output.split(" ")
        at = random.randrange(2, len(words) - 1)
        output = " ".join([*words[:at], random.choice(("also", "then", "really", "just")), *words[at:]])
    given = draft.input if clean.mode == "evidence" else " ".join(reworded(draft.input, voice).split())
    return Draft(reworded(draft.instruction, voice), given, output)


def _twin(clean: Clean, random: Random) -> Draft | None:
    """Put the same question in other words, and give an answer that overlaps: a sentence less, or another order."""
    draft, voice = clean.draft, Voice(random, 0.06, filler=0.0)
    found = list(prose(draft.output))
    if len(found) < 2 or len(draft.output.split()) < _FEWEST_WORDS:
        return None
    asked = asked_anew(draft.instruction, draft.input, clean.type, random)
    if asked == draft.instruction:
        asked = reworded(f"Please tell me: {lowered(draft.instruction)}", Voice(random, 0.9, filler=0.0))
    if len(found) > _MANY and random.random() < 0.5:
        found.pop(random.randrange(len(found)))
    else:
        found = [*found[1:], found[0]]
    given = draft.input if clean.mode == "evidence" else " ".join(reworded(one, voice) for one in prose(draft.input))
    return Draft(asked, given or draft.input, " ".join(reworded(sentence, voice) for sentence in found))


_MANY = 3
"""From more sentences on, one may be missing and the answer is still much the same."""


ALIKE: tuple[Kind, ...] = (
    kind("exact duplicate", "exact_duplicate", _exact, alike=True),
    kind("near duplicate", "near_duplicate exact_duplicate", _near, alike=True),
    kind("twin in the same article", "twin near_duplicate", _twin, alike=True),
)
