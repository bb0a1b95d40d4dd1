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
        self._asked = False
        self._decided = anyio.Event()
        if not shared:
            self._decided.set()

    def asks(self) -> None:
        """Take in that a call with it is about to be made."""
        self._asked = True

    def answered(self) -> None:
        """Let the others follow if the reply is to a call of ours: one that was journalled long ago says nothing."""
        if self._asked:
            self.written = self.shared
            self._decided.set()

    def left(self) -> None:
        """Let the others go in any case: who went ahead makes no call any more."""
        self._decided.set()

    async def decided(self) -> None:
        """Return when the next may go: ahead as well, as long as nobody had to make a call."""
        await self._decided.wait()
        if self.shared and not self._asked:
            self._decided = anyio.Event()
