"""A run that is killed at any point goes on with the same command and ends where an unbroken one ends."""

from __future__ import annotations

import csv
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import filelock
import pytest
import torch

import alumbench.training.run as run
from alumbench.data import miniature
from alumbench.data.from_files import task_from_files
from alumbench.errors import AlumbenchError
from alumbench.parsing import read_json
from alumbench.training.fine_tuning import fine_tune
from alumbench.training.method_trainer import MethodTrainer
from alumbench.training.request import FineTuning

Make = Callable[..., FineTuning]


class Stopped(Exception):
    """Ends a run in the middle."""


def quiet(line: str) -> None:
    """Takes a line of progress and drops it."""


def die_at_call(owner: Any, name: str, number: int, matches: Callable[..., bool] = lambda *args: True) -> None:
    """Makes this process kill itself at a call of a function, before the function does anything."""
    plain, calls = getattr(owner, name), []

    def deadly(*args: Any, **kwargs: Any) -> Any:
        if matches(*args):
            calls.append(1)
        if len(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(*args, **kwargs)

    setattr(owner, name, deadly)


def is_record(path: Path, value: Any) -> bool:
    return path.name == "training.json"


# 24 steps of 8 examples; whole checkpoints after 10, 20 and 24, each with three calls of torch.save.
DEATHS: dict[str, Callable[[], None]] = {
    "before-any-checkpoint": lambda: die_at_call(torch.optim.AdamW, "step", 4),
    "between-checkpoints": lambda: die_at_call(torch.optim.AdamW, "step", 16),
    "in-the-second-epoch": lambda: die_at_call(torch.optim.AdamW, "step", 22),
    "while-a-checkpoint-is-written": lambda: die_at_call(torch, "save", 5),
    "before-the-record": lambda: die_at_call(run, "write_json", 1, is_record),
}


def train_and_die(request: FineTuning, out: Path, death: Callable[[], None]) -> None:
    torch.set_num_threads(1)
    death()
    fine_tune(request, out, quiet)


@pytest.fixture(scope="module")
def unbroken(small_request: Make, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    outs = {}
    for method in ("standard", "alum"):
        outs[method] = tmp_path_factory.mktemp("unbroken") / method
        fine_tune(small_request(epochs=2.0, method=method), outs[method], quiet)
    return outs


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("method", ["standard", "alum"])
def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(
    small_request: Make, unbroken: dict[str, Path], tmp_path: Path, method: str, death: str
) -> None:
    request, out = small_request(epochs=2.0, method=method), tmp_path / "out"
    child = multiprocessing.get_context("fork").Process(target=train_and_die, args=(request, out, DEATHS[death]))
    child.start()
    child.join(120)
    assert child.exitcode == -signal.SIGKILL
    assert not (out / "training.json").exists()
    lines: list[str] = []
    record = fine_tune(request, out, lines.append)
    assert any("resuming from" in line for line in lines) is (death != "before-any-checkpoint")
    assert (out / "model.safetensors").read_bytes() == (unbroken[method] / "model.safetensors").read_bytes()
    expected = read_json(unbroken[method] / "training.json")
    for field in ("dev", "data", "settings", "method", "model"):
        assert record[field] == expected[field]
    assert [entry["step"] for entry in record["loss"]] == [entry["step"] for entry in expected["loss"]]


def test_a_changed_request_does_not_go_on_from_a_half_done_run(
    small_request: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_done(small_request(), tmp_path / "out", monkeypatch)
    with pytest.raises(AlumbenchError, match="holds a run that differs in lr"):
        fine_tune(small_request(lr=1e-4), tmp_path / "out", quiet)


def test_a_changed_training_file_does_not_go_on_from_a_half_done_run(
    small_request: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = miniature.rows("sentiment/train")
    file = tmp_path / "mine.csv"

    def write(start: int) -> None:
        with file.open("w", newline="") as opened:
            csv.writer(opened).writerows(
                [("text", "label"), *list(zip(rows["sentence"], rows["label"], strict=True))[start : start + 160]]
            )

    write(0)
    request = replace(small_request(), task=task_from_files(file, None, columns=["text"]))
    half_done(request, tmp_path / "out", monkeypatch)
    write(500)
    with pytest.raises(AlumbenchError, match="differs"):
        fine_tune(request, tmp_path / "out", quiet)


def half_done(request: FineTuning, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves a run with one checkpoint of its twelve steps."""

    def stop(self: MethodTrainer, *args: Any, **kwargs: Any) -> Any:
        if self.state.global_step == 11:
            raise Stopped("stopped by the test")
        return plain(self, *args, **kwargs)

    plain = MethodTrainer.compute_loss
    with monkeypatch.context() as patch:
        patch.setattr(MethodTrainer, "compute_loss", stop)
        with pytest.raises(Stopped):
            fine_tune(request, out, quiet)
    assert (out / "trainer" / "checkpoint-10" / "trainer_state.json").exists()


def test_a_second_run_in_the_same_folder_waits_for_nobody_and_says_so(small_request: Make, tmp_path: Path) -> None:
    (tmp_path / "out" / "trainer").mkdir(parents=True)
    told = pytest.raises(
        AlumbenchError, match="another process is training in this folder; wait for it, or stop it first"
    )
    with filelock.FileLock(tmp_path / "out" / "trainer" / ".lock"), told:
        fine_tune(small_request(), tmp_path / "out", quiet)
    assert fine_tune(small_request(), tmp_path / "out", quiet)["seconds"] > 0
