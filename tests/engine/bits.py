"""Scores rows together, in sevens and alone; prints the kinds of models in which a bit of an answer moved, as JSON.

Run by `test_scoring` in processes of their own: MKL reads at its start which kernels to use.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

import torch
from transformers import BertConfig, BertForSequenceClassification

from alumbench.engine.scorer import Scorer
from alumbench.engine.token_rows import BatchedModel, TokenizedText


class Classifier(BatchedModel):
    """A random BERT of two layers."""

    pad_id, longest = 0, 50

    def __init__(self, hidden: int, labels: int, attention: str) -> None:
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=100,
            hidden_size=hidden,
            intermediate_size=4 * hidden,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_labels=labels,
        )
        self.model = BertForSequenceClassification._from_config(config, attn_implementation=attention).eval()

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def forward(self, batch, rows):
        with torch.inference_mode():
            return self.model(**batch).logits[: len(rows)].unbind()


def answers(scorer: Scorer, model: Classifier, parts: Sequence[Sequence[TokenizedText]]) -> torch.Tensor:
    """(rows, labels)."""
    return torch.stack([answer for part in parts for answer in scorer.answers(model, part)])


def main() -> None:
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    draw = torch.Generator().manual_seed(1)
    lengths = [3, 4, 7, 8, 13, 13, 13, 16, 16, 21, 24, 24, 24, 24, 24, 33, 49, 50, *[28] * 21, *[15] * 19, *[40] * 17]
    ids = [torch.randint(1, 100, (length,), generator=draw).tolist() for length in lengths]
    rows = [TokenizedText(tuple(row)) for row in ids]
    moved = []
    for kind in [(16, 2, "sdpa"), (64, 3, "sdpa"), (128, 2, "sdpa"), (128, 3, "eager"), (384, 2, "sdpa")]:
        model, scorer = Classifier(*kind), Scorer()
        parts = [[rows[at : at + size] for at in range(0, len(rows), size)] for size in (1, 3, 7, 11, len(rows))]
        alone, *others = [answers(scorer, model, every) for every in parts]
        if not all(torch.equal(alone, one) for one in others):
            moved.append(kind)
    print(json.dumps(moved))


if __name__ == "__main__":
    main()
