"""The sequence classifier in a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from alumbench.data import Task
from alumbench.models.checkpoint.adapter import load_adapted, load_trainable
from alumbench.models.checkpoint.files import ModelFiles
from alumbench.models.checkpoint.loading import load_model
from alumbench.models.checkpoint.telling import some
from alumbench.models.checkpoint.weights import is_head

if TYPE_CHECKING:
    from transformers import PreTrainedModel

WHAT = "sequence classifier"


def load_classifier(
    files: ModelFiles, task: Task | None = None, say: Callable[[str], None] = print, outputs: int = 0
) -> PreTrainedModel:
    """The sequence classifier in float32; for training with a `task`, its head is sized and named for it.

    An adapter is merged into its base to be evaluated, and is a PEFT model to be trained.

    Args:
        files: the folder.
        task: the task to train on; None to evaluate the model as it is.
        say: called with one line about new tensors in the head.
        outputs: number of outputs of an adapter that is evaluated.

    Raises:
        AlumbenchError: It cannot be loaded as a sequence classifier, or its weights do not fit; with a `task` the
            head's weights may be missing or of another size.
    """
    from transformers import AutoModelForSequenceClassification

    if task is None and files.base is not None:
        return load_adapted(files, AutoModelForSequenceClassification, WHAT, is_head, {"num_labels": outputs})
    if task is None:
        return load_model(files, AutoModelForSequenceClassification, WHAT)[0]
    names = list(task.labels) or ["score"]
    changes: dict[str, object] = {
        "num_labels": len(names),
        "id2label": dict(enumerate(names)),
        "label2id": {name: index for index, name in enumerate(names)},
        "problem_type": "regression" if task.is_regression else "single_label_classification",
    }
    if files.base is not None:
        return load_trainable(files, AutoModelForSequenceClassification, WHAT, changes, say)
    model, new = load_model(files, AutoModelForSequenceClassification, WHAT, is_head, changes)
    if new:
        say(f"note: new head, randomly initialized: {some(new)}")
    return model
