"""What the Trainer owns and a method must not notice: accumulation, several processes, padding."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from alumbench.errors import AlumbenchError
from alumbench.training.fine_tuning import fine_tune
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


def test_several_processes_are_refused(small_request: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(AlumbenchError, match="several processes is not supported"):
        fine_tune(small_request(), tmp_path / "out", quiet)


def test_parts_of_the_loss_are_means_and_are_cleared_at_each_log(small_request: Make, tmp_path: Path) -> None:
    request = small_request(method="alum", parameters={"alpha": 2.0}, trainer={"logging_steps": 3})
    record = fine_tune(request, tmp_path / "out", quiet)
    assert [entry["step"] for entry in record["loss"]] == [3, 6, 9, 12]
    for entry in record["loss"]:
        assert entry["loss"] == pytest.approx(entry["loss_task"] + 2 * entry["loss_regularizer"], abs=2e-3)
    assert all(torch.tensor(list(entry.values())).isfinite().all() for entry in record["loss"])
