"""What a sink has to be able to do."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from ..types import Record


class Sink(Protocol):
    """A place that gets every record of a run besides `records.jsonl`: a table, a collection, an index.

    It follows the run's journal. A record is handed over once it is acknowledged there, and again where nobody knows
    whether it has arrived: keeping it twice must be like keeping it once. A run only ends as done (exit code 0) when
    its sinks have all its records; until then the same command goes on with what is missing.

    Any of it may raise OSError, which ConnectionError and TimeoutError are kinds of, when it may work later: it is
    tried again, with pauses, for as long as `max_outage_s` says. Any other error stops the run as `SinkFailed`.
    """

    @property
    def name(self) -> str:
        """Tell which place this is: letters, digits, `.`, `_` and `-`. Under another name it gets all records anew."""

    async def __aenter__(self) -> Self:
        """Connect, and make what is needed to keep records."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the connection."""

    async def put(self, records: Sequence[Record]) -> None:
        """Keep records, each in the place of what there is with its id; returns when no crash can lose them."""

    async def drop(self, ids: Sequence[str]) -> None:
        """Forget records that count no more; those that are not there are passed over."""
