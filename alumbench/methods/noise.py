"""Noise: ALUM with a random δ of the same length; a control to compare adversarial δ with random noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from alumbench.methods.alum import Alum


@dataclass(frozen=True)
class Noise(Alum):
    """`alum` with K = 0: δ is drawn on the ball's surface and not improved.

    6 forward units a step.

    The parameters are those of `alum`; `direction`, `num_steps`, `step_size` and `init_scale` have no effect without a
    search.
    """

    name: ClassVar[str] = "noise"
    source: ClassVar[str] = "the random control of Liu et al. 2020, https://arxiv.org/abs/2004.08994"

    direction: str = "noise"
    num_steps: int = 0


METHOD = Noise
