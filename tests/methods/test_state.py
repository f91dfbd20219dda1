"""What a method keeps beside the model: it survives a kill, accumulated batches, and leaves a plain checkpoint."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

from alumbench.training.fine_tuning import fine_tune
from alumbench.training.request import FineTuning
from tests.training.test_resuming import die_at_call, quiet, train_and_die

Make = Callable[..., FineTuning]

KEPT: list[tuple[str, dict[str, Any]]] = [
    ("smart", {"beta": 0.5, "beta_late": 0.5}),
    ("r4f", {}),
    ("tavat", {"epsilon": 0.5}),
    ("infobert", {"alpha": 0.5}),
]


@pytest.mark.parametrize(("method", "parameters"), KEPT, ids=str)
def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(
    small_request: Make, tmp_path: Path, method: str, parameters: dict[str, Any]
) -> None:
    """Killed at the 16th of 24 steps, going on from the checkpoint after the tenth."""
    request = small_request(epochs=2.0, method=method, parameters=parameters)
    fine_tune(request, tmp_path / "unbroken", quiet)
    death = lambda: die_at_call(torch.optim.AdamW, "step", 16)  # noqa: E731
    child = multiprocessing.get_context("fork").Process(target=train_and_die, args=(request, tmp_path / "out", death))
    child.start()
    child.join(120)
    assert child.exitcode == -signal.SIGKILL
    saved = load_file(tmp_path / "out" / "trainer" / "checkpoint-10" / "model.safetensors")
    plain = load_file(tmp_path / "unbroken" / "model.safetensors")
    assert set(saved) - set(plain), "nothing was kept beside the model"
    lines: list[str] = []
    fine_tune(request, tmp_path / "out", lines.append)
    assert any("checkpoint-10" in line for line in lines)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("out", "unbroken")]
    assert weights[0] == weights[1]
    _, told = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not told["missing_keys"] and not told["unexpected_keys"]


def test_smart_has_one_teacher_for_all_batches_of_a_step(small_request: Make, tmp_path: Path) -> None:
    """Four times two accumulated is a batch of eight, which it would not be if each of them moved the teacher."""
    weights = []
    for batch_size, accumulated in ((8, 1), (4, 2)):
        trainer = {"optim": "sgd", "gradient_accumulation_steps": accumulated, "warmup_steps": 0}
        values = {"alpha": 0, "mu": 50.0, "beta": 0.5, "beta_late": 0.5, "replay_dropout": True}
        request = small_request(
            method="smart", parameters=values, batch_size=batch_size, lr=0.05, trainer=trainer, seed=3
        )
        out = tmp_path / str(accumulated)
        record = fine_tune(request, out, quiet)
        weights.append((record["loss"][-1]["loss_proximal"], record["loss"][-1]["loss_task"]))
    assert weights[0][0] == pytest.approx(weights[1][0], rel=0.1)
    assert weights[0][0] > 0
