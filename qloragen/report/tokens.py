"""How many tokens a text has: estimated, or counted by a tokenizer of the user's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from ..domain.checks.length import estimate_tokens
from ..errors import SettingsError


class _Encoding(Protocol):
    @property
    def ids(self) -> list[int]: ...


class _Tokenizer(Protocol):
    def encode(self, text: str, *, add_special_tokens: bool) -> _Encoding: ...


class _Tokenizers(Protocol):
    def from_file(self, path: str) -> _Tokenizer: ...


@dataclass(frozen=True, slots=True)
class TokenCount:
    """A way to count tokens."""

    name: str
    """In words."""
    count: Callable[[str], int]
    most_per_byte: int
    """No text has more tokens than so many for each of its bytes."""


ESTIMATED = TokenCount("estimated", estimate_tokens, 2)


def counted_by(file: Path | None) -> TokenCount:
    """Return the count by the tokenizer in `file`, a `tokenizer.json`; None: an estimate.

    Raises:
        SettingsError: The file cannot be read, or the extra `tokenizer` is not installed.
    """
    if file is None:
        return ESTIMATED
    if find_spec("tokenizers") is None:
        raise SettingsError("Counting by a tokenizer needs the extra `tokenizer`: pip install 'qloragen[tokenizer]'.")
    kind: _Tokenizers = import_module("tokenizers").Tokenizer
    try:
        tokenizer = kind.from_file(str(file))
    except Exception as error:  # it raises nothing narrower
        raise SettingsError(f"{file} is no tokenizer.json: {error}.") from error

    def count(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    return TokenCount(f"counted by {file.name}", count, 1)
