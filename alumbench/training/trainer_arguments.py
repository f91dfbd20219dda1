"""Training arguments of `AdversarialTrainer` that would silently go wrong with a method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alumbench.errors import AlumbenchError
from alumbench.training.trainer_fields import SHARDS

if TYPE_CHECKING:
    from transformers import Trainer


def check_arguments(trainer: Trainer) -> None:
    """Checks the arguments of a Trainer whose method makes several passes per step.

    Raises:
        AlumbenchError: One would go wrong; the message says what to use instead.
    """
    args = trainer.args
    refused = (
        (
            "several GPUs in one process (DataParallel)",
            args.n_gpu > 1,
            "copies of a model cannot be perturbed together: use one GPU (CUDA_VISIBLE_DEVICES=0), or one process a "
            "GPU with DistributedDataParallel (torchrun)",
        ),
        ("fp16", args.fp16, "a method's inner gradients would underflow: use bf16=True"),
        ("fsdp or deepspeed", trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled, SHARDS),
        (
            "torch_compile",
            args.torch_compile,
            "give AdversarialTrainer compiled=True, which keeps δ's hook",
        ),
        (
            "label_smoothing_factor",
            args.label_smoothing_factor != 0,
            "the method owns the loss: use the method label-smoothing, or the parameter smoothing of alum",
        ),
        ("compute_loss_func", trainer.compute_loss_func is not None, "the method owns the loss: leave it out"),
        (
            "neftune_noise_alpha",
            bool(args.neftune_noise_alpha),
            "its noise would be mixed with the method's δ: use the method noise",
        ),
        (
            "gradient_checkpointing_kwargs",
            args.gradient_checkpointing and (args.gradient_checkpointing_kwargs or {}).get("use_reentrant", True),
            'torch takes no gradients inside the reentrant kind: give {"use_reentrant": False}',
        ),
    )
    for name, is_given, why in refused:
        if is_given:
            raise AlumbenchError(f"TrainingArguments: {name}: {why}")
