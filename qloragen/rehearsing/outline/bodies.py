"""Bodies of requests that are sent again and again, remembered but for the value of their cap."""

from __future__ import annotations

from dataclasses import dataclass

from ...engine.models import Family
from ...engine.tokens import Makeup
from ...engine.writing import Written, write
from ...types import Request, Structure


@dataclass(slots=True)
class _Remembered:
    request: Request
    family: Family
    structure: Structure | None
    written: Written
    """As it was sent last."""
    cap: int
    start: int
    """Where the cap stands in the body; -1 where it has none."""

    def with_cap(self, cap: int) -> Written:
        """Return what is sent with this cap."""
        if cap != self.cap and self.start >= 0:
            body, (letters, digits, signs, beyond) = self.written
            before, now = b"%d" % self.cap, b"%d" % cap
            body = body[: self.start] + now + body[self.start + len(before) :]
            self.written = Written(body, Makeup(letters, digits + len(now) - len(before), signs, beyond))
            self.cap = cap
        return self.written


class Bodies:
    """Writes each request once in each form; see `engine.writing.Write`. It keeps what it has written."""

    def __init__(self) -> None:
        self._known: dict[int, _Remembered] = {}
        """By the identity of the messages, which are kept with it: a request that follows another has the same."""

    def write(self, request: Request, family: Family, structure: Structure | None, cap: int) -> Written:
        """Return what a request is sent as."""
        place = id(request.messages)
        known = self._known.get(place)
        if known is None or known.family is not family or known.structure != structure:
            written = write(request, family, structure, cap)
            start = _start(written.body, family, cap) if not request.predicates else -1
            known = self._known[place] = _Remembered(request, family, structure, written, cap, start)
        return known.with_cap(cap)


def _start(body: bytes, family: Family, cap: int) -> int:
    """Return where the cap stands: parameters come last, so what is found first from the end is no text."""
    mark = f'"{family.cap_parameter}":'.encode()
    at = body.rfind(mark + b"%d" % cap)
    return at + len(mark) if at >= 0 else -1
