"""Matches a classifier's outputs to a task's labels: by name, never by guessing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alumbench.data import Task
from alumbench.errors import AlumbenchError
from alumbench.models.checkpoint.adapter import has_own_head
from alumbench.models.checkpoint.files import ModelFiles
from alumbench.models.checkpoint.folder import CONFIG, kind_of, read_object
from alumbench.models.checkpoint.telling import brief, some

#: Outputs of a transformers classifier whose configuration does not give them.
DEFAULT_OUTPUTS = 2


@dataclass(frozen=True)
class Outputs:
    """The classifier's outputs according to a checkpoint's configuration.

    Attributes:
        count: number of outputs.
        names: their names in order, () if it gives none.
        named: whether these are more than numbers such as `LABEL_0`.
        contradiction: how `label2id` contradicts `id2label`, '' if it does not.
        problem: `problem_type`, '' if not given.
    """

    count: int
    names: tuple[str, ...]
    named: bool
    contradiction: str
    problem: str

    @classmethod
    def of(cls, files: ModelFiles) -> Outputs:
        """Reads config.json.

        Raises:
            AlumbenchError: Its labels do not name outputs 0, 1, …, or their number is not the stated one.
        """
        path = files.config
        config = read_object(path)
        stored = config.get("id2label") or {}
        if not isinstance(stored, dict):
            raise AlumbenchError(
                f"{path}: id2label must be an object such as {{'0': 'negative'}}, not {kind_of(stored)}"
            )
        numbers = [str(number) for number in range(len(stored))]
        if set(stored) != set(numbers):
            raise AlumbenchError(
                f"{path}: id2label has the keys {some(sorted(stored))}; outputs are numbered {some(numbers)}"
            )
        names = tuple(str(stored[number]) for number in numbers)
        count = config.get("num_labels", len(names) or DEFAULT_OUTPUTS)
        if not isinstance(count, int) or (names and count != len(names)):
            raise AlumbenchError(f"{path}: num_labels is {brief(count)}, but id2label names {len(names)} outputs")
        named = not all(_is_number(name) for name in names)
        contradiction = _contradiction(names, config.get("label2id")) if named else ""
        return cls(count, names, named, contradiction, str(config.get("problem_type") or ""))


def label_order(files: ModelFiles, task: Task, mapping: Sequence[str] = ()) -> list[int]:
    """The model output for each label of the task, matched by name.

    Args:
        files: the checkpoint.
        task: the task with its label names.
        mapping: names for the model's outputs in order (`--labels`), if the checkpoint has none or others.

    Returns:
        `order` with `logits[:, order]` in the task's label order.

    Raises:
        AlumbenchError: The outputs differ from the task's in kind or number; names are missing, are only
            `LABEL_0`-like numbers, differ from the task's, or contradict each other or the mapping.
    """
    outputs = Outputs.of(files)
    if has_own_head(files) and files.config.parent != files.path:
        # The base's configuration describes another head.
        outputs = Outputs(1 if task.is_regression else len(task.labels), (), False, "", "")
    _check_kind(files, outputs, task)
    if task.is_regression:
        return [0]
    wanted, example = list(map(_plain, task.labels)), ",".join(task.labels)
    own = list(map(_plain, outputs.names))
    if not outputs.named and sorted(own) != sorted(wanted):  # a task's own labels may be numbers
        own = []
    names = list(map(_plain, mapping)) or own
    if mapping and len(mapping) != outputs.count:
        raise AlumbenchError(
            f"{files.path}: --labels names {len(mapping)} outputs, the checkpoint has {outputs.count}; "
            f"name all in its output order, for example --labels {example}"
        )
    if outputs.contradiction and not mapping:
        raise AlumbenchError(
            f"{files.config}: {outputs.contradiction}; correct the wrong one, or name the outputs in order, "
            f"for example --labels {example}"
        )
    if not names:
        raise AlumbenchError(
            f"{files.path}: its outputs have no label names ({some(outputs.names) or 'none'}), and a wrong guess "
            f"would go unnoticed; name them in the checkpoint's output order, for example --labels {example}"
        )
    if sorted(names) != sorted(wanted):
        whose = "--labels names" if mapping else "its labels are"
        raise AlumbenchError(
            f"{files.path}: {whose} {some(mapping or outputs.names)}, the task '{brief(task.name)}' has {example}; "
            f"map them with --labels (the task's names in the checkpoint's output order)"
        )
    if mapping and not outputs.contradiction:
        _check_mapping(files, own, names)
    return [names.index(label) for label in wanted]


def _check_kind(files: ModelFiles, outputs: Outputs, task: Task) -> None:
    """Raises an error if the outputs differ from the task's in kind or number."""
    needed = 1 if task.is_regression else len(task.labels)
    has = f"{outputs.count} output{'s' * (outputs.count != 1)}"
    has += f" ({some(outputs.names)})" if outputs.named else ""
    task_has = "is a regression, 1 output" if task.is_regression else f"has {needed} labels ({', '.join(task.labels)})"
    if outputs.count != needed:
        raise AlumbenchError(
            f"{files.path}: has {has}, the task '{brief(task.name)}' {task_has}; name the task that it was trained on "
            f"with --task, or train it on this one: 'alumbench train --model {files.path}'"
        )
    problem = outputs.problem
    if problem == "multi_label_classification":
        raise AlumbenchError(
            f"{files.config}: problem_type is {problem}, but alumbench scores one label per text; if exactly "
            f"one label applies, set it to single_label_classification"
        )
    if problem and (problem == "regression") != task.is_regression:
        raise AlumbenchError(
            f"{files.config}: problem_type is {brief(problem)}, but the task '{brief(task.name)}' {task_has}; "
            f"name the task that it was trained on with --task, or correct problem_type"
        )


def _check_mapping(files: ModelFiles, own: Sequence[str], given: Sequence[str]) -> None:
    """Raises an error if `--labels` and the checkpoint give an output different names of the task."""
    for at, (name, called) in enumerate(zip(own, given, strict=False)):
        if name in given and name != called:
            raise AlumbenchError(
                f"{files.path}: its output {at} is named '{brief(name)}', --labels calls it '{called}'; leave --labels "
                f"out, or correct id2label in {CONFIG} if the name there is wrong"
            )


def _contradiction(names: Sequence[str], label2id: Any) -> str:
    """The first label that a configuration's two tables number differently, in words; '' if none."""
    if not isinstance(label2id, Mapping):
        return ""
    for at, name in enumerate(names):
        if name in label2id and str(label2id[name]) != str(at):
            return f"id2label has '{brief(name)}' at {at}, label2id at {brief(label2id[name])}"
    return ""


def _is_number(name: str) -> bool:
    return _plain(name).removeprefix("label").strip().isdigit()


def _plain(name: str) -> str:
    return name.casefold().replace("_", " ").replace("-", " ").strip()
