"""Noise: ALUM with a random δ of the same length, the control that tells an adversary from any disturbance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from alumbench.methods.alum import Alum


@dataclass(frozen=True)
class Noise(Alum):
    """`alum` with K = 0: δ is drawn on the ball's surface and not improved.

    6 forward units a step.

    The parameters are those of `alum`; `direction`, `steps`, `step` and `start` do nothing to a δ that is not searched.
    """

    name: ClassVar[str] = "noise"
    source: ClassVar[str] = "the random control of Liu et al. 2020, https://arxiv.org/abs/2004.08994"

    direction: str = "noise"
    steps: int = 0


METHOD = Noise
