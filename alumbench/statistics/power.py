"""The smallest difference that a paired comparison of n examples can show."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import optimize, stats


@cache
def detectable_difference(n: int, discordance: float = 0.15, power: float = 0.8, alpha: float = 0.05) -> float | None:
    """The difference in accuracy that the exact McNemar test finds with the given power.

    Args:
        n: examples.
        discordance: share of examples on which the two models disagree.
        power: chance of finding it.
        alpha: significance level, two-sided.

    Returns:
        A share between 0 and `discordance`, or None where even full discordance one way is not found.
    """
    pairs = np.arange(n + 1)
    weight = stats.binom.pmf(pairs, n, discordance)
    likely = pairs[weight > 1e-9]
    # For m discordant pairs the test rejects when the smaller side is at most this.
    critical = {int(m): int(stats.binom.ppf(alpha / 2, m, 0.5)) for m in likely}
    for m, k in critical.items():
        if stats.binom.cdf(k, m, 0.5) > alpha / 2:
            critical[m] = k - 1

    def shortfall(difference: float) -> float:
        q = (discordance + difference) / (2 * discordance)
        reached = sum(
            weight[m] * (stats.binom.cdf(k, m, 1 - q) + stats.binom.cdf(k, m, q)) for m, k in critical.items() if k >= 0
        )
        return float(reached - power)

    if shortfall(discordance) < 0:
        return None
    return float(optimize.brentq(shortfall, 0.0, discordance, xtol=1e-4))
