"""From a request to its body and what that is made up of: each time anew, or by whoever remembers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..types import Request, Structure
from .body import encode, encode_decisions
from .models import Family
from .tokens import Makeup, makeup


class Written(NamedTuple):
    """A request in the form in which it is sent."""

    body: bytes
    makeup: Makeup


Write = Callable[[Request, Family, Structure | None, int], Written]
"""Returns what a request is sent as, with so many tokens as its cap (0 for decisions); raises TypeError where a text is
not valid Unicode."""


def write(request: Request, family: Family, structure: Structure | None, cap: int) -> Written:
    """See `Write`."""
    body = encode_decisions(request, family) if request.predicates else encode(request, family, structure, cap)
    return Written(body, makeup(body))
