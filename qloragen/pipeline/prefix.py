"""The beginning that all calls about one article share: one writes it to the prompt cache, the others read it there."""

from __future__ import annotations

import anyio


class Prefix:
    """Holds calls back until the one that goes ahead is answered; where nothing is shared, it holds back nobody."""

    def __init__(self, *, shared: bool) -> None:
        self.shared = shared
        """Whether the calls are to use the prompt cache."""
        self.written = False
        """Whether the provider has it: a call that shares it was answered, whatever the answer is worth."""
        self._decided = anyio.Event()
        if not shared:
            self._decided.set()

    def answered(self) -> None:
        """Let the others follow: a call with it is answered."""
        self.written = self.shared
        self._decided.set()

    def left(self) -> None:
        """Let the others go in any case: who went ahead makes no call any more."""
        self._decided.set()

    async def decided(self) -> None:
        """Return when the others may go."""
        await self._decided.wait()
