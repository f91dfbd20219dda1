"""The Multi-Bootstrap: intervals for how a model is trained, not for one checkpoint of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alumbench.statistics.bootstrap import DRAWS
from alumbench.statistics.inputs import Floats, check_draws, in_order, shared_ids
from alumbench.statistics.resampling import cluster_sums, percentiles

#: With fewer, the note says that the interval may be too narrow.
MANY_SEEDS = 10
#: Of each training seed, of each example id, the value.
Runs = Mapping[Any, Mapping[str, float]]


@dataclass(frozen=True)
class MultiBootstrapInterval:
    """A mean over seeds and examples, or a difference of two, with its interval over both.

    Attributes:
        value: mean over the seeds of the mean over the examples; None where it is not defined.
        low: lower end of the percentile interval, None without one.
        high: upper end, None without one.
        p: two-sided, for no difference (or that of `null`); None for one model's mean and where there is no interval.
        n: examples, those that all seeds have.
        clusters: as many as examples where each is its own.
        seeds: of the model, or of the pairs, or of A and of B.
        draws: bootstrap samples.
        confidence: nominal coverage.
        note: what the interval leaves out, '' where nothing.
        reason: why there is no value or no interval, '' where there are both.
    """

    value: float | None
    low: float | None
    high: float | None
    p: float | None
    n: int
    clusters: int
    seeds: tuple[int, ...]
    draws: int
    confidence: float
    note: str = ""
    reason: str = ""


def multi_bootstrap_mean(
    runs: Runs,
    clusters: Mapping[str, str] | None = None,
    *,
    draws: int = DRAWS,
    confidence: float = 0.95,
    seed: int = 0,
) -> MultiBootstrapInterval:
    """One model's mean over its training seeds, on the examples that all of them have.

    Sellam et al. 2022 (The MultiBERTs, arXiv:2106.16163, section 3): seeds and examples are both drawn with
    replacement, independently, and the mean is taken of the drawn rows and columns. Plain percentiles, as there.

    Coverage at nominal 95% depends on how much seeds differ (measured at n = 500 by `python -m tests.benchmarks
    coverage`; their standard deviation in units of sqrt(p (1 - p) / n), the standard error of one accuracy):

    | seeds | sd 0 | sd 1 | sd 3 | of a paired difference: sd 0 | sd 1 | sd 3 |
    | ----- | ---- | ---- | ---- | ---------------------------- | ---- | ---- |
    |     3 |  99% |  97% |  85% |                         100% |  94% |  80% |
    |     5 |  99% |  97% |  91% |                         100% |  97% |  89% |
    |    10 |  99% |  97% |  93% |                         100% |  97% |  91% |
    |    25 |  97% |  97% |  95% |                         100% |  98% |  94% |

    Too wide where seeds hardly differ: chance that is of one seed and one example alone is counted three times
    (Owen 2007, The Pigeonhole Bootstrap, Annals of Applied Statistics 1, 386-411). Too narrow where few
    seeds differ much: three draws are never farther out than the best and the worst seed.

    Args:
        runs: of each training seed, of each example id, the value, such as whether it was right.
        clusters: of each example id its premise or source, None where each example is its own.
        draws: bootstrap samples.
        confidence: nominal coverage.
        seed: of the draws.

    Raises:
        ValueError: A value is no finite number, or an example has no cluster.
    """
    check_draws(draws, confidence)
    ids = shared_ids(runs.values())
    side = _matrix("runs", runs, sorted(runs, key=str), ids)
    return _interval([side], ids, clusters, draws, confidence, seed)


def multi_bootstrap_difference(
    a: Runs,
    b: Runs,
    clusters: Mapping[str, str] | None = None,
    *,
    paired_seeds: bool,
    null: float = 0.0,
    draws: int = DRAWS,
    confidence: float = 0.95,
    seed: int = 0,
) -> MultiBootstrapInterval:
    """B's mean over seeds and examples minus A's.

    Examples are always paired. Seeds are where the same seed gave both models something in common (the pre-trained
    checkpoint, the order of the data), which narrows the interval; otherwise each model's are drawn on their own
    (Sellam et al. 2022, section 3). p is twice the smaller share of draws on either side of `null` and at least
    2 / draws, after `report_ci` of the authors' `multibootstrap.py`, which gives the one-sided one. What
    `multi_bootstrap_mean` says about few seeds holds here too.

    Args:
        a: of each training seed, of each example id, A's value.
        b: the same for B.
        clusters: of each example id its premise or source, None where each example is its own.
        paired_seeds: whether A's and B's run of one seed belong together; seeds that only one has are then left out.
        null: the difference that p is for: 0, or the margin of a test for no less than that.
        draws: bootstrap samples.
        confidence: nominal coverage.
        seed: of the draws.

    Raises:
        ValueError: A value is no finite number, or an example has no cluster.
    """
    check_draws(draws, confidence)
    if paired_seeds:
        both = sorted(a.keys() & b.keys(), key=str)
        a, b = {name: a[name] for name in both}, {name: b[name] for name in both}
    ids = shared_ids([*a.values(), *b.values()])
    sides = [_matrix(name, runs, sorted(runs, key=str), ids) for name, runs in (("a", a), ("b", b))]
    if paired_seeds:
        sides = [sides[1] - sides[0]]
    return _interval(sides, ids, clusters, draws, confidence, seed, null)


def _matrix(name: str, runs: Runs, seeds: Sequence[Any], ids: Sequence[str]) -> Floats:
    """The values, shape (seeds, examples)."""
    rows = [in_order(f"{name}[{seed!r}]", runs[seed], ids) for seed in seeds]
    return np.array(rows, dtype=np.float64).reshape(len(seeds), len(ids))


def _interval(
    sides: Sequence[Floats],
    ids: Sequence[str],
    clusters: Mapping[str, str] | None,
    draws: int,
    confidence: float,
    seed: int,
    null: float | None = None,
) -> MultiBootstrapInterval:
    """The mean of one side, shape (seeds, examples), or the second's minus the first's with its p for `null`."""
    seeds = tuple(len(side) for side in sides)
    found = MultiBootstrapInterval(None, None, None, None, len(ids), 0, seeds, draws, confidence)
    if not min(seeds) or not ids:
        return replace(found, reason="no example is in all runs" if min(seeds) else "no seed")
    sums = cluster_sums(np.vstack([*sides, np.ones((1, len(ids)))]), ids, clusters)
    signs = (1,) if len(sides) == 1 else (-1, 1)
    value = sum(sign * float(side.mean()) for sign, side in zip(signs, sides, strict=True))
    found = replace(found, value=value, clusters=sums.clusters, note=_note(seeds))
    # Two generators, so that what is drawn of the one does not depend on how much was drawn of the other.
    of_examples, of_seeds = np.random.default_rng(seed).spawn(2)
    totals = sums.resample(draws, of_examples)
    means = np.split(totals[:-1] / totals[-1], np.cumsum(seeds)[:-1])  # of each side, (seeds, draws)
    drawn = np.zeros(draws)
    for sign, size, mean in zip(signs, seeds, means, strict=True):
        times = of_seeds.multinomial(size, np.full(size, 1 / size), size=draws).T  # (seeds, draws)
        drawn += sign * (times * mean).sum(axis=0) / size
    if np.allclose(drawn, value, rtol=1e-12, atol=1e-12):
        return replace(found, reason="all runs and clusters are alike, so that resampling shows no spread")
    low, high = percentiles(drawn, confidence)
    if null is None:
        return replace(found, low=low, high=high)
    slack = 1e-12 if null else 0.0  # shares lie on a lattice, which a margin may be on but for rounding
    beyond = min(np.mean(drawn <= null + slack), np.mean(drawn >= null - slack))
    return replace(found, low=low, high=high, p=min(1.0, 2 * max(float(beyond), 1 / draws)))


def _note(seeds: tuple[int, ...]) -> str:
    """What so few seeds leave out of the interval."""
    fewest = min(seeds)
    if fewest >= MANY_SEEDS:
        return ""
    if fewest > 1:
        return f"{fewest} seeds: too narrow where seeds differ by more than the choice of examples explains"
    if max(seeds) == 1:
        return "one seed: over examples only, which does not say how another seed would do"
    return f"one seed of {'AB'[seeds.index(1)]}: its seed is not in the interval, only the other model's are"
