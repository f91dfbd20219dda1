"""Which output of a classifier stands for which label of a task: by name, never by a guess."""

from __future__ import annotations

import json
from collections.abc import Sequence

from alumbench.checkpoints.files import ModelFiles
from alumbench.errors import AlumbenchError
from alumbench.tasks import Task


def label_order(files: ModelFiles, task: Task, mapping: Sequence[str] = ()) -> list[int]:
    """For each label of the task, the model output that stands for it, matched by name.

    Args:
        files: the checkpoint.
        task: the task with its label names.
        mapping: names for the model's outputs in order (`--labels`), where the checkpoint has none or others.

    Returns:
        `order` with `logits[:, order]` in the task's label order.

    Raises:
        AlumbenchError: Names are missing, are only `LABEL_0`-like numbers, or differ from the task's.
    """
    if task.is_regression:
        return [0]
    config = json.loads((files.path / "config.json").read_text(encoding="utf-8"))
    stored = {int(index): str(name) for index, name in (config.get("id2label") or {}).items()}
    names = list(mapping) or [stored[index] for index in sorted(stored)]
    example = ",".join(task.labels)
    if mapping and stored and len(mapping) != len(stored):
        raise AlumbenchError(
            f"{files.path}: --labels names {len(mapping)} outputs, the checkpoint has {len(stored)}; "
            f"name all in its output order, for example --labels {example}"
        )
    if not names or all(_plain(name).removeprefix("label").strip().isdigit() for name in names):
        raise AlumbenchError(
            f"{files.path}: its labels have no names ({', '.join(names) or 'none'}), and a guessed order would "
            f"be wrong without a sign; name its outputs in order, for example --labels {example}"
        )
    at = {_plain(name): index for index, name in enumerate(names)}
    missing = [label for label in task.labels if _plain(label) not in at]
    if missing or len(names) != len(task.labels):
        raise AlumbenchError(
            f"{files.path}: its labels are {', '.join(names)}, the task '{task.name}' has {example}; "
            f"map them with --labels (the task's names in the checkpoint's output order)"
        )
    return [at[_plain(label)] for label in task.labels]


def _plain(name: str) -> str:
    return name.casefold().replace("_", " ").replace("-", " ").strip()
