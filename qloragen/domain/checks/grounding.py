"""Whether a draft says what its article says: the input rests on the article, the output on the input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from .case import Case, Check
from .evidence import missing_evidence
from .facts import ArticleFacts
from .length import over_context
from .names import swapped_name, unknown_name, unknown_quoted
from .said import telling
from .words import share

_TELLING_STEMS = 4
"""Stems of a sentence that can be judged by itself."""
_LENIENT = 0.75
"""What is asked of languages whose words take other forms, of what is asked of English."""
_WIDE = 0.6
"""The same where pairs of characters are compared, of which a synonym changes two or three."""


def _ungrounded(case: Case) -> str | None:
    least = case.thresholds.ungrounded
    if case.said.grounded >= least or case.said.grounded >= _least(case, least):
        return None
    return "The input is not from the article; use its facts and its words for them."


def _weakly_grounded(case: Case) -> str | None:
    return "Much of the input is not in the article." if case.said.grounded < case.thresholds.weakly_grounded else None


def _half_grounded(case: Case) -> str | None:
    said = case.said
    if said.verbatim:
        return None
    thresholds = case.thresholds
    sentences = list(_nearby(telling(said.input, _TELLING_STEMS), said.facts, thresholds.grounded_sentence))
    if not _much_is_low(case, sentences, thresholds.grounded_sentence, thresholds.half_grounded):
        return None
    return "Part of the input is not from the article; write only what stands there, sentence by sentence."


def _least(case: Case, share: float) -> float:
    if case.said.facts.wide:
        return share * _WIDE
    return share * _LENIENT if case.said.inflected else share


def _nearby(sentences: Iterable[frozenset[str]], facts: ArticleFacts, enough: float) -> Iterator[tuple[int, float]]:
    """Yield the stems of each sentence, and which share of them stands together in the article, in two stretches.

    Where a share is `enough`, there may be a higher one, and where it is far too low, a lower one. Sentences mostly
    follow where the one before is from.
    """
    stretches, last = facts.stretches, 0
    for stems in sentences:
        size, most = len(stems), 0
        there = stems & facts.stems
        if len(there) / size < enough * _WIDE:  # too little for every language, wherever it stands
            yield size, len(there) / size
            continue
        for at in chain(range(last, len(stretches)), range(last)):
            here = there & stretches[at]
            together = len(here | there & stretches[at + 1] if at + 1 < len(stretches) else here)
            if together > most:
                most, last = together, at
                if most / size >= enough:
                    break
        yield size, most / size


def _much_is_low(case: Case, sentences: Sequence[tuple[int, float]], least: float, much: float) -> bool:
    """Tell whether a share of what is said, by stems, is in sentences with less than `least`: `much` of it, or more.

    What the language is, for which less may do, is asked only if it makes a difference.
    """
    return _low(sentences, least) >= much and _low(sentences, _least(case, least)) >= much


def _low(sentences: Sequence[tuple[int, float]], least: float) -> float:
    low = sum(size for size, value in sentences if value < least)
    return low / sum(size for size, _ in sentences) if low else 0.0


def _unsupported(case: Case) -> str | None:
    said, thresholds = case.said, case.thresholds
    if said.supported == 1:
        return None
    if said.supported < thresholds.unsupported and said.supported < _least(case, thresholds.unsupported):
        return "The output says other things than the input; answer from the input alone."
    known = said.known
    if thresholds.half_supported and _share_left(len(said.output.stems - known)) >= thresholds.supported_sentence:
        return None
    sentences = [(len(stems), share(stems, known)) for stems in telling(said.output, _TELLING_STEMS)]
    if _much_is_low(case, sentences, thresholds.supported_sentence, thresholds.half_supported):
        return "Part of the output is not in the input; leave out what does not stand there."
    return None


def _share_left(missing: int) -> float:
    """Return the least share that a sentence can have which can be judged, where so many stems are missing in all."""
    return (_TELLING_STEMS - missing) / _TELLING_STEMS


def _unsupported_number(case: Case) -> str | None:
    said = case.said
    if said.judged_output.wrong is not None:
        wrong = said.judged_output.wrong
        return f"The output {wrong} the input says; copy every number together with what it is about."
    if said.judged_input.wrong is not None:
        wrong = said.judged_input.wrong
        return f"The input {wrong} the article says; copy every number together with what it is about."
    return None


def _derived_number(case: Case) -> str | None:
    derived = case.said.judged_output.derived or case.said.judged_input.derived
    return (
        None if derived is None else f"{derived} is nowhere, but follows from other numbers; give only those there are."
    )


def _unsupported_name(case: Case) -> str | None:
    said = case.said
    name = unknown_name(said.output, said.background) or unknown_quoted(case.draft.output, said.background)
    if name is not None:
        return f"The output names {name[:60]}, which neither instruction nor input does; use the names that are there."
    pair = swapped_name(said.swaps, said.background)
    if pair is not None:
        return (
            f"The output says {pair[0][:60]} where the input says {pair[1][:60]}; say of each name what belongs to it."
        )
    name = None if said.verbatim else unknown_name(said.input, said.article)
    if name is not None:
        return f"The input names {name[:60]}, which the article does not; use the names that stand there."
    return None


GROUNDING: tuple[Check, ...] = (
    Check(
        "ungrounded",
        "The input has little in common with the article.",
        _ungrounded,
        thresholds=("ungrounded",),
    ),
    Check(
        "half_grounded",
        "Part of the input has little in common with the article.",
        _half_grounded,
        thresholds=("half_grounded", "grounded_sentence"),
    ),
    Check(
        "weakly_grounded",
        "The input has less in common with the article than usual.",
        _weakly_grounded,
        "flag",
        ("weakly_grounded",),
    ),
    Check(
        "unsupported",
        "The output, or part of it, has little in common with instruction and input.",
        _unsupported,
        thresholds=("unsupported", "half_supported", "supported_sentence"),
    ),
    Check(
        "unsupported_number", "A number that the input does not have, or has for something else.", _unsupported_number
    ),
    Check(
        "derived_number",
        "A number that the input does not have, but that follows from its numbers.",
        _derived_number,
        "flag",
    ),
    Check("unsupported_name", "A name that the input does not have, or has for something else.", _unsupported_name),
    Check("missing_evidence", "The input does not show what its type is about.", missing_evidence),
    Check(
        "over_context",
        "The training prompt is longer than the context of the training.",
        over_context,
        thresholds=("context_tokens",),
    ),
)
