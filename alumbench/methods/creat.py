"""CreAT: an adversary that also attacks the contextual representations, not only the classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from alumbench.adversary import Ascent, read_hidden, to_float32
from alumbench.methods.method import Loss, StepContext, check_range
from alumbench.methods.perturbing import Perturbing


@dataclass(frozen=True)
class Creat(Perturbing):
    """(l(f(x), y) + α l(f(x+δ), y)) / (1 + α), δ from ascents of l(f(x+δ), y) − τ Σ_tokens cos(h(x+δ), h(x)).

    h are the encoder's last hidden states, detached at x. 4 + 2 K forward units a step, 8 with K = 2: clean forward,
    K − 1 ascents (forward, backward to δ), perturbed forward, backward through both. The released code: K = 2 including
    the pass used for learning, step .1, bound .1 (none in its first version), noise start 1e-5, α = 1, all absolute
    (`relative=false`, `epsilon=.1`, `init_scale=1e-5`). It sums the cosine over tokens, as here, and adds each ascent's
    δ to embeddings that already contain the previous one, which with K = 2 adds only the first noise. Here ε is
    relative as for every method, and one step reaches the surface, as with the code's step and bound.

    Attributes:
        alpha: weight of the adversarial loss (paper: 1, the mean of both); 0 is `standard`, bit for bit.
        tau: τ, weight of the representations in the ascent; 0 maximizes the task's loss alone (paper: 1).
        num_steps: K, number of perturbed passes, the last of which is used for learning; at least 2.
        step_size: η in units of ε.
        init_scale: length of the first noise, relative like ε. The cosine is flat at δ = 0, so with a start near zero
            the first step depends on the task's loss alone.
    """

    name: ClassVar[str] = "creat"
    source: ClassVar[str] = "Wu et al. 2023, https://openreview.net/forum?id=xZD10GhCvM; github.com/gingasan/CreAT"

    alpha: float = 1.0
    tau: float = 1.0
    num_steps: int = 2
    step_size: float = 1.0
    init_scale: float = 1e-2

    def __post_init__(self) -> None:
        """Checks the values."""
        super().__post_init__()
        check_range(alpha=self.alpha, tau=self.tau)
        check_range(2, num_steps=self.num_steps)
        self.ascent()

    def ascent(self) -> Ascent:
        """The inner maximization."""
        return Ascent("vat", self.num_steps - 1, self.step_size, self.init_scale)

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: StepContext) -> Loss:
        """Mean of clean and adversarial task loss."""
        if self.alpha == 0:
            return Loss(model(**batch).loss)
        space = self.space(model, batch, step)
        unit = self.unit(space)
        clean = space.forward(labels=True, output_hidden_states=True)
        context = to_float32(read_hidden(clean.outputs, batch)[-1].detach())
        real = batch["attention_mask"].bool()

        def objective(delta: Tensor) -> Tensor:
            perturbed = space.forward(delta, labels=True, output_hidden_states=True)
            near = cosine_similarity(to_float32(read_hidden(perturbed.outputs, batch)[-1]), context, dim=-1)
            return perturbed.loss * len(real) - self.tau * near.masked_fill(~real, 0).sum()

        radius = self.epsilon * unit
        found = self.ascent().find(space, self.ball(space), radius, unit, clean, None, objective)
        adversarial = space.forward(found.delta, labels=True).loss
        parts = {"task": clean.loss, "adversarial": adversarial, "zero_gradients": found.zero_gradients}
        total = (clean.loss + self.alpha * adversarial) / (1 + self.alpha)
        return Loss(total, {name: part.detach() for name, part in parts.items()}, found.finite)


METHOD = Creat
