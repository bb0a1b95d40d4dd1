"""The sending side of a connection, good and bad."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any, Protocol, runtime_checkable

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: closing drops what is unsent and sends a reset."""


@runtime_checkable
class Transport(Protocol):
    """What is needed of a transport; uvloop's are no subclasses of `asyncio.Transport`."""

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def is_closing(self) -> bool: ...
    def get_extra_info(self, name: str) -> Any: ...


class Outlet:
    """Writes to a transport, as long as there is one."""

    def __init__(self) -> None:
        self._transport: Transport | None = None
        self._is_paused = False

    def open(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport of a new connection."""
        assert isinstance(transport, Transport)
        self._transport = transport

    @property
    def is_open(self) -> bool:
        """Whether what is written can still arrive."""
        return self._transport is not None and not self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Send, unless the other end has gone away."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def pause(self) -> None:
        """Read no more for now."""
        if self._transport is not None and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._transport is not None and self._is_paused and self.is_open:
            self._is_paused = False
            self._transport.resume_reading()

    def close(self) -> None:
        """Send what is written, then hang up."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Hang up at once, so that the other end sees a reset."""
        if self._transport is None:
            return
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()
