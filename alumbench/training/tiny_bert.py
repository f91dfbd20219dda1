"""A BERT small enough to learn the miniature task in seconds, with a word-piece vocabulary of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from alumbench.arguments import names_of, path_of
from alumbench.errors import AlumbenchError
from alumbench.models.checkpoint.telling import without_bars

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def make_tiny_bert(
    folder: str | Path, texts: Iterable[str], vocabulary: int = 400, hidden: int = 64, seed: int = 0
) -> Path:
    """Makes a BERT for trying things out: random weights, and a word-piece vocabulary learned from texts.

    It reads 64 tokens, needs no download, and learns the miniature tasks in seconds.

    Args:
        folder: the model's folder, for `train` and `alumbench train --model`.
        texts: texts to learn the vocabulary from.
        vocabulary: its maximum size.
        hidden: size of the hidden states (two layers, four heads).
        seed: of the random weights.

    Returns:
        The folder.

    Raises:
        AlumbenchError: `texts` is one text, or has no word.

    >>> folder = make_tiny_bert(Path(tempfile.mkdtemp()) / "tiny", ["a good film", "a dull film"])
    >>> sorted(path.name for path in folder.iterdir())[:2]
    ['config.json', 'model.safetensors']
    """
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder, texts = path_of(folder, "folder", "the path of a folder"), names_of(texts, "texts", "['a good film']")
    if not any(text.strip() for text in texts):
        raise AlumbenchError("texts: there is no word to learn a vocabulary from")
    pieces = word_pieces(texts, vocabulary)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    # Positional: transformers 4 and 5 name this argument differently, and ignore a name they do not know.
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
    return folder


def word_pieces(texts: Iterable[str], size: int) -> list[str]:
    """Special tokens, every character alone and inside a word, then whole words by frequency.

    The learner of the `tokenizers` library breaks ties by hash-map order and gives different pieces at each call,
    so no run of the demo would be repeatable.
    """
    words = Counter(word for text in texts for word in text.lower().split())
    letters = sorted({letter for word in words for letter in word})
    pieces = dict.fromkeys([*SPECIAL, *letters, *(f"##{letter}" for letter in letters)])
    for word, _ in sorted(words.items(), key=lambda item: (-item[1], item[0])):
        if len(pieces) >= size:
            break
        pieces.setdefault(word)
    return list(pieces)
