"""δ is added once, in the right place, or the pass is refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import (
    BartConfig,
    BartForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    PreTrainedModel,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from alumbench.adversary import added, embedding_module, free_tokens

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
IDS = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 2, 1, 1]])
MASK = (IDS != 1).long()


def bert() -> PreTrainedModel:
    return BertForSequenceClassification(BertConfig(vocab_size=20, **SIZES))


def roberta() -> PreTrainedModel:
    return RobertaForSequenceClassification(RobertaConfig(vocab_size=20, max_position_embeddings=16, **SIZES))


BART_SIZES = {"layers": 1, "attention_heads": 2, "ffn_dim": 32}


def bart() -> PreTrainedModel:
    sizes = {f"{side}_{name}": value for side in ("encoder", "decoder") for name, value in BART_SIZES.items()}
    return BartForSequenceClassification(BartConfig(vocab_size=20, d_model=16, max_position_embeddings=16, **sizes))


MODELS = [bert, roberta, bart]


@pytest.mark.parametrize("make", MODELS)
def test_zero_delta_changes_nothing_and_another_delta_something(make) -> None:
    torch.manual_seed(0)
    model = make().eval()
    with torch.no_grad():
        plain = model(input_ids=IDS, attention_mask=MASK).logits
        for size, same in ((0.0, True), (1.0, False)):
            with added(embedding_module(model), torch.full((*IDS.shape, 16), size) * torch.randn(16)):
                assert torch.equal(model(input_ids=IDS, attention_mask=MASK).logits, plain) is same
        assert torch.equal(model(input_ids=IDS, attention_mask=MASK).logits, plain), "the hook was left behind"


def test_encoder_decoder_models_are_perturbed_in_the_encoder() -> None:
    model = bart()
    assert embedding_module(model) is model.model.encoder.embed_tokens
    assert embedding_module(model) is not model.get_input_embeddings()


def test_a_model_without_embeddings_is_refused() -> None:
    with pytest.raises(ValueError, match="Linear has no word-embedding module"):
        embedding_module(nn.Linear(2, 2))


@pytest.mark.parametrize(("times", "count"), [(0, "0 times"), (2, "2 times")], ids=["never", "twice"])
def test_a_hook_that_does_not_fire_once_raises(times: int, count: str) -> None:
    module = nn.Embedding(20, 16)
    with (
        pytest.raises(RuntimeError, match=f"fired {count} in one forward pass, expected once"),
        added(module, torch.zeros(*IDS.shape, 16)),
    ):
        for _ in range(times):
            module(IDS)


def test_a_delta_of_another_shape_raises_and_leaves_no_hook() -> None:
    module = nn.Embedding(20, 16)
    with (
        pytest.raises(ValueError, match=r"gives \(2, 5, 16\), δ is \(1, 5, 16\)"),
        added(module, torch.zeros(1, 5, 16)),
    ):
        module(IDS)
    assert torch.equal(module(IDS), module.weight[IDS])


def test_an_error_inside_the_pass_is_not_hidden_by_the_count() -> None:
    with pytest.raises(KeyError, match="mine"), added(nn.Embedding(20, 16), torch.zeros(1, 1, 16)):
        raise KeyError("mine")


@pytest.mark.parametrize(
    ("special", "expected"),
    [
        (torch.tensor([0, 2]), [[False, True, True, True, False], [False, True, False, False, False]]),
        (None, [[True] * 5, [True, True, True, False, False]]),
    ],
    ids=["words", "specials-too"],
)
def test_free_tokens(special: torch.Tensor | None, expected: list[list[bool]]) -> None:
    assert free_tokens(IDS, MASK, special).tolist() == expected
