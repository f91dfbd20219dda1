"""The sequence classifier of a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from alumbench.checkpoints.files import ModelFiles
from alumbench.checkpoints.loading import load_model
from alumbench.checkpoints.telling import some
from alumbench.checkpoints.weights import is_head
from alumbench.tasks import Task

if TYPE_CHECKING:
    from transformers import PreTrainedModel

WHAT = "sequence classifier"


def load_classifier(files: ModelFiles, task: Task | None = None, say: Callable[[str], None] = print) -> PreTrainedModel:
    """The sequence classifier in float32; with a `task`, to be trained: its head is sized and named for it.

    Args:
        files: the folder.
        task: what it is going to learn; None where it is evaluated as it is.
        say: told in a line which tensors of the head are new.

    Raises:
        AlumbenchError: No sequence classifier can be made of it, or its weights do not fit; with a `task` those of the
            head may be absent or of another size.
    """
    from transformers import AutoModelForSequenceClassification

    if task is None:
        return load_model(files, AutoModelForSequenceClassification, WHAT)[0]
    names = list(task.labels) or ["score"]
    changes: dict[str, Any] = {
        "num_labels": len(names),
        "id2label": dict(enumerate(names)),
        "label2id": {name: index for index, name in enumerate(names)},
        "problem_type": "regression" if task.is_regression else "single_label_classification",
    }
    model, new = load_model(files, AutoModelForSequenceClassification, WHAT, is_head, changes)
    if new:
        say(f"note: new head, randomly initialized: {some(new)}")
    return model
