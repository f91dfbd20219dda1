"""A request as `TrainingArguments`."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alumbench.config import Values
from alumbench.devices import choose_device, process_count
from alumbench.errors import AlumbenchError, unknown
from alumbench.training.request import TRAINER_FOLDER
from alumbench.training.trackers import tracker_arguments
from alumbench.training.trainer_fields import SHARDS, check_trainer_fields

if TYPE_CHECKING:
    from transformers import TrainingArguments

    from alumbench.training.options import Request


def training_arguments(
    request: Request,
    out: Path,
    examples: int,
    report_to: Sequence[str] = (),
    ours: Values | None = None,
) -> TrainingArguments:
    """The Trainer's arguments for a request.

    Args:
        request: the run's settings.
        out: the run's folder.
        examples: training examples per epoch.
        report_to: trackers, see `trackers.py`.
        ours: fields that differ from those of fine-tuning; fields that the user passes override them.

    Raises:
        AlumbenchError: A precision, device or passed-through field is wrong.
    """
    from transformers import TrainingArguments

    on_cpu = choose_device(request.device).type == "cpu"
    if request.precision not in {"fp32", "bf16"}:
        raise unknown("precision", request.precision, ["fp32", "bf16"])
    check_trainer_fields(request.trainer, on_cpu, pretraining=ours is not None)
    given = dict(ours or {}) | dict(request.trainer)
    processes = process_count()
    steps = given.get("max_steps") or optimizer_steps(request, examples, given.get("gradient_accumulation_steps", 1))
    values: Values = {
        "eval_strategy": "epoch",
        "save_strategy": "steps",
        "save_steps": max(10, steps // 10),
        "save_total_limit": 1,
        "logging_steps": max(1, min(50, steps // 10)),
        "logging_nan_inf_filter": False,
        "warmup_steps": int(0.06 * steps),
        "weight_decay": 0.01,
        "max_grad_norm": 1.0,
        **tracker_arguments(report_to, out),
        "disable_tqdm": True,
        "per_device_eval_batch_size": 64,
        "dataloader_pin_memory": not on_cpu,
        # the reentrant kind recomputes outside of the hook that adds δ
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
        # some models have weights that no loss reaches (XLNet's mask_emb, say), which DDP would wait for
        "ddp_find_unused_parameters": True,
        # a method's teacher or table is the same in all processes; no need to send it at each forward pass
        "ddp_broadcast_buffers": False,
        "ddp_backend": "gloo" if on_cpu and processes > 1 else None,
    }
    values |= given
    if "warmup_ratio" in values:  # beside any warmup_steps, ours too, transformers 4 ignores it; 5 does not know it
        values["warmup_steps"] = math.ceil(values.pop("warmup_ratio") * steps)
    for name in ("gradient_checkpointing", "gradient_checkpointing_kwargs"):  # as transformers 4 calls them
        if (newer := name.replace("gradient", "activation")) in TrainingArguments.__dataclass_fields__:
            values |= {newer: values.pop(name)} if name in values else {}
    if any(os.environ.get(f"ACCELERATE_USE_{name}", "").lower() == "true" for name in ("FSDP", "DEEPSPEED")):
        raise AlumbenchError(SHARDS)
    try:
        arguments = TrainingArguments(
            output_dir=str(out / TRAINER_FOLDER),
            seed=request.seed,
            num_train_epochs=request.epochs,
            per_device_train_batch_size=request.batch_size,
            learning_rate=request.lr,
            bf16=request.precision == "bf16",
            use_cpu=on_cpu,
            remove_unused_columns=False,
            **values,
        )
    except (TypeError, ValueError) as error:
        raise AlumbenchError(f"--trainer: {str(error)[:300]}") from error
    if arguments.n_gpu > 1:  # one process a device: torchrun --nproc-per-node
        arguments._n_gpu = 1
    _check_decay(arguments, steps)
    return arguments


def optimizer_steps(request: Request, examples: int, accumulated: int) -> int:
    """Number of optimizer steps in the request's epochs."""
    return _steps(request.epochs, examples, request.batch_size * process_count(), accumulated)


def planned_steps(arguments: TrainingArguments, examples: int) -> int:
    """Number of optimizer steps of a run with these arguments."""
    batch = arguments.per_device_train_batch_size * arguments.world_size
    accumulated = arguments.gradient_accumulation_steps
    return max(arguments.max_steps, 0) or _steps(arguments.num_train_epochs, examples, batch, accumulated)


def _steps(epochs: float, examples: int, batch: int, accumulated: int) -> int:
    return max(1, math.ceil(epochs * math.ceil(math.ceil(examples / batch) / accumulated)))


def _check_decay(arguments: TrainingArguments, steps: int) -> None:
    """Tests the learning-rate schedule now; the Trainer would make it only after reading all data."""
    from torch import optim, zeros
    from transformers import get_scheduler

    rate, more = arguments.learning_rate, arguments.lr_scheduler_kwargs or {}
    try:
        schedule = get_scheduler(
            arguments.lr_scheduler_type,
            optim.SGD([zeros(1, requires_grad=True)], lr=rate),
            num_warmup_steps=arguments.warmup_steps,
            num_training_steps=steps,
            scheduler_specific_kwargs=dict(more),
        )
        for at in (0, steps // 2, steps):
            float(schedule.lr_lambdas[0](at))
    except (TypeError, ValueError, ArithmeticError) as error:
        name = str(getattr(arguments.lr_scheduler_type, "value", arguments.lr_scheduler_type))
        raise AlumbenchError(
            f"the learning rate cannot decay as '{name}' from {rate:g} over {steps} steps with lr_scheduler_kwargs "
            f"{more}: {str(error)[:200]}"
        ) from error
