"""FreeLB++: FreeLB without a bound and with many steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from alumbench.methods.freelb import FreeLb


@dataclass(frozen=True)
class FreeLbPlusPlus(FreeLb):
    """`freelb` with K = 10 and no projection; δ may grow to about K η ε, the length of all steps.

    The paper takes K from 10 to 30 and drops the norm bound, which made it the strongest embedding-space defence
    in its benchmark; 3 K = 30 forward units a step.

    The parameters are those of `freelb`.
    """

    name: ClassVar[str] = "freelb++"
    source: ClassVar[str] = "Li et al. 2021, https://arxiv.org/abs/2108.12777"

    num_steps: int = 10
    bounded: bool = False


METHOD = FreeLbPlusPlus
