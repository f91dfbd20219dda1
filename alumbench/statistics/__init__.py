"""Intervals, paired tests and what a sample size can show. Pure: numbers in, numbers out."""

from alumbench.statistics.paired import PairedDifference, paired_difference
from alumbench.statistics.power import detectable_difference
from alumbench.statistics.proportion import Proportion, proportion

__all__ = ["PairedDifference", "Proportion", "detectable_difference", "paired_difference", "proportion"]
