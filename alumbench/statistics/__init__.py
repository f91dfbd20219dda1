"""Intervals, paired tests, ranks and power. Pure functions: numbers in, numbers out."""

from alumbench.statistics.agreement import largest_unseen, p_of_unseen
from alumbench.statistics.bootstrap import BootstrapInterval, paired_bootstrap
from alumbench.statistics.budget import Attempt, SuccessWithin, success_within
from alumbench.statistics.effective_robustness import EffectiveRobustness, Line, Residual, effective_robustness
from alumbench.statistics.multi_bootstrap import (
    MultiBootstrapInterval,
    multi_bootstrap_difference,
    multi_bootstrap_mean,
    multi_bootstrap_p,
)
from alumbench.statistics.multiple import HolmAdjusted, holm
from alumbench.statistics.paired import PairedDifference, paired_difference
from alumbench.statistics.power import detectable_difference
from alumbench.statistics.proportion import Proportion, proportion
from alumbench.statistics.ranks import Rank, tied_ranks
from alumbench.statistics.relative import relative_drop

__all__ = [
    "Attempt",
    "BootstrapInterval",
    "EffectiveRobustness",
    "HolmAdjusted",
    "Line",
    "MultiBootstrapInterval",
    "PairedDifference",
    "Proportion",
    "Rank",
    "Residual",
    "SuccessWithin",
    "detectable_difference",
    "effective_robustness",
    "holm",
    "largest_unseen",
    "multi_bootstrap_difference",
    "multi_bootstrap_mean",
    "multi_bootstrap_p",
    "p_of_unseen",
    "paired_bootstrap",
    "paired_difference",
    "proportion",
    "relative_drop",
    "success_within",
    "tied_ranks",
]
