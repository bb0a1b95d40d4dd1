"""General data among a run's own examples: spread evenly, or all of it first."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from heapq import merge
from pathlib import Path

from ..export.example import Example, ExportError
from ..export.general import LeftOut, general_examples
from ..words import counted
from .splits import TRAIN, Split

Placed = tuple[Split, Example]
"""An example after its split; general data goes into `TRAIN`."""


@dataclass(frozen=True, slots=True)
class Mix:
    """A file of general data, and what share of the training split it is to be."""

    file: Path
    share: Decimal
    """More than 0 and less than 1, of the whole split, the general data included."""

    @property
    def tag(self) -> str:
        """The `source` of its examples: the file's name without its endings."""
        name = self.file.with_suffix("") if self.file.suffix.lower() in {".gz", ".zst"} else self.file
        return name.stem


@dataclass(frozen=True, slots=True)
class Mixed:
    """What has come of a file of general data."""

    tag: str
    wanted: float
    """The share that was asked for."""
    share: float
    """The share of the training split that it came to."""
    taken: int
    there: int
    """Examples that could be taken, all different."""
    left_out: Mapping[str, int]
    """Reason to how many lines cannot be taken."""

    @property
    def is_short(self) -> bool:
        """Whether it has fewer examples than were wanted, so that all of them are taken."""
        return self.taken == self.there and self.share < self.wanted

    def __str__(self) -> str:
        short = f", of the {self.wanted:.1%} that were asked for: there are no more" if self.is_short else ""
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.left_out.items())
        odd = f"; left out: {reasons}" if reasons else ""
        return f"{counted(self.taken, 'example')} of {self.tag}, {self.share:.1%} of the training split{short}{odd}"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Those examples of a file that are taken."""

    mix: Mix
    ranks: array[int]
    """Theirs, sorted; 8 bytes each."""

    def each(self) -> Iterator[Example]:
        """Yield them in the order of the file; raises ExportError."""
        given = bytearray(len(self.ranks))
        for example in general_examples(self.mix.file, self.mix.tag):
            if isinstance(example, LeftOut):
                continue
            place = place_of(self.ranks, rank_of(example))
            if place is not None and not given[place]:
                given[place] = True
                yield example
        if not all(given):
            raise ExportError(f"{self.mix.file} was changed while it was read; export once more.")


@dataclass(frozen=True, slots=True)
class Blend:
    """Which general data comes to a training split of so many own examples."""

    own: int
    counts: tuple[Mixed, ...]
    """What has come of each file, in the order in which they were named."""
    chosen: tuple[Chosen, ...]

    def blended(self, own: Iterable[Placed]) -> Iterator[Placed]:
        """Yield a run's own examples, in their order, with the general ones spread evenly among those to train on.

        Raises:
            ExportError: A file of general data cannot be read any more, or has changed.
        """
        general = self._general()
        at, ahead = next(general, _NO_MORE)
        before = 0.5
        for placed in own:
            if placed[0] == TRAIN:
                while ahead and at * self.own < before:
                    yield TRAIN, ahead
                    at, ahead = next(general, _NO_MORE)
                before += 1
            yield placed
        if ahead:
            yield TRAIN, ahead
        yield from ((TRAIN, example) for _, example in general if example)

    def general_first(self, own: Iterable[Placed]) -> Iterator[Placed]:
        """Yield all general examples, then a run's own ones, for a training that does not shuffle; raises as
        `blended`."""
        yield from ((TRAIN, example) for _, example in self._general() if example)
        yield from own

    def _general(self) -> Iterator[_Due]:
        """Yield the examples of all files, evenly spread among each other."""
        return merge(*map(_spread, self.chosen), key=lambda due: due[0])


_Due = tuple[float, Example | None]
"""Where an example belongs, from 0 at the beginning to 1 at the end of the split."""
_NO_MORE: _Due = (1, None)


def _spread(chosen: Chosen) -> Iterator[_Due]:
    return (((place + 0.5) / len(chosen.ranks), example) for place, example in enumerate(chosen.each()))


def rank_of(example: Example) -> int:
    """Return where an example stands among those of its file: the lowest are taken."""
    return short_hash(repr((example.system, *example.earlier, example.instruction, example.input, example.output)))


def short_hash(text: str) -> int:
    """Return 64 bits that tell a text from others."""
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest())


def place_of(ranks: array[int], rank: int) -> int | None:
    """Return where a rank is among some that are sorted; None where it is not."""
    place = bisect_left(ranks, rank)
    return place if place < len(ranks) and ranks[place] == rank else None
