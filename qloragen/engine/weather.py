"""How often attempts fail that are nobody's own fault.

Of a request that was answered in the end no failure was its own. So what these have failed on the way is the
provider's share q, however many requests there are that fail always; and one request in 1 / q**n fails n times by
chance.

Measured on 5,000 requests, 50 in flight, against a server that refuses calls at random (503): of those that were given
up after five failures, while others succeeded, so many were called bad with and without this rule
    refused calls     20 %   30 %   50 %   70 %   30 %, 50 % and 70 % in every other minute
    without              3     12    153    809      7     21     36
    with                 1      0      0      0      0      0      0
"""

from __future__ import annotations

_RECENT = 64
"""Answered requests over which failures are averaged."""
_FAIR = 10
"""It begins as if so many requests had been answered at once."""
_RARELY = 3e-4
"""What happens to fewer requests than this is not taken for chance."""
_LEAST = 3
"""Fewer failures, where so few are allowed, prove nothing."""


class Weather:
    """The failures of one model's calls that come of the provider."""

    def __init__(self) -> None:
        self._answered = _FAIR
        self._failures = 0.0
        """Of an answered request, on average."""

    def answered(self, failures: int) -> None:
        """Take in a request that was answered after so many failed attempts."""
        self._answered += 1
        self._failures += (failures - self._failures) / min(self._answered, _RECENT)

    def explains(self, failures: int) -> bool:
        """Whether so many failed attempts at one request may be chance."""
        share = self._failures / (1 + self._failures)
        return failures < _LEAST or share**failures > _RARELY
