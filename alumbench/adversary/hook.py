"""Where δ is added: the output of the encoder's word-embedding module, through a hook that must fire as expected.

`inputs_embeds` would be the obvious way and is wrong for many models: position ids of RoBERTa-like and decoder models
are then computed without the padding, and BART, T5 and Longformer classifiers refuse it.

Gradient checkpointing recomputes layers after the pass has ended, when δ is no longer held. That is harmless because
the embeddings of all families lie outside the layers that are recomputed; `use_reentrant=False` is needed all the same,
since torch refuses `autograd.grad` through the reentrant kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

#: Families whose embedding module gives (tokens, batch, hidden). A shape cannot tell where tokens = batch.
TOKENS_FIRST = ("xlnet",)

#: Families that append padding to the batch before they embed it, up to a multiple of a window or block.
PADS_AT_THE_END = ("longformer", "led", "big_bird")


class WordEmbeddings:
    """The word-embedding module that the encoder's forward really calls, and how to add to its output.

    Everything that comes in or goes out is (batch, tokens, hidden), whatever the family's own layout is.

    The hook stays on the module and is shared by all objects made for it. Make the first one before a model compiled
    by `torch.compile` runs: a graph takes no notice of a hook that comes later. With it, it is traced once for each of
    no δ, δ, and δ with a gradient. For a gradient through a compiled pass let δ require one; what a hook of your own
    captures inside a graph has none.
    """

    def __init__(self, model: nn.Module) -> None:
        """Finds the module.

        Raises:
            ValueError: The model has none.
        """
        self._name = type(model).__name__
        family = getattr(getattr(model, "config", None), "model_type", "")
        self._tokens_first = family in TOKENS_FIRST
        self.module, self._firings = _find(model)
        self._hook = _hook(self.module)
        self._pads = family in PADS_AT_THE_END

    def __call__(self, input_ids: Tensor) -> Tensor:
        """The clean embeddings, (batch, tokens, hidden), without a graph."""
        with torch.no_grad():
            return self.module(input_ids)  # type: ignore[no-any-return]

    @contextmanager
    def added(self, delta: Tensor) -> Iterator[None]:
        """Adds `delta`, (batch, tokens, hidden), to the module's output during one forward pass.

        Raises:
            ValueError: The output has another shape, so δ would meet the wrong tokens.
            RuntimeError: The module fired more or fewer times than it should, so δ met another module's input, or none;
                or another δ is being added to the same model.
        """
        hook = self._hook
        if hook.delta is not None:
            raise RuntimeError(f"{self._name}: another δ is being added; one pass at a time")
        hook.delta = delta.transpose(0, 1) if self._tokens_first else delta
        hook.pads, hook.fired = self._pads, 0
        try:
            yield
        finally:
            hook.delta = None
        if hook.fired != self._firings:
            raise RuntimeError(
                f"{self._name}: the word embeddings fired {hook.fired} times in one forward pass, expected "
                f"{self._firings}. None at all means inputs_embeds, or a compiled model that ran before its first δ"
            )


class _Hook:
    """Adds the δ that it holds to the module's first output.

    One for good, rather than one for each pass: a compiled graph reads `delta` anew, as an input, but not the list of
    hooks. An object, rather than a function: a deep copy of the model then has a hook, and a δ, of its own.
    """

    def __init__(self) -> None:
        self.delta: Tensor | None = None
        self.pads = False
        self.fired = 0

    def __reduce__(self) -> tuple[type[_Hook], tuple[()]]:
        return _Hook, ()

    def __call__(self, _module: nn.Module, _inputs: Any, output: Tensor) -> Tensor | None:
        delta = self.delta
        if delta is None:
            return None
        self.fired += 1
        if self.fired > 1:  # the decoder's, where it shares the module
            return None
        if self.pads and output.dim() == 3 and output.shape[1] > delta.shape[1]:
            delta = pad(delta, (0, 0, 0, output.shape[1] - delta.shape[1]))
        if output.shape != delta.shape:
            raise ValueError(
                f"the word embeddings are {tuple(output.shape)}, δ is {tuple(delta.shape)}: this model, or its "
                f"attention implementation, rearranges its tokens and cannot be perturbed here"
            )
        return output + delta.to(output.dtype)


def _hook(module: nn.Module) -> _Hook:
    for hook in module._forward_hooks.values():
        if isinstance(hook, _Hook):
            return hook
    hook = _Hook()
    module.register_forward_hook(hook)
    return hook


def _find(model: nn.Module) -> tuple[nn.Module, int]:
    """The module, and how often one forward pass calls it."""
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


def free_tokens(input_ids: Tensor, attention_mask: Tensor, special_ids: Tensor | None) -> Tensor:
    """Which tokens may be perturbed: real ones, and no special ones unless `special_ids` is None.

    Args:
        input_ids: (batch, tokens).
        attention_mask: (batch, tokens), 0 on padding.
        special_ids: (count,) ids of [CLS], [SEP] and their like.

    Returns:
        (batch, tokens) booleans.
    """
    free = attention_mask.bool()
    return free if special_ids is None else free & ~torch.isin(input_ids, special_ids)
