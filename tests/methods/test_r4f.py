"""R4F: a head of spectral norm one in training, and a plain checkpoint with the same answers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertForSequenceClassification,
)

from alumbench.errors import AlumbenchError
from alumbench.methods import make_method
from alumbench.methods.r4f import head_layers
from tests.methods.tiny import batch_of, learn, tiny_classifier


def test_the_head_has_norm_one_and_the_saved_model_answers_as_the_trained_one(tmp_path: Path) -> None:
    method, model = make_method("r4f", {}), tiny_classifier()
    plain = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    method.prepare(model)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(5):
        optimizer.zero_grad()
        learn(method, model)
        optimizer.step()
    model.eval()
    logits = model(**batch_of()).logits
    model.train()
    method.finish(model)
    assert float(torch.linalg.matrix_norm(model.classifier.weight.detach(), 2)) == pytest.approx(1, abs=0.02)
    assert model.classifier.training and model.classifier.weight.requires_grad
    assert {name: tuple(value.shape) for name, value in model.state_dict().items()} == plain
    model.save_pretrained(tmp_path)
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    torch.testing.assert_close(loaded(**batch_of()).logits, logits)


def test_both_passes_see_one_weight_and_one_power_iteration() -> None:
    values = {"replay_dropout": True, "epsilon": 1e-12}
    method, model = make_method("r4f", values), tiny_classifier()
    method.prepare(model)
    with torch.no_grad():
        model.classifier.parametrizations.weight.original.normal_()  # σ is now far from its vectors
    assert learn(method, model).parts["regularizer"] < 1e-9


@pytest.mark.parametrize(("head", "expected"), [("last", [False, True]), ("all", [True, True])])
def test_the_last_layer_or_all_of_the_head_is_normalized(head: str, expected: list[bool]) -> None:
    model = DistilBertForSequenceClassification(
        DistilBertConfig(vocab_size=12, dim=8, n_layers=1, n_heads=2, hidden_dim=8)
    )
    make_method("r4f", {"head": head}).prepare(model)
    assert [hasattr(layer, "parametrizations") for layer in head_layers(model)] == expected


def test_the_spectral_norms_start_does_not_shift_dropout() -> None:
    model = tiny_classifier()
    before = torch.get_rng_state()
    make_method("r4f", {}).prepare(model)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_model_without_a_head_is_refused() -> None:
    config = BertConfig(vocab_size=12, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    with pytest.raises(AlumbenchError, match="no linear layer outside of its encoder"):
        make_method("r4f", {}).prepare(BertModel(config))
