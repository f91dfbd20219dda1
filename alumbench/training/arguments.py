"""A request as `TrainingArguments`."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alumbench.devices import choose_device, process_count
from alumbench.errors import AlumbenchError, unknown
from alumbench.training.request import TRAINER_FOLDER, FineTuning
from alumbench.training.trackers import tracker_arguments

if TYPE_CHECKING:
    from transformers import TrainingArguments

    from alumbench.training.pretraining import Pretraining


def training_arguments(
    request: FineTuning | Pretraining, out: Path, examples: int, report_to: Sequence[str] = ()
) -> TrainingArguments:
    """The Trainer's arguments for a request on so many training examples, reporting to these trackers.

    Raises:
        AlumbenchError: A precision, device or passed-through field is wrong.
    """
    from transformers import TrainingArguments

    on_cpu = choose_device(request.device).type == "cpu"
    if request.precision not in {"fp32", "bf16"}:
        raise unknown("precision", request.precision, ["fp32", "bf16"])
    known = {item.name for item in fields(TrainingArguments)}
    ours = {"output_dir", "seed", "num_train_epochs", "per_device_train_batch_size", "learning_rate", "bf16", "use_cpu"}
    for name in request.trainer:
        if name not in known:
            raise unknown("TrainingArguments field", name, known)
        if name in ours:
            raise AlumbenchError(f"--trainer {name}: this one has an option of its own, see 'alumbench train --help'")
        if name in {"report_to", "logging_dir"}:
            raise AlumbenchError(f"--trainer {name}: use --report-to, with which a run can also go on")
        if name.startswith("torch_compile"):
            raise AlumbenchError(f"--trainer {name}: use --compile, which compiles under the hook that adds δ")
    accumulated = int(request.trainer.get("gradient_accumulation_steps", 1))
    processes = process_count()
    per_epoch = math.ceil(math.ceil(examples / (request.batch_size * processes)) / accumulated)
    steps = int(request.trainer.get("max_steps", 0)) or max(1, math.ceil(request.epochs * per_epoch))
    values: dict[str, Any] = {
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
        # a teacher or a table of the method is the same in all processes, and need not be sent at each forward
        "ddp_broadcast_buffers": False,
        "ddp_backend": "gloo" if on_cpu and processes > 1 else None,
    }
    values |= request.trainer
    launched = any(os.environ.get(f"ACCELERATE_USE_{name}", "").lower() == "true" for name in ("FSDP", "DEEPSPEED"))
    if launched or values.get("fsdp") or values.get("deepspeed"):
        raise AlumbenchError(
            "FSDP and DeepSpeed are refused: a method runs several passes of the plain module before one backward, and "
            "their shards are only together inside one forward of the wrapper; torchrun alone (DDP) works"
        )
    # TrainingArguments writes bf16 there and keeps what it finds: a run in fp32 after one in bf16 would be in bf16 too.
    os.environ["ACCELERATE_MIXED_PRECISION"] = "bf16" if request.precision == "bf16" else "no"
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
    return arguments
