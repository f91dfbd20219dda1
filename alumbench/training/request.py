"""What decides a training run, and whether a folder already holds that run."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypedDict

from alumbench.checkpoints import PROVENANCE, ModelFiles
from alumbench.checkpoints.identity import differences, identity
from alumbench.checkpoints.telling import some
from alumbench.config import check
from alumbench.errors import AlumbenchError
from alumbench.storage import read_json
from alumbench.tasks import Task
from alumbench.training.augmentation import Augmentation
from alumbench.training.schedule import Schedule

TRAINER_FOLDER = "trainer"
REQUEST = "request.json"


@dataclass(frozen=True)
class FineTuning:
    """Everything that decides what a run computes; the same request again resumes it.

    Attributes:
        task: what is learned.
        model: a folder or hub id.
        method: name of the training method.
        parameters: its parameters that differ from the defaults.
        seed: of the data order, the head, dropout and noise.
        train_size: examples drawn from the training tables, 0 for all.
        label_noise: share of the training examples that get another label, see `label_noise.py`.
        held_out: training examples kept aside as the dev set, to choose settings without the published dev set; 0 for
            the task's dev tables.
        epochs: passes over the training examples.
        batch_size: examples a step on the device.
        lr: peak learning rate, with 6% warm-up and linear decay.
        max_length: tokens kept of a text or pair.
        precision: fp32 or bf16 (mixed).
        device: auto, cpu or cuda.
        trainer: any further `TrainingArguments`.
        schedule: when the method is used, and on how much of a batch.
        compiled: whether the model goes through `torch.compile`.
        augmentation: what is done to the training texts.
    """

    task: Task
    model: str
    method: str = "standard"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 1
    train_size: int = 0
    label_noise: float = 0.0
    held_out: int = 0
    epochs: float = 3.0
    batch_size: int = 32
    lr: float = 5e-5
    max_length: int = 128
    precision: str = "fp32"
    device: str = "auto"
    trainer: Mapping[str, Any] = field(default_factory=dict)
    schedule: Schedule = field(default_factory=Schedule)
    compiled: bool = False
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        """Checks what no library would.

        Raises:
            AlumbenchError: A number is none, the label noise is no share below 1, or the task has no labels to flip.
        """
        check_numbers(self)
        if not 0 <= self.label_noise < 1:
            raise AlumbenchError(f"--label-noise {self.label_noise:g}: must be from 0 to below 1")
        if self.label_noise and self.task.is_regression:
            raise AlumbenchError(f"--label-noise: task {self.task.name} is a regression, which has no labels to flip")


def check_numbers(request: Any) -> None:
    """Checks the numbers of a request; the command line lets NaN through any range.

    Raises:
        AlumbenchError: One is not finite, or the seed is none that all generators take.
    """
    for item in fields(request):
        value = getattr(request, item.name)
        if isinstance(value, float) and not math.isfinite(value):
            raise AlumbenchError(f"--{item.name.replace('_', '-')} {value}: expected a finite number")
    if not 0 <= request.seed < 2**32:
        raise AlumbenchError(f"--seed {request.seed}: must be from 0 to {2**32 - 1}")


class _Settings(TypedDict):
    steps: int


class Finished(TypedDict):
    """What a command tells of the record of a finished run."""

    settings: _Settings
    seconds: float
    dev: list[dict[str, float | None]]


def finished(
    out: Path, asked: dict[str, Any], say: Callable[[str], None], record: str = PROVENANCE, kind: Any = Finished
) -> dict[str, Any] | None:
    """The record of a finished run of the same request, None where there is work to do.

    Args:
        out: the run's folder.
        asked: the request.
        say: takes a line of progress.
        record: name of the record.
        kind: what it must hold.

    Raises:
        AlumbenchError: The folder holds something else, another run, or a finished one that was damaged.
    """
    if not (out / REQUEST).exists():
        # A kill just before the request is written leaves the Trainer's empty folder or our temporary file.
        if out.is_dir() and any(p.name != TRAINER_FOLDER and not p.name.startswith(".") for p in out.iterdir()):
            raise AlumbenchError(f"{out}: not empty and not a training run; give another --out")
        return None
    before = read_request(out)
    same_request(out, asked, before)
    if not (out / record).exists():
        return None
    try:
        done: dict[str, Any] = check(kind, read_json(out / record), str(out / record))
    except AlumbenchError as error:
        raise AlumbenchError(f"{error}; delete {out} to train anew, or give another --out") from error
    for name in ("config.json", "*.safetensors"):
        if not any(out.glob(name)):
            raise AlumbenchError(
                f"{out}: {record} says that this run is finished, but {name.replace('*', 'model')} is missing; "
                f"delete the folder to train anew, or give another --out"
            )
    say(f"{out}: this run is finished already")
    return done


def read_request(out: Path) -> dict[str, Any]:
    """The request that a folder was begun with.

    Raises:
        AlumbenchError: It is damaged.
    """
    try:
        return check(dict[str, Any], read_json(out / REQUEST), str(out / REQUEST))  # type: ignore[no-any-return]
    except AlumbenchError as error:
        raise AlumbenchError(f"{error}; delete {out} to train anew, or give another --out") from error


def same_request(out: Path, asked: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Checks that what is asked is what a folder was begun with.

    Raises:
        AlumbenchError: It is not; the field is named.
    """
    # what requests of earlier versions do not say
    later = {"processes": 1, "compiled": False, "schedule": asdict(Schedule()), "augmentation": asdict(Augmentation())}
    later |= {"label_noise": 0.0}
    before = later | dict(before)
    if "method_parameters" in asked and isinstance(before.get("method_parameters"), dict):
        # A parameter that came later stood at its default; one that was set is among the `parameters` too.
        before["method_parameters"] = _as_json(asked["method_parameters"]) | before["method_parameters"]
    for name, value in asked.items():
        if before.get(name) != _as_json(value):
            raise AlumbenchError(
                f"{out}: holds a run whose {name.replace('_', ' ')} differs ({before.get(name)!r:.200} there, "
                f"{value!r:.200} asked for); give another --out, or delete it to start anew"
            )


def same_base(out: Path, files: ModelFiles, before: Mapping[str, Any]) -> None:
    """Checks that a base model is still what a folder's run was begun from, as far as it was recorded.

    Raises:
        AlumbenchError: It is not; what changed is named.
    """
    changes = differences(before.get("base", {}), identity(files))
    if "weights" in changes:
        raise AlumbenchError(f"{out}: {files.path} had other weights when this was trained; delete it to start anew")
    if changes:
        raise AlumbenchError(
            f"{out}: {files.path} changed since this was begun ({some(changes)}); give another --out, or delete it to "
            f"start anew"
        )


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))
