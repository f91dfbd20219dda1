"""transformers.Trainer with a method's loss in place of the model's own, stopping when a loss is not finite."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from transformers import DataCollatorWithPadding, PreTrainedTokenizerBase, Trainer
from transformers.trainer_pt_utils import LengthGroupedSampler

from alumbench.adversary import WordEmbeddings
from alumbench.checkpoints import mark_ids
from alumbench.errors import AlumbenchError
from alumbench.methods import Loss, Method, Step
from alumbench.training.resuming import check_optimizer, loading
from alumbench.training.schedule import Schedule

EXAMPLE, WEIGHT = "example", "weight"

# Accelerate calls the CPU of several processes cpu:0, where a resumed run then loads its optimizer; torch knows `cpu`.
torch.serialization.register_package(
    0, lambda storage: None, lambda storage, location: storage if location.startswith("cpu:") else None
)


class Diverged(AlumbenchError):
    """A run has ended in numbers that are none."""


class PaddingCollator:
    """Pads to the longest of a batch and keeps each example's number, which seeds its noise."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Pads as the tokenizer does."""
        self._pad = DataCollatorWithPadding(tokenizer)

    def __call__(self, features: list[dict[str, Any]]) -> dict[str, Any]:
        """The padded batch; `example` is (batch,)."""
        return dict(self._pad(features))


class EpochSampler(LengthGroupedSampler):  # type: ignore[misc]
    """Texts of like length together, in an order that seed and epoch alone decide.

    The Trainer's own sampler draws from torch's global generator, which a resumed run, or another process of the same
    run, may find in another state.
    """

    def __init__(self, seed: int, batch_size: int, lengths: list[int]) -> None:
        """Takes the run's seed, the examples a step, and each example's length."""
        super().__init__(batch_size, lengths=lengths)
        self.seed = seed
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Called by Accelerate's loader at the begin of each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        """The numbers of the examples."""
        self.generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        return super().__iter__()  # type: ignore[no-any-return]


