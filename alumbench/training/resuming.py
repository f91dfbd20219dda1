"""Checks of a resumed run's folder against the run, before the first step.

The Trainer silently resumes from whatever it finds: without an optimizer state it starts a new one, and a missing
tensor keeps its initial value.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

from alumbench.config import check
from alumbench.errors import AlumbenchError
from alumbench.models.checkpoint.adapter import adapter_state, is_adapter
from alumbench.parsing import read_json

if TYPE_CHECKING:
    from torch import nn
    from transformers import TrainerState

    from alumbench.training.method_trainer import MethodTrainer

STATE = "trainer_state.json"
TIME_FILE = "alumbench.json"
NAME = re.compile(r"checkpoint-(\d{1,12})")
#: Optimizer state of a weight that has the weight's shape.
OF_WEIGHT_SHAPE = {"exp_avg", "exp_avg_sq", "square_avg", "sum", "momentum_buffer"}


class _State(TypedDict):
    global_step: int
    max_steps: int
    epoch: float | None
    log_history: list[dict[str, object]]


class Time(TypedDict):
    """Content of the file with the time spent before a checkpoint."""

    seconds: float
    cpu_seconds: NotRequired[float]


def unusable(checkpoint: Path, why: object) -> AlumbenchError:
    """The error for a checkpoint that no run can resume from."""
    return AlumbenchError(
        f"{checkpoint}: {' '.join(str(why).split())[:300]}; the run cannot resume from it. Delete that folder "
        f"and rerun the same command: it resumes from the checkpoint before it, or starts over"
    )


def last_checkpoint(folder: Path, say: Callable[[str], None] = lambda line: None) -> Path | None:
    """The newest complete checkpoint: the Trainer writes its state last, so without it a checkpoint is incomplete."""
    found = {int(name[1]): path for path in folder.glob("checkpoint-*") if (name := NAME.fullmatch(path.name))}
    for step in sorted(found, reverse=True):
        if _is_json(found[step] / STATE):
            return found[step]
        say(f"note: {found[step]} is incomplete, so it is skipped")
    return None


def load_state(checkpoint: Path, steps: int) -> TrainerState:
    """The Trainer's state in a checkpoint, checked against the run that resumes from it.

    Args:
        checkpoint: its folder.
        steps: total steps of the run.

    Raises:
        AlumbenchError: It belongs to another run, or was changed.
    """
    from transformers import TrainerState

    path = checkpoint / STATE
    values = json.loads(path.read_text(encoding="utf-8"))  # a dev loss may be NaN there
    try:
        check(_State, values, STATE)
        state = TrainerState(**values)
    except (AlumbenchError, TypeError, ValueError) as error:
        raise unusable(checkpoint, f"{STATE} is damaged ({error})") from error
    if str(state.global_step) != checkpoint.name.split("-")[1]:
        raise unusable(checkpoint, f"{STATE} is of step {state.global_step}")
    if state.max_steps != steps or state.global_step > steps:
        raise unusable(checkpoint, f"{STATE} is of a run of {state.max_steps} steps, this one takes {steps}")
    return state


def time_spent(checkpoint: Path) -> tuple[float, float]:
    """Wall-clock and CPU seconds that a run had taken at a checkpoint."""
    path = checkpoint / TIME_FILE
    if not path.exists():  # killed between the Trainer's write and ours
        return 0.0, 0.0
    try:
        spent = check(Time, read_json(path), TIME_FILE)
    except AlumbenchError as error:
        raise unusable(checkpoint, error) from error
    return spent["seconds"], spent.get("cpu_seconds", 0.0)


def check_files(checkpoint: Path, model: nn.Module, process: int, processes: int) -> None:
    """Checks that a checkpoint has all files of the Trainer, and this model's weights.

    Raises:
        AlumbenchError: A file is missing or damaged, or a tensor is missing, unexpected, or of another shape.
    """
    from safetensors import SafetensorError, safe_open

    generator = f"rng_state_{process}.pth" if processes > 1 else "rng_state.pth"
    for name in ("optimizer.pt", "scheduler.pt", generator):
        if not (checkpoint / name).is_file():
            raise unusable(checkpoint, f"{name} is missing")
    weights = "adapter_model" if is_adapter(model) else "model"
    shards = sorted(checkpoint.glob(f"{weights}*.safetensors"))
    if not shards:
        raise unusable(checkpoint, f"{weights}.safetensors is missing")
    found: dict[str, tuple[int, ...]] = {}
    for shard in shards:
        try:
            with safe_open(shard, framework="pt") as file:
                found |= {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise unusable(checkpoint, f"{shard.name} is damaged ({error})") from error
    tensors = adapter_state(model) if is_adapter(model) else model.state_dict()
    for name, shape in found.items():
        if name not in tensors:
            raise unusable(checkpoint, f"{shards[0].name} holds {name}, which this model does not have")
        if shape != tuple(tensors[name].shape):
            raise unusable(checkpoint, f"{name} is {list(shape)} there and {list(tensors[name].shape)} in this model")
    there = {tensors[name].data_ptr() for name in found}  # a tied weight is saved under one of its names
    left_out = [re.compile(pattern) for pattern in getattr(model, "_keys_to_ignore_on_save", None) or ()]
    for name, tensor in tensors.items():
        if name not in found and tensor.data_ptr() not in there and not any(one.search(name) for one in left_out):
            raise unusable(checkpoint, f"{shards[0].name} is without {name}")


@contextlib.contextmanager
def loading(checkpoint: str | None, name: str) -> Iterator[None]:
    """Turns any error of the Trainer in loading a checkpoint's file into one line."""
    try:
        yield
    except AlumbenchError:
        raise
    except Exception as error:  # pickles, zip files, tensors: each reports damage differently
        raise unusable(Path(str(checkpoint)), f"{name} cannot be loaded ({type(error).__name__}: {error})") from error


def check_optimizer(trainer: MethodTrainer, checkpoint: Path) -> None:
    """Checks that the optimizer's loaded state fits this model, and the schedule's this step.

    Raises:
        AlumbenchError: One does not.
    """
    names = {parameter: name for name, parameter in trainer.model.named_parameters()}
    for parameter, state in trainer.optimizer.state.items():
        for key in OF_WEIGHT_SHAPE & state.keys():
            if state[key].shape != parameter.shape:
                name, here, there = names.get(parameter, "a weight"), list(parameter.shape), list(state[key].shape)
                raise unusable(checkpoint, f"optimizer.pt is of another model: {name} is {there} there and {here} here")
    step, expected = trainer.lr_scheduler.last_epoch, checkpoint.name.split("-")[1]
    if str(step) != expected:
        raise unusable(checkpoint, f"scheduler.pt is of step {step}")


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return True
