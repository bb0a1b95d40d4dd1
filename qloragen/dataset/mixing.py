"""General instruction data among a run's own examples, in the training split alone, so that a model keeps what it knew.

How many are taken follows from the share that they are to have of all that is trained on. Which ones is decided by a
hash of what they say: of a file, more of them hold all that fewer hold, whatever order its lines are in.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

from ..export.example import OWN, Example, ExportError
from ..export.general import LeftOut, general_examples
from .blending import Blend, Chosen, Mix, Mixed, place_of, rank_of

FORM, HELD_OUT, REPEATED = "not for this form", "like one held out", "repeated"
"""Reasons for which an example of general data is left out, beside those of `general_examples`."""


def parse_mix(text: str) -> Mix:
    """Return what `FILE:SHARE` says, such as `alpaca.json:0.2`; raises ExportError for what is none."""
    name, colon, number = text.rpartition(":")
    try:
        share = Decimal(number)
    except InvalidOperation:
        share = Decimal(0)
    if not (colon and name and share.is_finite() and 0 < share < 1):
        raise ExportError(
            f"{text!r} is not FILE:SHARE: write a file of general data, a colon, and the share of the training split "
            "that it is to be, more than 0 and less than 1, such as alpaca.json:0.2."
        )
    return Mix(Path(name), share)


def _nothing(_example: Example) -> bool:
    return False


def plan_mix(
    mixes: Sequence[Mix],
    own: int,
    holds: Callable[[Example], bool],
    is_held_out: Callable[[Example], bool] = _nothing,
) -> Blend:
    """Choose what to mix into a training split of `own` examples. Each file is read once, and 8 bytes a line are held.

    Of a file that is too short all is taken, and the others have the shares that they were to have. An example that
    `holds` says no to (its form cannot hold it), that says nearly what validation or test does (`HeldOut.has`), or that
    was there before, also in an earlier file, is left out.

    Raises:
        ExportError: The shares come to 1 or more, two files have one name, a file cannot be read, has a line that is
            no general data, or holds nothing that could be taken.
    """
    _refuse_mistakes(mixes)
    files: list[tuple[Mix, array[int], Counter[str]]] = []
    for mix in mixes:
        ranks, left_out = _read(mix, holds, is_held_out, [known for _, known, _ in files])
        files.append((mix, ranks, left_out))
    taken = how_many(own, [mix.share for mix in mixes], [len(ranks) for _, ranks, _ in files])
    whole = own + sum(taken)
    return Blend(
        own,
        tuple(
            Mixed(mix.tag, float(mix.share), count / whole if whole else 0, count, len(ranks), dict(left_out))
            for (mix, ranks, left_out), count in zip(files, taken, strict=True)
        ),
        tuple(Chosen(mix, ranks[:count]) for (mix, ranks, _), count in zip(files, taken, strict=True)),
    )


def how_many(own: int, shares: Sequence[Decimal], there: Sequence[int]) -> list[int]:
    """Return how many examples to take of each file, so that each has its share of them and of `own` together, or all
    that are `there`."""
    short = frozenset[int]()
    while True:
        fixed = own + sum(there[place] for place in short)
        whole = fixed / (1 - sum((share for place, share in enumerate(shares) if place not in short), Decimal(0)))
        # A short file makes the split shorter, and so all others need fewer: what is enough now will be.
        found = frozenset(place for place, share in enumerate(shares) if there[place] < share * whole)
        if found == short:
            return [min(there[place], round(share * whole)) for place, share in enumerate(shares)]
        short = found


def _refuse_mistakes(mixes: Sequence[Mix]) -> None:
    if (whole := sum(mix.share for mix in mixes)) >= 1:
        raise ExportError(f"The general data would be {whole:%} of the training split; leave some to the records.")
    tags = Counter([OWN, *(mix.tag for mix in mixes)])
    for mix in mixes:
        if tags[mix.tag] > 1:
            raise ExportError(f"{mix.file} would be tagged {mix.tag!r} as others are; give it another name.")


def _read(
    mix: Mix,
    holds: Callable[[Example], bool],
    is_held_out: Callable[[Example], bool],
    earlier: Sequence[array[int]],
) -> tuple[array[int], Counter[str]]:
    """Return the ranks of all examples that may be taken, sorted, and how many lines may not, by reason."""
    ranks, left_out = array("Q"), Counter[str]()
    for found in general_examples(mix.file, mix.tag):
        if isinstance(found, LeftOut):
            left_out[found.reason] += 1
        elif not holds(found):
            left_out[FORM] += 1
        elif is_held_out(found):
            left_out[HELD_OUT] += 1
        else:
            ranks.append(rank_of(found))
    once = array("Q", _different(ranks, earlier))
    if repeated := len(ranks) - len(once):
        left_out[REPEATED] = repeated
    if not once:
        why = ", ".join(f"{count} {reason}" for reason, count in left_out.items()) or "it is empty"
        raise ExportError(f"{mix.file} holds nothing to mix in ({why}); name another file.")
    return once, left_out


def _different(ranks: array[int], earlier: Sequence[array[int]]) -> Iterator[int]:
    """Yield what is in `ranks`, and in none of `earlier`, once each, the lowest first."""
    before = -1
    for rank in sorted(ranks):
        if rank != before and all(place_of(known, rank) is None for known in earlier):
            yield rank
        before = rank
