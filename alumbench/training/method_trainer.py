"""transformers.Trainer with a method's loss in place of the model's own, stopping when a loss is not finite."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DataCollatorWithPadding, PreTrainedTokenizerBase, Trainer

from alumbench.errors import AlumbenchError
from alumbench.methods import Method, Step

EXAMPLE = "example"


class PaddingCollator:
    """Pads to the longest of a batch and keeps each example's number, which seeds its noise."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Pads as the tokenizer does."""
        self._pad = DataCollatorWithPadding(tokenizer)

    def __call__(self, features: list[dict[str, Any]]) -> dict[str, Any]:
        """The padded batch; `example` is (batch,)."""
        return dict(self._pad(features))


class MethodTrainer(Trainer):  # type: ignore[misc]
    """The Trainer owns devices, precision, accumulation and resuming; the method owns the loss."""

    def __init__(self, method: Method, seed: int, **kwargs: Any) -> None:
        """Takes the method, the run's seed and what `Trainer` takes."""
        super().__init__(**kwargs)
        self.method, self.run_seed = method, seed
        # The loss below is a mean over examples, so accumulation divides it by the number of steps for any model.
        self.model_accepts_loss_kwargs = False
        special = self.processing_class.all_special_ids
        self._special_ids = torch.tensor(special, device=self.args.device)
        self._parts: dict[str, Tensor] = defaultdict(lambda: torch.zeros((), device=self.args.device))
        self._batches = 0
        self._bad_since = torch.tensor(-1, device=self.args.device)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Mapping[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | None = None,
    ) -> Any:
        """The method's loss in training, the model's own in evaluation."""
        batch = dict(inputs)
        examples = batch.pop(EXAMPLE)
        if not model.training:
            outputs = model(**batch)
            return (outputs.loss, outputs) if return_outputs else outputs.loss
        step = Step(self.state.global_step, self.run_seed, examples.tolist(), self._special_ids)
        loss = self.method.loss(model, batch, step)
        for name, part in loss.parts.items():
            self._parts[name] = self._parts[name] + part
        self._batches += 1
        # Kept on the device: asking for the number at every step would make the GPU wait.
        first_bad = ~torch.isfinite(loss.total.detach()) & (self._bad_since < 0)
        self._bad_since = torch.where(first_bad, self.state.global_step, self._bad_since)
        return loss.total

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Adds the means of the method's parts to the log."""
        if "loss" in logs and self._batches:
            logs |= {f"loss_{name}": round(float(total) / self._batches, 6) for name, total in self._parts.items()}
            self._parts.clear()
            self._batches = 0
        super().log(logs, *args, **kwargs)

    def _maybe_log_save_evaluate(self, *args: Any, **kwargs: Any) -> Any:
        if self.control.should_log or self.control.should_save:
            self.check_finite()
        return super()._maybe_log_save_evaluate(*args, **kwargs)

    def check_finite(self) -> None:
        """Stops a run whose loss has turned NaN or infinite.

        Raises:
            AlumbenchError: It has; the text says since which step.
        """
        if int(self._bad_since) >= 0:
            raise AlumbenchError(
                f"the loss is not finite since step {int(self._bad_since)} of {self.state.max_steps}; stopped. "
                f"A checkpoint written before it, if any, is kept in {self.args.output_dir}. Start anew with a "
                f"lower --lr, or a smaller alpha or epsilon, and another --out"
            )
