"""The victim with gradients, for attacks that rank words by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from alumbench.adversary import WordEmbeddings
from alumbench.attacks.victim import VictimWrapper

PREFIXES = ("##", "Ġ", "▁")


class WithGradient(VictimWrapper):
    """A victim's wrapper that TextAttack can ask for the gradient at a text's tokens.

    TextAttack's own puts the model into training mode, so that dropout decides the ranking, pads to 512 tokens, and
    leaves gradients in the parameters, which a model that is being trained would learn from.
    """

    def __init__(self, wrapper: VictimWrapper) -> None:
        """Takes the place of a wrapper."""
        super().__init__(wrapper.victim, wrapper.on_query)

    def get_grad(self, text: str | tuple[str, ...]) -> dict[str, Any]:
        """Token ids, and the gradient of the loss of the model's own answer, (tokens, hidden), as NumPy arrays."""
        batch = self.victim.encode([(text,) if isinstance(text, str) else tuple(text)])
        words = WordEmbeddings(self.model)
        zero = torch.zeros_like(words(batch["input_ids"]), requires_grad=True)
        with torch.enable_grad(), words.added(zero):
            logits = self.model(**batch).logits
            (gradient,) = torch.autograd.grad(cross_entropy(logits, logits.argmax(-1)), zero)
        self.victim.texts_scored += 1
        return {"ids": batch["input_ids"].cpu().numpy(), "gradient": gradient[0].float().cpu().numpy()}

    def tokenize(self, inputs: Sequence[str | tuple[str, ...]], strip_prefix: bool = False) -> list[list[str]]:
        """The tokens of each text as the model sees them, marks of its own included."""
        rows = []
        for text in inputs:
            columns = (text,) if isinstance(text, str) else tuple(text)
            tokens = self.tokenizer.convert_ids_to_tokens(self.tokenizer(*columns, truncation=True)["input_ids"])
            rows.append([_bare(token) for token in tokens] if strip_prefix else tokens)
        return rows


def _bare(token: str) -> str:
    for prefix in PREFIXES:
        token = token.removeprefix(prefix)
    return token
