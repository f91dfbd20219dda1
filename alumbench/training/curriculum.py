"""The schedule of a method's loss: at which steps and on what share of a batch; the rest is standard training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from alumbench.fields import AtLeast1, From0To1, option

if TYPE_CHECKING:  # its fields are commands' options, and --help must not import torch
    from torch import Tensor, nn

    from alumbench.methods import Loss, Method, StepContext


@dataclass(frozen=True)
class Curriculum:
    """Standard training first, then the method, every n steps, on a fraction of the batch.

    The paper's curriculum is `after=0.5`: standard pre-training for half of the steps, then ALUM. With a cost of c
    times standard on every step, `every=n` costs 1 + (c − 1) / n and `fraction=ρ` 1 + (c − 1) ρ.

    Attributes:
        after: share of the run's steps, from 0 to 1, that are standard before the method starts.
        every: from there, the method is used once in this many steps.
        fraction: share of each batch's examples that the method sees, above 0 to 1, at least one; redrawn each step.
    """

    after: From0To1 = option(
        0.0,
        name="adversary_after",
        unit="SHARE",
        help="Share of the run that is standard before the method starts.",
        show_default=False,
    )
    every: AtLeast1 = option(
        1, name="adversary_every", unit="N", help="Use the method every N steps.", show_default=False
    )
    fraction: From0To1 = option(
        1.0,
        name="adversary_fraction",
        unit="SHARE",
        help="Share of each batch that the method sees.",
        show_default=False,
    )

    def __post_init__(self) -> None:
        """Checks the values."""
        if not 0 <= self.after <= 1:
            raise ValueError(f"the method starts after {self.after:g} of the run: must be from 0 to 1")
        if self.every < 1:
            raise ValueError(f"the method is used every {self.every} steps: must be 1 or more")
        if not 0 < self.fraction <= 1:
            raise ValueError(f"the method sees {self.fraction:g} of each batch: must be above 0, at most 1")

    def is_on(self, step: StepContext) -> bool:
        """True if the method is used in this step."""
        first = math.ceil(round(self.after * step.total, 6))  # .07 of 100 is 7.000000000000001
        return step.number >= first and (step.number - first) % self.every == 0

    def loss(self, method: Method, model: nn.Module, batch: Mapping[str, Tensor], step: StepContext) -> Loss:
        """The loss of a batch under the schedule."""
        from alumbench.adversary import example_uniform
        from alumbench.methods import Loss, make_method

        standard = make_method("standard", {})
        if not self.is_on(step):
            return standard.loss(model, batch, step)
        count = len(step.examples)
        chosen = max(1, round(self.fraction * count))
        if chosen == count:
            return method.loss(model, batch, step)
        # Each example has its own draw, as with all noise; the batch only decides how many are taken.
        order = example_uniform(step.seed, step.number, step.examples, stream="rows")[:, 0].argsort()
        rows, rest = order[:chosen].sort().values, order[chosen:].sort().values
        ours = method.loss(model, _rows(batch, rows), _at(step, rows))
        other = standard.loss(model, _rows(batch, rest), _at(step, rest))
        total = (chosen * ours.total + (count - chosen) * other.total) / count
        return Loss(total, ours.parts, ours.finite)


def _rows(batch: Mapping[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    return {name: value.index_select(0, rows.to(value.device)) for name, value in batch.items()}


def _at(step: StepContext, rows: Tensor) -> StepContext:
    examples = [step.examples[i] for i in rows.tolist()]
    weights = None if step.weights is None else step.weights[rows]
    return replace(step, examples=examples, weights=weights)
