"""Invariant 2: with α = 0, ALUM is standard training bit for bit, dropout draws and all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alumbench.training.fine_tuning import fine_tune
from alumbench.training.request import FineTuning


@pytest.fixture(scope="module")
def standard_weights(small_request: Callable[..., FineTuning], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("alpha") / "standard"
    fine_tune(small_request(), out, say=lambda line: None)
    return (out / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("parameters", "same"),
    [
        ({"alpha": 0}, True),
        ({"alpha": 0, "direction": "vat", "steps": 3, "replay_dropout": False}, True),
        ({"alpha": 1}, False),
        ({"alpha": 1e-3, "direction": "noise"}, False),
    ],
    ids=str,
)
def test_weights_after_a_run(
    small_request: Callable[..., FineTuning],
    standard_weights: bytes,
    tmp_path: Path,
    parameters: dict[str, Any],
    same: bool,
) -> None:
    fine_tune(small_request(method="alum", parameters=parameters), tmp_path / "out", say=lambda line: None)
    assert ((tmp_path / "out" / "model.safetensors").read_bytes() == standard_weights) is same
