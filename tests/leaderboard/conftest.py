"""Checkpoints with finished evaluations, and a board for them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from alumbench.attacks.victim import Victim
from alumbench.demo import BOARD
from alumbench.evaluation.evaluate import Request, evaluate
from alumbench.evaluation.suite import load_suite
from alumbench.models.checkpoint import checkpoint_task, find_model


def move(checkpoint: Path, number: int) -> None:
    """Makes it another checkpoint, whose answers are the same."""
    weights = load_file(checkpoint / "model.safetensors")
    weights["classifier.bias"] += number * 1e-6
    save_file(weights, checkpoint / "model.safetensors", {"format": "pt"})


@pytest.fixture(scope="session")
def evaluated(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A checkpoint under three names, its weights hardly moved; `standard` with an attack, `alum` without."""
    folders = []
    for number, (method, seed) in enumerate([("standard", 1), ("standard", 2), ("alum", 1)]):
        folder = tmp_path_factory.mktemp("runs") / f"{method}-{seed}"
        shutil.copytree(checkpoint, folder)
        move(folder, number)
        record = json.loads((folder / "training.json").read_text())
        record["training_seed"], record["method"]["name"] = seed, method
        (folder / "training.json").write_text(json.dumps(record))
        files = find_model(str(folder))
        victim = Victim(files, checkpoint_task(files), "cpu")
        only = ("clean", "adversarial", "deepwordbug-all-words")[: 2 if method == "alum" else 3]
        evaluate(Request(load_suite("smoke"), only=only), victim, folder / "evaluations/smoke", lambda *_: None)
        folders.append(folder)
    return folders


@pytest.fixture
def board(tmp_path: Path) -> Path:
    folder = tmp_path / "board"
    folder.mkdir()
    (folder / "board.toml").write_text(BOARD)
    return folder
