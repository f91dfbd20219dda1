"""The Multi-Bootstrap: intervals for a training procedure, not for one of its checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alumbench.statistics.bootstrap import DRAWS
from alumbench.statistics.inputs import Floats, check_draws, in_order, shared_ids
from alumbench.statistics.resampling import ClusterSums, cluster_sums, percentiles

#: Draws after which `multi_bootstrap_p` checks if it may stop.
LOOK = 500
#: With fewer seeds, the note says that the interval may be too narrow.
MANY_SEEDS = 10
#: The values by training seed and example id.
Runs = Mapping[Any, Mapping[str, float]]


@dataclass(frozen=True)
class MultiBootstrapInterval:
    """A mean over seeds and examples, or a difference of two, with its interval over both.

    Attributes:
        value: mean over the seeds of the mean over the examples; None if undefined.
        low: lower end of the percentile interval, None without one.
        high: upper end, None without one.
        p: two-sided, for no difference (or the difference `null`); None for one model's mean or without an interval.
        n: examples, those that all seeds have.
        clusters: number of clusters; n if each example is its own.
        seeds: number of seeds of the model, of the pairs, or of A and of B.
        draws: bootstrap samples.
        confidence: nominal coverage.
        note: uncertainty that the interval leaves out, '' if none.
        reason: why there is no value or no interval, '' if there are both.
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
    replacement, independently, and the mean is taken over the drawn rows and columns. Percentiles are plain, as there.

    Coverage at nominal 95% depends on how much seeds differ (measured at n = 500 by `python -m tests.benchmarks
    coverage`; their standard deviation in units of sqrt(p (1 - p) / n), the standard error of one accuracy):

    | seeds | sd 0 | sd 1 | sd 3 | of a paired difference: sd 0 | sd 1 | sd 3 |
    | ----- | ---- | ---- | ---- | ---------------------------- | ---- | ---- |
    |     3 |  99% |  97% |  85% |                         100% |  94% |  80% |
    |     5 |  99% |  97% |  91% |                         100% |  97% |  89% |
    |    10 |  99% |  97% |  93% |                         100% |  97% |  91% |
    |    25 |  97% |  97% |  95% |                         100% |  98% |  94% |

    The interval is too wide if seeds hardly differ: the variance specific to one seed and one example is counted three
    times (Owen 2007, The Pigeonhole Bootstrap, Annals of Applied Statistics 1, 386-411). It is too narrow if few
    seeds differ much: draws of three seeds never lie beyond the best and the worst seed.

    Args:
        runs: values by training seed and example id, such as right or wrong.
        clusters: premise or source by example id, None if each example is its own.
        draws: bootstrap samples.
        confidence: nominal coverage.
        seed: of the draws.

    Raises:
        ValueError: A value is not a finite number, or an example has no cluster.
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

    Examples are always paired. Pair seeds if the same seed gave both models something in common (the pre-trained
    checkpoint, the order of the data), which narrows the interval; otherwise each model's seeds are drawn separately
    (Sellam et al. 2022, section 3). p is twice the smaller share of draws on either side of `null` and at least
    2 / draws, after `report_ci` of the authors' `multibootstrap.py`, which gives the one-sided p. The remarks of
    `multi_bootstrap_mean` about few seeds apply here too.

    Args:
        a: A's values by training seed and example id.
        b: the same for B.
        clusters: premise or source by example id, None if each example is its own.
        paired_seeds: pair A's and B's runs of one seed; seeds that only one model has are then left out.
        null: the difference under the null hypothesis: 0, or the margin of a non-inferiority test.
        draws: bootstrap samples.
        confidence: nominal coverage.
        seed: of the draws.

    Raises:
        ValueError: A value is not a finite number, or an example has no cluster.
    """
    check_draws(draws, confidence)
    sides, ids = _sides(a, b, paired_seeds)
    return _interval(sides, ids, clusters, draws, confidence, seed, null)


def multi_bootstrap_p(
    a: Runs,
    b: Runs,
    clusters: Mapping[str, str] | None = None,
    *,
    paired_seeds: bool,
    enough: float,
    draws: int = DRAWS,
    seed: int = 0,
) -> float | None:
    """The p of `multi_bootstrap_difference` (for no difference), or 1 as soon as it must be above `enough`.

    It uses the same draws in the same order, but stops early: p is above 0.05 once 250 of 10,000 draws are on either
    side of 0, which for a p of 0.5 takes about 500.

    Args:
        a: as there.
        b: as there.
        clusters: as there.
        paired_seeds: as there.
        enough: the returned p is exact up to this value.
        draws: bootstrap samples.
        seed: of the draws.

    Raises:
        ValueError: A value is not a finite number, or an example has no cluster.
    """
    check_draws(draws, 0.95)
    sides, ids = _sides(a, b, paired_seeds)
    if not min(len(side) for side in sides) or not ids:
        return None
    value, sums, below, above, spread = _value(sides), _sums(sides, ids, clusters), 0, 0, False
    for drawn in _resampled(sides, sums, draws, seed, LOOK):
        below, above = below + int(np.sum(drawn <= 0)), above + int(np.sum(drawn >= 0))
        spread = spread or not _alike(drawn, value)
        if spread and _p(below, above, draws) > enough:
            return 1.0
    return _p(below, above, draws) if spread else None


def _sides(a: Runs, b: Runs, paired_seeds: bool) -> tuple[list[Floats], list[str]]:
    """A's and B's values, or B's minus A's where seeds are paired, each of shape (seeds, examples), with the ids."""
    if paired_seeds:
        both = sorted(a.keys() & b.keys(), key=str)
        a, b = {name: a[name] for name in both}, {name: b[name] for name in both}
    ids = shared_ids([*a.values(), *b.values()])
    sides = [_matrix(name, runs, sorted(runs, key=str), ids) for name, runs in (("a", a), ("b", b))]
    return [sides[1] - sides[0]] if paired_seeds else sides, ids


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
    """The mean of one side, shape (seeds, examples), or the second side's minus the first's, with its p for `null`."""
    seeds = tuple(len(side) for side in sides)
    found = MultiBootstrapInterval(None, None, None, None, len(ids), 0, seeds, draws, confidence)
    if not min(seeds) or not ids:
        return replace(found, reason="no example is in all runs" if min(seeds) else "no seed")
    sums, value = _sums(sides, ids, clusters), _value(sides)
    found = replace(found, value=value, clusters=sums.clusters, note=_note(seeds))
    (drawn,) = _resampled(sides, sums, draws, seed, draws)
    if _alike(drawn, value):
        return replace(found, reason="all runs and clusters are alike, so that resampling shows no spread")
    low, high = percentiles(drawn, confidence)
    if null is None:
        return replace(found, low=low, high=high)
    slack = 1e-12 if null else 0.0  # shares lie on a lattice, and a margin may lie on it up to rounding
    below, above = np.sum(drawn <= null + slack), np.sum(drawn >= null - slack)
    return replace(found, low=low, high=high, p=_p(int(below), int(above), draws))


def _signs(sides: Sequence[Floats]) -> tuple[int, ...]:
    return (1,) if len(sides) == 1 else (-1, 1)


def _value(sides: Sequence[Floats]) -> float:
    return sum(sign * float(side.mean()) for sign, side in zip(_signs(sides), sides, strict=True))


def _sums(sides: Sequence[Floats], ids: Sequence[str], clusters: Mapping[str, str] | None) -> ClusterSums:
    """Each cluster's contribution to every seed's total, and its number of examples."""
    return cluster_sums(np.vstack([*sides, np.ones((1, len(ids)))]), ids, clusters)


def _resampled(sides: Sequence[Floats], sums: ClusterSums, draws: int, seed: int, step: int) -> Iterator[Floats]:
    """The resampled value of `draws` samples, shape (step,) or less; the same draws whatever the step."""
    sizes = [len(side) for side in sides]
    # Two generators, so that draws of one kind do not depend on the number of draws of the other.
    of_examples, of_seeds = np.random.default_rng(seed).spawn(2)
    times = [of_seeds.multinomial(size, np.full(size, 1 / size), size=draws).T for size in sizes]  # (seeds, draws)
    for start in range(0, draws, step):
        here = slice(start, min(start + step, draws))
        totals = sums.resample(here.stop - start, of_examples)
        means = np.split(totals[:-1] / totals[-1], np.cumsum(sizes)[:-1])  # of each side, (seeds, draws)
        drawn = np.zeros(here.stop - start)
        for sign, size, mean, often in zip(_signs(sides), sizes, means, times, strict=True):
            drawn += sign * (often[:, here] * mean).sum(axis=0) / size
        yield drawn


def _alike(drawn: Floats, value: float) -> bool:
    return np.allclose(drawn, value, rtol=1e-12, atol=1e-12)


def _p(below: int, above: int, draws: int) -> float:
    """The two-sided p from the draws on either side; a lower bound if `below` and `above` count only some of them."""
    return min(1.0, 2 * max(min(below, above) / draws, 1 / draws))


def _note(seeds: tuple[int, ...]) -> str:
    """The uncertainty that the interval leaves out with few seeds."""
    fewest = min(seeds)
    if fewest >= MANY_SEEDS:
        return ""
    if fewest > 1:
        return f"{fewest} seeds: too narrow where seeds differ by more than the choice of examples explains"
    if max(seeds) == 1:
        return "one seed: over examples only, which does not say how another seed would do"
    return f"one seed of {'AB'[seeds.index(1)]}: its seed is not in the interval, only the other model's are"
