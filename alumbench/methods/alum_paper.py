"""ALUM with the constants that the paper prints."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from alumbench.adversary import Ascent, Perturbation
from alumbench.methods.alum import Alum


@dataclass(frozen=True)
class AlumPaper(Alum):
    """Algorithm 1 to the letter: ε = 1e-5 in L∞, η = 1e-3, σ = 1e-5, K = 1, all absolute.

    8 forward units a step. δ ~ N(0, σ²I); δ ← Π(δ + η g) with g = ∇ l(f(x), f(x+δ)), not normalized. A δ this
    small has almost no effect: on a toy model the worst case inside that ball moves the output about 4,400 times less
    than a change of dropout mask, which is why `alum` measures ε relative to the embeddings. The method exists so that
    a table can show this: fine-tuned with it on SST-2 with α = 100, in fp32, a MiniLM gives the same answer as one
    trained with `standard` on each of 6,276 records, texts of attacks included (leaderboards/claims-constants). bf16
    makes it worse: a third to two thirds of the examples get a gradient of exactly zero (1% in fp32).

    The parameters are those of `alum`; here `epsilon` bounds each component of δ (`norm=linf` of `alum` divides by
    √hidden).
    """

    name: ClassVar[str] = "alum-paper"
    source: ClassVar[str] = "Liu et al. 2020, https://arxiv.org/abs/2004.08994, section 3.2 and Algorithm 1"

    epsilon: float = 1e-5
    norm: str = "linf"
    relative: bool = False
    perturb_special_tokens: bool = True
    direction: str = "vat"
    step_size: float = 1e-3
    init_scale: float = 1e-5

    def ascent(self) -> Ascent:
        """An ascent along the raw gradient, as printed."""
        return Ascent(self.direction, self.num_steps, self.step_size, self.init_scale, rule="gradient")

    def unit(self, space: Perturbation) -> Tensor:
        """Undoes the ball's √hidden, so that ε bounds each component."""
        unit = super().unit(space)
        return unit * math.sqrt(space.embeddings.shape[-1]) if self.norm == "linf" else unit


METHOD = AlumPaper
