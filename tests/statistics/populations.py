"""Models and examples drawn from populations whose true accuracies are known, for measuring coverage."""

from __future__ import annotations

import numpy as np

#: Share and chance of being answered right, of uncertain and of sure examples; accuracy is .76.
UNCERTAIN, HARD, EASY = 0.2, 0.4, 0.85
ACCURACY = UNCERTAIN * HARD + (1 - UNCERTAIN) * EASY


def named(values):
    """Values by example id."""
    return {f"{i:05}": float(value) for i, value in enumerate(values)}


def paired_answers(rng, n, discordance, difference):
    """Answers of A and B that differ on a share of the examples, B better by `difference` in truth."""
    one_way = [(discordance - difference) / 2, (discordance + difference) / 2, 1 - discordance]
    kind = rng.choice(3, n, p=one_way)
    return named(kind != 1), named(kind != 0)


def clustered_answers(rng, clusters, size, alike, discordance, difference):
    """The same with `size` examples a cluster, each a copy of its cluster's in a share `alike` of the cases."""
    one_way = [(discordance - difference) / 2, (discordance + difference) / 2, 1 - discordance]
    whole, own = rng.choice(3, (clusters, 1), p=one_way), rng.choice(3, (clusters, size), p=one_way)
    kind = np.where(rng.random((clusters, size)) < alike, whole, own).ravel()
    a, b = named(kind != 1), named(kind != 0)
    return a, b, {i: str(at // size) for at, i in enumerate(a)}


def seed_effects(rng, spread, seeds):
    """What each training seed adds to every chance of being right, shape (seeds, 1)."""
    return np.clip(rng.normal(0, spread, (seeds, 1)), -3 * spread, 3 * spread)


def chances(rng, n):
    """Of each example the chance of being answered right by a seed without an effect, shape (examples,)."""
    return np.where(rng.random(n) < UNCERTAIN, HARD, EASY)


def as_runs(right):
    """A matrix of shape (seeds, examples) as runs."""
    return {seed: named(row) for seed, row in enumerate(right)}


def one_model(rng, seeds, n, spread):
    """Runs of one model of accuracy `ACCURACY`."""
    return as_runs(rng.random((seeds, n)) < chances(rng, n) + seed_effects(rng, spread, seeds))


def two_models(rng, seeds, n, spread, paired):
    """Runs of two equally good models; with paired seeds, B's are A's with an effect of their own."""
    of_example = chances(rng, n)
    effect_a, effect_b = (seed_effects(rng, spread, seeds) for _ in range(2))
    luck_a, luck_b = (rng.random((seeds, n)) for _ in range(2))
    if paired:
        effect_b = effect_a + effect_b
        luck_b = np.where(rng.random((seeds, n)) < 0.8, luck_a, luck_b)
    return as_runs(luck_a < of_example + effect_a), as_runs(luck_b < of_example + effect_b)
