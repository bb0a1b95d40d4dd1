"""Choose what a record is to say and the paragraphs that it is to rest on.

Every theme has sentences of its own in an article, so that no two types say the same. They are dealt out once for each
article: first to what always applies, then to the themes that the article supports best, for these are asked about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from .answer_material import Material, Paragraph, material, sign_of
from .answer_plain import plain
from .answer_reading import Reading
from .answer_themes import GENERAL, THEMES, Theme, known_stems


@dataclass(frozen=True, slots=True)
class Order:
    """What a record is asked to be."""

    theme: Theme
    seed: int
    again: int
    """0 at the first attempt, other numbers where the prompt complains about earlier ones."""

    def shift(self, choices: int) -> int:
        """Return how far to go on from the choice of the first attempt: 0 for that itself, never 0 after it."""
        return 1 + self.again % (choices - 1) if self.again and choices > 1 else 0


@dataclass(frozen=True, slots=True)
class Choice:
    """What a record is made of."""

    paragraphs: Sequence[Paragraph]
    """One to four in a row."""
    said: Sequence[str]
    """Sentences of theirs in a row, to answer with."""


def choose(reading: Reading, order: Order) -> Choice:
    """Return sentences that fit the order, and the paragraphs around them; copies of these fit into an input."""
    found = material(reading)
    run = list(_deal(reading).hand(_slot(order)))
    paragraphs = found.around(found.places[run[0]], found.places[run[-1]], sign_of(order.theme))
    size = sum(plain(text).size for _, text in paragraphs)
    while len(run) > 1 and sum(found.words[at] for at in run) > _MOST_SAID * size:
        run.pop()
    return Choice(paragraphs, [found.sentences[at] for at in run])


_MOST_SAID = 0.7
"""Share of what the paragraphs say that an answer may be: more is no answer but a copy."""


# ------------------------------------------------------------------------------------------------------------ dealing

_SPARE = 12
"""Hands for types that fit no theme, and for those that are asked for again."""
_SLOTS: tuple[Theme, ...] = (*THEMES, *[GENERAL] * _SPARE)
_ALWAYS = 2
"""The first themes are those of types that always apply."""
_ASKED = 7
"""About so many types are asked about in an article."""
_COMPARED = 16
"""About so many runs at most are compared with earlier hands where nothing is free any more."""

Run = Sequence[int]
"""Numbers of sentences in a row."""


def _slot(order: Order) -> int:
    if order.again or order.theme == GENERAL:
        return len(THEMES) + (order.seed + order.again) % _SPARE
    return THEMES.index(order.theme)


class _Deal:
    """Deals the sentences of a text out to the slots, those of different slots as different as can be."""

    def __init__(self, found: Material) -> None:
        self._found = found
        self._stems = [known_stems(text) for _, text in found.paragraphs]
        self._order = iter(_in_order(frozenset[bytes]().union(*self._stems)))
        self._hands: dict[int, Run] = {}
        self._said = [0, *accumulate(found.words)]
        self._runs = _runs(found)
        self._free = self._runs

    def hand(self, slot: int) -> Run:
        """Return the sentences of a slot, which is the same whenever it is asked for."""
        while slot not in self._hands:
            dealt = next(self._order)
            run = self._hands[dealt] = self._best(_SLOTS[dealt])
            self._free = [free for free in self._free if free[-1] < run[0] or free[0] > run[-1]]
        return self._hands[slot]

    def _best(self, theme: Theme) -> Run:
        """Return what the theme has most signs for among what is free and shows what it needs, or is least alike."""
        places, sign = self._found.places, sign_of(theme)
        shows = [sign is None or sign(text) for _, text in self._found.paragraphs]
        shows = [shown or following for shown, following in zip(shows, [*shows[1:], False], strict=True)]
        signs = [len(theme.signs & stems) for stems in self._stems]

        def shown(runs: Sequence[Run]) -> Sequence[Run]:
            return [run for run in runs if shows[places[run[0]]] or shows[places[run[-1]]]]

        if fit := shown(self._free):
            return max(fit, key=lambda run: signs[places[run[0]]] + signs[places[run[-1]]])
        taken = shown(self._runs) or self._runs
        return min(taken[:: 1 + len(taken) // _COMPARED], key=self._alike)

    def _alike(self, run: Run) -> float:
        """Return how much of a run and the earlier one that is most like it is the same, by words."""
        return max(_share(self._said, run, hand) for hand in self._hands.values()) if self._hands else 0.0


@lru_cache(maxsize=128)
def _deal(reading: Reading) -> _Deal:
    return _Deal(material(reading))


def _in_order(stems: frozenset[bytes]) -> Sequence[int]:
    """Return the slots in which order they are served: those first that need something shown and are likely asked for.

    `stems` are those of the whole text.
    """
    others = range(_ALWAYS, len(THEMES))
    ranked = sorted(
        others, key=lambda slot: -len(THEMES[slot].signs & stems) / len(THEMES[slot].signs) / THEMES[slot].usual
    )
    needy = [slot for slot in ranked[:_ASKED] if sign_of(THEMES[slot])]
    return list(dict.fromkeys((*needy, *range(_ALWAYS), *ranked, *range(len(THEMES), len(_SLOTS)))))


def _support(theme: Theme, stems: frozenset[bytes]) -> float:
    return len(theme.signs & stems) / len(theme.signs) / theme.usual


def _share(said: Sequence[int], one: Run, other: Run) -> float:
    """Return the share of what two runs have in common, of what either has; `said` counts the words before each."""
    first, last = max(one[0], other[0]), min(one[-1], other[-1])
    common = said[last + 1] - said[first] if first <= last else 0
    return common / (said[one[-1] + 1] - said[one[0]] + said[other[-1] + 1] - said[other[0]] - common)


# --------------------------------------------------------------------------------------------------------------- runs

_WORDS, _FEWEST_WORDS, _MOST_SENTENCES = 140, 27, 8
_FEW = 24
"""With fewer sentences, answers of all lengths are needed to have different ones."""


def _runs(found: Material) -> Sequence[Run]:
    """Return runs of sentences that make an answer."""
    count = len(found.sentences)
    most = min(max(round(count / 5), 1), _MOST_SENTENCES)
    lengths = range(1, _MOST_SENTENCES) if count < _FEW else (most,)
    runs = [_run(found, start, length) for length in lengths for start in range(count)]
    return list({(run[0], run[-1]): run for run in runs}.values())


def _run(found: Material, start: int, most: int) -> Run:
    """Return up to `most` sentences, or as many as make a short answer."""
    end, words, count = start, found.words[start], len(found.sentences)
    first = found.places[start]
    while end + 1 < count and words < (_WORDS if end - start + 1 < most else _FEWEST_WORDS):
        if not found.fits(first, found.places[end + 1]):
            break
        end += 1
        words += found.words[end]
    return range(start, end + 1)
