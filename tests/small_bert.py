"""Random BERTs small enough for float64, one for each kind of output, and batches whose examples stay themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    PreTrainedModel,
)

from alumbench.adversary import Perturbation, WordEmbeddings
from alumbench.methods import StepContext

BEGIN, PAD, END, VOCABULARY, HIDDEN = 0, 1, 2, 24, 8
SPECIAL = torch.tensor([BEGIN, END])
#: Words of five examples; lengths 1 to 17 with [CLS] and [SEP] 3 to 19, to either side of the 16 numbers that torch's
#: generators draw at once.
WORDS = [
    [5, 6, 7, 9],
    [8, 3],
    [9, 4, 5, 11, 13, 20],
    [3],
    [4, 22, 7, 8, 19, 3, 5, 6, 10, 12, 15, 17, 21, 23, 9, 14, 18],
]
KINDS = {
    "two": BertForSequenceClassification,
    "three": BertForSequenceClassification,
    "regression": BertForSequenceClassification,
    "tokens": BertForTokenClassification,
    "spans": BertForQuestionAnswering,
    "masked": BertForMaskedLM,
}


def small_bert(kind: str, dropout: float = 0.0, seed: int = 0) -> PreTrainedModel:
    """A model in training mode with weights so large that its answers differ."""
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=VOCABULARY,
        pad_token_id=PAD,
        hidden_size=HIDDEN,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
        initializer_range=0.5,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        num_labels={"regression": 1, "two": 2, "spans": 2}.get(kind, 3),
        attn_implementation="eager",
    )
    return KINDS[kind](config).train()


def batch_of(
    kind: str, examples: Sequence[int] = range(5), padding: int = 0, on_the_left: bool = False
) -> dict[str, Tensor]:
    """Examples by number, padded to the longest and so many tokens more.

    On the left the positions are counted behind the padding, as a tokenizer for a decoder's classifier expects it.
    """
    width = max(len(WORDS[number]) for number in examples) + 2 + padding
    columns: dict[str, list[Tensor]] = {name: [] for name in ("input_ids", "attention_mask", "position_ids", "gold")}
    for number in examples:
        words = torch.tensor(WORDS[number])
        ids = torch.cat([SPECIAL[:1], words, SPECIAL[1:]])
        gold = torch.full_like(ids, -100)
        if kind == "masked":
            gold[1:-1:2] = ids[1:-1:2]
        else:
            gold[1:-1] = words % 3
        before = width - len(ids) if on_the_left else 0
        after = width - len(ids) - before
        parts = {"input_ids": (ids, PAD), "attention_mask": (torch.ones_like(ids), 0), "gold": (gold, -100)}
        parts["position_ids"] = (torch.arange(len(ids)), 0)
        for name, (values, filler) in parts.items():
            columns[name].append(torch.nn.functional.pad(values, (before, after), value=filler))
    batch = {name: torch.stack(rows) for name, rows in columns.items()}
    gold = batch.pop("gold")
    if kind in {"tokens", "masked"}:
        return batch | {"labels": gold}
    if kind == "spans":
        first = batch["attention_mask"].argmax(-1)
        length = batch["attention_mask"].sum(-1)
        return batch | {"start_positions": first + 1, "end_positions": first + length - 2}
    numbers = torch.tensor(list(examples))
    return batch | {"labels": numbers * 0.7 - 1.1 if kind == "regression" else numbers % (2 if kind == "two" else 3)}


def double(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The batch for a model in float64."""
    return {name: value.double() if value.is_floating_point() else value for name, value in batch.items()}


def step_of(examples: Sequence[int] = range(5), special: Tensor = SPECIAL, number: int = 3) -> StepContext:
    """Step 3 of a run with seed 1."""
    return StepContext(number, 1, list(examples), special, total=10)


def space_of(model: PreTrainedModel, batch: dict[str, Tensor], examples: Sequence[int] = range(5)) -> Perturbation:
    """The batch as methods see it."""
    return step_of(examples).perturbation(model, batch)


@contextmanager
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Tensor]]:
    """Collects each δ that a method adds, in order."""
    deltas: list[Tensor] = []
    plain = WordEmbeddings.added

    def spy(self: WordEmbeddings, delta: Tensor) -> Any:
        deltas.append(delta.detach().clone())
        return plain(self, delta)

    with monkeypatch.context() as patch:
        patch.setattr(WordEmbeddings, "added", spy)
        yield deltas
