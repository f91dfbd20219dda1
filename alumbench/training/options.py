"""All settings of a fine-tuning run: a new option is one field here, with its help and unit.

`alumbench train --help`, its TOML and `train(…)` read it from here; `request.json` and `training.json` record it. The
parts `Curriculum` and `Augmentation` define options of their own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, Protocol

import msgspec

from alumbench.data import Task
from alumbench.errors import AlumbenchError
from alumbench.fields import Above0, AtLeast0, AtLeast1, option, options
from alumbench.training.augmentation import Augmentation
from alumbench.training.curriculum import Curriculum

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["fp32", "bf16"]
LearningRate = Annotated[float, msgspec.Meta(gt=0, le=1)]
ShareBelow1 = Annotated[float, msgspec.Meta(ge=0, lt=1)]

#: Help shared by `alumbench train` and `alumbench pretrain`.
METHOD = "A method that 'alumbench methods' lists."
SET = "A parameter of the method; repeatable."
DEVICE = "Device to run on."
COMPILE = "Use torch.compile; worthwhile on a GPU, and in long runs on a CPU."
TRAINER = "Another field of TrainingArguments; one without effect here is refused. Repeatable."


class Request(Protocol):
    """The settings that fine-tuning and pre-training share."""

    @property
    def seed(self) -> int:
        """Of the weights, the order of the examples, and dropout."""

    @property
    def epochs(self) -> float:
        """Passes over the data."""

    @property
    def batch_size(self) -> int:
        """Examples per batch on the device."""

    @property
    def lr(self) -> float:
        """Peak learning rate."""

    @property
    def precision(self) -> str:
        """Either fp32 or bf16."""

    @property
    def device(self) -> str:
        """One of auto, cpu and cuda."""

    @property
    def trainer(self) -> Mapping[str, object]:
        """Any further `TrainingArguments`."""


@dataclass(frozen=True)
class FineTuning:
    """All settings that affect a run's result; the same request again resumes the run.

    Attributes:
        task: the task to train on.
        model: a folder or hub id.
        method: name of the training method.
        parameters: its parameters that differ from the defaults.
        schedule: when the method is used, and on what share of a batch.
        augmentation: changes to the training texts.
        seed: of the data order, the head, dropout and noise.
        train_size: examples drawn from the training tables, 0 for all.
        label_noise: share of the training examples that get another label, see `label_noise.py`.
        held_out: training examples set aside as the dev set, to choose settings without the published dev set; 0 for
            the task's dev tables.
        epochs: passes over the training examples.
        batch_size: examples per step on the device.
        lr: peak learning rate, with 6% warm-up and linear decay.
        max_length: tokens kept of a text or pair.
        precision: fp32 or bf16 (mixed).
        device: auto, cpu or cuda.
        compiled: whether the model goes through `torch.compile`.
        trainer: any further `TrainingArguments`.
    """

    task: Task
    model: str = option(help="A folder, a hub id, or ID@REVISION.")
    method: str = option("standard", help=METHOD)
    parameters: Mapping[str, object] = option(factory=dict, name="set", help=SET)
    schedule: Curriculum = options(Curriculum)
    augmentation: Augmentation = options(Augmentation)
    seed: int = option(1, name="training_seed", help="Seeds the order of the data, a new head, dropout and noise.")
    train_size: AtLeast0 = option(0, help="Examples drawn from the training set; 0: all.", show_default=False)
    label_noise: ShareBelow1 = option(
        0.0,
        unit="SHARE",
        help="Share of the training examples whose label is flipped, the same ones for every seed.",
        show_default=False,
    )
    held_out: AtLeast0 = option(
        0, help="Training examples held out as a dev set, to choose settings on.", show_default=False
    )
    epochs: Above0 = option(3.0, help="Passes over the training examples.")
    batch_size: AtLeast1 = option(32, help="Examples per step and device.")
    lr: LearningRate = option(5e-5, help="Peak learning rate: 6% warm-up, then linear decay.")
    max_length: AtLeast1 = option(128, help="Longest text or pair, in tokens; the rest is cut off.")
    precision: Precision = option("fp32", help="Numerical precision; bf16 is mixed precision.")
    device: Device = option("auto", help=DEVICE)
    compiled: bool = option(False, name="compile", help=COMPILE)
    trainer: Mapping[str, object] = option(factory=dict, help=TRAINER)

    def __post_init__(self) -> None:
        """Checks what no library would.

        Raises:
            AlumbenchError: A number is not finite or the seed invalid, the label noise is not from 0 to below 1, or
                the task has no labels to flip.
        """
        check_numbers(self)
        if not 0 <= self.label_noise < 1:
            raise AlumbenchError(f"--label-noise {self.label_noise:g}: must be from 0 to below 1")
        if self.label_noise and self.task.is_regression:
            raise AlumbenchError(f"--label-noise: task {self.task.name} is a regression, which has no labels to flip")


def check_numbers(request: Any) -> None:
    """Checks the numbers of a request; the command line accepts NaN in any range.

    Raises:
        AlumbenchError: One is not finite, or the seed is not valid for all generators.
    """
    for item in fields(request):
        value = getattr(request, item.name)
        if isinstance(value, float) and not math.isfinite(value):
            raise AlumbenchError(f"--{item.name.replace('_', '-')} {value}: expected a finite number")
    if not 0 <= request.seed < 2**32:
        raise AlumbenchError(f"--training-seed {request.seed}: must be from 0 to {2**32 - 1}")
