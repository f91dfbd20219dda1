"""Checks that turn silently wrong training or obscure failures into errors with a reason, for every caller.

`Method` puts `checked` around the `loss` of each of its subclasses, so that `alumbench train`, `AdversarialTrainer` and
your own loops all use it. Before a step it makes only checks without cost; it examines a model's output only after a
failure.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from alumbench.adversary.perturbation import LABELS
from alumbench.errors import AlumbenchError
from alumbench.methods.distributed import whole_step

MethodLoss = Callable[[Any, nn.Module, Mapping[str, Tensor], Any], Any]
SHARDED = {"FullyShardedDataParallel", "DeepSpeedEngine"}


def checked(loss: MethodLoss) -> MethodLoss:
    """A method's `loss` with a check before it, and a reason if it fails on the model's output."""

    @functools.wraps(loss)
    def with_reasons(self: Any, model: nn.Module, batch: Mapping[str, Tensor], context: Any) -> Any:
        check_step(model, batch, len(context.examples))
        if context.weights is None and self.training_data() is not None:
            raise AlumbenchError(
                f"method {self.name}: generates training texts while the model learns, which this loop does not "
                f"do: use "
                f"'alumbench train', or train(…) in alumbench.training.api"
            )
        if isinstance(model, DistributedDataParallel):
            return whole_step(model, batch, lambda plain, same: loss(self, plain, same, context))
        try:
            found = loss(self, model, batch, context)
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            reason = why_unreadable(model, batch)
            if reason:
                raise AlumbenchError(reason) from error
            raise
        if found.total is None:
            raise AlumbenchError(why_unreadable(model, batch) or f"{type(self).__name__}.loss returned no total")
        return found

    return with_reasons


def check_step(model: nn.Module, batch: Mapping[str, Tensor], numbered: int) -> None:
    """Checks the requirements of every method.

    Args:
        model: the model.
        batch: the model's inputs.
        numbered: number of examples in the step's context.

    Raises:
        AlumbenchError: The model has an unsupported wrapper, the batch has no labels, or the context is for another
            batch.
    """
    if isinstance(model, nn.DataParallel):
        raise AlumbenchError(
            "the model is a DataParallel, whose copies on several GPUs cannot be perturbed together: use one GPU "
            "(CUDA_VISIBLE_DEVICES=0), or DistributedDataParallel with one process a GPU (torchrun)"
        )
    if type(model).__name__ in SHARDED:
        raise AlumbenchError(
            f"the model is a {type(model).__name__}, whose parameters are sharded while a method calls the plain "
            f"module: use DistributedDataParallel"
        )
    labels = next((batch[name] for name in LABELS if name in batch), None)
    if labels is None:
        raise AlumbenchError(
            f"the batch has no labels (it has {', '.join(batch)}): every method takes the task's loss; add 'labels'"
        )
    if len(labels) != numbered:
        raise AlumbenchError(
            f"the batch has {len(labels)} examples and the context numbers {numbered}: make a context for "
            f"each batch, context = context.next(batch)"
        )


def check_perturbable(model: nn.Module, batch: Mapping[str, Tensor], replay_dropout: bool = True) -> None:
    """Checks the requirements of methods that perturb embeddings.

    Raises:
        AlumbenchError: The batch has no token ids, no attention mask or a wrong shape, or the model has no word
            embeddings.
    """
    if "inputs_embeds" in batch or "input_ids" not in batch:
        raise AlumbenchError(
            "the batch has no input_ids, or inputs_embeds beside them: δ is added at the word-embedding lookup; "
            "give input_ids only"
        )
    ids, mask = batch["input_ids"], batch.get("attention_mask")
    if mask is None:
        raise AlumbenchError(
            "the batch has no attention_mask, so padding would be perturbed like words: have the "
            "tokenizer return it, or add torch.ones_like(input_ids) where nothing is padded"
        )
    if ids.dim() != 2 or mask.shape != ids.shape:
        raise AlumbenchError(
            f"input_ids are {tuple(ids.shape)} and attention_mask is {tuple(mask.shape)}: both must be (batch, tokens)"
        )
    if replay_dropout and not model.training:
        warnings.warn(
            "the model is in eval mode, so dropout is off; call model.train() before the first step",
            stacklevel=4,
        )


def why_unreadable(model: nn.Module, batch: Mapping[str, Tensor]) -> str:
    """The reason why a method could not read a model's output; '' if something else went wrong."""
    try:
        with torch.no_grad():
            outputs = model(**batch)
    except Exception:  # the model's own error, which is already being raised
        return ""
    name = type(model).__name__
    if not hasattr(outputs, "logits") and not hasattr(outputs, "start_logits"):
        return (
            f"{name} returned a {type(outputs).__name__}, and methods read .loss and .logits: set "
            f"model.config.return_dict = True, or return transformers.modeling_outputs.SequenceClassifierOutput("
            f"loss=…, logits=…)"
        )
    if not (isinstance(outputs, Mapping) or hasattr(outputs, "get")):
        return (
            f"{name} returned a {type(outputs).__name__}, which is not a ModelOutput of transformers: return "
            f"transformers.modeling_outputs.SequenceClassifierOutput(loss=…, logits=…)"
        )
    if getattr(outputs, "loss", None) is None:
        return f"{name} returned no loss although the batch has labels: its forward must compute one"
    return ""
