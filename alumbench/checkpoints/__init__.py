"""Models and checkpoints from disk, mirror or hub: safetensors only, no remote code, labels by name."""

from alumbench.checkpoints.classifier import load_classifier
from alumbench.checkpoints.files import PROVENANCE, ModelFiles, checkpoint_task, find_model
from alumbench.checkpoints.labels import label_order
from alumbench.checkpoints.reading import (
    NO_LIMIT,
    finds_last_token,
    fit,
    longest,
    own_padding,
    padding_note,
    positions,
    set_padding,
)
from alumbench.checkpoints.tokenizer import check_vocabulary, load_tokenizer, mark_ids

__all__ = [
    "NO_LIMIT",
    "PROVENANCE",
    "ModelFiles",
    "check_vocabulary",
    "checkpoint_task",
    "find_model",
    "finds_last_token",
    "fit",
    "label_order",
    "load_classifier",
    "load_tokenizer",
    "longest",
    "positions",
    "mark_ids",
    "own_padding",
    "padding_note",
    "set_padding",
]
