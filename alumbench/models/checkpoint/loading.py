"""Loads a transformers model from a checked folder: all of its own weights, in float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from alumbench.models.checkpoint.diagnosis import model_fault
from alumbench.models.checkpoint.files import ModelFiles
from alumbench.models.checkpoint.telling import errors_told
from alumbench.models.checkpoint.weights import Fit, check_fit, check_parameters, check_size, stored_shapes

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def load_model(
    files: ModelFiles,
    kind: Any,
    what: str,
    may_be_new: Callable[[PreTrainedModel], Callable[[str], bool]] = lambda _: lambda name: False,
    changes: Mapping[str, object] | None = None,
) -> tuple[PreTrainedModel, list[str]]:
    """Loads a checkpoint and checks it against its files.

    Args:
        files: the folder.
        kind: the `AutoModel…` class.
        what: the kind in words.
        may_be_new: given the model, says which tensors may start from random values.
        changes: values of the configuration to replace.

    Returns:
        The model in float32, and the names of tensors with random values, sorted.

    Raises:
        AlumbenchError: It cannot be loaded as such a model, its weights do not fit, or are NaN or infinite.
    """
    import torch
    from transformers import AutoConfig

    shapes = stored_shapes(files)
    check_size(files, shapes)
    with errors_told(f"{files.path}: no {what} can be loaded", lambda: model_fault(files, kind, what)):
        config = AutoConfig.from_pretrained(files.path, trust_remote_code=False, **(changes or {}))
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            check_parameters(files, kind.from_config(config, dtype=torch.float32), shapes)
        model, report = kind.from_pretrained(
            files.path,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,  # reported below, with the rest
            output_loading_info=True,
        )
    fit = Fit.of(model, report, shapes)
    check_fit(files, model, fit, may_be_new(model))
    return model, fit.new()
