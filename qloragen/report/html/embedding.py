"""Much text inside a page: compressed on its way, and in letters that no markup can come of."""

from __future__ import annotations

import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator

_LEVEL = 6
_PIECE = 3 * 64 * 1024
"""Bytes at a time; a multiple of 3, so that base64 pads at the very end only."""


def embedded(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines as base64 of one zlib stream, piece by piece."""
    rest = bytearray()
    for compressed in _deflated(lines):
        rest += compressed
        whole = len(rest) - len(rest) % _PIECE
        if whole:
            yield b64encode(rest[:whole])
            del rest[:whole]
    yield b64encode(rest)


def _deflated(lines: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(_LEVEL)
    for line in lines:
        yield packer.compress(line)
    yield packer.flush()
