"""Evaluated checkpoints to publish."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alumbench.evaluation.suite import load_suite
from tests.evaluation.conftest import SMALL, run

HUB = {"from": "hub", "id": "owner/pairs", "config": "small", "split": "validation", "revision": "c" * 40}


@pytest.fixture(scope="session")
def evaluated_once(pair_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pair checkpoint with a finished evaluation: clean, a fixed set and an attack of few examples."""
    folder = tmp_path_factory.mktemp("publishing")
    (folder / "small.toml").write_text(SMALL.replace("examples = 60", "examples = 12"))
    copy = shutil.copytree(pair_checkpoint, folder / "pairs")
    run(copy, copy / "evaluations/small-seed1", load_suite(str(folder / "small.toml")))
    return copy


@pytest.fixture
def checkpoint(evaluated_once: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return shutil.copytree(evaluated_once, tmp_path / "pairs")


@pytest.fixture
def change(checkpoint: Path) -> Callable[..., None]:
    """Edits a JSON file of the checkpoint through a function."""

    def edit(name: str, how: Callable[[dict[str, Any]], object]) -> None:
        path = checkpoint / name
        content = json.loads(path.read_text())
        how(content)
        path.write_text(json.dumps(content))

    return edit


EVALUATION = "evaluations/small-seed1/evaluation.json"


@pytest.fixture
def on_hub(change: Callable[..., None]) -> None:
    """Has the evaluation say that its examples came from a data set of the hub."""

    def edit(document: dict[str, Any]) -> None:
        for entry in document["entries"].values():
            entry["sources"] = [HUB]

    change(EVALUATION, edit)
