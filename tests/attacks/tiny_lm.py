"""Masked LMs small enough for tests, with random weights large enough that their answers differ."""

from __future__ import annotations

from pathlib import Path

import torch

from alumbench.data import miniature
from alumbench.training.tiny_bert import word_pieces

SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "initializer_range": 0.5,
}


def texts() -> list[str]:
    rows = miniature.rows("nli/train")
    return [*rows["premise"], *rows["hypothesis"]][:400]


def make_bert(folder: Path) -> Path:
    """With word pieces; the vocabulary is small, so that many words are of several."""
    from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

    folder.mkdir(parents=True)
    pieces = word_pieces(texts(), 90)
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=512).save_pretrained(folder)
    torch.manual_seed(0)
    BertForMaskedLM(BertConfig(vocab_size=len(pieces), **SHAPE)).save_pretrained(folder)
    return folder


def make_roberta(folder: Path) -> Path:
    """With byte-level pieces, which mark the begin of a word and not what goes on with it."""
    from tokenizers import AddedToken, ByteLevelBPETokenizer
    from transformers import RobertaConfig, RobertaForMaskedLM, RobertaTokenizerFast

    folder.mkdir(parents=True)
    learner = ByteLevelBPETokenizer()
    marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    learner.train_from_iterator(texts(), vocab_size=360, min_frequency=2, special_tokens=marks)
    learner.save_model(str(folder))
    tokenizer = RobertaTokenizerFast(
        str(folder / "vocab.json"),
        str(folder / "merges.txt"),
        mask_token=AddedToken("<mask>", lstrip=True),  # as in published folders; version 5 has no such default
        model_max_length=512,
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = RobertaConfig(vocab_size=len(tokenizer), max_position_embeddings=514, **SHAPE)
    RobertaForMaskedLM(config).save_pretrained(folder)
    return folder
