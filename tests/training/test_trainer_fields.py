"""Every field of `TrainingArguments` either does through `--trainer` what it says, or is refused with a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from transformers import TrainingArguments

from alumbench.errors import AlumbenchError
from alumbench.training.arguments import training_arguments
from alumbench.training.fine_tuning import fine_tune
from alumbench.training.method_trainer import MethodTrainer
from alumbench.training.request import FineTuning
from alumbench.training.trainer_fields import (
    ON_A_GPU,
    OPTIONS,
    PRETRAIN_OPTIONS,
    REFUSED,
    TAKEN,
    check_trainer_fields,
)
from tests.pretraining.conftest import quiet

Make = Callable[..., FineTuning]
Record = dict[str, Any]
#: Of the installed transformers; not tried, and in no table.
UNTRIED = {
    "accelerator_config",
    "dataloader_in_order",
    "dataloader_multiprocessing_context",
    "dataloader_prefetch_factor",
    "ddp_bucket_cap_mb",
    "ddp_timeout",
    "debug",
    "enable_jit_checkpoint",
    "full_determinism",
    "jit_mode_eval",
    "liger_kernel_config",
    "local_rank",
    "mp_parameters",
    "ray_scope",
    "save_on_each_node",
    "tpu_metrics_debug",
    "tpu_num_cores",
    "use_cache",
    "use_liger_kernel",
    "use_mps_device",
    "_n_gpu",
}


@pytest.mark.parametrize("name", sorted(item.name for item in fields(TrainingArguments)))
@pytest.mark.parametrize("pretraining", [False, True], ids=["train", "pretrain"])
def test_every_field_is_taken_or_refused_in_a_line_that_says_why(name: str, pretraining: bool) -> None:
    sorts = [name in table for table in (TAKEN, OPTIONS, REFUSED, UNTRIED)]
    assert sum(sorts) == 1, "a field of a new transformers: try it, then enter it in trainer_fields.py"
    if name in TAKEN and not (pretraining and name in PRETRAIN_OPTIONS):
        return
    with pytest.raises(AlumbenchError, match=rf"^--trainer {name}: \w.{{10}}") as told:
        check_trainer_fields({name: 1}, on_cpu=False, pretraining=pretraining)
    assert "\n" not in str(told.value)


@pytest.fixture(scope="module")
def plain(small_request: Make, tmp_path_factory: pytest.TempPathFactory) -> tuple[Record, bytes]:
    """A run with no field, of 12 steps."""
    return run(small_request(), tmp_path_factory.mktemp("plain") / "out")


def run(request: FineTuning, out: Path) -> tuple[Record, bytes]:
    return fine_tune(request, out, quiet), (out / "model.safetensors").read_bytes()


def steps(record: Record, name: str = "loss") -> list[Any]:
    return [entry.get("step", entry["epoch"]) for entry in record[name]]


#: Fields that change what is learned, as values that must each give other weights than those before it.
LEARN: list[list[dict[str, Any]]] = [
    [{"adam_beta1": 0.5}],
    [{"adam_beta2": 0.5}],
    [{"adam_epsilon": 0.1}],
    [{"gradient_accumulation_steps": 2}],
    [{"lr_scheduler_type": "cosine"}, {"lr_scheduler_type": "cosine", "lr_scheduler_kwargs": {"num_cycles": 2.0}}],
    [{"lr_scheduler_type": "polynomial"}, {"lr_scheduler_type": "polynomial", "lr_scheduler_kwargs": {"power": 3}}],
    [{"lr_scheduler_type": "constant"}, {"lr_scheduler_type": "constant_with_warmup", "warmup_steps": 3}],
    [{"lr_scheduler_type": "inverse_sqrt", "warmup_steps": 2}],
    [{"lr_scheduler_type": "cosine_with_restarts", "lr_scheduler_kwargs": {"num_cycles": 3}}],
    [{"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": {"min_lr": 1e-4}}],
    [{"lr_scheduler_type": "warmup_stable_decay", "lr_scheduler_kwargs": {"num_decay_steps": 4}, "warmup_steps": 2}],
    [{"max_grad_norm": 0.01}, {"max_grad_norm": 0.1}],
    [{"optim": "sgd"}, {"optim": "adagrad"}, {"optim": "rmsprop"}, {"optim": "adafactor"}],
    [{"warmup_ratio": 0.5}],
    [{"warmup_steps": 4}],
    [{"weight_decay": 0.9}],
]


@pytest.mark.parametrize("values", LEARN, ids=lambda values: "+".join(values[-1]) + str(values[-1].get("optim", "")))
def test_what_is_taken_changes_what_is_learned(
    small_request: Make, plain: tuple[Record, bytes], tmp_path: Path, values: list[dict[str, Any]]
) -> None:
    weights = [plain[1]]
    for number, trainer in enumerate(values):
        record, found = run(small_request(trainer=trainer), tmp_path / str(number))
        assert record["settings"]["trainer"] == trainer
        assert found not in weights
        weights.append(found)


#: Fields of no weight, and what the record shows of them.
SHOWN: list[tuple[dict[str, Any], Callable[[Record], bool]]] = [
    ({"dataloader_num_workers": 1}, lambda record: True),
    ({"eval_accumulation_steps": 1, "per_device_eval_batch_size": 7}, lambda record: record["dev"][0]["epoch"] == 1),
    ({"eval_delay": 2}, lambda record: record["dev"] == []),
    ({"eval_strategy": "no"}, lambda record: record["dev"] == []),
    ({"eval_strategy": "steps", "eval_steps": 4}, lambda record: len(record["dev"]) == 3),
    ({"eval_strategy": "steps", "eval_steps": 0.5}, lambda record: len(record["dev"]) == 2),
    ({"logging_first_step": True}, lambda record: steps(record)[0] == 1),
    ({"logging_steps": 4}, lambda record: steps(record) == [4, 8, 12]),
    ({"logging_strategy": "epoch"}, lambda record: steps(record) == [12]),
    ({"logging_strategy": "no"}, lambda record: record["loss"] == []),
    ({"optim": "adamw_torch_fused"}, lambda record: True),
]


@pytest.mark.parametrize(
    ("trainer", "shown"), SHOWN, ids=lambda value: "+".join(value) if isinstance(value, dict) else ""
)
def test_what_is_taken_shows_in_the_record(
    small_request: Make, plain: tuple[Record, bytes], tmp_path: Path, trainer: dict[str, Any], shown: Any
) -> None:
    record, weights = run(small_request(trainer=trainer), tmp_path / "out")
    assert shown(record)
    # a dev loader draws a number from the generator that dropout draws from
    assert (weights == plain[1]) is (trainer.get("eval_strategy") != "steps")


@pytest.mark.parametrize(
    ("trainer", "saved"),
    [
        ({}, [10, 12]),
        ({"save_strategy": "no"}, []),
        ({"save_steps": 4}, [4, 8, 12]),
        ({"save_strategy": "epoch"}, [12]),
        ({"save_steps": 4, "save_total_limit": 2}, [4, 8, 12]),
    ],
    ids=str,
)
def test_checkpoints_are_written_when_it_is_said(
    small_request: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainer: dict[str, Any], saved: list[int]
) -> None:
    found, kept, plain_save = [], [], MethodTrainer._save_checkpoint

    def save(self: MethodTrainer, *args: Any, **kwargs: Any) -> None:
        plain_save(self, *args, **kwargs)
        found.append(self.state.global_step)
        kept.append(len(list(Path(self.args.output_dir).glob("checkpoint-*"))))

    monkeypatch.setattr(MethodTrainer, "_save_checkpoint", save)
    fine_tune(small_request(trainer=trainer), tmp_path / "out", quiet)
    assert found == saved
    assert max(kept, default=0) <= trainer.get("save_total_limit", 1)


def test_gradient_checkpointing_keeps_what_is_learned(small_request: Make, tmp_path: Path) -> None:
    weights = []
    for name, trainer in (("plain", {}), ("recomputed", {"gradient_checkpointing": True})):
        fine_tune(small_request(method="alum", trainer=trainer), tmp_path / name, quiet)
        weights.append(load_file(tmp_path / name / "model.safetensors"))
    for name, weight in weights[0].items():
        assert weight.sub(weights[1][name]).abs().max() < 1e-5, name


def test_each_taken_field_was_tried() -> None:
    tried = {name for values in LEARN for trainer in values for name in trainer}
    tried |= {name for trainer, _ in SHOWN for name in trainer}
    tried |= {"save_strategy", "save_steps", "save_total_limit", "gradient_checkpointing", "max_steps"}
    assert tried == TAKEN.keys() - ON_A_GPU


@pytest.mark.parametrize("examples", [96, 8 * 400])
@pytest.mark.parametrize("ratio", [0, 0.1, 0.5, 1])
def test_a_share_of_warm_up_holds_for_any_number_of_steps(
    small_request: Make, tmp_path: Path, examples: int, ratio: float
) -> None:
    """From 17 steps on, our own 6% used to go before it."""
    total = examples // 8
    arguments = training_arguments(small_request(trainer={"warmup_ratio": ratio}), tmp_path, examples)
    assert arguments.get_warmup_steps(total) == pytest.approx(ratio * total, abs=1)
    default = training_arguments(small_request(), tmp_path, examples)
    assert default.get_warmup_steps(total) == int(0.06 * total)


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        ({"max_steps": -1}, "max_steps=-1: expected a whole number, 1 or more"),
        ({"max_steps": "many"}, 'max_steps="many": expected a whole number'),
        ({"max_steps": True}, "max_steps=true: expected a whole number"),
        ({"max_steps": 1.5}, "max_steps=1.5: expected a whole number"),
        ({"max_steps": None}, "max_steps=null: expected a whole number"),
        ({"max_grad_norm": float("nan")}, "max_grad_norm=NaN: expected a number, 0 or more"),
        ({"weight_decay": float("inf")}, "weight_decay=Infinity: expected a number, 0 or more"),
        ({"adam_beta1": 1}, "adam_beta1=1: expected a number from 0 to below 1"),
        ({"warmup_steps": 0.1}, "warmup_steps=0.1: expected a whole number, 0 or more"),
        ({"warmup_ratio": 2}, "warmup_ratio=2: expected a share from 0 to 1"),
        ({"warmup_ratio": 0.1, "warmup_steps": 3}, "warmup_ratio: has no effect beside warmup_steps"),
        ({"optim": "lion_32bit"}, "optim=.*: expected one of adamw_torch"),
        ({"optim": ["sgd"]}, "optim=.*: expected one of adamw_torch"),
        ({"optim": "sgd", "adam_beta1": 0.5}, "adam_beta1: has no effect with optim=sgd"),
        ({"lr_scheduler_type": "constant", "warmup_steps": 3}, "has no effect with lr_scheduler_type=constant"),
        ({"lr_scheduler_kwargs": [1]}, "lr_scheduler_kwargs=.*: expected a JSON object"),
        ({"lr_scheduler_kwargs": {"slope": 1}}, "cannot decay as 'linear' .*slope"),
        ({"lr_scheduler_type": "polynomial", "lr_scheduler_kwargs": {"power": "x"}}, "cannot decay as 'polynomial'"),
        ({"lr_scheduler_type": "cosine_with_min_lr"}, "cannot decay as 'cosine_with_min_lr'"),
        ({"eval_steps": 3}, "eval_steps: has no effect while eval_strategy is 'epoch'"),
        ({"save_strategy": "no", "save_steps": 3}, "save_steps: has no effect while save_strategy is 'no'"),
        ({"logging_strategy": "no", "logging_first_step": True}, "logging_first_step: has no effect with"),
        ({"eval_strategy": "no", "per_device_eval_batch_size": 3}, "per_device_eval_batch_size: has no effect with"),
        ({"tf32": True}, "tf32: has no effect on a CPU"),
        ({"fp16": True}, "fp16: .*use --precision bf16"),
        ({"label_smoothing_factor": 0.1}, "use --method label-smoothing --set smoothing=0.1"),
        ({"data_seed": 5}, "--training-seed and the epoch alone decide"),
        ({"group_by_length": True}, "group_by_length: texts of similar length share a batch"),
    ],
    ids=str,
)
def test_what_would_do_nothing_or_is_no_value_is_refused(
    small_request: Make, tmp_path: Path, trainer: dict[str, Any], message: str
) -> None:
    with pytest.raises(AlumbenchError, match=message) as told:
        fine_tune(small_request(trainer=trainer), tmp_path / "out", quiet)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "out" / "request.json").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": float("nan")}, "--epochs nan: expected a finite number"),
        ({"epochs": float("inf")}, "--epochs inf: expected a finite number"),
        ({"lr": float("nan")}, "--lr nan: expected a finite number"),
        ({"label_noise": float("nan")}, "--label-noise nan: expected a finite number"),
        ({"seed": -1}, "--training-seed -1: must be from 0 to 4294967295"),
        ({"seed": 2**32}, "--training-seed 4294967296: must be from 0 to 4294967295"),
    ],
    ids=str,
)
def test_numbers_that_are_none_are_refused(small_request: Make, change: dict[str, Any], message: str) -> None:
    with pytest.raises(AlumbenchError, match=message):
        replace(small_request(), **change)
