"""The Trainer of `alumbench train` and `alumbench pretrain`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import DataCollatorWithPadding, PreTrainedTokenizerBase
from transformers.trainer_pt_utils import LengthGroupedSampler

from alumbench.methods import Method
from alumbench.training.adversarial_trainer import EXAMPLE, WEIGHT, AdversarialTrainer, Diverged, embedding_norm
from alumbench.training.curriculum import Curriculum
from alumbench.training.resuming import check_optimizer, loading

__all__ = ["EXAMPLE", "WEIGHT", "Diverged", "EpochSampler", "MethodTrainer", "PaddingCollator", "embedding_norm"]

# With several processes Accelerate names the CPU cpu:0, where a resumed run loads its optimizer; torch knows `cpu`.
torch.serialization.register_package(
    0, lambda storage: None, lambda storage, location: storage if location.startswith("cpu:") else None
)


class PaddingCollator:
    """Pads to the longest text of a batch and keeps each example's number, which seeds its noise."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Pads as the tokenizer does."""
        self._pad = DataCollatorWithPadding(tokenizer)

    def __call__(self, features: list[dict[str, object]]) -> dict[str, object]:
        """The padded batch; `example` is (batch,)."""
        return dict(self._pad(features))


class EpochSampler(LengthGroupedSampler):  # type: ignore[misc]
    """Groups texts of similar length, in an order that depends only on seed and epoch.

    The Trainer's own sampler draws from torch's global generator, which a resumed run, or another process of the same
    run, may find in another state.
    """

    def __init__(self, seed: int, batch_size: int, lengths: list[int]) -> None:
        """Takes the run's seed, the examples per step, and each example's length."""
        super().__init__(batch_size, lengths=lengths)
        self.seed = seed
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Called by Accelerate's loader at the start of each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        """The numbers of the examples."""
        self.generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        return super().__iter__()  # type: ignore[no-any-return]


class MethodTrainer(AdversarialTrainer):
    """The Trainer of alumbench's own runs: uses its own order, finds damaged files, stops a run that diverges.

    Rows have their number as `example`, and may have a `weight`.
    """

    _passes_through = False  # `standard` runs get the same loss, log and checks as all others
    _finishes = False  # `run.leave` does, after the last check of the weights

    def __init__(
        self, method: Method, seed: int, schedule: Curriculum | None = None, compiled: bool = False, **kwargs: Any
    ) -> None:
        """Makes the Trainer.

        Args:
            method: computes the loss.
            seed: the run's seed.
            schedule: when the method is used; None for always.
            compiled: whether the model goes through `torch.compile`, one graph for each kind of pass.
            kwargs: as for `Trainer`.
        """
        super().__init__(method=method, schedule=schedule, compiled=compiled, **kwargs)
        self._run_seed = seed
        if self.args.process_index:  # the Trainer gives all processes one seed: dropout would be the same
            torch.manual_seed(seed + 1_000_003 * self.args.process_index)

    def _get_train_sampler(self, train_dataset: Any = None) -> EpochSampler:
        dataset = self.train_dataset if train_dataset is None else train_dataset
        per_step = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        return EpochSampler(self._run_seed, per_step, self.lengths(dataset))

    def lengths(self, dataset: Any) -> list[int]:
        """Number of tokens of each example, for grouping batches."""
        return [len(ids) for ids in dataset["input_ids"]]

    def _load_from_checkpoint(self, resume_from_checkpoint: str, *args: Any, **kwargs: Any) -> None:
        with loading(resume_from_checkpoint, "model.safetensors"):
            super()._load_from_checkpoint(resume_from_checkpoint, *args, **kwargs)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        with loading(checkpoint, "optimizer.pt or scheduler.pt"):
            super()._load_optimizer_and_scheduler(checkpoint)
            if checkpoint is not None:
                check_optimizer(self, Path(checkpoint))

    def _load_rng_state(self, checkpoint: str | None) -> None:
        with loading(checkpoint, "rng_state.pth"):
            super()._load_rng_state(checkpoint)

    def check_result(self) -> None:
        """Stops a run whose result is unusable: its last step can have broken the weights.

        Raises:
            Diverged: A weight, the dev loss, the loss or the ascent is not finite.
        """
        self._check_finite()
        broken = [name for name, weight in self.model.named_parameters() if not weight.isfinite().all()]
        dev = [entry["eval_loss"] for entry in self.state.log_history if "eval_loss" in entry]
        if broken or (dev and not math.isfinite(dev[-1])):
            raise self._diverged(f"weight {broken[0]}" if broken else "dev loss", "after the last step")

    def _diverged(self, what: str, since: str) -> Diverged:
        return Diverged(
            f"the {what} is not finite {since}; stopped. A checkpoint written before it, if any, is kept in "
            f"{self.args.output_dir}. Start again with a lower --lr, or a smaller alpha or epsilon, and another --out"
        )
