"""`train(…)` is `alumbench train`: the same weights, the same record, the same errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from alumbench import ALUM, train
from alumbench.cli import group
from alumbench.data import load_task
from alumbench.errors import AlumbenchError
from alumbench.methods import make_method
from alumbench.parsing import read_json
from alumbench.training.options import FineTuning

OPTIONS: dict[str, Any] = {
    "training_seed": 3,
    "train_size": 32,
    "held_out": 32,
    "epochs": 1,
    "batch_size": 8,
    "lr": 1e-3,
}
OPTIONS |= {"max_length": 64, "device": "cpu", "adversary_after": 0.25, "typos": 0.1, "trainer": {"weight_decay": 0.1}}
TIMES = {"seconds", "cpu_seconds"}


def quiet(line: str) -> None:
    """Takes a line of progress and drops it."""


def arguments() -> list[str]:
    found = []
    for name, value in OPTIONS.items():
        text = "weight_decay=0.1" if isinstance(value, dict) else str(value)
        found += [f"--{name.replace('_', '-')}", text]
    return found


def test_the_function_does_what_the_command_does(tiny_model: Path, tmp_path: Path) -> None:
    said = ["train", "--task", "mini-sentiment", "--model", str(tiny_model), "--method", "alum", "--set", "alpha=2"]
    ran = CliRunner().invoke(group, [*said, *arguments(), "--out", str(tmp_path / "command")])
    assert ran.exit_code == 0, ran.output
    done = train("mini-sentiment", tiny_model, method=ALUM(alpha=2.0), out=tmp_path / "call", say=quiet, **OPTIONS)
    records = [read_json(tmp_path / name / "training.json") for name in ("command", "call")]
    assert [{k: v for k, v in r.items() if k not in TIMES} for r in records[:1]] == [
        {k: v for k, v in r.items() if k not in TIMES} for r in records[1:]
    ]
    assert (tmp_path / "command/training.json").read_text().split('"seconds"')[0] == (
        tmp_path / "call/training.json"
    ).read_text().split('"seconds"')[0], "byte for byte"
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("command", "call")]
    assert weights[0] == weights[1]
    assert done.folder == tmp_path / "call" and done.task == load_task("mini-sentiment")
    assert (done.method, done.steps, done.seconds) == ("alum", 4, records[1]["seconds"])
    assert done.metrics.keys() == {"loss", "accuracy"} and done.metrics["accuracy"] == records[1]["dev"][-1]["accuracy"]

    by_name = {"method": "alum", "set": {"alpha": 2.0}}
    lines: list[str] = []
    again = train("mini-sentiment", tiny_model, out=tmp_path / "call", say=lines.append, **by_name, **OPTIONS)
    assert again == done and "finished already" in lines[0]
    resumed = CliRunner().invoke(group, [*said, *arguments(), "--out", str(tmp_path / "call")])
    assert resumed.exit_code == 0 and "finished already" in resumed.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epoch": 1}, "unknown option 'epoch'. Did you mean 'epochs'?"),
        ({"epochs": 0}, "epochs: expected a number above 0, found a number (0)"),
        ({"lr": "fast"}, "lr: expected a number above 0 of at most 1, found text ('fast')"),
        ({"precision": "fp16"}, 'precision: expected "fp32" or "bf16"'),
        ({"set": {"alpha": 1}}, "set: only for a method given by name"),
        ({"trainer": {"fp16": True}}, "fp16 is not supported"),
        ({"adversary_fraction": 0}, "must be above 0"),
        ({"typos": 0.7, "drop_words": 0.7}, "must be 1 at most"),
        ({"training_seed": -1}, "must be from 0"),
    ],
    ids=str,
)
def test_a_wrong_option_is_one_line(options: dict[str, Any], message: str, tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(AlumbenchError) as caught:
        train("mini-sentiment", tiny_model, method=ALUM(), out=tmp_path / "out", say=quiet, **options)
    assert message in str(caught.value) and not (tmp_path / "out").exists()


def test_a_method_that_is_not_listed_is_refused(tmp_path: Path) -> None:
    class Mine(ALUM):
        """Of the same name, and another."""

    with pytest.raises(AlumbenchError, match="Mine is not the one that 'alumbench methods' lists"):
        train("mini-sentiment", "model", method=Mine(), out=tmp_path)


def test_parameters_that_are_defaults_are_not_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """So that a command without `--set` resumes the run."""
    seen: list[FineTuning] = []

    def stop(request: FineTuning, *rest: Any) -> None:
        seen.append(request)
        raise AlumbenchError("seen")

    monkeypatch.setattr("alumbench.training.fine_tuning.fine_tune", stop)
    for method in (ALUM(), ALUM(alpha=1.0), make_method("alum", {"epsilon": 0.2})):
        with pytest.raises(AlumbenchError, match="seen"):
            train("mini-sentiment", "model", method=method, out=tmp_path)
    assert [dict(request.parameters) for request in seen] == [{}, {}, {"epsilon": 0.2}]
