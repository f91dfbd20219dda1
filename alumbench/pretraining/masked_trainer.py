"""The MethodTrainer for blocks of text, with masks drawn in each step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from transformers import EvalPrediction, TrainerCallback

from alumbench.methods import Method
from alumbench.pretraining.masking import DEV, IGNORED, Masking, collate_blocks, predict_at_positions
from alumbench.training.method_trainer import MethodTrainer

#: The dev masks are the same for every run, so that runs can be compared.
DEV_SEED = 0


class MaskedTrainer(MethodTrainer):
    """Masks each batch before the method sees it, and predicts only at the masked positions.

    Attributes:
        positions: the hooks in the model.
    """

    def __init__(self, rate: Callable[[int, int], float], method: Method, seed: int, **kwargs: Any) -> None:
        """Takes the masked share in step s of n, and the arguments of `MethodTrainer`; the data sets are `Blocks`."""
        self.rate = rate
        self.masking = Masking.of(kwargs["processing_class"], seed)
        self.dev_masking = Masking.of(kwargs["processing_class"], DEV_SEED, DEV)
        self.positions = predict_at_positions(kwargs["model"])
        super().__init__(
            method,
            seed,
            data_collator=collate_blocks,
            compute_metrics=masked_accuracy,
            preprocess_logits_for_metrics=lambda logits, labels: logits.argmax(-1),
            callbacks=[_DevFiguresAtTheEnd()],
            **kwargs,
        )

    def training_step(self, model: nn.Module, inputs: Mapping[str, Tensor], *args: Any, **kwargs: Any) -> Tensor:
        """Masks the batch for this step; `masking` says why not in the collator."""
        step, total = self.state.global_step, self.state.max_steps
        masked = self.masking(inputs, self.rate(step, total), step)
        return super().training_step(model, masked, *args, **kwargs)  # type: ignore[no-any-return]

    def prediction_step(self, model: nn.Module, inputs: Mapping[str, Tensor], *args: Any, **kwargs: Any) -> Any:
        """Masks the batch at the run's final rate, the same way at every evaluation."""
        masked = self.dev_masking(inputs, self.rate(1, 1), 0)
        return super().prediction_step(model, masked, *args, **kwargs)

    def lengths(self, dataset: Any) -> list[int]:
        """The length of each block; all are equal."""
        return [dataset.length] * len(dataset)

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        """Drops the warning about tied weights on resuming: each is saved once, under one of its names."""
        tied = set(self.model._tied_weights_keys or ())
        missing = [name for name in load_result.missing_keys if name not in tied]
        super()._issue_warnings_after_load(load_result._replace(missing_keys=missing))

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Adds the perplexity to the dev figures."""
        if "eval_loss" in logs:
            logs["eval_perplexity"] = math.exp(min(logs["eval_loss"], 700.0))
        super().log(logs, *args, **kwargs)


def masked_accuracy(output: EvalPrediction) -> dict[str, float]:
    """Share of masked tokens predicted correctly; predictions and labels are (blocks, k)."""
    counts = output.label_ids != IGNORED
    return {"accuracy": float((output.predictions == output.label_ids)[counts].mean())}


class _DevFiguresAtTheEnd(TrainerCallback):  # type: ignore[misc]
    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step >= state.max_steps and args.eval_strategy != "no":
            control.should_evaluate = True
