"""Masks that seed, step and block alone decide, and a head that runs on the masked positions alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForMaskedLM, PreTrainedModel

from alumbench.errors import AlumbenchError
from alumbench.pretraining.masking import DEV, Masking, collate_blocks, predict_at_positions

PAD, UNK, CLS, SEP, MASK = range(5)
MASKING = Masking((PAD, UNK, CLS, SEP, MASK), MASK, vocabulary=60, seed=1)


def batch_of(blocks: int, tokens: int = 32, start: int = 0) -> dict[str, Tensor]:
    """Blocks of random tokens, the same for one number; each with one separator inside."""
    features = []
    for number in range(start, start + blocks):
        ids = np.random.default_rng(number).integers(5, 60, tokens)
        ids[[0, 7, -1]] = CLS, SEP, SEP
        features.append({"input_ids": ids, "example": number})
    return collate_blocks(features)


@pytest.mark.parametrize(("rate", "count"), [(0.15, 4), (0.4, 12), (0.01, 1)])
def test_the_share_is_exact_and_special_tokens_are_never_masked(rate: float, count: int) -> None:
    batch = batch_of(40)
    masked = MASKING(batch, rate, step=3)
    assert masked["positions"].shape == masked["labels"].shape == (40, count)
    assert (masked["positions"].diff() > 0).all(), "in order, none twice"
    assert torch.equal(batch["input_ids"].gather(1, masked["positions"]), masked["labels"])
    assert not torch.isin(masked["labels"], torch.tensor([PAD, UNK, CLS, SEP, MASK])).any()
    rest = torch.ones_like(batch["input_ids"], dtype=torch.bool).scatter(1, masked["positions"], False)
    assert torch.equal(masked["input_ids"][rest], batch["input_ids"][rest])
    assert masked["attention_mask"].all() and masked["example"].tolist() == [*range(40)]


def test_of_the_chosen_eight_tenths_are_masked_one_tenth_replaced_one_kept() -> None:
    batch = batch_of(400, tokens=64)
    masked = MASKING(batch, 0.5, step=0)
    now, was = masked["input_ids"].gather(1, masked["positions"]), masked["labels"]
    shares = [(now == MASK).float().mean(), ((now != MASK) & (now != was)).float().mean(), (now == was).float().mean()]
    # 12,400 draws: five standard deviations are below .018
    assert [float(share) for share in shares] == pytest.approx([0.8, 0.1 * 54 / 55, 0.1 + 0.1 / 55], abs=0.018)
    assert not torch.isin(now[now != MASK], torch.tensor([PAD, UNK, CLS, SEP])).any()
    spread = torch.bincount(masked["positions"].flatten(), minlength=64)
    assert spread[[0, 7, 63]].tolist() == [0, 0, 0]
    assert spread[spread > 0].min() > 0.7 * 400 * 31 / 61, "every place gets its share"


def test_masks_do_not_change_with_the_batch() -> None:
    whole = MASKING(batch_of(8), 0.2, step=5)
    for start in range(0, 8, 2):
        part = MASKING(batch_of(2, start=start), 0.2, step=5)
        for name in ("input_ids", "positions", "labels"):
            assert torch.equal(part[name], whole[name][start : start + 2]), name


def test_seed_step_and_stream_change_the_masks_and_the_global_generators_do_not() -> None:
    def positions(masking: Masking, step: int) -> list[Any]:
        torch.manual_seed(len(drawn))
        np.random.seed(len(drawn))
        drawn.append(masking(batch_of(4), 0.2, step)["positions"].tolist())
        return drawn

    drawn: list[Any] = []
    for masking, step in ((MASKING, 0), (MASKING, 1), (replace(MASKING, seed=2), 0), (replace(MASKING, stream=DEV), 0)):
        positions(masking, step)
    assert all(drawn[i] != drawn[j] for i in range(4) for j in range(i))
    assert positions(MASKING, 0)[-1] == drawn[0]


def test_a_block_of_separators_has_labels_that_do_not_count() -> None:
    ids = np.full(12, SEP)
    ids[[3, 5]] = 9, 10
    masked = MASKING(collate_blocks([{"input_ids": ids, "example": 0}]), 0.5, step=0)
    assert sorted(masked["labels"][0].tolist()) == [-100, -100, -100, 9, 10]
    assert (masked["input_ids"][0] == SEP).sum() == 10, "separators stay"


SMALL = {"vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
SMALL |= {"max_position_embeddings": 40, "pad_token_id": PAD}
FAMILIES: dict[str, dict[str, Any]] = {
    family: SMALL
    for family in ("bert", "roberta", "xlm-roberta", "camembert", "electra", "albert", "mpnet", "rembert", "convbert")
} | {
    "deberta-v2": SMALL | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
    "modernbert": SMALL | {"cls_token_id": CLS, "sep_token_id": SEP, "bos_token_id": CLS, "eos_token_id": SEP},
    "distilbert": {"vocab_size": 60, "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "pad_token_id": PAD},
    "xlm": {"vocab_size": 60, "emb_dim": 16, "n_layers": 2, "n_heads": 2, "max_position_embeddings": 40},
    "longformer": SMALL | {"attention_window": [8, 8], "max_position_embeddings": 60},
}


def tiny(family: str) -> PreTrainedModel:
    torch.manual_seed(0)
    return AutoModelForMaskedLM.from_config(AutoConfig.for_model(family, **FAMILIES[family])).eval()


@pytest.mark.parametrize("family", FAMILIES)
def test_predicting_at_positions_is_predicting_everywhere_and_taking_those(family: str) -> None:
    model, masked = tiny(family), MASKING(batch_of(3, tokens=24), 0.2, step=0)
    positions, labels = masked["positions"], masked["labels"].clone()
    labels[0, 0] = -100
    inputs = {name: masked[name] for name in ("input_ids", "attention_mask")}
    everywhere = torch.full_like(masked["input_ids"], -100).scatter(1, positions, labels)
    full = model(**inputs, labels=everywhere)
    full.loss.backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    hooks = predict_at_positions(model)
    ours = model(**inputs, positions=positions, labels=labels)
    ours.loss.backward()
    expected = full.logits.gather(1, positions.unsqueeze(-1).expand(-1, -1, full.logits.shape[-1]))
    assert ours.logits.shape == (3, positions.shape[1], 60)
    torch.testing.assert_close(ours.logits, expected, atol=5e-6, rtol=1e-5)
    torch.testing.assert_close(ours.loss, full.loss, atol=5e-6, rtol=1e-5)
    assert {name for name, p in model.named_parameters() if p.grad is not None} == set(gradients)
    for name, parameter in model.named_parameters():
        if name in gradients:
            torch.testing.assert_close(parameter.grad, gradients[name], atol=2e-6, rtol=1e-4)
    assert torch.equal(model(**inputs).logits, full.logits), "without positions nothing changes"
    hooks.remove()
    assert torch.equal(model(**inputs).logits, full.logits)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in (model, model.base_model))


def test_plain_tuples_are_reduced_too() -> None:
    model, masked = tiny("bert"), MASKING(batch_of(2), 0.2, step=0)
    inputs = {name: masked[name] for name in ("input_ids", "positions")}
    predict_at_positions(model)
    assert torch.equal(model(**inputs, return_dict=False)[0], model(**inputs).logits)


def test_a_pass_that_fails_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    model, masked = tiny("bert"), MASKING(batch_of(2), 0.2, step=0)
    predict_at_positions(model)
    with pytest.raises(IndexError):
        model(input_ids=masked["input_ids"] + 1000, positions=masked["positions"])
    assert model(input_ids=masked["input_ids"]).logits.shape == (2, 32, 60)
    monkeypatch.setattr(model.bert, "forward", lambda *args, **kwargs: (torch.zeros(2 * 32, 16),))
    with pytest.raises(RuntimeError, match=r"the encoder gives \(64, 16\), expected \(batch, tokens, hidden\)"):
        model(input_ids=masked["input_ids"], positions=masked["positions"])


def test_a_model_that_is_all_head_is_refused() -> None:
    with pytest.raises(AlumbenchError, match="BertModel: no encoder separate from its head"):
        predict_at_positions(tiny("bert").bert)


def test_a_tokenizer_without_a_mask_token_is_refused(tiny_model: Any) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    assert Masking.of(tokenizer, 1).mask == tokenizer.mask_token_id
    tokenizer.mask_token = None
    with pytest.raises(AlumbenchError, match="no mask token.*alumbench tokenizer learn"):
        Masking.of(tokenizer, 1)
