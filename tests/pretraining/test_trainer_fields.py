"""Fields of `TrainingArguments` in pre-training: taken, or refused with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alumbench.errors import AlumbenchError
from alumbench.pretraining.pretrain import pretrain
from tests.pretraining.conftest import Make, quiet
from tests.training.test_trainer_fields import steps


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trainer": {"max_steps": 3}}, "max_steps: this one has its own option: use --steps"),
        ({"trainer": {"warmup_ratio": 0.1}}, "use --warmup"),
        ({"trainer": {"fp16": True}}, "use --precision bf16"),
        ({"trainer": {"eval_steps": 3}, "held_out": 0.0}, "eval_steps: --held-out 0 leaves no dev blocks"),
        ({"trainer": {"lr_scheduler_kwargs": {"slope": 1}}}, "cannot decay as 'polynomial'"),
        ({"lr": 1e-8}, "cannot decay as 'polynomial' from 1e-08"),
        ({"lr": float("nan")}, "--lr nan: expected a finite number"),
        ({"adam_betas": (2.0, float("nan"))}, "--adam-betas 2.0 nan: both must be from 0 to below 1"),
        ({"seed": -1}, "--training-seed -1: must be from 0 to"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(make: Make, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(AlumbenchError, match=message):
        pretrain(make(**change), tmp_path / "out", quiet)


def test_fields_that_are_taken_show_in_the_record(make: Make, tmp_path: Path) -> None:
    record = pretrain(make(steps=6, trainer={"eval_steps": 3, "logging_steps": 2}), tmp_path / "out", quiet)
    assert steps(record) == [2, 4, 6] and steps(record, "dev") == [3, 6]
