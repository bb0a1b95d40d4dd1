"""How many prompt tokens a request will have, without a tokenizer: learned from the usage that comes back.

1. The body's bytes are counted in four classes: letters and blanks, digits, other signs of ASCII, and the rest. Each
   class has its tokens a byte, which a Kalman filter learns (recursive least squares with weights that may drift;
   Ljung, "System Identification", 2nd ed. 1999, chapter 11): the first reply sets the scale, the next ones the classes.
2. What is left is the text's own: how many more tokens it has than its makeup lets expect. It is remembered by a key,
   such as the hash of the article that several requests share, and holds for other models as well.

Errors of the estimates made before the calls, 201 articles of prose and code and 70 in Chinese mixed, two vocabularies
(benchmarks/token_estimates.py; median / 95th percentile, in %; "one ratio" is all tokens by all bytes so far):
                                  calls 10 to 100    100 to 1,000     from 1,000 on
    new texts: one ratio            15.5 / 27.4       15.7 / 26.7
    new texts                        2.0 /  9.4        1.6 /  8.8
    known texts: one ratio           6.5 / 18.1        5.8 / 18.3       5.4 / 16.6
    known texts, without their keys  2.2 / 10.1        2.5 /  8.9       2.3 /  8.7
    known texts                      0.2 /  3.6        0.2 /  2.1       0.2 /  2.0
Classes for blanks, escapes or a constant did not help, nor did holding back on outliers.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from math import ceil
from typing import NamedTuple

_LETTERS = bytes(range(ord("A"), ord("Z") + 1)) + bytes(range(ord("a"), ord("z") + 1)) + b" "
_DIGITS = b"0123456789"
_BEYOND_ASCII = bytes(range(128, 256))

_START = (0.175, 1.0, 0.48, 0.28)
"""Tokens a byte of each class to begin with, rounded from what 201 articles came to (o200k_base and cl100k_base): a
digit counts for much, since numbers are short, and part the words around them."""
_SCALE_DOUBT, _CLASS_DOUBT = 0.3, 0.3
"""Standard deviations of the start, relative: of all weights together, and of each by itself."""
_NOISE = 0.01
"""Standard deviation of one request's tokens a byte."""
_DRIFT = 0.0005
"""Standard deviation, relative to the start, by which a weight may change from one reply to the next."""

_KEYS = 4_096
_RECENT = 500
_FILTERED, _FILTER_EVERY = 200, 8
"""So many replies are all learned from, then one in so many: by then the weights hardly move."""
_REVIEW = 20
"""Replies after which the errors are sorted anew: that costs more than all the rest."""
_UNKNOWN_MARGIN, _MARGIN_CALLS = 1.25, 100


class Makeup(NamedTuple):
    """A body's bytes by class."""

    letters: int
    """Letters and blanks of ASCII."""
    digits: int
    signs: int
    """All else of ASCII."""
    beyond: int
    """Bytes of characters outside ASCII."""


def makeup(body: bytes) -> Makeup:
    """Count the bytes of `body` by class: 4 us for 6 KB."""
    others = body.translate(None, _LETTERS)
    no_digits = others.translate(None, _DIGITS)
    signs = len(no_digits.translate(None, _BEYOND_ASCII))
    return Makeup(len(body) - len(others), len(others) - len(no_digits), signs, len(no_digits) - signs)


class Densities:
    """How dense in tokens texts have turned out to be, by key; remembers the 4,096 used last.

    May be shared by the estimators of several models.
    """

    def __init__(self) -> None:
        self._factors: OrderedDict[str, float] = OrderedDict()

    def factor(self, key: str | None) -> float:
        """Return the text's tokens relative to what its makeup lets expect; 1 if it is unknown."""
        if key is None or key not in self._factors:
            return 1.0
        self._factors.move_to_end(key)
        return self._factors[key]

    def learn(self, key: str, factor: float) -> None:
        self._factors[key] = factor
        self._factors.move_to_end(key)
        if len(self._factors) > _KEYS:
            self._factors.popitem(last=False)


