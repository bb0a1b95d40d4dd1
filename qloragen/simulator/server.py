"""The provider behind HTTP, on loopback."""

from __future__ import annotations

import asyncio
import resource
from types import TracebackType
from typing import Self

from ..errors import SettingsError
from .connection import Connection
from .ledger import Statistics
from .provider import Provider

_HOST = "127.0.0.1"
_BACKLOG = 8192


class SimulatorServer:
    """`POST /v1/chat/completions`, `GET /v1/models` and `GET /simulator/statistics` on 127.0.0.1.

        async with SimulatorServer(Provider(Simulation())) as server:
            ...                       # talk to server.base_url
            print(server.statistics)

    Leaving the block drops all connections. Raises SettingsError when the port is taken.
    """

    def __init__(self, provider: Provider | None = None, *, port: int = 0) -> None:
        self.provider = provider or Provider()
        self.port = port
        """0 until it listens, if any free port will do."""
        self._listening: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._timers: list[asyncio.TimerHandle] = []

    @property
    def base_url(self) -> str:
        """The address for clients, up to and with /v1."""
        return f"http://{_HOST}:{self.port}/v1"

    @property
    def statistics(self) -> Statistics:
        """What the provider saw until now."""
        return self.provider.statistics

    async def __aenter__(self) -> Self:
        _allow_many_files()
        await self._listen()
        self.provider.begin(asyncio.get_running_loop().time())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._listening is not None
        self._listening.close()
        for connection in tuple(self._connections):
            connection.abort()
        await self._listening.wait_closed()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._listening = await loop.create_server(
                lambda: Connection(self.provider, self._connections), _HOST, self.port, backlog=_BACKLOG
            )
        except OSError as error:
            raise SettingsError(f"Port {self.port} of {_HOST} cannot be used: {error.strerror}.") from None
        self.port = self._listening.sockets[0].getsockname()[1]


def _allow_many_files() -> None:
    """Raise the soft limit on open files to the hard one: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
