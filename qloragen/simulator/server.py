"""The provider behind HTTP, on loopback."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import anyio

from ..background import background
from ..errors import SettingsError
from .connection import Connection
from .files import allow_many_files
from .ledger import Statistics
from .provider import Provider
from .settings import Outage

_HOST = "127.0.0.1"
_BACKLOG = 8192


class SimulatorServer:
    """The API on 127.0.0.1: chat completions, decisions, files, batches, models; and `GET /simulator/statistics`.

        async with SimulatorServer(Provider(Simulation())) as server:
            ...                       # talk to server.base_url
            print(server.statistics)

    Leaving the block drops all connections.

    Raises:
        SettingsError: the port is taken, or is none; or somebody else took it while an outage left it free, which ends
            the block early.
    """

    def __init__(self, provider: Provider | None = None, *, port: int = 0) -> None:
        if not 0 <= port < 2**16:
            raise SettingsError(f"Port {port} is not a number from 0 to 65535.")
        self.provider = provider or Provider()
        self.port = port
        """0 until it listens, if any free port will do."""
        self._listening: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._stack = AsyncExitStack()
        self._shut_out: SettingsError | None = None
        """Why it listens no more."""

    @property
    def base_url(self) -> str:
        """The address for clients, up to and with /v1."""
        return f"http://{_HOST}:{self.port}/v1"

    @property
    def statistics(self) -> Statistics:
        """What the provider saw until now."""
        return self.provider.statistics

    async def __aenter__(self) -> Self:
        allow_many_files()
        await self._open()
        self._stack.push_async_callback(self._close)
        self.provider.begin(anyio.current_time())
        if shut := [outage for outage in self.provider.simulation.outages if outage.kind == "refuse"]:
            shut.sort(key=lambda outage: outage.start_s)
            block = self._stack.enter_context(anyio.CancelScope())
            await self._stack.enter_async_context(background(self._stay_shut, anyio.current_time(), shut, block))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)
        if self._shut_out is not None:
            raise self._shut_out from None

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._listening = await loop.create_server(
                lambda: Connection(self.provider, self._connections), _HOST, self.port, backlog=_BACKLOG
            )
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else error.strerror
            raise SettingsError(f"Port {self.port} of {_HOST} cannot be used: {why}.") from None
        self.port = self._listening.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        """Stop listening, and reset every connection."""
        if self._listening is None:
            return
        listening, self._listening = self._listening, None
        listening.close()
        for connection in tuple(self._connections):
            connection.abort()
        await listening.wait_closed()

    async def _stay_shut(self, began_s: float, outages: list[Outage], block: anyio.CancelScope) -> None:
        """Let nobody in while an outage refuses connections; end the block if nobody can be let in again."""
        for outage in outages:
            await anyio.sleep_until(began_s + outage.start_s)
            await self._close()
            await anyio.sleep_until(began_s + outage.start_s + outage.duration_s)
            try:
                await self._open()
            except SettingsError as error:
                self._shut_out = error
                block.cancel()
                return
