"""Trackers through the Trainer's `report_to`: told what the run's record has, absent ones named with their command."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from alumbench.cli import group
from alumbench.data import miniature
from alumbench.errors import AlumbenchError
from alumbench.parsing import read_json
from alumbench.training.fine_tuning import fine_tune
from alumbench.training.request import FineTuning
from alumbench.training.trackers import TENSORBOARD, check_trackers

WRITER = """
import json, pathlib

class SummaryWriter:
    def __init__(self, log_dir):
        self.path = pathlib.Path(log_dir) / "scalars.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def add_scalar(self, name, value, step):
        with self.path.open("a") as file:
            file.write(json.dumps([name, value, step]) + "\\n")

    def add_text(self, *_): pass
    def add_hparams(self, *_): pass
    def flush(self): pass
    def close(self): pass
"""


@pytest.fixture
def tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for tensorboardX that writes what it is told as JSON lines; TensorBoard itself is put out of sight."""
    (tmp_path / "site/tensorboardX").mkdir(parents=True)
    (tmp_path / "site/tensorboardX/__init__.py").write_text(WRITER)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "tensorboardX", raising=False)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)


def _scalars(out: Path) -> dict[tuple[str, int], float]:
    lines = (out / TENSORBOARD / "scalars.jsonl").read_text().splitlines()
    return {(name, step): value for name, value, step in map(json.loads, lines)}


def _quiet(line: str) -> None:
    pass


@pytest.mark.usefixtures("tensorboard")
def test_a_tracker_is_told_the_records_figures_and_changes_none(
    small_request: Callable[..., FineTuning], tmp_path: Path
) -> None:
    request = small_request(method="alum")
    record = fine_tune(request, tmp_path / "tracked", _quiet, report_to=["tensorboard"])
    told = _scalars(tmp_path / "tracked")
    for entry in record["loss"]:
        assert told["train/loss", entry["step"]] == entry["loss"]
        assert told["train/loss_regularizer", entry["step"]] == entry["loss_regularizer"]
    assert told["eval/accuracy", record["settings"]["steps"]] == record["dev"][-1]["accuracy"]
    plain = fine_tune(request, tmp_path / "plain", _quiet)
    assert not (tmp_path / "plain" / TENSORBOARD).exists()
    assert plain["dev"] == record["dev"] and plain["settings"] == record["settings"]
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("plain", "tracked")]
    assert weights[0] == weights[1]
    again = fine_tune(request, tmp_path / "tracked", _quiet)
    assert again == read_json(tmp_path / "tracked/training.json"), "the same run with and without"


@pytest.mark.usefixtures("tensorboard")
def test_train_and_pretrain_take_the_option(tiny_model: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(miniature.rows("sentiment/train")["sentence"][:60]))
    common = ["--model", tiny_model, "--device", "cpu", "--max-length", 32, "--report-to", "tensorboard", "--out"]
    train = ["train", "--task", "mini-sentiment", "--train-size", 16, "--held-out", 8, "--epochs", 1]
    pretrain = ["pretrain", "--corpus", text, "--steps", 2, "--batch-size", 4]
    for name, command in (("tuned", train), ("pretrained", pretrain)):
        result = CliRunner().invoke(group, list(map(str, [*command, *common, tmp_path / name])))
        assert result.exit_code == 0, result.output
        assert {key.partition("/")[0] for key, _ in _scalars(tmp_path / name)} == {"train", "eval"}


def test_an_absent_tracker_is_named_with_the_command_that_brings_it(tmp_path: Path) -> None:
    from transformers.integrations.integration_utils import get_available_reporting_integrations

    absent = {"wandb": "wandb", "comet_ml": "comet-ml"}
    for name in set(absent) - set(get_available_reporting_integrations()):
        arguments = ["train", "--task", "mini-sentiment", "--model", "m", "--out", str(tmp_path / "out")]
        result = CliRunner().invoke(group, [*arguments, "--report-to", name])
        assert isinstance(result.exception, AlumbenchError)
        assert f"pip install {absent[name]}," in str(result.exception)
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("names", "message"),
    [(["tensorbord"], "Did you mean 'tensorboard'"), (["codecarbon"], "unknown tracker"), (["all"], "unknown tracker")],
    ids=str,
)
def test_an_unknown_tracker_is_refused(names: list[str], message: str) -> None:
    with pytest.raises(AlumbenchError, match=message):
        check_trackers(names)


@pytest.mark.parametrize("field", ["report_to", "logging_dir"])
def test_the_trainers_own_field_leads_to_the_option(
    small_request: Callable[..., Any], tmp_path: Path, field: str
) -> None:
    with pytest.raises(AlumbenchError, match="use --report-to"):
        fine_tune(small_request(trainer={field: "tensorboard"}), tmp_path / "out", _quiet)
