"""ALUM as its released code computes δ, to show the gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from alumbench.adversary import Ascent
from alumbench.methods.alum import Alum


@dataclass(frozen=True)
class AlumRef(Alum):
    """δ = ε (noise + η g) / ‖noise + η g‖, with |noise| ≫ η |g|: in effect random noise of length ε.

    8 forward units a step. The released code normalizes each token by its largest component (`norm=linf` does that
    here) and does not scale the result by any ε (there `adv_epsilon` only keeps a division stable), so its δ has
    components as large as 1; it perturbs special tokens (`special_tokens=true`) and padding. By default this takes
    `alum`'s ball and tokens, so that a table shows what the rule alone does at the same ε; from the code come the
    rule, its constants, and that the target of each KL term is held (`targets`).

    The parameters are those of `alum`; `step` and `start` are the code's 1e-3 and 1e-5, factors of gradient and noise.
    """

    name: ClassVar[str] = "alum-ref"
    source: ClassVar[str] = "https://github.com/namisan/mt-dnn at 3228e7c, mt_dnn/perturbation.py"

    direction: str = "vat"
    step: float = 1e-3
    start: float = 1e-5
    stop_gradient: str = "targets"

    def ascent(self) -> Ascent:
        """Noise and gradient together, normalized."""
        return Ascent(self.direction, self.steps, self.step, self.start, rule="renormalized")


METHOD = AlumRef
