"""The beginning that all calls about one article share: one writes it to the prompt cache, the others read it there."""

from __future__ import annotations

import anyio

_MOST_IN_VAIN = 2


class Prefix:
    """Holds calls back until the one that goes ahead is answered; where nothing is shared, it holds back nobody."""

    def __init__(self, *, shared: bool) -> None:
        self.shared = shared
        """Whether the calls are to use the prompt cache."""
        self.written = False
        """Whether the provider has it: a call that shares it was answered, whatever the answer is worth."""
        self._asked = False
        """Whether the one that goes ahead now makes a call."""
        self._in_vain = 0
        """Those that went ahead and got no answer."""
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
        """Return when the next may go: ahead as well, if the one before made no call, or was the first without answer.

        After that none waits for another any more: each may have tried for long.
        """
        await self._decided.wait()
        if not self.shared or self.written:
            return
        self._in_vain += self._asked
        if self._in_vain < _MOST_IN_VAIN:
            self._asked, self._decided = False, anyio.Event()
