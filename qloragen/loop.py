"""The event loop that the library runs where it was given none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import TypeVar, TypeVarTuple

import anyio

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")


def block_on(main: Callable[[*Arguments], Awaitable[T]], *arguments: *Arguments) -> T:
    """Run `main` to its end, on uvloop where the extra `fast` is installed."""
    return anyio.run(main, *arguments, backend_options={"use_uvloop": find_spec("uvloop") is not None})
