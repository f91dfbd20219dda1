"""The state of a training run that a method needs besides the model and the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
import torch.distributed
from torch import Tensor, nn

from alumbench.adversary import Perturbation, PerturbationSite
from alumbench.errors import AlumbenchError
from alumbench.methods.checks import check_perturbable

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class StepContext:
    """The state of the run, for methods that draw noise or follow a schedule.

    In your own training loop, `start` makes the first context, and `next` the context of each batch:

        context = StepContext.start(tokenizer, seed=1)
        for batch in batches:
            context = context.next(batch)
            loss = method.loss(model, batch, context).total

    Attributes:
        number: optimizer steps done.
        seed: the run's seed.
        examples: (batch,) numbers of the batch's examples in the training set; noise is seeded by them.
        special_ids: (count,) ids of the special tokens, on the batch's device.
        total: optimizer steps of the whole run; 0 if unknown.
        weights: (batch,) weights of the rows, if the training set has rows with a weight other than one.
        accumulation: batches of an optimizer step.
        batches: batches seen, including the current one.
    """

    number: int
    seed: int
    examples: Sequence[int]
    special_ids: Tensor
    total: int = 0
    weights: Tensor | None = None
    accumulation: int = 1
    batches: int = 0

    @classmethod
    def start(
        cls,
        special: PreTrainedTokenizerBase | Sequence[int] | Tensor,
        seed: int = 1,
        total: int = 0,
        accumulation: int = 1,
        done: int = 0,
    ) -> StepContext:
        """The context before the first batch; `next` gives the context of the first batch.

        Args:
            special: the tokenizer, or the ids of special tokens, which most methods do not perturb.
            seed: the seed of all noise.
            total: optimizer steps of the whole run. A method that follows a schedule needs it (`smart`).
            accumulation: batches of an optimizer step.
            done: optimizer steps already done, if a run is resumed.

        Raises:
            AlumbenchError: `accumulation` is less than 1.
        """
        if accumulation < 1:
            raise AlumbenchError(f"StepContext: accumulation = {accumulation}: must be 1 or more")
        if not isinstance(special, Tensor | Sequence):
            from alumbench.models.checkpoint import special_token_ids

            special = special_token_ids(special)
        ids = torch.as_tensor(special, dtype=torch.long)
        return cls(done, seed, (), ids, total, None, accumulation, done * accumulation)

    def next(
        self, batch: Mapping[str, Tensor], examples: Sequence[int] | None = None, weights: Tensor | None = None
    ) -> StepContext:
        """The context of the next batch.

        Args:
            batch: the model's inputs, of shape (batch, …).
            examples: (batch,) numbers of its examples in the training set. By default their positions in the optimizer
                step: noise is also seeded by the step, so it then depends on neither accumulation nor processes.
            weights: (batch,) weights of its rows, for a method that needs them.
        """
        first = next(iter(batch.values()))
        rows, at = len(first), self.batches % self.accumulation
        if examples is None:
            began = 0 if at == 0 else self.examples[-1] + 1 if self.examples else at * rows
            examples = range(began, began + rows) if _processes() == 1 else _places_of_process(at, rows)
        return replace(
            self,
            number=self.batches // self.accumulation,
            examples=examples,
            special_ids=self.special_ids.to(first.device),
            weights=weights,
            batches=self.batches + 1,
        )

    def perturbation(
        self,
        model: nn.Module,
        batch: Mapping[str, Tensor],
        special_tokens: bool = False,
        replay_dropout: bool = True,
        place: PerturbationSite | None = None,
    ) -> Perturbation:
        """The batch in the form that the adversarial core uses.

        Args:
            model: the plain module.
            batch: the model's inputs.
            special_tokens: True to perturb special tokens too.
            replay_dropout: True if all passes drop the same units.
            place: the place where δ is added; None for the word embeddings.

        Raises:
            AlumbenchError: The batch or the model cannot be perturbed; the message says why.
        """
        check_perturbable(model, batch, replay_dropout)
        special = None if special_tokens else self.special_ids
        at = self.seed, self.number, self.examples
        try:
            return Perturbation(model, batch, special, *at, replay_dropout, place)
        except ValueError as error:
            raise AlumbenchError(
                f"{error}: give it a method get_input_embeddings() that returns its word-embedding module"
            ) from error


def _processes() -> int:
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return 1
    return torch.distributed.get_world_size()


def _places_of_process(at: int, rows: int) -> range:
    """The positions of a process's batch in the step, if all processes have batches of that many rows."""
    began = (at * _processes() + torch.distributed.get_rank()) * rows
    return range(began, began + rows)


#: The earlier name of `StepContext`.
Step = StepContext
