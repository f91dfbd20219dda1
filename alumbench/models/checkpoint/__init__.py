"""Models and checkpoints from disk, mirror or hub: safetensors only, no remote code, labels by name."""

from alumbench.models.checkpoint.classifier import load_classifier
from alumbench.models.checkpoint.files import PROVENANCE, ModelFiles, checkpoint_task, find_model
from alumbench.models.checkpoint.labels import label_order
from alumbench.models.checkpoint.reading import (
    finds_last_token,
    fit,
    longest,
    own_padding,
    padding_note,
    positions,
    set_padding,
)
from alumbench.models.checkpoint.tokenizer import check_vocabulary, load_tokenizer, special_token_ids

__all__ = [
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
    "special_token_ids",
    "own_padding",
    "padding_note",
    "set_padding",
]
