"""The smallest difference that a paired comparison of n examples can detect."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import optimize, stats

from alumbench.statistics.inputs import finite, share

#: Tail probability of the number of discordant pairs that is neglected on each side.
NEGLECTED = 1e-12


@cache
def detectable_difference(n: int, discordance: float = 0.15, power: float = 0.8, alpha: float = 0.05) -> float | None:
    """The difference in accuracy that the exact McNemar test detects with the given power.

    The test's power is its conditional power given m discordant pairs, averaged over m ~ Binomial(n, discordance)
    (Duffy 1984, Asymptotic and exact power for the McNemar test and its analogue with R controls per case,
    Biometrics 40, 1005-1015). It assumes independent examples: shared premises reduce the power.

    Args:
        n: examples.
        discordance: share of examples on which the two models disagree.
        power: probability of detecting the difference.
        alpha: significance level, two-sided.

    Returns:
        A share between 0 and `discordance`, or None if even full discordance one way is not detected.

    Raises:
        ValueError: n is negative, another argument is not between 0 and 1, or power is not above alpha.
    """
    if finite("n", n) < 0:
        raise ValueError(f"n is {n}, which is negative")
    for name, value in (("discordance", discordance), ("power", power), ("alpha", alpha)):
        share(name, value)
    if power <= alpha:
        raise ValueError(f"power is {power}, which is not above alpha = {alpha}: a coin has as much")
    if not n or not discordance:
        return None
    least, most = stats.binom.ppf([NEGLECTED, 1 - NEGLECTED], n, discordance)
    pairs = np.arange(least, most + 1)
    weight = stats.binom.pmf(pairs, n, discordance)
    # For m discordant pairs the test rejects when the smaller side is at most this; -1 where it never does.
    critical = stats.binom.ppf(alpha / 2, pairs, 0.5)
    critical -= stats.binom.cdf(critical, pairs, 0.5) > alpha / 2

    def shortfall(difference: float) -> float:
        q = (discordance + difference) / (2 * discordance)  # share of discordant pairs that favour the better model
        found = stats.binom.cdf(critical, pairs, 1 - q) + stats.binom.cdf(critical, pairs, q)
        return float(weight @ found - power)

    if shortfall(discordance) < 0:
        return None
    return float(optimize.brentq(shortfall, 0.0, discordance, xtol=1e-4))