class Estimator:
    """One model's prompt tokens."""

    def __init__(self, densities: Densities | None = None) -> None:
        self._densities = densities or Densities()
        self._weights = list(_START)
        self._doubt = [
            [_SCALE_DOUBT**2 * a * b + (_CLASS_DOUBT * a) ** 2 * (i == j) for j, b in enumerate(_START)]
            for i, a in enumerate(_START)
        ]
        """Covariance of the weights."""
        self._ratios: deque[float] = deque(maxlen=_RECENT)
        """Actual to estimated tokens of the last replies."""
        self._error_sum = 0.0
        self.calls = 0
        self.underestimate_p95: float | None = None
        """So much were 95 % of the last 500 replies above their estimates at most, relative; None before the first."""

    def estimate(self, body: Makeup | int, key: str | None = None) -> int:
        """Return the expected prompt tokens of a body, at least 1.

        `key` names the text that the body shares with others. A body given by its length alone has the usual makeup.
        """
        return max(1, ceil(self._expected(_made_up(body)) * self._densities.factor(key)))

    def learn(self, body: Makeup | int, *, estimated: int, actual: int, key: str | None = None) -> None:
        """Take in one reply's usage; a reply that reports none (0) teaches nothing."""
        made_up = _made_up(body)
        if actual <= 0 or not any(made_up):
            return
        self.calls += 1
        self._error_sum += abs(estimated - actual) / actual
        self._ratios.append(actual / estimated)
        if self.calls < _REVIEW or self.calls % _REVIEW == 0:
            self.underestimate_p95 = max(0.0, sorted(self._ratios)[ceil(0.95 * len(self._ratios)) - 1] - 1)
        if self.calls <= _FILTERED:
            self._filter(made_up, actual, 1)
        elif self.calls % _FILTER_EVERY == 0:
            self._filter(made_up, actual, _FILTER_EVERY)
        if key is not None:
            self._densities.learn(key, actual / max(self._expected(made_up), 1.0))

    @property
    def mean_error(self) -> float | None:
        """Mean of |estimated - actual| / actual over all replies, None before the first."""
        return self._error_sum / self.calls if self.calls else None

    @property
    def margin(self) -> float:
        """Factor for reservations that are not to be too small: 1.25, or after 100 replies less if they allow.

        1.05 and twice `underestimate_p95` was exceeded as often as 1.25 where texts were new, by 0.4 % of the requests;
        where they were known by their keys it was 1.09 on average, and exceeded by 0.03 %.
        """
        if self.underestimate_p95 is None or self.calls < _MARGIN_CALLS:
            return _UNKNOWN_MARGIN
        return min(_UNKNOWN_MARGIN, 1.05 + 2 * self.underestimate_p95)

    def _expected(self, body: Makeup) -> float:
        a, b, c, d = self._weights
        letters, digits, signs, beyond = body
        return a * letters + b * digits + c * signs + d * beyond

    def _filter(self, body: Makeup, actual: int, replies: int) -> None:
        """Update the weights and their covariance with the tokens a byte of one body, the last of some `replies`."""
        length = sum(body)
        shares = [count / length for count in body]
        reach = [sum(a * b for a, b in zip(row, shares, strict=True)) for row in self._doubt]
        variance = _NOISE**2 + sum(a * b for a, b in zip(reach, shares, strict=True))
        error = (actual - self._expected(body)) / length
        for i, row in enumerate(self._doubt):
            self._weights[i] += reach[i] / variance * error
            row[:] = [a - reach[i] * b / variance for a, b in zip(row, reach, strict=True)]
            row[i] += replies * (_DRIFT * _START[i]) ** 2


def _made_up(body: Makeup | int) -> Makeup:
    """Return a body's makeup, of a length alone the usual one: a bit of everything but foreign letters."""
    if not isinstance(body, int):
        return body
    digits, signs = body // 100, body * 15 // 100
    return Makeup(body - digits - signs, digits, signs, 0)