class MethodTrainer(Trainer):  # type: ignore[misc]
    """The Trainer owns devices, precision, accumulation, distribution and resuming; the method owns the loss."""

    def __init__(
        self, method: Method, seed: int, schedule: Schedule | None = None, compiled: bool = False, **kwargs: Any
    ) -> None:
        """Takes the run's parts.

        Args:
            method: owns the loss.
            seed: the run's.
            schedule: when the method is used; None for always.
            compiled: whether the model goes through `torch.compile`, one graph for each kind of pass.
            kwargs: what `Trainer` takes.
        """
        method.prepare(kwargs["model"])
        if compiled:
            WordEmbeddings(kwargs["model"])  # its hook must be there before
            torch._functorch.config.donated_buffer = False  # Fisher reads a graph twice
            kwargs["model"].compile()
        super().__init__(**kwargs)
        self.method, self.run_seed, self.schedule = method, seed, schedule or Schedule()
        if self.args.process_index:  # the Trainer seeds all processes alike: they would drop the same units
            torch.manual_seed(seed + 1_000_003 * self.args.process_index)
        # The loss below is a mean over examples, so accumulation divides it by the number of steps for any model.
        self.model_accepts_loss_kwargs = False
        special = mark_ids(self.processing_class)
        self._special_ids = torch.tensor(special, device=self.args.device)
        self._parts: dict[str, tuple[Tensor, int]] = defaultdict(self._nothing)
        self._bad_loss, self._bad_ascent = (torch.tensor(-1, device=self.args.device) for _ in range(2))

    def _get_train_sampler(self, train_dataset: Any = None) -> EpochSampler:
        dataset = self.train_dataset if train_dataset is None else train_dataset
        per_step = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        return EpochSampler(self.run_seed, per_step, self.lengths(dataset))

    def lengths(self, dataset: Any) -> list[int]:
        """The tokens of each example, by which batches are put together."""
        return [len(ids) for ids in dataset["input_ids"]]

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Mapping[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | None = None,
    ) -> Any:
        """The method's loss in training, the model's own in evaluation."""
        batch = dict(inputs)
        examples, weights = batch.pop(EXAMPLE), batch.pop(WEIGHT, None)
        if not model.training:
            outputs = model(**batch)
            return (outputs.loss, outputs) if return_outputs else outputs.loss
        at = self.state.global_step, self.run_seed, examples.tolist(), self._special_ids, self.state.max_steps
        step = Step(*at, weights)
        loss = self._loss(model, batch, step)
        for name, part in loss.parts.items():
            total, count = self._parts[name]
            self._parts[name] = (total + part, count + 1)
        # Kept on the device: asking for the numbers at every step would make the GPU wait.
        self._bad_loss = self._first_bad(self._bad_loss, torch.isfinite(loss.total.detach()))
        if loss.finite is not None:
            self._bad_ascent = self._first_bad(self._bad_ascent, loss.finite)
        return loss.total

    def _loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: Step) -> Loss:
        if not isinstance(model, DistributedDataParallel):
            return self.schedule.loss(self.method, model, batch, step)
        # One step is one forward of the DDP wrapper, whatever passes it makes inside: all of them run on the plain
        # module, so that gradients are summed over processes once, in the outer backward.
        plain = model.module
        own = {name: plain.__dict__.get(name) for name in ("forward", "_compiled_call_impl")}

        def whole_step(batch: Mapping[str, Tensor]) -> tuple[Tensor, Loss]:
            _put(plain, own)
            loss = self.schedule.loss(self.method, plain, batch, step)
            return loss.total, loss

        _put(plain, {"forward": whole_step, "_compiled_call_impl": None})
        try:
            loss: Loss
            total, loss = model(batch)
            return replace(loss, total=total)  # the one that DDP has seen
        finally:
            _put(plain, own)

    def _first_bad(self, before: Tensor, fine: Tensor) -> Tensor:
        return torch.where(~fine & (before < 0), self.state.global_step, before)

    def _nothing(self) -> tuple[Tensor, int]:
        return torch.zeros((), device=self.args.device), 0

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Adds the means of the method's parts, and the length of the word embeddings, to the log.

        Embeddings that grow are the trivial way to shrink a perturbation of fixed length.
        """
        if "loss" in logs:
            means = {name: self._gathered(total / n).mean() for name, (total, n) in self._parts.items()}
            logs |= {f"loss_{name}": round(float(mean), 6) for name, mean in means.items()}
            self._parts.clear()
            logs["embedding_norm"] = round(embedding_norm(self.model), 6)
        super().log(logs, *args, **kwargs)

    def _gathered(self, number: Tensor) -> Tensor:
        """The number of each process, (processes,)."""
        return self.accelerator.gather(number.reshape(1))  # type: ignore[no-any-return]

    def _maybe_log_save_evaluate(self, *args: Any, **kwargs: Any) -> Any:
        if self.control.should_log or self.control.should_save:
            self.check_finite()
        return super()._maybe_log_save_evaluate(*args, **kwargs)

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
        """Stops a run whose end is no use: its very last step can have broken the weights.

        Raises:
            Diverged: A weight, the dev loss, the loss or the ascent is not finite.
        """
        self.check_finite()
        broken = [name for name, weight in self.model.named_parameters() if not weight.isfinite().all()]
        dev = [entry["eval_loss"] for entry in self.state.log_history if "eval_loss" in entry]
        if broken or (dev and not math.isfinite(dev[-1])):
            raise self._diverged(f"weight {broken[0]}" if broken else "dev loss", "after the last step")

    def check_finite(self) -> None:
        """Stops a run whose loss or ascent has turned NaN or infinite.

        Raises:
            Diverged: It has; the text says which, and since which step.
        """
        # The ascent comes first in a step, so where both are bad it is the cause.
        for what, flag in (("gradient of the inner ascent", self._bad_ascent), ("loss", self._bad_loss)):
            # Of all processes, so that none goes on to write a checkpoint while another stops.
            bad = [int(step) for step in self._gathered(flag) if step >= 0]
            if bad:
                raise self._diverged(what, f"since step {min(bad)} of {self.state.max_steps}")

    def _diverged(self, what: str, since: str) -> Diverged:
        return Diverged(
            f"the {what} is not finite {since}; stopped. A checkpoint written before it, if any, is kept in "
            f"{self.args.output_dir}. Start anew with a lower --lr, or a smaller alpha or epsilon, and another --out"
        )


def embedding_norm(model: nn.Module) -> float:
    """Mean L2 norm of the rows of the word-embedding table."""
    table = next(WordEmbeddings(model).module.parameters())
    return float(table.detach().float().norm(dim=-1).mean())


def _put(module: nn.Module, attributes: Mapping[str, Any]) -> None:
    """Sets attributes of the instance; None leaves its class's."""
    for name, value in attributes.items():
        if value is None:
            module.__dict__.pop(name, None)
        else:
            module.__dict__[name] = value
