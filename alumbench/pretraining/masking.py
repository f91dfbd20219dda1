"""Masked language modelling that computes vocabulary logits only at the masked positions.

A block's masks depend only on (seed, step, block): not on a global generator, on the other blocks in the batch, or on
batches that a data loader has fetched ahead. So a resumed run masks as an uninterrupted one does. This is also why
masks are drawn in the training step and not in the collator: a loader collates batches before their step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from alumbench.errors import AlumbenchError
from alumbench.pretraining.packing import Block

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

IGNORED = -100
TRAINING, DEV = 0, 1


def collate_blocks(features: Sequence[Block]) -> dict[str, Tensor]:
    """Blocks of one length as `input_ids` and `attention_mask`, (batch, tokens), and `example`, (batch,)."""
    ids = torch.from_numpy(np.stack([feature["input_ids"] for feature in features]))
    examples = torch.tensor([feature["example"] for feature in features])
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "example": examples}


@dataclass(frozen=True)
class Masking:
    """The masking of blocks.

    Attributes:
        special: ids that are never masked, and never replace a token.
        mask: id of the mask token.
        vocabulary: number of ids.
        seed: of the random masks.
        stream: `TRAINING` or `DEV`, so that the two never share random numbers.
        mask_share: share of the chosen tokens that the mask token replaces (Devlin et al. 2019, section 3.1).
        random_share: share that a random ordinary token replaces; the rest stays unchanged.
    """

    special: tuple[int, ...]
    mask: int
    vocabulary: int
    seed: int
    stream: int = TRAINING
    mask_share: float = 0.8
    random_share: float = 0.1

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, seed: int, stream: int = TRAINING) -> Masking:
        """The standard masking for a tokenizer.

        Raises:
            AlumbenchError: The tokenizer has no mask token.
        """
        if tokenizer.mask_token_id is None:
            raise AlumbenchError(
                "the tokenizer has no mask token, so no masked-LM can be trained with it; take a masked-LM "
                "as --model, or learn a tokenizer with 'alumbench tokenizer learn'"
            )
        special = tuple(sorted(tokenizer.all_special_ids))
        return cls(special, int(tokenizer.mask_token_id), len(tokenizer), seed, stream)

    @cached_property
    def ordinary(self) -> NDArray[np.int64]:
        """Ids that may replace a token: all except the special ones."""
        return np.setdiff1d(np.arange(self.vocabulary), self.special)

    def __call__(self, batch: Mapping[str, Tensor], rate: float, step: int) -> dict[str, Tensor]:
        """Masks a batch.

        Args:
            batch: `input_ids` and `attention_mask`, (batch, tokens), and `example`, (batch,).
            rate: share of a block's tokens that is chosen, not counting its first and last.
            step: the optimizer step; each step draws different masks.

        Returns:
            The batch, with tokens of `input_ids` replaced; `positions`, (batch, k), the chosen positions in order; and
            `labels`, (batch, k), the original tokens. k = round(rate * (tokens - 2)), the same for all batches of a
            step. If a block has fewer ordinary tokens, special ones fill up, with -100 as their labels.
        """
        ids = batch["input_ids"]
        device, tokens = ids.device, ids.shape[1]
        count = max(1, round(rate * (tokens - 2)))
        # Drawn on the CPU, so that a GPU masks the same positions.
        draws = [np.random.default_rng([self.seed, self.stream, step, int(i)]) for i in batch["example"].tolist()]
        order = torch.from_numpy(np.stack([draw.random(tokens) for draw in draws])).to(device)
        fate = torch.from_numpy(np.stack([draw.random(count) for draw in draws])).to(device)
        others = torch.from_numpy(np.stack([draw.choice(self.ordinary, count) for draw in draws])).to(device)

        special = torch.isin(ids, torch.tensor(self.special, device=device)) | ~batch["attention_mask"].bool()
        positions = order.masked_fill(special, 2.0).topk(count, largest=False).indices.sort().values
        was, fixed = ids.gather(1, positions), special.gather(1, positions)
        now = torch.where(fate < self.mask_share + self.random_share, others, was)
        now = torch.where(fate < self.mask_share, self.mask, now)
        masked = ids.scatter(1, positions, torch.where(fixed, was, now))
        return {**batch, "input_ids": masked, "positions": positions, "labels": was.masked_fill(fixed, IGNORED)}


class PositionHooks:
    """The hooks that `predict_at_positions` added to a model."""

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        """Takes the hooks' handles."""
        self._handles = handles

    def remove(self) -> None:
        """Removes the hooks; the model is then as before."""
        for handle in self._handles:
            handle.remove()


def predict_at_positions(model: PreTrainedModel) -> PositionHooks:
    """Makes `model(..., positions=(batch, k))` predict at these positions only; without `positions` nothing changes.

    The encoder's output is reduced to the (batch, k) positions before the model's own head and loss, so logits are
    (batch, k, vocabulary), and `labels` (batch, k). The head is a good part of a small model's work and most of its
    memory; with 15% of the tokens masked, it costs 15% of that.

    Args:
        model: any `AutoModelForMaskedLM`.

    Returns:
        The hooks; `remove()` removes them.

    Raises:
        AlumbenchError: The model has no encoder separate from its head.
        RuntimeError: In a forward pass with `positions`: the encoder's output is not (batch, tokens, hidden), or it did
            not run.
    """
    encoder = model.base_model
    if encoder is model:
        raise AlumbenchError(f"{type(model).__name__}: no encoder separate from its head, so it cannot be pre-trained")
    wanted: list[Tensor] = []

    # the arguments are those of any model's forward pass, as torch hands them to a hook
    def take(
        _model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        wanted.clear()  # left by a pass that failed
        positions = kwargs.pop("positions", None)
        if positions is not None:
            wanted.append(positions)
        return args, kwargs

    def gather(_encoder: nn.Module, _args: tuple[Any, ...], output: Any) -> Any:
        if not wanted:
            return output
        hidden, positions = output[0], wanted.pop()
        if hidden.dim() != 3 or hidden.shape[0] != positions.shape[0]:
            raise RuntimeError(f"the encoder gives {tuple(hidden.shape)}, expected (batch, tokens, hidden)")
        at = hidden.gather(1, positions.unsqueeze(-1).expand(-1, -1, hidden.shape[-1]))
        if isinstance(output, tuple):
            return (at, *output[1:])
        output["last_hidden_state"] = at
        return output

    def check(_model: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
        if wanted:
            wanted.clear()
            raise RuntimeError(f"{type(model).__name__} did not run its encoder, so the positions were lost")

    return PositionHooks(
        [
            model.register_forward_pre_hook(take, with_kwargs=True),
            encoder.register_forward_hook(gather),
            model.register_forward_hook(check),
        ]
    )
