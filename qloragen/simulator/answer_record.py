"""Write one training record like a model: an instruction, the paragraphs it rests on, and an answer out of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from zlib import crc32

from .answer_marks import shows_markup, without_marks
from .answer_plain import Plain, count_words, plain, terms
from .answer_prompt import Prompt
from .answer_reading import Reading, read_text
from .answer_themes import GENERAL, THEMES, Theme, known_stems, meaning, theme_of


@dataclass(frozen=True, slots=True)
class Record:
    """One record; `evidence` are the numbers of its paragraphs, `input` their text."""

    instruction: str
    evidence: tuple[int, ...]
    input: str
    output: str


@dataclass(frozen=True, slots=True)
class _Order:
    """What a record is asked to be."""

    theme: Theme
    meaning: frozenset[bytes]
    seed: int
    turn: int
    """Which answer about its article this is: another one for each theme, so that no two types begin alike."""
    again: int
    """0 at the first attempt, other numbers where the prompt complains about earlier ones."""


def write(prompt: Prompt) -> Record:
    """Return a record of the kind that `prompt` asks for; the same for the same prompt."""
    reading = read_text(prompt.material)
    order = _order(prompt, reading)
    chosen = _choose(reading, order)
    plains = [plain(text) for _, text in chosen]
    sentences = tuple(dict.fromkeys(sentence for found in plains for sentence in found.sentences))
    subjects = _subjects(plains, sentences, order.seed)
    context = "\n\n".join(text.strip("\n") for _, text in chosen)
    output = _unlike(context, _output(order, sentences or _lines(chosen), subjects[0]), subjects[0])
    instruction = _question(_questions(_asked(order.theme, plains), output), order, subjects)
    return Record(instruction, tuple(number for number, _ in chosen), context, output)


def _unlike(context: str, output: str, subject: str) -> str:
    """Return `output`, announced where it would otherwise say the same as the whole `context`."""
    if 2 * len(output) <= len(context) or _letters(output) != _letters(context):
        return output
    return f"{subject}：{output}" if _WIDE.search(output) else f"In short: {output}"


def _asked(theme: Theme, plains: Iterable[Plain]) -> Theme:
    """Return `theme`, or the general one where it is about code and there is none."""
    return theme if b"code" not in theme.cues or any(found.code for found in plains) else GENERAL


# ------------------------------------------------------------------------------------------------------------- order

_TURNS = {theme: turn for turn, theme in enumerate((*THEMES, GENERAL))}


def _order(prompt: Prompt, reading: Reading) -> _Order:
    wanted, complaints = _wanted(prompt.ask)
    name, _, rest = wanted.partition(". ")
    named = name if len(name) <= 80 else ""
    seed = crc32(f"{reading.digest}|{wanted}|{prompt.salt}".encode())
    again = 1 + crc32(complaints.encode()) if complaints else 0
    theme = theme_of(named, rest or wanted)
    turn = _TURNS[theme] + crc32(f"{reading.digest}|{prompt.salt}".encode())
    return _Order(theme, meaning(wanted), seed, turn, again)


_COMPLAINS = re.compile(r"^[^\n]*\b(?:attempt|fault|refused|wrong)", re.IGNORECASE)
"""Other lists after the task tell what there is already."""


def _wanted(ask: str) -> tuple[str, str]:
    """Return the paragraph that says what is wanted, the one after a colon, and the complaints after it if any."""
    parts = [part for part in ask.split("\n\n") if part.strip()]
    at = next((at + 1 for at, part in enumerate(parts[:-1]) if part.rstrip().endswith(":")), 0)
    wanted = parts[at] if parts else ""
    complaints = "\n".join(part for part in parts[at + 1 :] if "\n- " in part and _COMPLAINS.search(part))
    return wanted, complaints


# ------------------------------------------------------------------------------------------------------------ choice

_FEW_WORDS, _ENOUGH_WORDS, _MOST_PARAGRAPHS = 50, 75, 4
_MOST_CHARS, _SHORT_CHARS = 8_000, 60
_DRAWN = 6
_STEPS = (7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
"""Primes: the first that does not divide the number of paragraphs is a stride that comes past each of them."""
_CODED = 10
"""What a paragraph with code is worth to a question about code."""


def _choose(reading: Reading, order: _Order) -> Sequence[tuple[int, str]]:
    """Return one to four paragraphs in a row that fit the order and say enough."""
    ranked = _ranked(reading, order)
    best: Sequence[tuple[int, str]] = reading.paragraphs[:1]
    for start in ranked:
        found = _from(reading.paragraphs, start, order)
        if _size(found) >= _FEW_WORDS:
            return found
        best = max(best, found, key=_size)
    return best


def _from(paragraphs: Sequence[tuple[int, str]], start: int, order: _Order) -> Sequence[tuple[int, str]]:
    """Return paragraphs from `start` on until they say enough; some answers take one more."""
    end, size = start, 0
    more = order.seed % 3 == 0
    while end < len(paragraphs) and end - start < _MOST_PARAGRAPHS and size < _ENOUGH_WORDS:
        size += plain(paragraphs[end][1]).size
        end += 1
    found = paragraphs[start : min(end + more, start + _MOST_PARAGRAPHS)]
    lengths = accumulate(len(text) for _, text in found)
    return found[: max(sum(length <= _MOST_CHARS for length in lengths), 1)]


def _size(chosen: Iterable[tuple[int, str]]) -> int:
    """Return the number of words in the sentences of some paragraphs."""
    return sum(plain(text).size for _, text in chosen)


def _ranked(reading: Reading, order: _Order) -> list[int]:
    """Return the places of some paragraphs, drawn by chance, so that calls differ, and ranked by what they say."""
    count = len(reading.paragraphs)
    step = next(step for step in _STEPS if count % step)
    start = (order.seed + _shift(order, count)) % count
    drawn = [(start + step * nth) % count for nth in range(min(count, _DRAWN))]
    drawn.sort(key=lambda place: -_fit(reading.paragraphs[place][1], order))
    first = (order.seed // 17 % min(len(drawn), 3) + _shift(order, len(drawn))) % len(drawn)
    return [*drawn[first:], *drawn[:first]]


def _shift(order: _Order, choices: int) -> int:
    """Return how far to go on from the choice of the first attempt: 0 for the first one itself, never 0 after it."""
    return 1 + order.again % (choices - 1) if order.again and choices > 1 else 0


def _fit(text: str, order: _Order) -> float:
    signs = known_stems(text)
    hits = 2 * len(order.theme.signs & signs) + len(order.meaning & signs)
    coded = _CODED if b"code" in order.theme.cues and _shows_code(text) else 0
    said = min(text.count(". ") + text.count(".\n"), 4) / 2
    return hits / (1 + len(text) / 800) + said + coded if len(text) >= _SHORT_CHARS else -1


def _shows_code(text: str) -> bool:
    return "```" in text or "<pre" in text or "----\n" in text or "\n    " in text


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
    return found[at], _beside(found[at], (*found[at + 1 :], *found[:at], heading))


def _beside(subject: str, terms: Sequence[str]) -> str:
    """Return the first term that neither is part of the subject nor has it as a part."""
    return next((term for term in terms if term and term not in subject and subject not in term), "")


def _longest_words(sentences: Sequence[str]) -> str:
    listed = [word.strip("`.,;:()[]{}<>|\"'") for word in " ".join(sentences[:2]).split()]
    return max(listed, key=len, default="")[:40]


def _questions(theme: Theme, output: str) -> Sequence[str]:
    """Return the questions of a theme, or general ones in the language of the output."""
    if _KANA.search(output):
        return _JAPANESE
    return _CHINESE if _WIDE.search(output) else theme.questions


def _question(questions: Sequence[str], order: _Order, subjects: tuple[str, str]) -> str:
    a, b = subjects
    fitting = [question for question in questions if b or "{b}" not in question] or questions
    at = (order.seed // 7 + _shift(order, len(fitting))) % len(fitting)
    return fitting[at].replace("{a}", a).replace("{b}", b or _ELSE)


# ------------------------------------------------------------------------------------------------------------ output

_SENTENCES = 5
_WORDS = (85, 40, 110, 60)
"""How long the answers are that begin with the same sentence."""
_FEWEST_WORDS = 18
"""How long an answer is at the least where other sentences could follow."""
_ENOUGH_STARTS = 4
"""With fewer sentences that name the subject, answers about an article would be too often the same."""


def _output(order: _Order, sentences: Sequence[str], subject: str) -> str:
    """Return two to five of the sentences, from one that names the subject on, as steps where steps are wanted."""
    chosen = _excerpt(sentences, subject, order.turn)
    if b"step" in order.theme.cues and len(chosen) > 1:
        return "\n".join(f"{number}. {sentence}" for number, sentence in enumerate(chosen, 1))
    return ("" if _WIDE.search(chosen[0]) else " ").join(chosen)


def _excerpt(sentences: Sequence[str], subject: str, turn: int) -> Sequence[str]:
    """Return some sentences, the first of which names the subject if enough of them do."""
    named = [at for at, sentence in enumerate(sentences) if subject in sentence]
    starts = named if len(named) >= _ENOUGH_STARTS else range(len(sentences))
    start, nth = starts[turn % len(starts)], turn // len(starts)
    forms = _forms([*sentences[start:], *sentences[:start]][:_SENTENCES])
    return forms[nth % len(forms)]


def _forms(ordered: Sequence[str]) -> Sequence[Sequence[str]]:
    """Return the answers that begin with the first of the sentences: the usual lengths, then others, then with gaps."""
    sizes = list(accumulate(map(count_words, ordered)))
    usual = [1 + sum(size < wanted for size in sizes[:-1]) for wanted in _WORDS]
    others = [count for count, size in enumerate(sizes, 1) if size >= _FEWEST_WORDS]
    counts = dict.fromkeys((*usual, *reversed(others)))
    gaps = [[*ordered[:gap], *ordered[gap + 1 : usual[0] + 1]] for gap in range(1, min(usual[0], len(ordered) - 1))]
    return [*(ordered[:count] for count in counts), *gaps]


_LINES = 8


def _lines(chosen: Iterable[tuple[int, str]]) -> Sequence[str]:
    """Return something to say about paragraphs without a sentence in them."""
    told = [_told(line) for _, text in chosen for line in text.splitlines()]
    fit = [line for line in told if " " in line and not shows_markup(line)]
    told = fit or [" ".join(re.findall(r"\w+", text))[:200] for _, text in chosen]
    return tuple(f"It says: {line}." for line in dict.fromkeys(told[:_LINES]))


def _told(line: str) -> str:
    return " ".join(without_marks(line).split())[:200].strip("|*#=->.:/+ ")


def _letters(text: str) -> str:
    return "".join(re.findall(r"\w+", text.casefold()))
