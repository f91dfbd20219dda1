"""Training from Python: a function like `alumbench train`, a drop-in Trainer, and methods in your own loop.

`docs/training-api.md` shows all three.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from alumbench.arguments import described, name_or_path, names_of, path_of
from alumbench.config import check
from alumbench.data import Task, load_task
from alumbench.data.table import FILE_FORMATS
from alumbench.errors import AlumbenchError
from alumbench.fields import build
from alumbench.methods import Method, StepContext, load_method, make_method
from alumbench.methods.method import parameters_of
from alumbench.old_names import TRAINING, renamed, silent
from alumbench.training.options import FineTuning

if TYPE_CHECKING:
    from alumbench.training.adversarial_trainer import AdversarialTrainer

__all__ = ["AdversarialTrainer", "Checkpoint", "StepContext", "train"]


@dataclass(frozen=True)
class Checkpoint:
    """A finished run.

    Attributes:
        folder: the checkpoint, loadable with plain transformers, and its `training.json`.
        task: the task it was trained on.
        method: name of the training method.
        metrics: dev figures after the last epoch, as fractions except for the loss; None if undefined.
        steps: number of optimizer steps.
        seconds: wall time of training.
    """

    folder: Path
    task: Task
    method: str
    metrics: Mapping[str, float | None]
    steps: int
    seconds: float


def train(
    task: str | Task,
    model: str | PathLike[str],
    *,
    method: str | Method = "standard",
    out: str | Path,
    report_to: Sequence[str] = (),
    say: Callable[[str], None] = print,
    **options: object,
) -> Checkpoint:
    """Fine-tunes a model on a task, as `alumbench train` does: the same options, weights and records.

    The same call again resumes an interrupted run, and returns a finished one unchanged.

    Args:
        task: a name of `alumbench tasks`, or a task of your own made by `task_from_files`.
        model: a folder, a hub id, or ID@REVISION; what `pretrain` returned, too.
        method: a name of `alumbench methods`, with its parameters as `set={"alpha": 1}`; or a method itself,
            `ALUM(alpha=1.0)`.
        out: the checkpoint's folder.
        report_to: experiment trackers for losses and dev figures: tensorboard, trackio, wandb, mlflow, ….
        say: called with each line of progress.
        options: the options of `alumbench train --help`, with underscores: `training_seed=1`, `epochs=3`,
            `lr=5e-5`, `adversary_after=0.5`, `trainer={"weight_decay": 0.1}`.

    Raises:
        AlumbenchError: An option is unknown or wrong, data or model is unavailable, the folder holds another run, or
            the loss diverged.

    >>> import alumbench as ab
    >>> folder, notes = Path(tempfile.mkdtemp()), []
    >>> tiny = ab.make_tiny_bert(folder / "tiny", ab.load_data("mini-sentiment", "train").texts)
    >>> options = {"train_size": 64, "held_out": 32, "epochs": 1, "device": "cpu", "say": notes.append}
    >>> done = ab.train("mini-sentiment", tiny, method=ab.ALUM(alpha=1.0), out=folder / "alum", **options)
    >>> done.method, done.task.labels, sorted(done.metrics)
    ('alum', ('negative', 'positive'), ['accuracy', 'loss'])
    """
    from alumbench.training.fine_tuning import fine_tune

    options = renamed(options, TRAINING, say)
    if not isinstance(task, Task):
        name = name_or_path(task, "task", "a name of 'alumbench tasks', or a task of task_from_files('train.csv', …)")
        if Path(name).suffix.lower() in FILE_FORMATS:
            raise AlumbenchError(f"task: {name} is a table; give task_from_files({name!r}, columns=[…])")
        task = load_task(name)
    model = name_or_path(model, "model", "a folder or a hub id")
    folder = path_of(out, "out", "the path of a folder")
    named, fixed = (method, {}) if isinstance(method, str) else as_option(method, options)
    parameters = check(dict, fixed.get("parameters", options.get("set", {})), "set")
    make_method(named, parameters, silent)  # before any data is read
    given = {"task": task, "model": model, "method": named, **fixed}
    request = build(FineTuning, options, str, **given)
    record = fine_tune(request, folder, say, names_of(report_to, "report_to", "['tensorboard']"))
    dev = (record["dev"] or [{}])[-1]
    metrics = {name: value for name, value in dev.items() if name != "epoch"}
    return Checkpoint(folder, request.task, request.method, metrics, record["settings"]["steps"], record["seconds"])


def as_option(method: Method, options: Mapping[str, object]) -> tuple[str, dict[str, dict[str, object]]]:
    """A method's name, and as `parameters` those that differ from their defaults.

    Raises:
        AlumbenchError: It is not the method of that name, or `options` set parameters too.
    """
    if "set" in options:
        raise AlumbenchError("set: only for a method given by name; an instance, such as ALUM(alpha=1.0), has its own")
    if not isinstance(method, Method):
        raise AlumbenchError(
            f"method: expected a name that 'alumbench methods' lists, or an instance such as ALUM(), "
            f"got {described(method)}"
        )
    cls = type(method)
    if load_method(method.name) is not cls:
        raise AlumbenchError(
            f"method {method.name}: {cls.__module__}.{cls.__name__} is not the one that 'alumbench methods' lists "
            f"under that name; train on it with AdversarialTrainer, or in your own training loop"
        )
    usual = parameters_of(cls)
    changed = {name: value for name, value in method.parameters().items() if value != usual.get(name, MISSING)}
    return method.name, {"parameters": changed}


def __getattr__(name: str) -> object:
    """Imports `AdversarialTrainer`, and with it transformers, on first use."""
    if name == "AdversarialTrainer":
        from alumbench.training.adversarial_trainer import AdversarialTrainer

        return AdversarialTrainer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
