"""The sequence classifier of a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alumbench.checkpoints.files import ModelFiles
from alumbench.errors import AlumbenchError
from alumbench.tasks import Task

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def load_classifier(files: ModelFiles, task: Task | None = None) -> PreTrainedModel:
    """The sequence classifier in float32; with a `task`, its head is sized and named for it (new if need be).

    Raises:
        AlumbenchError: No sequence classifier can be made of it.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification
    from transformers.utils import logging

    values: dict[str, Any] = {}
    if task is not None:
        names = list(task.labels) or ["score"]
        values = {
            "num_labels": len(names),
            "id2label": dict(enumerate(names)),
            "label2id": {name: index for index, name in enumerate(names)},
            "problem_type": "regression" if task.is_regression else "single_label_classification",
            "ignore_mismatched_sizes": True,
        }
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # a new head is what was asked for, no reason to warn
    try:
        return AutoModelForSequenceClassification.from_pretrained(
            files.path, dtype=torch.float32, use_safetensors=True, trust_remote_code=False, **values
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise AlumbenchError(f"{files.path}: no sequence classifier can be loaded: {str(error)[:300]}") from error
    finally:
        logging.set_verbosity(verbosity)
