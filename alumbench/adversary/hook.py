"""Where δ is added: the output of the encoder's word-embedding module, through a hook that must fire exactly once.

`inputs_embeds` would be the obvious way and is wrong for many models: position ids of RoBERTa-like and decoder models
are then computed without the padding, and BART, T5 and Longformer classifiers refuse it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


def embedding_module(model: nn.Module) -> nn.Module:
    """The word-embedding module that the encoder's forward really calls.

    Raises:
        ValueError: The model has none.
    """
    config = getattr(model, "config", None)
    if getattr(config, "is_encoder_decoder", False):
        # BART and T5 report `shared`, whose forward is never called.
        encoder = getattr(getattr(model, "model", None) or getattr(model, "transformer", model), "encoder", None)
        if encoder is not None and hasattr(encoder, "embed_tokens"):
            return encoder.embed_tokens  # type: ignore[no-any-return]
    find = getattr(model, "get_input_embeddings", None)
    module = find() if find is not None else None
    if not isinstance(module, nn.Module):
        raise ValueError(f"{type(model).__name__} has no word-embedding module to perturb")
    return module


@contextmanager
def added(module: nn.Module, delta: Tensor) -> Iterator[None]:
    """Adds `delta` to the module's output during one forward pass.

    Args:
        module: the word-embedding module.
        delta: (batch, tokens, hidden).

    Raises:
        ValueError: The output has another shape, so δ would meet the wrong tokens.
        RuntimeError: The module did not fire, or fired more than once: δ would be lost, or added twice.
    """
    fired = 0

    def add(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        nonlocal fired
        fired += 1
        if output.shape != delta.shape:
            raise ValueError(
                f"the embedding module gives {tuple(output.shape)}, δ is {tuple(delta.shape)}: "
                f"this model family rearranges its tokens and cannot be perturbed here"
            )
        return output + delta.to(output.dtype)

    handle = module.register_forward_hook(add)
    try:
        yield
    finally:
        handle.remove()
    if fired != 1:
        raise RuntimeError(f"the embedding module fired {fired} times in one forward pass, expected once")


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
