"""Write one training record like a model: an instruction, the paragraphs it rests on, and an answer out of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zlib import crc32

from .answer_choice import Order, choose
from .answer_plain import Plain, plain, terms
from .answer_prompt import Prompt
from .answer_reading import Reading, read_text
from .answer_themes import GENERAL, Theme, theme_of


@dataclass(frozen=True, slots=True)
class Record:
    """One record; `evidence` are the numbers of its paragraphs, `input` their text."""

    instruction: str
    evidence: tuple[int, ...]
    input: str
    output: str


def write(prompt: Prompt) -> Record:
    """Return a record of the kind that `prompt` asks for; the same for the same prompt."""
    reading = read_text(prompt.material)
    order = _order(prompt, reading)
    choice = choose(reading, order)
    plains = [plain(text) for _, text in choice.paragraphs]
    subjects = _subjects(plains, choice.said, order.seed)
    context = "\n\n".join(text.strip("\n") for _, text in choice.paragraphs)
    if not reading.numbered:
        context = _finished(context, choice.said[-1])
    output = _unlike(context, _output(order, choice.said), subjects[0])
    instruction = _question(_questions(_asked(order.theme, plains), output), order, subjects)
    return Record(instruction, tuple(number for number, _ in choice.paragraphs), context, output)


_ANNOUNCED = re.compile(r"\n[^\n]*:\s*\Z")


def _finished(context: str, last: str) -> str:
    """Return `context` without a line at its end that announces what does not follow, but for the `last` sentence."""
    shorter = _ANNOUNCED.sub("", context)
    return shorter if shorter and last[-_END:-1] in shorter else context


_END = 20
"""By so many characters the end of a sentence is found."""


def _unlike(context: str, output: str, subject: str) -> str:
    """Return `output`, announced where it would otherwise say the same as the whole `context`."""
    if 2 * len(output) <= len(context) or _letters(output) != _letters(context):
        return output
    return f"{subject}：{output}" if _WIDE.search(output) else f"In short: {output}"


def _asked(theme: Theme, plains: Iterable[Plain]) -> Theme:
    """Return `theme`, or the general one where it is about code and there is none."""
    return theme if b"code" not in theme.cues or any(found.code for found in plains) else GENERAL


# ------------------------------------------------------------------------------------------------------------- order


def _order(prompt: Prompt, reading: Reading) -> Order:
    wanted, complaints = _wanted(prompt.ask)
    name, _, rest = wanted.partition(". ")
    named = name if len(name) <= 80 else ""
    seed = crc32(f"{reading.digest}|{wanted}|{prompt.salt}".encode())
    again = 1 + crc32(complaints.encode()) if complaints else 0
    theme = theme_of(named, rest or wanted)
    return Order(theme, seed, again)


_COMPLAINS = re.compile(r"^[^\n]*\b(?:attempt|fault|refused|wrong)", re.IGNORECASE)
"""Other lists after the task tell what there is already."""


def _wanted(ask: str) -> tuple[str, str]:
    """Return the paragraph that says what is wanted, the one after a colon, and the complaints after it if any."""
    parts = [part for part in ask.split("\n\n") if part.strip()]
    at = next((at + 1 for at, part in enumerate(parts[:-1]) if part.rstrip().endswith(":")), 0)
    wanted = parts[at] if parts else ""
    complaints = "\n".join(part for part in parts[at + 1 :] if "\n- " in part and _COMPLAINS.search(part))
    return wanted, complaints


# ---------------------------------------------------------------------------------------------------------- question

_FALLBACK, _ELSE = "the matter described here", "the rest of the system"
_WIDE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
_KANA = re.compile(r"[\u3040-\u309f]")
_CHINESE = (
    "{a}是什么，在实际中应当怎样使用？",
    "请说明{a}的作用，以及它与{b}之间有什么关系？",
    "在使用{a}时需要注意什么，它对{b}有哪些影响？",
    "{a}是如何工作的，为什么在{b}中很重要？",
)
_JAPANESE = (
    "{a}とは何ですか。どのように使いますか。",
    "{a}とは何ですか。また、{b}とどのような関係がありますか。",
    "{a}を使うときに注意すべきことと、{b}への影響を教えてください。",
)


def _subjects(plains: Sequence[Plain], sentences: Sequence[str], seed: int) -> tuple[str, str]:
    heading = next((found.heading for found in plains if found.heading), "")
    found = terms(sentences, heading) or terms((line for found in plains for line in found.code), heading)
    if not found:
        found = (heading or _longest_words(sentences) or _FALLBACK,)
    at = seed % min(len(found), 3)
    others = terms((sentence for found in plains for sentence in found.sentences), "")
    return found[at], _beside(found[at], (*found[at + 1 :], *found[:at], *others, heading))


def _beside(subject: str, terms: Sequence[str]) -> str:
    """Return the first term that neither is part of the subject nor has it as a part."""
    known = subject.lower()
    return next((term for term in terms if term and term.lower() not in known and known not in term.lower()), "")


def _longest_words(sentences: Sequence[str]) -> str:
    listed = [word.strip("`.,;:()[]{}<>|\"'") for word in " ".join(sentences[:2]).split()]
    return max((word for word in listed if "::" not in word), key=len, default="")[:40]


def _questions(theme: Theme, output: str) -> Sequence[str]:
    """Return the questions of a theme, or general ones in the language of the output."""
    if _KANA.search(output):
        return _JAPANESE
    return _CHINESE if _WIDE.search(output) else theme.questions


def _question(questions: Sequence[str], order: Order, subjects: tuple[str, str]) -> str:
    a, b = subjects
    fitting = [question for question in questions if b or "{b}" not in question] or questions
    at = (order.seed // 7 + order.shift(len(fitting))) % len(fitting)
    return fitting[at].replace("{a}", a).replace("{b}", b or _ELSE)


# ------------------------------------------------------------------------------------------------------------ output


def _output(order: Order, said: Sequence[str]) -> str:
    """Return sentences as an answer, as steps where steps are wanted."""
    if b"step" in order.theme.cues and len(said) > 1:
        return "\n".join(f"{number}. {sentence}" for number, sentence in enumerate(said, 1))
    return ("" if _WIDE.search(said[0]) else " ").join(said)


def _letters(text: str) -> str:
    return "".join(re.findall(r"\w+", text.casefold()))
