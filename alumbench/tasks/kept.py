"""What a checkpoint keeps of a user's file: the examples held out of its training, and digests of those trained on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from alumbench.storage import write_text
from alumbench.tasks.example import Example
from alumbench.tasks.source import Source
from alumbench.tasks.task import Task

HELD_OUT = "held-out.jsonl"
TRAINED_ON = "trained-on.txt"


def keep(folder: Path, task: Task, train: Sequence[Example], held_out: Sequence[Example]) -> Task:
    """Keeps what an evaluation needs to know of a user's file, and gives the task as the checkpoint records it.

    Args:
        folder: the checkpoint's.
        task: what is learned.
        train: the examples trained on.
        held_out: those of the same tables that are not; they become the dev set of a task that has none.
    """
    if not any(source.file for source in task.train):
        return task
    keep_digests(folder, train)
    return keep_held_out(folder, task, held_out) if held_out and not task.dev else task


def keep_held_out(folder: Path, task: Task, examples: Sequence[Example]) -> Task:
    """Writes a task's dev examples beside the checkpoint, and gives the task with them as its dev set."""
    column = task.train[0].label_column
    names = [*task.columns, column]
    rows = [dict(zip(names, [*example.texts, example.label], strict=True)) for example in examples]
    write_text(folder / HELD_OUT, "".join(json.dumps(row) + "\n" for row in rows))
    return replace(task, dev=(Source(file=HELD_OUT, label_column=column, ordered=False),))


def keep_digests(folder: Path, examples: Sequence[Example]) -> None:
    """Writes which texts were trained on, as digests that do not give them away."""
    write_text(folder / TRAINED_ON, "".join(f"{digest}\n" for digest in sorted({*map(_digest, examples)})))


def trained_on(folder: Path, examples: Sequence[Example]) -> int:
    """How many of the examples a checkpoint was trained on, as far as its folder says."""
    path = folder / TRAINED_ON
    known = {*path.read_text(encoding="ascii", errors="replace").split()} if path.is_file() else set()
    return sum(_digest(example) in known for example in examples)


def in_folder(task: Task, folder: Path) -> Task:
    """The task with its relative files found in a checkpoint's folder, wherever that was moved."""
    return replace(task, dev=tuple(replace(one, folder=str(folder)) if one.file else one for one in task.dev))


def _digest(example: Example) -> str:
    return hashlib.sha256(json.dumps(example.texts).encode()).hexdigest()[:16]
