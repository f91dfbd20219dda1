"""The `TrainingArguments` fields that `--trainer` accepts: those that work here as transformers documents.

A field that the method, the sampler or the collator overrides would be recorded but do nothing, so it is refused with
what to use instead. `TAKEN` holds the fields that tests have shown to work; a field in neither table is refused too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from alumbench.errors import AlumbenchError, unknown


@dataclass(frozen=True)
class Kind:
    """The expected value of a field, in words and as a check."""

    expected: str
    fits: Callable[[Any], bool]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31


def _one_of(*names: str) -> Kind:
    return Kind(f"one of {', '.join(names)}", lambda value: value in names)


COUNT = Kind("a whole number, 1 or more", lambda value: _whole(value) and value >= 1)
COUNT_OR_NONE = Kind("a whole number, 0 or more", lambda value: _whole(value) and value >= 0)
AT_LEAST_0 = Kind("a number, 0 or more", lambda value: _number(value) and value >= 0)
ABOVE_0 = Kind("a number above 0", lambda value: _number(value) and value > 0)
SHARE = Kind("a share from 0 to 1", lambda value: _number(value) and 0 <= value <= 1)
BELOW_1 = Kind("a number from 0 to below 1", lambda value: _number(value) and 0 <= value < 1)
EVERY = Kind(
    "a whole number of steps, or a share of the run below 1",
    lambda value: COUNT.fits(value) or (_number(value) and 0 < value < 1),
)
YES_NO = Kind("true or false", lambda value: isinstance(value, bool))
TABLE = Kind("a JSON object", lambda value: isinstance(value, dict))
WHEN = _one_of("no", "steps", "epoch")

TAKEN: dict[str, Kind] = {
    "adam_beta1": BELOW_1,
    "adam_beta2": BELOW_1,
    "adam_epsilon": ABOVE_0,
    "dataloader_num_workers": COUNT_OR_NONE,
    "eval_accumulation_steps": COUNT,
    "eval_delay": AT_LEAST_0,
    "eval_steps": EVERY,
    "eval_strategy": WHEN,
    "gradient_accumulation_steps": COUNT,
    "gradient_checkpointing": YES_NO,
    "logging_first_step": YES_NO,
    "logging_steps": EVERY,
    "logging_strategy": WHEN,
    "lr_scheduler_kwargs": TABLE,
    "lr_scheduler_type": _one_of(
        "linear",
        "cosine",
        "cosine_with_restarts",
        "cosine_with_min_lr",
        "polynomial",
        "constant",
        "constant_with_warmup",
        "inverse_sqrt",
        "warmup_stable_decay",
    ),
    "max_grad_norm": AT_LEAST_0,
    "max_steps": COUNT,
    "optim": _one_of("adamw_torch", "adamw_torch_fused", "sgd", "adagrad", "rmsprop", "adafactor"),
    "per_device_eval_batch_size": COUNT,
    "save_steps": EVERY,
    "save_strategy": WHEN,
    "save_total_limit": COUNT,
    "tf32": YES_NO,
    "torch_empty_cache_steps": COUNT,
    "warmup_ratio": SHARE,
    "warmup_steps": COUNT_OR_NONE,
    "weight_decay": AT_LEAST_0,
}
#: These do nothing on a CPU.
ON_A_GPU = {"tf32", "torch_empty_cache_steps"}

#: Fields with an option of their own, in `train` and `pretrain`.
OPTIONS = {
    "output_dir": "--out",
    "overwrite_output_dir": "another --out",
    "seed": "--training-seed",
    "num_train_epochs": "--epochs",
    "per_device_train_batch_size": "--batch-size",
    "per_gpu_train_batch_size": "--batch-size",
    "per_gpu_eval_batch_size": "--trainer per_device_eval_batch_size",
    "learning_rate": "--lr",
    "bf16": "--precision bf16",
    "use_cpu": "--device cpu",
    "no_cuda": "--device cpu",
}
#: The same, only in `pretrain`.
PRETRAIN_OPTIONS = {
    "max_steps": "--steps",
    "gradient_accumulation_steps": "--accumulation",
    "warmup_steps": "--warmup",
    "warmup_ratio": "--warmup",
    "lr_scheduler_type": "--decay",
    "adam_beta1": "--adam-betas",
    "adam_beta2": "--adam-betas",
    "weight_decay": "--weight-decay",
}

SHARDS = (
    "FSDP and DeepSpeed are not supported: a method calls the plain module several times a step, while its "
    "parameters are still sharded; use torchrun alone (DDP)"
)
_TRACKERS = "use --report-to, which also survives resuming"
_COMPILE = "use --compile, which compiles under the hook that adds δ"
_FP16 = "fp16 is not supported: a method's inner gradients would underflow; use --precision bf16"
_EVAL_PRECISION = "dev figures are taken in --precision, as training is"
_ORDER = "texts of similar length share a batch, in an order that --training-seed and the epoch alone decide; use that"
_BEST = "the weights of the last step are kept; find --epochs on --held-out instead"
_RESUME = "not needed: rerun the same command to resume from the last complete checkpoint"
_METRICS = "the task decides the dev figures, and takes them from the predictions of the whole dev set"
_HUB = "use 'alumbench push' once the run is finished"
_SCRIPTS = "only transformers' example scripts read it"
_DDP = "not configurable: under torchrun the methods need the value that alumbench sets"
_QUIET = "progress is printed in lines; set TRANSFORMERS_VERBOSITY=info for the messages of transformers"
_COUNTS = "training.json has the seconds, and pretraining.json the tokens as well"

#: field → why it is refused, and what to use instead.
REFUSED: dict[str, str] = {
    **dict.fromkeys(("fsdp", "fsdp_config", "fsdp_min_num_params", "fsdp_transformer_layer_cls_to_wrap"), SHARDS),
    **dict.fromkeys(("deepspeed", "parallelism_config"), SHARDS),
    **dict.fromkeys(("report_to", "logging_dir", "run_name", "project"), _TRACKERS),
    **dict.fromkeys(("trackio_space_id", "trackio_bucket_id", "trackio_static_space_id"), _TRACKERS),
    **dict.fromkeys(("torch_compile", "torch_compile_backend", "torch_compile_mode", "torchdynamo"), _COMPILE),
    **dict.fromkeys(("fp16", "fp16_opt_level", "fp16_backend", "half_precision_backend"), _FP16),
    **dict.fromkeys(("bf16_full_eval", "fp16_full_eval"), _EVAL_PRECISION),
    **dict.fromkeys(("data_seed", "group_by_length", "length_column_name", "train_sampling_strategy"), _ORDER),
    **dict.fromkeys(("load_best_model_at_end", "metric_for_best_model", "greater_is_better"), _BEST),
    **dict.fromkeys(("resume_from_checkpoint", "ignore_data_skip", "save_only_model"), _RESUME),
    "restore_callback_states_from_checkpoint": _RESUME,
    **dict.fromkeys(("prediction_loss_only", "batch_eval_metrics", "eval_do_concat_batches", "label_names"), _METRICS),
    **dict.fromkeys(("include_for_metrics", "include_inputs_for_metrics", "eval_use_gather_object"), _METRICS),
    **dict.fromkeys(("use_legacy_prediction_loop", "past_index"), _METRICS),
    **dict.fromkeys(("push_to_hub", "push_to_hub_model_id", "push_to_hub_organization", "push_to_hub_token"), _HUB),
    **dict.fromkeys(("hub_model_id", "hub_strategy", "hub_token", "hub_private_repo"), _HUB),
    **dict.fromkeys(("hub_always_push", "hub_revision"), _HUB),
    **dict.fromkeys(("do_train", "do_eval", "do_predict"), _SCRIPTS),
    **dict.fromkeys(("ddp_find_unused_parameters", "ddp_broadcast_buffers", "ddp_static_graph", "ddp_backend"), _DDP),
    **dict.fromkeys(("disable_tqdm", "log_level", "log_level_replica", "log_on_each_node"), _QUIET),
    **dict.fromkeys(("include_num_input_tokens_seen", "include_tokens_per_second", "skip_memory_metrics"), _COUNTS),
    "label_smoothing_factor": "the method owns the loss; use --method label-smoothing --set smoothing=0.1",
    "neftune_noise_alpha": "its noise would be mixed with the method's δ; use --method noise",
    "remove_unused_columns": "a method needs each example's number, which is not an input of the model",
    "dataloader_drop_last": "every example is trained on in each epoch",
    "dataloader_persistent_workers": "workers that outlive an epoch would keep that epoch's augmented texts",
    "dataloader_pin_memory": "memory is pinned where there is a GPU",
    "auto_find_batch_size": "it would change --batch-size silently; give a smaller one",
    "average_tokens_across_devices": "the method owns the loss, whose mean is over examples",
    "eval_on_start": "a resumed run would evaluate twice; use 'alumbench attack --only clean' instead",
    "logging_nan_inf_filter": "a loss that is not finite stops the run",
    "adafactor": "use --trainer optim=adafactor",
    "optim_args": "the supported optimizers have none",
    "optim_target_modules": "it is for optimizers that are not supported",
    "gradient_checkpointing_kwargs": "the reentrant kind would recompute outside of the hook that adds δ",
    "activation_checkpointing": "use --trainer gradient_checkpointing=true",
    "activation_checkpointing_kwargs": "use --trainer gradient_checkpointing=true",
    "save_safetensors": "weights are always written as safetensors",
}


def check_trainer_fields(given: Mapping[str, object], on_cpu: bool, pretraining: bool = False) -> None:
    """Checks that all of these fields will have their documented effect.

    Args:
        given: fields by name, from `--trainer`.
        on_cpu: whether the run uses a CPU.
        pretraining: whether the command is `pretrain`, which has more options of its own.

    Raises:
        AlumbenchError: One is unknown, refused, of the wrong kind, or has no effect beside the others.
    """
    options = OPTIONS | (PRETRAIN_OPTIONS if pretraining else {})
    for name, value in given.items():
        if name in options:
            raise AlumbenchError(f"--trainer {name}: this one has its own option: use {options[name]}")
        if name in REFUSED:
            raise AlumbenchError(f"--trainer {name}: {REFUSED[name]}")
        if name not in TAKEN:
            raise _not_taken(name)
        if not TAKEN[name].fits(value):
            shown = json.dumps(value, ensure_ascii=True)[:60]
            raise AlumbenchError(f"--trainer {name}={shown}: expected {TAKEN[name].expected}")
        if on_cpu and name in ON_A_GPU:
            raise AlumbenchError(f"--trainer {name}: has no effect on a CPU; leave it out")
    for name, why in _idle(given, "steps" if pretraining else "epoch"):
        raise AlumbenchError(f"--trainer {name}: has no effect {why}; leave it out")


def _not_taken(name: str) -> AlumbenchError:
    from dataclasses import fields

    from transformers import TrainingArguments

    if name in {item.name for item in fields(TrainingArguments)}:
        return AlumbenchError(f"--trainer {name}: not supported, because not tested; supported are {', '.join(TAKEN)}")
    return unknown("TrainingArguments field", name, TAKEN)


def _idle(given: Mapping[str, object], evaluated: str) -> Iterator[tuple[str, str]]:
    """Fields that have no effect beside the others, and why."""
    optimizer, decay = str(given.get("optim", "adamw_torch")), given.get("lr_scheduler_type", "linear")
    for name in given:
        if name.startswith("adam_") and not optimizer.startswith("adamw"):
            yield name, f"with optim={optimizer}"
        if name.startswith("warmup_") and decay == "constant" and given[name]:
            yield name, "with lr_scheduler_type=constant (constant_with_warmup warms up)"
    if given.get("warmup_steps") and given.get("warmup_ratio"):
        yield "warmup_ratio", "beside warmup_steps"
    evaluated = str(given.get("eval_strategy", evaluated))
    for prefix, when in (
        ("eval", evaluated),
        ("save", given.get("save_strategy", "steps")),
        ("logging", given.get("logging_strategy", "steps")),
    ):
        if f"{prefix}_steps" in given and when != "steps":
            yield f"{prefix}_steps", f"while {prefix}_strategy is '{when}', not 'steps'"
    if evaluated == "no":
        for name in ("eval_delay", "eval_accumulation_steps", "per_device_eval_batch_size"):
            if name in given:
                yield name, "with eval_strategy=no"
    if given.get("save_strategy") == "no" and "save_total_limit" in given:
        yield "save_total_limit", "with save_strategy=no"
    if given.get("logging_strategy") == "no" and given.get("logging_first_step"):
        yield "logging_first_step", "with logging_strategy=no"
