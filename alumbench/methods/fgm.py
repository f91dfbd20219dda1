"""FGM: one step along the gradient of the task's loss, and the loss there in addition to the clean one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from alumbench.methods.pgd import Pgd


@dataclass(frozen=True)
class Fgm(Pgd):
    """l(f(x), y) + α · l(f(x+δ), y) with δ = ε g / ‖g‖, g = ∇ l(f(x), y) at the embeddings: `pgd` with one full step.

    6 forward units a step. Miyato et al. normalize the embeddings and use ε = 1 to 5 for a whole text; here ε is
    relative to the embeddings' length as for every method, and α = 1 is their sum of both losses.

    The parameters are those of `pgd`.
    """

    name: ClassVar[str] = "fgm"
    source: ClassVar[str] = "Miyato et al. 2017, https://arxiv.org/abs/1605.07725"

    num_steps: int = 1
    step_size: float = 1.0


METHOD = Fgm
