"""The share of its clean accuracy that a model loses under attack."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from alumbench.statistics.bootstrap import DRAWS, BootstrapInterval, ratio_interval
from alumbench.statistics.inputs import check_draws, in_order, shared_ids
from alumbench.statistics.resampling import cluster_sums


def relative_drop(
    clean: Mapping[str, float],
    adversarial: Mapping[str, float],
    clusters: Mapping[str, str] | None = None,
    *,
    draws: int = DRAWS,
    confidence: float = 0.95,
    seed: int = 0,
) -> BootstrapInterval:
    """(clean accuracy - accuracy under attack) / clean accuracy, with a bootstrap interval over examples.

    The performance drop rate of Zhu et al. 2023 (PromptRobust, arXiv:2306.04528). Both accuracies are
    of the same examples and resampled together: a sample that is easy for one is easy for the other.

    Args:
        clean: by example id, True or 1 if it is right before the attack.
        adversarial: the same under attack.
        clusters: premise or source by example id, None if each example is its own.
        draws: bootstrap samples.
        confidence: nominal coverage.
        seed: of the draws.

    Returns:
        A share, negative if accuracy rises, on the examples that both have. No value if no example is in both or clean
        accuracy is 0. No interval with one cluster, if all clusters are alike, or if the clean accuracy of some
        bootstrap sample is 0.

    Raises:
        ValueError: A value is not a finite number or is negative, or an example has no cluster.
    """
    check_draws(draws, confidence)
    ids = shared_ids([clean, adversarial])
    if not ids:
        return BootstrapInterval(None, None, None, 0, 0, draws, confidence, "no example is in both")
    before, after = in_order("clean", clean, ids), in_order("adversarial", adversarial, ids)
    for name, values in (("clean", before), ("adversarial", after)):
        if np.any(values < 0):
            raise ValueError(f"{name}[{ids[int(np.argmax(values < 0))]!r}] is negative")
    sums = cluster_sums(np.stack([before - after, before]), ids, clusters)
    if before.sum() == 0:
        return BootstrapInterval(None, None, None, len(ids), sums.clusters, draws, confidence, "clean accuracy is 0")
    return ratio_interval(sums, len(ids), draws, confidence, seed)
