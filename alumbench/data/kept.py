"""The data of a user's file that a checkpoint keeps: held-out examples, and digests of the training examples."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from alumbench.data.example import Example
from alumbench.data.source import Source
from alumbench.data.task import Task
from alumbench.storage import write_text

HELD_OUT = "held-out.jsonl"
TRAINED_ON = "trained-on.txt"


def keep(folder: Path, task: Task, train: Sequence[Example], held_out: Sequence[Example]) -> Task:
    """Stores what an evaluation needs from a user's file, and returns the task as the checkpoint records it.

    Args:
        folder: the checkpoint's folder.
        task: the task.
        train: the training examples.
        held_out: examples of the same tables not trained on; the dev set if the task has none.
    """
    if not any(source.file for source in task.train):
        return task
    keep_digests(folder, train)
    return keep_held_out(folder, task, held_out) if held_out and not task.dev else task


def keep_held_out(folder: Path, task: Task, examples: Sequence[Example]) -> Task:
    """Writes dev examples to the checkpoint's folder, and returns the task with them as its dev set."""
    column = task.train[0].label_column
    names = [*task.columns, column]
    rows = [dict(zip(names, [*example.texts, example.label], strict=True)) for example in examples]
    write_text(folder / HELD_OUT, "".join(json.dumps(row) + "\n" for row in rows))
    return replace(task, dev=(Source(file=HELD_OUT, label_column=column, ordered=False),))


def keep_digests(folder: Path, examples: Sequence[Example]) -> None:
    """Writes digests of the training examples, which do not reveal the texts."""
    write_text(folder / TRAINED_ON, "".join(f"{digest}\n" for digest in sorted({*map(_digest, examples)})))


def trained_on(folder: Path, examples: Sequence[Example]) -> int:
    """Number of these examples that a checkpoint was trained on, as far as its folder records it."""
    path = folder / TRAINED_ON
    known = {*path.read_text(encoding="ascii", errors="replace").split()} if path.is_file() else set()
    return sum(_digest(example) in known for example in examples)


def in_folder(task: Task, folder: Path) -> Task:
    """The task with its relative files in a checkpoint's folder, even if that was moved."""
    return replace(task, dev=tuple(replace(one, folder=str(folder)) if one.file else one for one in task.dev))


def _digest(example: Example) -> str:
    return hashlib.sha256(json.dumps(example.texts).encode()).hexdigest()[:16]
