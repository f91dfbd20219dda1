"""A run whose files were changed or damaged: one line that names what and says what to do, never a wrong result."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from alumbench.errors import AlumbenchError
from alumbench.training.fine_tuning import fine_tune
from alumbench.training.method_trainer import MethodTrainer
from alumbench.training.request import FineTuning
from tests.pretraining.conftest import quiet

Make = Callable[..., FineTuning]
Change = Callable[[Path], None]
LAST = "trainer/checkpoint-10"
RESUME = r"checkpoint-10: .*; the run cannot resume from it. Delete that folder and rerun the same command"
DELETE = "delete .* to start over, or give another --out"


class Stopped(Exception):
    """Ends a run in the middle."""


@pytest.fixture(scope="module")
def half(small_request: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped after eleven of its twelve steps."""
    out, plain = tmp_path_factory.mktemp("half") / "out", MethodTrainer.compute_loss

    def stop(self: MethodTrainer, *args: Any, **kwargs: Any) -> Any:
        if self.state.global_step == 11:
            raise Stopped
        return plain(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(MethodTrainer, "compute_loss", stop)
        fine_tune(small_request(), out, quiet)
    return out


@pytest.fixture(scope="module")
def whole(small_request: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "out"
    fine_tune(small_request(), out, quiet)
    return out


def content(name: str, text: str) -> Change:
    """Writes that into a file."""
    return lambda out: (out / name).write_bytes(text.encode("latin-1")) and None


def without(name: str) -> Change:
    return lambda out: (out / name).unlink()


def cut(name: str) -> Change:
    """Cuts a file in half."""
    return lambda out: (out / name).write_bytes((out / name).read_bytes()[: (out / name).stat().st_size // 2]) and None


def entry(name: str, *keys: str, to: Any) -> Change:
    """Sets a value of a JSON file; `...` takes it out."""

    def change(out: Path) -> None:
        values = json.loads((out / name).read_text())
        inner = values
        for key in keys[:-1]:
            inner = inner[key]
        if to is ...:
            del inner[keys[-1]]
        else:
            inner[keys[-1]] = to
        (out / name).write_text(json.dumps(values))

    return change


def tensors(edit: Callable[[dict[str, torch.Tensor]], Any]) -> Change:
    """Edits the weights of the checkpoint."""

    def change(out: Path) -> None:
        file = out / LAST / "model.safetensors"
        values = load_file(file)
        edit(values)
        save_file(values, file, {"format": "pt"})

    return change


def optimizer(out: Path) -> None:
    """Makes the optimizer's state that of a model of another size."""
    file = out / LAST / "optimizer.pt"
    values = torch.load(file, weights_only=True)
    for state in values["state"].values():
        state["exp_avg"] = torch.zeros(3, 5)
    torch.save(values, file)


def other_schedule(out: Path) -> None:
    values = torch.load(out / LAST / "scheduler.pt", weights_only=True)
    torch.save(values | {"last_epoch": 3}, out / LAST / "scheduler.pt")


STATE, WEIGHT = f"{LAST}/trainer_state.json", "classifier.weight"
HALF: dict[str, tuple[Change, str]] = {
    "request-list": (content("request.json", "[]"), rf"request.json: expected a table, .*{DELETE}"),
    "request-number": (content("request.json", "3"), rf"request.json: expected a table, .*{DELETE}"),
    "request-torn": (cut("request.json"), rf"request.json: cannot be read as JSON.*{DELETE}"),
    "request-latin": (content("request.json", '{"lr": "\xe9"}'), rf"request.json: line 1 is not UTF-8.*{DELETE}"),
    "request-empty": (content("request.json", ""), rf"request.json: cannot be read as JSON.*{DELETE}"),
    "request-deep": (content("request.json", "[" * 99_999), rf"request.json: .*nested too deep.*{DELETE}"),
    "lr-text": (entry("request.json", "lr", to="1e-3"), r"that differs in lr \('1e-3' there, 0.001 requested\)"),
    "lr-absent": (entry("request.json", "lr", to=...), r"that differs in lr \(None there, 0.001 requested\)"),
    "seed-none": (
        entry("request.json", "training_seed", to=None),
        r"that differs in training seed \(None there, 1 requested\)",
    ),
    "task-text": (entry("request.json", "task", to="x"), "that differs in task"),
    "parameters-list": (entry("request.json", "method_parameters", to=[1]), "that differs in method parameters"),
    "data-number": (entry("request.json", "data", to=3), "that differs in data"),
    "state-list": (content(STATE, "[]"), RESUME),
    "state-key": (entry(STATE, "wrong_key", to=1), RESUME),
    "state-text": (entry(STATE, "global_step", to="ten"), RESUME),
    "state-log": (entry(STATE, "log_history", to=[3]), RESUME),
    "state-step": (entry(STATE, "global_step", to=12), RESUME),
    "state-fewer": (entry(STATE, "max_steps", to=10), "is of a run of 10 steps, this one takes 12"),
    "state-absent": (entry(STATE, "max_steps", to=...), RESUME),
    "time-list": (content(f"{LAST}/alumbench.json", "[]"), RESUME),
    "time-text": (content(f"{LAST}/alumbench.json", '{"seconds": "long"}'), RESUME),
    "no-optimizer": (without(f"{LAST}/optimizer.pt"), "optimizer.pt is missing"),
    "no-schedule": (without(f"{LAST}/scheduler.pt"), "scheduler.pt is missing"),
    "no-generators": (without(f"{LAST}/rng_state.pth"), "rng_state.pth is missing"),
    "no-weights": (without(f"{LAST}/model.safetensors"), "model.safetensors is missing"),
    "torn-optimizer": (cut(f"{LAST}/optimizer.pt"), "optimizer.pt or scheduler.pt cannot be loaded"),
    "torn-schedule": (content(f"{LAST}/scheduler.pt", "x"), "optimizer.pt or scheduler.pt cannot be loaded"),
    "torn-generators": (cut(f"{LAST}/rng_state.pth"), "rng_state.pth cannot be loaded"),
    "torn-weights": (cut(f"{LAST}/model.safetensors"), "model.safetensors is damaged"),
    "other-optimizer": (optimizer, r"optimizer.pt is of another model: .* is \[3, 5\] there and"),
    "other-schedule": (other_schedule, "scheduler.pt is of step 3"),
    "tensor-shape": (
        tensors(lambda values: values.update({WEIGHT: torch.zeros(2, 7)})),
        rf"{WEIGHT} is \[2, 7\] there and \[2, 32\] in this model",
    ),
    "tensor-missing": (tensors(lambda values: values.pop(WEIGHT)), f"model.safetensors is without {WEIGHT}"),
    "tensor-added": (
        tensors(lambda values: values.update({"more": torch.zeros(1)})),
        "holds more, which this model does not have",
    ),
}


@pytest.mark.parametrize("name", HALF)
def test_a_half_done_run_that_was_changed_is_one_line(
    half: Path, small_request: Make, tmp_path: Path, name: str
) -> None:
    change, message = HALF[name]
    shutil.copytree(half, tmp_path / "out")
    change(tmp_path / "out")
    with pytest.raises(AlumbenchError, match=message) as told:
        fine_tune(small_request(), tmp_path / "out", quiet)
    assert "\n" not in str(told.value) and len(str(told.value)) < 900
    assert not (tmp_path / "out" / "training.json").exists()


def nothing(out: Path) -> None:
    """Leaves all as it is."""


@pytest.mark.parametrize(
    ("change", "goes_on", "told"),
    [
        (nothing, True, False),
        (cut(STATE), False, True),
        (without(STATE), False, True),
        (lambda out: (out / "trainer/checkpoint-abc").mkdir(), True, False),
        (lambda out: (out / "trainer/checkpoint-99").mkdir(), True, True),
        (without(f"{LAST}/alumbench.json"), True, False),
    ],
    ids=["nothing", "torn-state", "no-state", "no-number", "empty-folder", "no-time"],
)
def test_what_a_kill_leaves_is_gone_on_from_and_ends_in_the_same_weights(
    half: Path, whole: Path, small_request: Make, tmp_path: Path, change: Change, goes_on: bool, told: bool
) -> None:
    shutil.copytree(half, tmp_path / "out")
    change(tmp_path / "out")
    lines: list[str] = []
    fine_tune(small_request(), tmp_path / "out", lines.append)
    assert any("resuming from" in line for line in lines) is goes_on
    assert any("is incomplete, so it is skipped" in line for line in lines) is told
    weights = [(folder / "model.safetensors").read_bytes() for folder in (tmp_path / "out", whole)]
    assert weights[0] == weights[1]


RECORD = "training.json"
WHOLE: dict[str, tuple[Change, str]] = {
    "list": (content(RECORD, "[]"), rf"{RECORD}: expected a table, .*{DELETE}"),
    "torn": (cut(RECORD), rf"{RECORD}: cannot be read as JSON.*{DELETE}"),
    "no-model": (entry(RECORD, "model", to=...), rf"{RECORD}.*: model is missing; {DELETE}"),
    "model-text": (entry(RECORD, "model", to="x"), rf"{RECORD}.*model.*expected a table.*{DELETE}"),
    "no-hash": (entry(RECORD, "model", "weights_sha256", to=...), rf"weights_sha256 is missing; {DELETE}"),
    "no-steps": (entry(RECORD, "settings", "steps", to=...), rf"steps is missing; {DELETE}"),
    "seconds-text": (entry(RECORD, "seconds", to="long"), rf"{RECORD}.*seconds.*expected a number.*{DELETE}"),
    "dev-number": (entry(RECORD, "dev", to=3), rf"{RECORD}.*dev.*expected a list.*{DELETE}"),
    "dev-text": (entry(RECORD, "dev", to=[{"accuracy": "good"}]), rf"{RECORD}.*{DELETE}"),
    "no-weights": (without("model.safetensors"), "is finished, but model.safetensors is missing; delete"),
    "no-config": (without("config.json"), "is finished, but config.json is missing; delete"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_finished_run_that_was_changed_is_one_line(
    whole: Path, small_request: Make, tmp_path: Path, name: str
) -> None:
    change, message = WHOLE[name]
    shutil.copytree(whole, tmp_path / "out")
    change(tmp_path / "out")
    with pytest.raises(AlumbenchError, match=message) as told:
        fine_tune(small_request(), tmp_path / "out", quiet)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["out", "out/trainer"])
def test_a_file_in_a_folders_place_is_one_line(small_request: Make, tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("")
    with pytest.raises(AlumbenchError, match="out: (cannot be written|not empty)") as told:
        fine_tune(small_request(), tmp_path / "out", quiet)
    assert "\n" not in str(told.value)


def test_a_run_that_ends_in_no_numbers_leaves_nothing(small_request: Make, tmp_path: Path) -> None:
    """Its loss was finite in its only step, whose update broke the weights."""
    request = small_request(lr=1e30, trainer={"max_steps": 1, "save_strategy": "no"})
    with pytest.raises(AlumbenchError, match="(dev loss|weight .*) is not finite after the last step; stopped"):
        fine_tune(request, tmp_path / "out", quiet)
    assert not (tmp_path / "out").exists()
    assert fine_tune(small_request(), tmp_path / "out", quiet)["settings"]["steps"] == 12


def test_whoever_may_read_the_record_may_read_the_weights(whole: Path) -> None:
    modes = {name: (whole / name).stat().st_mode & 0o777 for name in ("model.safetensors", "training.json")}
    assert modes["model.safetensors"] == modes["training.json"]
