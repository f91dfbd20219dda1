"""Stand-ins for the word vectors and the sentence encoder that synonym attacks were published with.

Imported by recipes when they are built, not before: it needs TextAttack.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
from textattack.constraints.semantics.sentence_encoders import SentenceEncoder
from textattack.transformations.word_swaps import WordSwap
from textattack.transformations.word_swaps.word_swap_embedding import recover_word_case
from torch import Tensor

from alumbench.attacks.resources import MINILM, NEIGHBOURS
from alumbench.checkpoints import find_model, load_tokenizer
from alumbench.storage import read_json
from alumbench.tasks import mirror


@cache
def neighbours(path: Path) -> dict[str, list[str]]:
    """Each word's nearest neighbours in counter-fitted vectors, as Jia et al. 2019 published them, at most 8."""
    return dict(read_json(path))


class NeighbourSwap(WordSwap):  # type: ignore[misc]
    """Swaps a word for its published neighbours, in the word's own case."""

    def __init__(self) -> None:
        """Reads the lists from the mirror."""
        super().__init__()
        root = mirror()
        self._neighbours = neighbours((root or Path()) / NEIGHBOURS)

    def _get_replacement_words(self, word: str) -> list[str]:
        return [recover_word_case(other, word) for other in self._neighbours.get(word.lower(), [])]


class MiniLm(SentenceEncoder):  # type: ignore[misc]
    """Cosine of all-MiniLM-L6-v2's mean-pooled sentence vectors; its scale is its own, not another encoder's."""

    def __init__(self, threshold: float) -> None:
        """Loads the encoder."""
        from transformers import AutoModel

        super().__init__(threshold=threshold, metric="cosine")
        files = find_model(MINILM)
        self._tokenizer = load_tokenizer(files)
        self._encoder = AutoModel.from_pretrained(files.path, use_safetensors=True, trust_remote_code=False).eval()
        self.model = self  # what TextAttack asks to encode a single pair

    @torch.inference_mode()
    def encode(self, sentences: list[str]) -> Tensor:
        """The vectors, (sentences, hidden)."""
        batch: Any = self._tokenizer(list(sentences), padding=True, truncation=True, return_tensors="pt")
        states = self._encoder(**batch).last_hidden_state
        mask = batch["attention_mask"][..., None]
        pooled: Tensor = (states * mask).sum(1) / mask.sum(1)
        return pooled
