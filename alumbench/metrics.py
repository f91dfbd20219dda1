"""Dev-set metrics of a task from a model's outputs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn import metrics

from alumbench.data import Task


def _matthews(gold: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
    """NaN if one side is constant; scikit-learn gives 0 there, which looks like a measurement."""
    constant = len(set(gold)) < 2 or len(set(predicted)) < 2
    return math.nan if constant else float(metrics.matthews_corrcoef(gold, predicted))


_METRICS: dict[str, Callable[[NDArray[np.float64], NDArray[np.float64]], float]] = {
    "accuracy": metrics.accuracy_score,
    "f1": metrics.f1_score,
    "matthews_correlation": _matthews,
    "pearson": lambda gold, predicted: stats.pearsonr(gold, predicted).statistic,
    "spearman": lambda gold, predicted: stats.spearmanr(gold, predicted).statistic,
}


def score(names: Sequence[str], gold: NDArray[np.float64], predicted: NDArray[np.float64]) -> dict[str, float]:
    """Each named metric of predictions against gold values; NaN if undefined (constant predictions, say)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: float(_METRICS[name](gold, predicted)) for name in names}


def score_outputs(task: Task, logits: NDArray[np.float32], gold: NDArray[np.float64]) -> dict[str, float]:
    """The task's metrics from (n, labels) logits, or (n, 1) for regression."""
    predicted = logits[:, 0] if task.is_regression else logits.argmax(-1)
    return score(task.metrics, gold, predicted.astype(np.float64))
