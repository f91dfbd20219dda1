"""How often the 95% intervals of `alumbench.statistics` hold the truth, on populations that are known.

The figures in the docstrings of `bootstrap`, `paired` and `multi_bootstrap` come from here. Environment: `ROUNDS`
(default 2,000 a cell), `PART` bootstrap, methods, clusters, seeds.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from scipy import stats

from alumbench.statistics import multi_bootstrap_difference, multi_bootstrap_mean, paired_bootstrap, paired_difference
from tests.statistics import populations

DRAWS = 1000
#: Examples, and the seeds' standard deviation in standard errors of one accuracy at that n.
SPREADS = ((500, 0.0), (500, 0.5), (500, 1.0), (500, 3.0))


def run() -> dict[str, Any]:
    """Measures what `PART` names, by default everything."""
    rounds = int(os.environ.get("ROUNDS", "2000"))
    parts = {"bootstrap": examples, "methods": methods, "clusters": clusters, "seeds": seeds}
    names = os.environ.get("PART", ",".join(parts)).split(",")
    return {"rounds": rounds, "draws": DRAWS} | {name: parts[name](rounds) for name in names}


def holds(interval: Any, truth: float) -> bool:
    """Whether the truth is inside; on the lattice of shares an end may be the truth but for rounding."""
    if interval.low is None:
        return bool(abs(interval.value - truth) < 1e-12)
    return bool(interval.low - 1e-12 <= truth <= interval.high + 1e-12)


def examples(rounds: int) -> dict[str, float]:
    """The paired bootstrap, each example its own cluster."""
    found = {}
    for n in (78, 148, 500, 1000):
        for discordance in (0.05, 0.15, 0.3):
            for share in (0.0, 0.5, 0.9):
                rng, truth = np.random.default_rng(0), discordance * share
                hits = 0
                for at in range(rounds):
                    a, b = populations.paired_answers(rng, n, discordance, truth)
                    hits += holds(paired_bootstrap(a, b, draws=DRAWS, seed=at), truth)
                found[f"n={n} discordance={discordance} difference={truth:.3f}"] = hits / rounds
    return found


def methods(rounds: int) -> dict[str, dict[str, float]]:
    """Ours beside scipy's where they part: with four answers of 78, and seven of 148, expected to differ."""
    found = {}
    for n in (78, 148):
        for share in (0.0, 0.5, 0.9):
            rng, truth, hits = np.random.default_rng(0), 0.05 * share, np.zeros(4)
            for at in range(rounds):
                a, b = populations.paired_answers(rng, n, 0.05, truth)
                ours = paired_bootstrap(a, b, draws=DRAWS, seed=at)
                hits[0] += holds(ours, truth)
                if ours.low is None:
                    hits[1:] += holds(ours, truth)
                    continue
                each = np.array([b[i] - a[i] for i in a])
                for i, method in enumerate(("percentile", "BCa", "basic"), start=1):
                    theirs = stats.bootstrap((each,), np.mean, n_resamples=DRAWS, method=method, rng=at)
                    hits[i] += holds(theirs.confidence_interval, truth)
            names = ("expanded percentile", "percentile", "BCa", "basic")
            found[f"n={n} difference={truth:.4f}"] = dict(zip(names, hits / rounds, strict=True))
    return found


def clusters(rounds: int) -> dict[str, dict[str, float]]:
    """The paired bootstrap and McNemar's test with clusters of five, and without their clusters."""
    found = {}
    for count in (10, 20, 40, 100, 300):
        for alike in (0.0, 0.5, 0.9):
            for discordance, truth in ((0.3, 0.0), (0.15, 0.05)):
                rng, hits = np.random.default_rng(0), np.zeros(4)
                for at in range(rounds):
                    a, b, of = populations.clustered_answers(rng, count, 5, alike, discordance, truth)
                    hits += [
                        holds(paired_bootstrap(a, b, of, draws=DRAWS, seed=at), truth),
                        holds(paired_bootstrap(a, b, draws=DRAWS, seed=at), truth),
                        paired_difference(a, b, of).p <= 0.05,
                        paired_difference(a, b).p <= 0.05,
                    ]
                names = ("clusters", "ignored", "McNemar p<=.05", "McNemar p<=.05, ignored")
                found[f"{count} clusters alike={alike} difference={truth}"] = dict(
                    zip(names, hits / rounds, strict=True)
                )
    return found


def seeds(rounds: int) -> dict[str, dict[str, float]]:
    """The Multi-Bootstrap by number of seeds and by how much they differ."""
    found: dict[str, dict[str, float]] = {}
    for n, errors in SPREADS:
        spread = errors * (populations.ACCURACY * (1 - populations.ACCURACY) / n) ** 0.5
        for count in (1, 2, 3, 5, 10, 25):
            rng, hits = np.random.default_rng(0), np.zeros(3)
            for at in range(rounds):
                mean = multi_bootstrap_mean(populations.one_model(rng, count, n, spread), draws=DRAWS, seed=at)
                hits[0] += holds(mean, populations.ACCURACY)
                for i, paired in enumerate((True, False), start=1):
                    a, b = populations.two_models(rng, count, n, spread, paired)
                    interval = multi_bootstrap_difference(a, b, paired_seeds=paired, draws=DRAWS, seed=at)
                    hits[i] += holds(interval, 0.0)
            found[f"{count} seeds, sd {errors} standard errors"] = dict(
                zip(("mean", "paired", "unpaired"), hits / rounds, strict=True)
            )
    return found
