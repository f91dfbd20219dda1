"""When a method's own loss is taken, and on how much of a batch; elsewhere training is standard."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor, nn

from alumbench.adversary import example_uniform
from alumbench.methods import Loss, Method, Step, make_method


@dataclass(frozen=True)
class Schedule:
    """Standard first, then the method; every n steps; a fraction of the batch.

    The paper's curriculum is `after=0.5`: standard pre-training for half of the steps, then ALUM. With a cost of c
    times standard on every step, `every=n` costs 1 + (c − 1) / n and `fraction=ρ` 1 + (c − 1) ρ.

    Attributes:
        after: share of the run's steps, from 0 to 1, that are standard before the method sets in.
        every: the method is used in every so many steps, counted from there.
        fraction: share of each batch's examples that the method sees, above 0 to 1, at least one; drawn anew each step.
    """

    after: float = 0.0
    every: int = 1
    fraction: float = 1.0

    def __post_init__(self) -> None:
        """Checks the values."""
        if not 0 <= self.after <= 1:
            raise ValueError(f"the method sets in after {self.after:g} of the run: must be from 0 to 1")
        if self.every < 1:
            raise ValueError(f"the method is used every {self.every} steps: must be 1 or more")
        if not 0 < self.fraction <= 1:
            raise ValueError(f"the method sees {self.fraction:g} of each batch: must be above 0, at most 1")

    def is_on(self, step: Step) -> bool:
        """Whether the method is used in that step."""
        first = math.ceil(round(self.after * step.total, 6))  # .07 of 100 is 7.000000000000001
        return step.number >= first and (step.number - first) % self.every == 0

    def loss(self, method: Method, model: nn.Module, batch: Mapping[str, Tensor], step: Step) -> Loss:
        """The loss of a batch under the schedule."""
        standard = make_method("standard", {})
        if not self.is_on(step):
            return standard.loss(model, batch, step)
        count = len(step.examples)
        chosen = max(1, round(self.fraction * count))
        if chosen == count:
            return method.loss(model, batch, step)
        # The draw belongs to the examples, as all noise does: the rest of a batch decides only how many are taken.
        order = example_uniform(step.seed, step.number, step.examples, stream="rows")[:, 0].argsort()
        rows, rest = order[:chosen].sort().values, order[chosen:].sort().values
        ours = method.loss(model, _rows(batch, rows), _at(step, rows))
        other = standard.loss(model, _rows(batch, rest), _at(step, rest))
        total = (chosen * ours.total + (count - chosen) * other.total) / count
        return Loss(total, ours.parts, ours.finite)


def _rows(batch: Mapping[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    return {name: value.index_select(0, rows.to(value.device)) for name, value in batch.items()}


def _at(step: Step, rows: Tensor) -> Step:
    examples = [step.examples[i] for i in rows.tolist()]
    weights = None if step.weights is None else step.weights[rows]
    return replace(step, examples=examples, weights=weights)
