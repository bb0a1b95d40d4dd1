"""Say the same in other words, as a model does that writes a record's input itself.

Sentences are left out, merged and turned round; lists become sentences; words are exchanged for others that mean the
same, numbers for other forms, and something is added that says little. Code, names and identifiers stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from .figures import other_forms
from .synonyms import PHRASES, SYNONYMS
from .text import STEP, code_in, in_common, lowered, prose, sentences, without_code


@dataclass
class Voice:
    """How somebody says things: one who has once said `pick` for `choose` mostly does so again."""

    random: Random
    strength: float
    """Which share of the words that have others in their place is exchanged, 0 to 1."""
    filler: float = 0.2
    """Share of sentences that get a few words which say little."""
    _chosen: dict[str, str] = field(default_factory=dict)

    def word(self, word: str) -> str:
        """Return a word or another one for it, in the same case."""
        others = SYNONYMS.get(word.lower())
        if not others or not (word.islower() or word.istitle()):
            return word
        known = self._chosen.get(word)
        if known is None or self.random.random() < _OTHERWISE:
            known = self.random.choice(others) if self.random.random() < self.strength else word
            self._chosen[word] = known
        return known.capitalize() if word[0].isupper() and not known[0].isupper() else known


_OTHERWISE = 0.25
"""How often another word is drawn for one that has come before."""


def paraphrased(text: str, voice: Voice, *, kept: str = "", code: bool = False) -> str:
    """Return what `text` says as one paragraph in other words.

    Sentences that say what `kept` says are not left out; with `code` the blocks of code follow as they are.
    """
    return _told(_fewer(_worth_telling(text), kept, voice.random), voice, code_in(text) if code else "")


def retold(given: str, output: str, voice: Voice, *, code: bool = False) -> tuple[str, str]:
    """Return an input and an output that rests on it, both in other words, out of some that belong together.

    What the input does not say any more is left out of the output too; an output in numbered steps stays one.
    """
    found = _fewer(_worth_telling(given), output, voice.random)
    asked = (one for line in output.split("\n") for one in sentences(STEP.sub("", line)))
    said = list(dict.fromkeys(same for one in asked for same in _same(one, found))) or list(found[:3])
    if len(said) == len(found) > 1:
        said.pop()
    answer = [reworded(_turned(one, voice.random), voice) for one in said]
    steps = STEP.match(output) is not None and len(said) > 1
    told = "\n".join(f"{number}. {one}" for number, one in enumerate(answer, 1)) if steps else " ".join(answer)
    return _told(found, voice, code_in(given) if code else ""), told


def _same(sentence: str, found: Sequence[str]) -> Sequence[str]:
    """Return the sentence that says the same as this one, if there is any."""
    best = max(found, key=lambda one: in_common(sentence, one) + in_common(one, sentence))
    return [best] if in_common(sentence, best) >= _SAYS and in_common(best, sentence) >= _SAYS else []


def _told(found: Sequence[str], voice: Voice, block: str) -> str:
    said = " ".join(_merged([reworded(_turned(sentence, voice.random), voice) for sentence in found], voice.random))
    return f"{said}\n\n{_fenced(block)}" if block else said


def _worth_telling(text: str) -> Sequence[str]:
    return [one for one in prose(text) if _POINTS.search(one) is None] or _bare(text)


_POINTS = re.compile(
    r"(?i)\b(?:this|next|previous) (?:page|article|section|chapter|document|post|guide|tutorial|topic)\b"
    r"|\b(?:above|below)\b"
)
"""What a sentence has that points into its text; who writes anew leaves such sentences out."""


def _bare(text: str) -> Sequence[str]:
    """Return the lines of a text without sentences, as far as there are any."""
    lines = (line.strip(" \t#=*|-:") for line in without_code(text).split("\n"))
    return [f"{line}." if line[-1].isalnum() else line for line in lines if " " in line] or [text]


def _fenced(block: str) -> str:
    open_fence = "\n```" if block.count("```") % 2 else ""
    return f"{block}{open_fence}" if "```" in block else f"```\n{block}\n```"


# ------------------------------------------------------------------------------------------------------ sentences

_DROPPED = 0.3
_SAYS = 0.6
"""Share of its longer words that a sentence has in common with the output that rests on it."""


def _fewer(found: Sequence[str], kept: str, random: Random) -> Sequence[str]:
    left = [one for one in found if random.random() >= _DROPPED or (kept and in_common(one, kept) >= _SAYS)]
    return left or found[:3]


_LEADING = re.compile(
    r"(If|When|Once|After|Before|Because|Since|Although|While|Unless) ([^,;]{8,110}), ([^;:]{10,220})\."
)
_TRAILING = re.compile(r"([^,;:]{15,160}?),? (if|when|because|unless|although|before|after) ([^,;:]{8,120})\.")


def _turned(sentence: str, random: Random) -> str:
    """Return the sentence with its clauses the other way round, where it has two and chance says so."""
    if random.random() < 0.5:
        return sentence
    if leading := _LEADING.fullmatch(sentence):
        word, first, second = leading.groups()
        return f"{second[0].upper()}{second[1:]} {word.lower()} {first}."
    if trailing := _TRAILING.fullmatch(sentence):
        first, word, second = trailing.groups()
        return f"{word.capitalize()} {second}, {lowered(first)}."
    return sentence


_JOINED = ("; ", ", and ", ", while ", "; in addition, ", ", so ")
_GOES_ON = ("The ", "This ", "It ", "A ", "An ", "In ", "You ", "These ", "They ", "There ", "To ", "One ", "Each ")
_LONG = 170


def _merged(found: Sequence[str], random: Random) -> Iterator[str]:
    at = 0
    while at < len(found):
        one, after = found[at], found[at + 1] if at + 1 < len(found) else ""
        if after.startswith(_GOES_ON) and one.endswith(".") and len(one + after) < _LONG and random.random() < 0.4:
            yield f"{one[:-1]}{random.choice(_JOINED)}{lowered(after)}"
            at += 2
        else:
            yield one
            at += 1


# ---------------------------------------------------------------------------------------------------------- words

_PIECE = re.compile(
    r"`[^`\n]*`|\w[\w-]*(?:\.\w[\w-]*)+|[\w.\-/:]*[_/\d][\w.\-/:]*|[A-Za-z]+(?:[-'’][A-Za-z]+)*|\s+|.", re.DOTALL
)
_FILLER_AFTER = (
    ", which matters in daily work",
    ", so nothing comes as a surprise",
    ", which keeps things predictable",
    ", making life easier for everybody involved",
    ", which is worth knowing in advance",
    ", as one would hope",
    ", helping to get dependable outcomes",
    ", and this pays off over the years",
)
_FILLER_BEFORE = (
    "In practice, ",
    "Put simply, ",
    "Broadly speaking, ",
    "To sum up, ",
    "Worth remembering: ",
    "In other words, ",
    "On closer inspection, ",
    "As a consequence, ",
)


def reworded(sentence: str, voice: Voice) -> str:
    """Return one sentence in other words."""
    for phrase, other in PHRASES:
        if phrase in sentence and voice.random.random() < voice.strength:
            sentence = re.sub(rf"\b{re.escape(phrase)}(?!\w)", other, sentence)
    sentence = "".join(_pieces(sentence, voice))
    return _filled(other_forms(sentence, voice.random, voice.strength / 2), voice)


def _pieces(sentence: str, voice: Voice) -> Iterator[str]:
    """Yield the words and what stands between them; names inside a sentence are left alone."""
    for match in _PIECE.finditer(sentence):
        piece = match[0]
        name = piece[:1].isupper() and match.start() > 0
        yield piece if name or not piece.isalpha() else voice.word(piece)


def _filled(sentence: str, voice: Voice) -> str:
    random = voice.random
    if random.random() >= voice.filler or not sentence.endswith("."):
        return sentence
    if random.random() < 0.5:
        return f"{random.choice(_FILLER_BEFORE)}{lowered(sentence)}"
    return f"{sentence[:-1]}{random.choice(_FILLER_AFTER)}."
