"""ALUM with δ computed as in its released code, to show the difference."""

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
    components as large as 1; it perturbs special tokens (`perturb_special_tokens=true`) and padding. By default this
    method uses `alum`'s ball and tokens, so that a table shows the effect of the rule alone at the same ε. From the
    code it takes the rule, its constants, and the detached target of each KL term (`targets`).

    The parameters are those of `alum`; `step_size` and `init_scale` are the code's 1e-3 and 1e-5, factors of gradient
    and noise.
    """

    name: ClassVar[str] = "alum-ref"
    source: ClassVar[str] = "https://github.com/namisan/mt-dnn at 3228e7c, mt_dnn/perturbation.py"

    direction: str = "vat"
    step_size: float = 1e-3
    init_scale: float = 1e-5
    stop_gradient: str = "targets"

    def ascent(self) -> Ascent:
        """An ascent with the sum of noise and gradient, normalized."""
        return Ascent(self.direction, self.num_steps, self.step_size, self.init_scale, rule="renormalized")


METHOD = AlumRef
