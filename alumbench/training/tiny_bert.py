"""A BERT small enough to learn the miniature task in seconds, with a word-piece vocabulary of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from alumbench.checkpoints.telling import without_bars
from alumbench.errors import AlumbenchError

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def make_tiny_bert(folder: Path, texts: Iterable[str], vocabulary: int = 400, hidden: int = 64, seed: int = 0) -> None:
    """Learns a word-piece vocabulary from texts and saves it with a randomly initialized encoder.

    Args:
        folder: where the model goes; `alumbench train --model` takes it.
        texts: what the vocabulary is learned from.
        vocabulary: its largest size.
        hidden: size of the hidden states (two layers, four heads).
        seed: of the random weights.
    """
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    pieces = word_pieces(texts, vocabulary)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    # By place: transformers 4 and 5 name the vocabulary otherwise, and leave out a name that they do not know.
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64)
    if len(tokenizer) != len(pieces):
        raise AlumbenchError(f"{folder}: its tokenizer has {len(tokenizer)} of {len(pieces)} pieces")
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=2 * hidden,
        max_position_embeddings=64,
    )
    with without_bars():
        BertModel(config).save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)


def word_pieces(texts: Iterable[str], size: int) -> list[str]:
    """Special tokens, every character alone and inside a word, then whole words by frequency.

    The learner of the `tokenizers` library breaks ties by the order of hash maps and gives other pieces at each call,
    which would make no run of the demo repeatable.
    """
    words = Counter(word for text in texts for word in text.lower().split())
    letters = sorted({letter for word in words for letter in word})
    pieces = dict.fromkeys([*SPECIAL, *letters, *(f"##{letter}" for letter in letters)])
    for word, _ in sorted(words.items(), key=lambda item: (-item[1], item[0])):
        if len(pieces) >= size:
            break
        pieces.setdefault(word)
    return list(pieces)
