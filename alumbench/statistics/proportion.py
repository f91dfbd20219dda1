"""A share of examples, with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from scipy import stats


@dataclass(frozen=True)
class Proportion:
    """`count` of `n`, with a Wilson interval.

    Attributes:
        count: the numerator.
        n: the denominator.
        value: count / n, None when n is 0.
        low: lower end of the interval, None when n is 0.
        high: upper end, None when n is 0.
    """

    count: float
    n: int
    value: float | None
    low: float | None
    high: float | None


@lru_cache(maxsize=2**14, typed=True)  # scipy also computes a test's p, which takes a millisecond
def proportion(count: float, n: int, confidence: float = 0.95) -> Proportion:
    """The Wilson score interval (Wilson 1927), which stays inside [0, 1] and works near its ends.

    Args:
        count: successes; a mean over runs times n may be fractional.
        n: trials.
        confidence: nominal coverage.

    Raises:
        ValueError: count is not between 0 and n, or confidence not strictly between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence!r}, which is not strictly between 0 and 1")
    if not 0 <= count <= n:
        raise ValueError(f"{count} of {n} is not a proportion")
    if n == 0:
        return Proportion(count, n, None, None, None)
    if float(count).is_integer():
        interval = stats.binomtest(int(count), n).proportion_ci(confidence, method="wilson")
        return Proportion(count, n, count / n, float(interval.low), float(interval.high))
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    p, shrink = count / n, 1 + z * z / n
    centre, half = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    return Proportion(count, n, p, max(0.0, (centre - half) / shrink), min(1.0, (centre + half) / shrink))
