"""A classifier small enough for every property of a method, a padded batch, and what passes through it cost."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertForSequenceClassification, PreTrainedModel

from alumbench.methods import Loss, Method, StepContext

PAD = 1
SPECIAL = torch.tensor([0, 2])
IDS = torch.tensor([[0, 5, 6, 7, 9, 2], [0, 8, 3, 4, 2, 1], [0, 9, 4, 5, 2, 1], [0, 3, 10, 2, 1, 1]])


def tiny_classifier(labels: int = 3, dropout: float = 0.1, **changes: int) -> PreTrainedModel:
    """Random weights large enough that a perturbation moves the logits."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(
        vocab_size=12,
        pad_token_id=PAD,
        max_position_embeddings=8,
        initializer_range=0.5,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        num_labels=labels,
        attn_implementation="eager",
        **(sizes | changes),
    )
    return BertForSequenceClassification(config).train()


def batch_of(labels: int = 3) -> dict[str, Tensor]:
    gold = torch.tensor([0.5, 1.5, -0.3, 0.0]) if labels == 1 else torch.arange(4) % labels
    return {"input_ids": IDS, "attention_mask": (IDS != PAD).long(), "labels": gold}


def step_of(number: int = 3, total: int = 10, special: Tensor = SPECIAL) -> StepContext:
    return StepContext(number, 1, [0, 1, 2, 3], special, total)


def context_for(method: Method, step: StepContext, labels: int = 3) -> StepContext:
    """The same with the weights of its rows, where the method trains on rows of its own."""
    return replace(step, weights=torch.ones(4)) if method.training_data() is not None and labels > 1 else step


def learn(method: Method, model: PreTrainedModel, step: StepContext | None = None, labels: int = 3) -> Loss:
    """One loss and its backward."""
    loss = method.loss(model, batch_of(labels), context_for(method, step or step_of()))
    loss.total.backward()
    return loss


def gradients(model: PreTrainedModel) -> dict[str, Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def units(method: Method) -> float:
    """What a step of the method costs, in forward passes, by counting multiplications.

    The model is wide and its texts short, so that attention, whose backward has no half without weights, is little.
    """
    model = tiny_classifier(hidden_size=256, intermediate_size=1024)
    method.prepare(model)
    with FlopCounterMode(display=False) as forward, torch.no_grad():
        model(**batch_of())
    with FlopCounterMode(display=False) as whole:
        learn(method, model)
    return whole.get_total_flops() / forward.get_total_flops()
