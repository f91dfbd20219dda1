"""A BERT small enough to learn the miniature task in seconds, with a word-piece vocabulary of its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def make_tiny_bert(folder: Path, texts: Iterable[str], vocabulary: int = 400, hidden: int = 64, seed: int = 0) -> None:
    """Learns a word-piece vocabulary from texts and saves it with a randomly initialized encoder.

    Args:
        folder: where the model goes; `alumbench train --model` takes it.
        texts: what the vocabulary is learned from.
        vocabulary: its largest size.
        hidden: size of the hidden states (two layers, four heads).
        seed: of the random weights.
    """
    import tokenizers
    import torch
    from tokenizers.implementations import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    learner: tokenizers.Tokenizer = BertWordPieceTokenizer(lowercase=True)
    learner.train_from_iterator(texts, vocab_size=vocabulary, min_frequency=1, show_progress=False)
    # The size is asked for as a maximum: no more pieces than the texts have are made.
    tokenizer = BertTokenizerFast(tokenizer_object=learner._tokenizer, model_max_length=64)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=learner.get_vocab_size(),
        hidden_size=hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=2 * hidden,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
