"""Adds δ to the output of the encoder's word-embedding module, through a hook that must fire as expected.

`inputs_embeds` would be the obvious way, but is wrong for many models: position ids of RoBERTa-like and decoder models
are then computed without the padding, and BART, T5 and Longformer classifiers reject it.

Gradient checkpointing recomputes layers after the pass has ended, when δ is no longer added. This is harmless because
the embeddings of all families lie outside the recomputed layers. `use_reentrant=False` is still needed, since torch
rejects `autograd.grad` through the reentrant kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch._functorch.config
from torch import Tensor, nn
from torch.nn.functional import pad

#: Families whose embedding module gives (tokens, batch, hidden). The shape is ambiguous if tokens = batch.
TOKENS_FIRST = ("xlnet",)

#: Families that append padding to the batch before they embed it, up to a multiple of a window or block.
PADS_AT_THE_END = ("longformer", "big_bird")

#: Families that embed token types, if the tokenizer gives any, with the word embeddings and add them to the words.
TYPES_ARE_WORDS = ("ctrl", "gpt2", "gpt_bigcode", "gpt_neo", "gptj", "codegen", "imagegpt", "openai-gpt")


class WordEmbeddings:
    """The word-embedding module that the encoder's forward really calls, with a way to add to its output.

    All inputs and outputs are (batch, tokens, hidden), whatever the family's own layout is.

    The module keeps its hook, so that `torch.compile` sees it: make the first instance before a compiled model runs.
    The model is then compiled once for each kind of pass: without δ, with one, with one that requires a gradient.
    """

    def __init__(self, model: nn.Module) -> None:
        """Finds the module.

        Raises:
            ValueError: The model has none.
        """
        self._name = type(model).__name__
        model = _transformer(model)
        family = getattr(getattr(model, "config", None), "model_type", "")
        self._tokens_first, self._pads = family in TOKENS_FIRST, family in PADS_AT_THE_END
        self.module, self._firings = _find(model)
        self._most_firings = self._firings + (family in TYPES_ARE_WORDS)
        if _add not in self.module._forward_hooks.values():
            self.module.register_forward_hook(_add)
        # Graphs compiled from here on keep their buffers for two backward passes: for a direction, and for the loss.
        torch._functorch.config.donated_buffer = False

    def __call__(self, input_ids: Tensor) -> Tensor:
        """The clean embeddings, (batch, tokens, hidden), without a graph."""
        with torch.no_grad():
            return self.module.forward(input_ids)  # type: ignore[no-any-return]  # past the hook

    @contextmanager
    def added(self, delta: Tensor) -> Iterator[None]:
        """Adds `delta`, (batch, tokens, hidden), to the module's output during one forward pass.

        Raises:
            ValueError: The output has another shape, so δ would be added to the wrong tokens.
            RuntimeError: The module fired too often or not often enough, so δ was added to the wrong output or to none;
                or another δ is being added to the same model.
        """
        if any(addition.module is self.module for addition in _ADDITIONS):
            raise RuntimeError(f"{self._name}: another δ is already being added; run one forward pass at a time")
        addition = _Addition(self.module, delta.transpose(0, 1) if self._tokens_first else delta, self._pads)
        _ADDITIONS.append(addition)
        try:
            yield
        finally:
            _ADDITIONS.remove(addition)
        if not self._firings <= addition.fired <= self._most_firings:
            raise RuntimeError(
                f"{self._name}: the word embeddings fired {addition.fired} times in one forward pass, expected "
                f"{self._firings}. None at all means inputs_embeds, or a compiled model that ran before its first δ"
            )


@dataclass(eq=False)
class _Addition:
    """A δ in its module's own layout, with a flag to pad it and the number of times the module fired."""

    module: nn.Module
    delta: Tensor
    pads: bool
    fired: int = 0


#: The additions now active. They are kept here and not with the hook: then copies or pickles of the model do not hold
#: them, and a compiled graph takes δ as an input of any length instead of fixing its shape as part of a module.
_ADDITIONS: list[_Addition] = []


def _add(module: nn.Module, _inputs: Any, output: Tensor) -> Tensor | None:
    for addition in _ADDITIONS:
        if addition.module is module:
            addition.fired += 1
            # The second call is the decoder's, if it shares the module, or the token types', or an error.
            return _sum(output, addition) if addition.fired == 1 else None
    return None


def _sum(output: Tensor, addition: _Addition) -> Tensor:
    delta = addition.delta
    if addition.pads and output.dim() == 3 and output.shape[1] > delta.shape[1]:
        delta = pad(delta, (0, 0, 0, output.shape[1] - delta.shape[1]))
    if output.shape != delta.shape:
        raise ValueError(
            f"the word embeddings are {tuple(output.shape)}, δ is {tuple(delta.shape)}: this model, or its "
            f"attention implementation, rearranges its tokens and cannot be perturbed here"
        )
    return output + delta.to(output.dtype)


def _transformer(model: nn.Module) -> nn.Module:
    """The model itself, or the only transformers model inside a module that wraps it."""
    if hasattr(model, "get_input_embeddings"):
        return model
    inner, seen = list(model.children()), []
    while inner:
        module = inner.pop()
        if hasattr(module, "get_input_embeddings"):
            seen.append(module)
        else:
            inner += module.children()
    return seen[0] if len(seen) == 1 else model


def _find(model: nn.Module) -> tuple[nn.Module, int]:
    """The module, and the number of times one forward pass calls it."""
    if getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        # BART and T5 report `shared`, whose forward is never called, or not for the encoder alone.
        parts = ((name.rpartition(".")[2], part) for name, part in model.named_modules())
        stacks = {name: part.embed_tokens for name, part in parts if hasattr(part, "embed_tokens")}
        if "encoder" in stacks:
            return stacks["encoder"], 2 if stacks.get("decoder") is stacks["encoder"] else 1
    find = getattr(model, "get_input_embeddings", None)
    try:
        module = find() if find is not None else None
    except NotImplementedError:
        module = None
    if not isinstance(module, nn.Module):
        raise ValueError(f"{type(model).__name__} has no word-embedding module to perturb")
    return module, 1


def perturbable_mask(input_ids: Tensor, attention_mask: Tensor, special_ids: Tensor | None) -> Tensor:
    """The tokens that may be perturbed: real ones, without special ones unless `special_ids` is None.

    Args:
        input_ids: (batch, tokens).
        attention_mask: (batch, tokens), 0 on padding.
        special_ids: (count,) ids of [CLS], [SEP] and similar tokens.

    Returns:
        (batch, tokens) booleans.
    """
    free = attention_mask.bool()
    return free if special_ids is None else free & ~torch.isin(input_ids, special_ids)
