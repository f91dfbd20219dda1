"""The model to pre-train: a named size with random weights, or an existing checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alumbench.errors import AlumbenchError, unknown
from alumbench.models.checkpoint import ModelFiles, check_vocabulary
from alumbench.models.checkpoint.loading import load_model
from alumbench.models.checkpoint.telling import some
from alumbench.models.checkpoint.weights import is_head

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

#: Layers, hidden size and heads: tiny to medium as in Turc et al. 2019 (https://arxiv.org/abs/1908.08962, table 1).
SIZES = {
    "tiny": (2, 128, 2),
    "mini": (4, 256, 4),
    "small": (4, 512, 8),
    "medium": (8, 512, 8),
    "base": (12, 768, 12),
    "large": (24, 1024, 16),
}
FAMILIES = ("bert", "roberta")


@dataclass(frozen=True)
class Architecture:
    """An encoder's family and size.

    Attributes:
        family: one of `FAMILIES`.
        layers: number of layers.
        hidden: size of the hidden states; the feed-forward layers are four times as wide.
        heads: attention heads per layer.
    """

    family: str
    layers: int
    hidden: int
    heads: int

    def __post_init__(self) -> None:
        """Checks the sizes."""
        if self.hidden % self.heads:
            raise AlumbenchError(
                f"--hidden {self.hidden} cannot be divided among {self.heads} heads: give a number of --heads "
                f"that divides it"
            )

    @classmethod
    def named(cls, name: str, layers: int = 0, hidden: int = 0, heads: int = 0) -> Architecture:
        """A named architecture, such as `bert-small`; sizes that are not 0 replace its own.

        Raises:
            AlumbenchError: The name is unknown, or heads do not divide the hidden size.
        """
        family, _, size = name.partition("-")
        if family not in FAMILIES or size not in SIZES:
            raise unknown("--config", name, [f"{family}-{size}" for family in FAMILIES for size in SIZES])
        own = SIZES[size]
        return cls(family, layers or own[0], hidden or own[1], heads or own[2])

    def make(self, tokenizer: PreTrainedTokenizerBase, length: int) -> PreTrainedModel:
        """A masked-LM with random weights from torch's generator, for a tokenizer and texts of `length` tokens."""
        from transformers import AutoConfig, AutoModelForMaskedLM

        pad = int(tokenizer.pad_token_id or 0)
        config = AutoConfig.for_model(
            self.family,
            vocab_size=len(tokenizer),
            num_hidden_layers=self.layers,
            hidden_size=self.hidden,
            num_attention_heads=self.heads,
            intermediate_size=4 * self.hidden,
            # RoBERTa's positions start after the padding id.
            max_position_embeddings=length + (pad + 1 if self.family == "roberta" else 0),
            type_vocab_size=2 if "token_type_ids" in tokenizer.model_input_names else 1,
            pad_token_id=pad,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
        return AutoModelForMaskedLM.from_config(config)


def load_masked_lm(
    files: ModelFiles, tokenizer: PreTrainedTokenizerBase, say: Callable[[str], None] = print
) -> PreTrainedModel:
    """Loads a checkpoint as a masked-LM in float32; without such a head, it gets a new one and a note is printed.

    Raises:
        AlumbenchError: It cannot be loaded as a masked-LM, or its tokenizer has more tokens than it has embeddings.
    """
    from transformers import AutoModelForMaskedLM

    model, new = load_model(files, AutoModelForMaskedLM, "masked-LM", is_head)
    if new:
        say(
            f"note: {files.path} has no complete masked-LM head; {len(new)} tensors are randomly initialized "
            f"({some(new)})"
        )
    check_vocabulary(files, tokenizer, model)
    return model
