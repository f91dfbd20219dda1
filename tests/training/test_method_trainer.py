"""What the Trainer owns and a method must not notice: accumulation, several processes, padding."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from alumbench.errors import AlumbenchError
from alumbench.training.fine_tuning import fine_tune
from alumbench.training.method_trainer import EpochSampler, MethodTrainer
from alumbench.training.request import FineTuning

Make = Callable[..., FineTuning]


def quiet(line: str) -> None:
    """Takes a line of progress and drops it."""


@pytest.fixture(scope="module")
def model_without_dropout(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "no-dropout"
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "config.json").read_text())
    off = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config | off))
    return folder


@pytest.mark.parametrize("trainer", [{"warmup_steps": 0}, {}], ids=["no-warm-up", "default-warm-up"])
@pytest.mark.parametrize(
    ("method", "parameters"),
    [("standard", {}), ("alum", {"direction": "fisher"}), ("alum", {"direction": "vat"})],
    ids=["standard", "fisher", "vat"],
)
def test_four_times_two_accumulated_is_a_batch_of_eight(
    small_request: Make,
    model_without_dropout: Path,
    tmp_path: Path,
    method: str,
    parameters: dict[str, Any],
    trainer: dict[str, Any],
) -> None:
    weights, losses = [], []
    # Plain gradient descent: Adam would turn rounding in tiny gradients into whole steps.
    common = {"model": str(model_without_dropout), "method": method, "parameters": parameters, "lr": 0.1, "epochs": 2.0}
    for batch_size, accumulated in ((8, 1), (4, 2)):
        asked = trainer | {"optim": "sgd", "gradient_accumulation_steps": accumulated, "logging_steps": 1}
        out = tmp_path / str(accumulated)
        record = fine_tune(small_request(**common, batch_size=batch_size, trainer=asked), out, quiet)
        assert record["settings"]["steps"] == 24
        weights.append(load_file(out / "model.safetensors"))
        losses.append([entry["loss"] for entry in record["loss"]])
    assert losses[0] == pytest.approx(losses[1], abs=2e-3)
    before = load_file(model_without_dropout / "model.safetensors")
    for name, weight in weights[0].items():
        moved = (weight - before[name.removeprefix("bert.")]).norm() if name.removeprefix("bert.") in before else 1.0
        assert (weight - weights[1][name]).norm() <= max(2e-3 * float(moved), 1e-6), name


def test_two_seeds_differ_and_one_seed_repeats(small_request: Make, tmp_path: Path) -> None:
    runs = {}
    for name, seed in (("one", 1), ("again", 1), ("two", 2)):
        fine_tune(small_request(seed=seed, method="alum", parameters={"direction": "vat"}), tmp_path / name, quiet)
        runs[name] = (tmp_path / name / "model.safetensors").read_bytes()
    assert runs["one"] == runs["again"]
    assert runs["one"] != runs["two"]


@pytest.mark.parametrize(
    ("trainer", "environment"),
    [
        ({"fsdp": "full_shard"}, {}),
        ({"deepspeed": "zero.json"}, {}),
        ({}, {"ACCELERATE_USE_FSDP": "true"}),
        ({}, {"ACCELERATE_USE_DEEPSPEED": "true"}),
    ],
    ids=str,
)
def test_sharded_models_are_refused_with_a_reason(
    small_request: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trainer: dict[str, Any],
    environment: dict[str, str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(AlumbenchError, match=r"FSDP and DeepSpeed are not supported: .* use torchrun alone \(DDP\)"):
        fine_tune(small_request(trainer=trainer), tmp_path / "out", quiet)


def test_a_run_in_fp32_is_none_in_bf16_because_one_was_before_it(small_request: Make, tmp_path: Path) -> None:
    request = small_request(method="alum", train_size=32)
    for name, precision in (("before", "fp32"), ("between", "bf16"), ("after", "fp32")):
        fine_tune(replace(request, precision=precision), tmp_path / name, quiet)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("before", "between", "after")]
    assert weights[0] == weights[2]
    assert weights[0] != weights[1]


def test_a_run_follows_its_request_and_not_what_others_left_in_the_environment(
    small_request: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = small_request(train_size=32)
    fine_tune(request, tmp_path / "plain", quiet)
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "eager")
    made: list[MethodTrainer] = []
    plain = MethodTrainer.train
    monkeypatch.setattr(MethodTrainer, "train", lambda self, **given: made.append(self) or plain(self, **given))
    fine_tune(request, tmp_path / "after", quiet)
    (trainer,) = made
    assert trainer.accelerator.state.dynamo_plugin.backend == "NO"
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("plain", "after")]
    assert weights[0] == weights[1]


def test_the_order_of_the_examples_is_drawn_by_seed_and_epoch_alone() -> None:
    lengths = [5, 9, 3, 3, 7, 12, 4, 4, 8, 6, 10, 11] * 20

    def order(seed: int, epoch: int) -> list[int]:
        torch.manual_seed(len(seen))
        sampler = EpochSampler(seed, 8, lengths)
        sampler.set_epoch(epoch)
        return list(sampler)

    seen: list[list[int]] = []
    for seed, epoch in ((1, 0), (1, 1), (2, 0), (1, 0)):
        seen.append(order(seed, epoch))
        assert sorted(seen[-1]) == list(range(len(lengths)))
    assert seen[0] == seen[3]
    assert seen[0] != seen[1] != seen[2] != seen[0]
    spans = [max(group) - min(group) for group in zip(*[iter(lengths[i] for i in seen[0])] * 8, strict=True)]
    assert sum(spans) / len(spans) < 3, "texts of similar length are together"


@pytest.mark.parametrize("method", ["alum", "fgm"])
def test_zero_gradients_and_embedding_norms_are_in_every_line_of_the_log(
    small_request: Make, tmp_path: Path, method: str
) -> None:
    lines: list[str] = []
    request = small_request(method=method, trainer={"logging_steps": 3})
    record = fine_tune(request, tmp_path / "out", lines.append)
    assert len(record["loss"]) == 4
    for entry in record["loss"]:
        assert 0 <= entry["loss_zero_gradients"] <= 1
        assert entry["embedding_norm"] > 0
    assert len({entry["embedding_norm"] for entry in record["loss"]}) == 4
    table = load_file(tmp_path / "out" / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    assert record["loss"][-1]["embedding_norm"] == pytest.approx(float(table.norm(dim=-1).mean()), abs=1e-6)
    steps = [line for line in lines if line.startswith("step ") and "dev" not in line]
    assert len(steps) == 4
    assert all("embedding_norm" in line and "loss_zero_gradients" in line for line in steps)


def test_a_noise_that_bf16_rounds_away_is_told_before_the_run(small_request: Make, tmp_path: Path) -> None:
    lines: list[str] = []
    fine_tune(small_request(method="alum-paper", precision="bf16", train_size=16), tmp_path / "out", lines.append)
    assert any(line.startswith("warning: init_scale = 1e-05 is so small that bf16 rounds it away") for line in lines)


def test_parts_of_the_loss_are_means_and_are_cleared_at_each_log(small_request: Make, tmp_path: Path) -> None:
    request = small_request(method="alum", parameters={"alpha": 2.0}, trainer={"logging_steps": 3})
    record = fine_tune(request, tmp_path / "out", quiet)
    assert [entry["step"] for entry in record["loss"]] == [3, 6, 9, 12]
    for entry in record["loss"]:
        assert entry["loss"] == pytest.approx(entry["loss_task"] + 2 * entry["loss_regularizer"], abs=2e-3)
    assert all(torch.tensor(list(entry.values())).isfinite().all() for entry in record["loss"])
