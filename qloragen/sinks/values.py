"""What a sink has to be able to do."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from ..types import Record


class Sink(Protocol):
    """A place that gets every record of a run besides `records.jsonl`: a table, a collection, an index.

    It follows the run's journal. A record is handed over once it is acknowledged there, and again where nobody knows
    whether it has arrived: keeping it twice must be like keeping it once. A run only ends as done (exit code 0) when
    its sinks have all its records; until then the same command goes on with what is missing.

    Any of it may raise OSError, which ConnectionError and TimeoutError are kinds of, or a group of such errors, when it
    may work later: the sink is left, and after a pause entered again and given the same once more, for as long as
    `max_outage_s` says. Any other error stops the run as `SinkFailed`; a SetupError as the sink is entered for the
    first time is raised as it is.
    """

    @property
    def name(self) -> str:
        """Tell which place this is: letters, digits, `.`, `_` and `-`. Under another name it gets all records anew."""

    async def __aenter__(self) -> Self:
        """Connect, and make what is needed to keep records; may be called again after `__aexit__`."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the connection."""

    async def put(self, records: Sequence[Record]) -> None:
        """Keep records, each in the place of what there is with its id; returns when no crash can lose them."""

    async def drop(self, ids: Sequence[str]) -> None:
        """Forget records that count no more; those that are not there are passed over."""


@runtime_checkable
class Emptiable(Protocol):
    """What a sink may be able to do besides: see that someone has taken everything away, so that it is handed over
    once more."""

    async def is_empty(self) -> bool:
        """Tell whether there is no record at all."""
