"""Masked language modelling that computes the vocabulary at the masked positions alone.

A block's masks are drawn from (seed, step, block), nothing else: not from a global generator, nor the batch a block
falls into, nor what a data loader has fetched ahead. So a resumed run masks as an unbroken one does. That is also why
masks are drawn in the training step and not in the collator: a loader collates batches before their step has come.
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

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

IGNORED = -100
TRAINING, DEV = 0, 1


def collate_blocks(features: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
    """Blocks of one length as `input_ids` and `attention_mask`, (batch, tokens), and `example`, (batch,)."""
    ids = torch.from_numpy(np.stack([feature["input_ids"] for feature in features]))
    examples = torch.tensor([feature["example"] for feature in features])
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "example": examples}


@dataclass(frozen=True)
class Masking:
    """What is masked in a block, and by what.

    Attributes:
        special: ids that are never masked, nor put in place of a token.
        mask: id of the mask token.
        vocabulary: number of ids.
        seed: of the draws.
        stream: `TRAINING` or `DEV`, so that the two never share draws.
        mask_share: share of the chosen tokens that the mask token replaces (Devlin et al. 2019, section 3.1).
        random_share: share that some ordinary token replaces; the rest stays as it is.
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
        """The usual masking with a tokenizer's own tokens.

        Raises:
            AlumbenchError: It has no mask token.
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
        """Ids that may stand in for a token: all but the special ones."""
        return np.setdiff1d(np.arange(self.vocabulary), self.special)

    def __call__(self, batch: Mapping[str, Tensor], rate: float, step: int) -> dict[str, Tensor]:
        """The batch with its masks.

        Args:
            batch: `input_ids` and `attention_mask`, (batch, tokens), and `example`, (batch,).
            rate: share of a block's tokens, its first and last aside, that is chosen.
            step: the optimizer step; another one draws other masks.

        Returns:
            What came in, with tokens of `input_ids` replaced; `positions`, (batch, k), the chosen places in order; and
            `labels`, (batch, k), the tokens that were there. k = round(rate * (tokens - 2)), the same for all batches
            of a step. Where a block has fewer ordinary tokens, special ones fill up, with -100 as their labels.
        """
        ids = batch["input_ids"]
        device, tokens = ids.device, ids.shape[1]
        count = max(1, round(rate * (tokens - 2)))
        # Drawn on the CPU, so that a GPU masks the same places.
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
    """What `predict_at_positions` put into a model."""

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        """Takes the hooks' handles."""
        self._handles = handles

    def remove(self) -> None:
        """Gives the model back as it was."""
        for handle in self._handles:
            handle.remove()


def predict_at_positions(model: PreTrainedModel) -> PositionHooks:
    """Makes `model(..., positions=(batch, k))` predict at these positions only; without `positions` nothing changes.

    The encoder's output is reduced to the (batch, k) places before the model's own head and loss see it, so logits are
    (batch, k, vocabulary), and `labels` (batch, k). With 15% of the tokens masked, the head, a good part of a small
    model's work and most of its memory, costs 15%.

    Args:
        model: any `AutoModelForMaskedLM`.

    Returns:
        The hooks; `remove()` takes them out.

    Raises:
        AlumbenchError: The model has no encoder apart from its head.
        RuntimeError: In a forward pass with `positions`: the encoder gave no (batch, tokens, hidden), or did not run.
    """
    encoder = model.base_model
    if encoder is model:
        raise AlumbenchError(
            f"{type(model).__name__}: no encoder apart from its head, so it cannot be pre-trained here"
        )
    wanted: list[Tensor] = []

    def take(
        _model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        wanted.clear()  # of a pass that an error ended
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
