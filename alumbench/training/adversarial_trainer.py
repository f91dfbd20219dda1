"""transformers.Trainer with a method's loss instead of the model's own; stops if a loss is not finite."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from transformers import PreTrainedTokenizerBase, Trainer

from alumbench.adversary import WordEmbeddings
from alumbench.arguments import described
from alumbench.errors import AlumbenchError
from alumbench.methods import Loss, Method, StepContext
from alumbench.methods.distributed import whole_step
from alumbench.models.checkpoint import special_token_ids
from alumbench.training.curriculum import Curriculum
from alumbench.training.trainer_arguments import check_arguments

#: Columns of a batch that are not model inputs: each row's number and weight.
EXAMPLE, WEIGHT = "example", "weight"


class Diverged(AlumbenchError):
    """A run's numbers became NaN or infinite."""


class AdversarialTrainer(Trainer):  # type: ignore[misc]
    """A drop-in for `transformers.Trainer` with one more argument, the method.

        trainer = AdversarialTrainer(method=ALUM(alpha=1.0), model=model, args=arguments, train_dataset=rows,
                                     processing_class=tokenizer)
        trainer.train()

    The Trainer handles devices, precision, accumulation, distribution and resuming; the method computes the loss. With
    the method `standard` it is the Trainer, bit for bit. Any other method's loss is a mean over a batch's examples, so
    with accumulation a step takes the mean over its batches, for every model. Evaluation uses the model's own loss. The
    log has the means of the loss's parts and the mean norm of the word embeddings: growing embeddings are the trivial
    way to shrink a perturbation of fixed length.

    Noise is seeded by `args.seed`, the step and each row's position in the step, or its number if batches have a column
    `example` (with `remove_unused_columns=False`).

    Attributes:
        method: computes the loss.
        schedule: when the method is used, and on what share of a batch.
    """

    #: Whether the Trainer alone handles a plain method (`standard`).
    _passes_through: ClassVar[bool] = True
    #: Whether what the method attached to the model is removed when training ends.
    _finishes: ClassVar[bool] = True

    def __init__(
        self,
        model: nn.Module | None = None,
        *args: Any,
        method: Method,
        schedule: Curriculum | None = None,
        compiled: bool = False,
        **kwargs: Any,
    ) -> None:
        """Takes the method and the arguments of `Trainer`.

        Args:
            model: as for `Trainer`; a PEFT model too.
            args: as for `Trainer`.
            method: computes the loss.
            schedule: when the method is used; None for always.
            compiled: whether the model goes through `torch.compile`, one graph for each kind of pass; replaces
                `TrainingArguments(torch_compile=True)`.
            kwargs: as for `Trainer`.

        Raises:
            AlumbenchError: A training argument does not work with the method, or there is no tokenizer to identify
                special tokens.
        """
        if not isinstance(method, Method):
            raise AlumbenchError(f"method: expected a method such as ALUM(), got {described(method)}")
        self.method, self.schedule = method, schedule or Curriculum()
        self._is_plain = self._passes_through and method.is_plain
        self._is_prepared = True
        if model is not None:
            method.prepare(model)
            if compiled:
                WordEmbeddings(model)  # its hook must come first
                torch._functorch.config.donated_buffer = False  # Fisher reads a graph twice
                model.compile()
        super().__init__(model, *args, **kwargs)
        self._run_seed = self.args.seed
        if not self._is_plain:
            check_arguments(self)
            # The method's loss is a mean over examples: accumulation divides it by the number of batches.
            self.model_accepts_loss_kwargs = False
        self._special_ids = torch.tensor(self._special(), dtype=torch.long, device=self.args.device)
        self._parts: dict[str, tuple[Tensor, int]] = defaultdict(self._nothing)
        self._bad_loss, self._bad_ascent = (torch.tensor(-1, device=self.args.device) for _ in range(2))
        self._place = (-1, 0)  # the optimizer step, and the rows of it that were seen

    def _special(self) -> list[int]:
        if isinstance(self.processing_class, PreTrainedTokenizerBase):
            return special_token_ids(self.processing_class)
        own = getattr(self.method, "special_tokens", True)  # of a third-party method
        if getattr(self.method, "perturb_special_tokens", own):
            return []
        raise AlumbenchError(
            f"{type(self).__name__}: give processing_class=tokenizer: method {self.method.name} does not perturb "
            f"special tokens and must know them (or set the method's perturb_special_tokens=True)"
        )

    def create_accelerator_and_postprocess(self) -> None:
        """Makes the accelerator as the arguments say.

        Accelerate reads precision and compiler from the environment, where every `TrainingArguments` of the process
        leaves its own: a run in fp32 after one in bf16 would be in bf16, one after a compiled one compiled.
        """
        given = self.args
        precision = "bf16" if given.bf16 else "fp16" if given.fp16 else "no"
        os.environ["ACCELERATE_MIXED_PRECISION"] = precision
        if hasattr(given, "mixed_precision"):  # transformers 5: read from there already
            given.mixed_precision = precision
        os.environ["ACCELERATE_DYNAMO_BACKEND"] = given.torch_compile_backend if given.torch_compile else "no"
        super().create_accelerator_and_postprocess()

    def call_model_init(self, trial: Any = None) -> nn.Module:
        """Makes the model with `model_init`, and prepares it for the method."""
        model: nn.Module = super().call_model_init(trial)
        self.method.prepare(model)
        return model

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Trains as the Trainer does, then removes what the method attached to the model.

        Raises:
            Diverged: A loss is not finite.
        """
        if not self._is_prepared and self.model_init is None:
            self.method.prepare(self.model)
        done = super().train(*args, **kwargs)
        if self._finishes:
            self.method.finish(self.model)
            self._is_prepared = False
        return done

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | None = None,
    ) -> Any:
        """The method's loss in training, the model's own in evaluation."""
        batch = dict(inputs)
        examples, weights = batch.pop(EXAMPLE, None), batch.pop(WEIGHT, None)
        if not model.training or self._is_plain:
            return super().compute_loss(model, batch, return_outputs, num_items_in_batch)
        numbers = self._rows(batch) if examples is None else examples.tolist()
        at = self.state.global_step, self._run_seed, numbers, self._special_ids, self.state.max_steps
        loss = self._loss(model, batch, StepContext(*at, weights))
        for name, part in loss.parts.items():
            total, count = self._parts[name]
            self._parts[name] = (total + part, count + 1)
        # Kept on the device: asking for the numbers at every step would make the GPU wait.
        self._bad_loss = self._first_bad(self._bad_loss, torch.isfinite(loss.total.detach()))
        if loss.finite is not None:
            self._bad_ascent = self._first_bad(self._bad_ascent, loss.finite)
        return loss.total

    def _rows(self, batch: Mapping[str, Tensor]) -> range:
        """Positions of a batch's rows in the optimizer step, as if one process took it in one batch."""
        rows, (step, seen) = len(next(iter(batch.values()))), self._place
        seen = seen if step == self.state.global_step else 0
        self._place = self.state.global_step, seen + rows
        processes, process = self.args.world_size, self.args.process_index
        return range(seen * processes + process * rows, seen * processes + (process + 1) * rows)

    def _loss(self, model: nn.Module, batch: Mapping[str, Tensor], step: StepContext) -> Loss:
        def loss(plain: nn.Module, batch: Mapping[str, Tensor]) -> Loss:
            return self.schedule.loss(self.method, plain, batch, step)

        return whole_step(model, batch, loss) if isinstance(model, DistributedDataParallel) else loss(model, batch)

    def _first_bad(self, before: Tensor, fine: Tensor) -> Tensor:
        return torch.where(~fine & (before < 0), self.state.global_step, before)

    def _nothing(self) -> tuple[Tensor, int]:
        return torch.zeros((), device=self.args.device), 0

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Logs the means of the loss's parts and the mean norm of the word embeddings too."""
        if "loss" in logs and not self._is_plain:
            means = {name: self._gathered(total / n).mean() for name, (total, n) in self._parts.items()}
            logs |= {f"loss_{name}": round(float(mean), 6) for name, mean in means.items()}
            self._parts.clear()
            logs["embedding_norm"] = round(embedding_norm(self.model), 6)
        super().log(logs, *args, **kwargs)

    def _gathered(self, number: Tensor) -> Tensor:
        """The number from each process, (processes,)."""
        return self.accelerator.gather(number.reshape(1))  # type: ignore[no-any-return]

    def _maybe_log_save_evaluate(self, *args: Any, **kwargs: Any) -> Any:
        if self.control.should_log or self.control.should_save:
            self._check_finite()
        return super()._maybe_log_save_evaluate(*args, **kwargs)

    def _check_finite(self) -> None:
        """Stops a run whose loss or ascent is NaN or infinite.

        Raises:
            Diverged: One of them is; the message names it and the first such step.
        """
        # The ascent comes first in a step, so if both are bad it is the cause.
        for what, flag in (("gradient of the inner ascent", self._bad_ascent), ("loss", self._bad_loss)):
            # From all processes, so that none writes a checkpoint while another stops.
            bad = [int(step) for step in self._gathered(flag) if step >= 0]
            if bad:
                raise self._diverged(what, f"since step {min(bad)} of {self.state.max_steps}")

    def _diverged(self, what: str, since: str) -> Diverged:
        return Diverged(
            f"the {what} is not finite {since}; stopped. A checkpoint written before it, if any, is kept in "
            f"{self.args.output_dir}. Start again with a lower learning rate, or a smaller alpha or epsilon"
        )


def embedding_norm(model: nn.Module) -> float:
    """Mean L2 norm of the rows of the word-embedding table."""
    table = next(WordEmbeddings(model).module.parameters())
    return float(table.detach().float().norm(dim=-1).mean())
