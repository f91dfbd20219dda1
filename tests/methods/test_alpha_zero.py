"""Invariant 2: switched off, a method is standard training bit for bit, dropout draws and all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from alumbench.methods import load_method, method_names
from alumbench.training.curriculum import Curriculum
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
        ({"alpha": 0, "direction": "vat", "num_steps": 3, "replay_dropout": False}, True),
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


#: What else has to be 0; `None` where α = 0 leaves something by design (R4F a spectral norm, InfoBERT FreeLB's steps,
#: A2T its rows).
ALSO: dict[str, dict[str, float] | None] = {"smart": {"mu": 0}, "r4f": None, "infobert": None, "a2t": None}
SWITCHED_OFF: list[tuple[str, dict[str, Any]]] = [
    (name, {"alpha": 0} | (ALSO.get(name) or {}))
    for name in method_names()
    if "alpha" in {item.name for item in fields(load_method(name))}  # type: ignore[arg-type]
    and ALSO.get(name, {}) is not None
]
SWITCHED_OFF += [("label-smoothing", {"smoothing": 0}), ("flooding", {"level": 0})]
FIVE_STEPS: dict[str, Any] = {"train_size": 40, "held_out": 8}


@pytest.fixture(scope="module")
def five_steps(small_request: Callable[..., FineTuning], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("alpha") / "five"
    fine_tune(small_request(**FIVE_STEPS), out, say=lambda line: None)
    return (out / "model.safetensors").read_bytes()


@pytest.mark.parametrize(("name", "parameters"), SWITCHED_OFF, ids=str)
def test_a_method_that_is_switched_off_is_standard(
    small_request: Callable[..., FineTuning], five_steps: bytes, tmp_path: Path, name: str, parameters: dict[str, Any]
) -> None:
    request = small_request(method=name, parameters=parameters, **FIVE_STEPS)
    assert fine_tune(request, tmp_path / "out", say=lambda line: None)["settings"]["steps"] == 5
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == five_steps


@pytest.mark.parametrize(
    ("name", "schedule", "same"),
    [
        ("alum", Curriculum(after=1.0), True),
        ("freelb", Curriculum(after=1.0, every=3, fraction=0.5), True),
        ("alum", Curriculum(every=3), False),
        ("alum", Curriculum(fraction=0.25), False),
        ("standard", Curriculum(every=2), True),
    ],
    ids=str,
)
def test_a_method_that_never_sets_in_is_standard(
    small_request: Callable[..., FineTuning],
    five_steps: bytes,
    tmp_path: Path,
    name: str,
    schedule: Curriculum,
    same: bool,
) -> None:
    record = fine_tune(
        small_request(method=name, schedule=schedule, **FIVE_STEPS), tmp_path / "out", say=lambda line: None
    )
    assert ((tmp_path / "out" / "model.safetensors").read_bytes() == five_steps) is same
    expected = {"after": schedule.after, "every": schedule.every, "fraction": schedule.fraction}
    assert record["settings"]["schedule"] == expected
