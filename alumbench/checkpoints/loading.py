"""A model of transformers from a checked folder: its own weights, all of them, in float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from alumbench.checkpoints.diagnosis import model_fault
from alumbench.checkpoints.files import ModelFiles
from alumbench.checkpoints.telling import told
from alumbench.checkpoints.weights import Fit, check_fit, check_parameters, check_size, stored_shapes

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def load_model(
    files: ModelFiles,
    kind: Any,
    what: str,
    may_be_new: Callable[[PreTrainedModel], Callable[[str], bool]] = lambda _: lambda name: False,
    changes: Mapping[str, Any] | None = None,
) -> tuple[PreTrainedModel, list[str]]:
    """Loads a checkpoint and holds it to its files.

    Args:
        files: the folder.
        kind: the `AutoModel…` class.
        what: it is loaded as, in words.
        may_be_new: given the model, of which of its tensors it is fine that they begin at random.
        changes: values of the configuration to replace.

    Returns:
        The model in float32, and the tensors that begin at random, sorted.

    Raises:
        AlumbenchError: No such model can be made of it, its weights do not fit, or are no numbers.
    """
    import torch
    from transformers import AutoConfig

    shapes = stored_shapes(files)
    check_size(files, shapes)
    with told(f"{files.path}: no {what} can be loaded", lambda: model_fault(files, kind, what)):
        config = AutoConfig.from_pretrained(files.path, trust_remote_code=False, **(changes or {}))
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            check_parameters(files, kind.from_config(config, dtype=torch.float32), shapes)
        model, report = kind.from_pretrained(
            files.path,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,  # told below, with the rest
            output_loading_info=True,
        )
    fit = Fit.of(model, report, shapes)
    check_fit(files, model, fit, may_be_new(model))
    return model, fit.new()
