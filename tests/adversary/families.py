"""Tiny random classifiers of 25 model families, and where each keeps the word embeddings of its encoder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

PAD, END, MARKED, VOCABULARY = 1, 2, 7, 40

LENGTH = {"max_position_embeddings": 32}
BERT_SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    **LENGTH,
}
LLAMA_SIZES = {**BERT_SIZES, "num_key_value_heads": 2}
BART_SIZES = {
    "d_model": 16,
    **LENGTH,
    **{f"{side}_layers": 2 for side in ("encoder", "decoder")},
    **{f"{side}_attention_heads": 2 for side in ("encoder", "decoder")},
    **{f"{side}_ffn_dim": 24 for side in ("encoder", "decoder")},
}


@dataclass(frozen=True)
class Family:
    """A family: its `model_type`, the path of its encoder's word embeddings, and the sizes of its tiny model."""

    type: str
    words: str
    sizes: dict[str, Any] = field(default_factory=lambda: BERT_SIZES)

    def __repr__(self) -> str:
        return self.type

    def make(self, attention: str | None = "eager", **changes: Any) -> PreTrainedModel:
        """A random classifier with three labels, the same every time, without dropout even in training."""
        config = AutoConfig.for_model(
            self.type,
            **{"vocab_size": VOCABULARY, "num_labels": 3, **self.sizes, **changes},
        )
        for name, token in {"pad": PAD, "eos": END, "bos": 0, "cls": 0, "sep": END, "decoder_start": 0}.items():
            setattr(config, f"{name}_token_id", token)
        for name, value in vars(config).items():
            if "drop" in name and isinstance(value, float):
                setattr(config, name, 0.0)
        torch.manual_seed(0)
        kwargs = {"attn_implementation": attention} if attention else {}
        model = AutoModelForSequenceClassification.from_config(config, **kwargs)
        for parameter in model.parameters():
            # Heads and norms that start at zero or one would hide what is wrong beneath them.
            parameter.data += 0.2 * torch.randn_like(parameter)
        return model.eval()

    def word_embeddings(self, model: nn.Module) -> nn.Module:
        """The module at the path."""
        return model.get_submodule(self.words)

    def replace_word_embeddings(self, model: nn.Module, module: nn.Module) -> None:
        """Puts another one there, and only there: weights that were shared no longer are."""
        parent, _, name = self.words.rpartition(".")
        setattr(model.get_submodule(parent), name, module)


EMBEDDINGS = "embeddings.word_embeddings"
FAMILIES = (
    Family("bert", f"bert.{EMBEDDINGS}"),
    Family("roberta", f"roberta.{EMBEDDINGS}"),
    Family("xlm-roberta", f"roberta.{EMBEDDINGS}"),
    Family("camembert", f"roberta.{EMBEDDINGS}"),
    Family("electra", f"electra.{EMBEDDINGS}", {**BERT_SIZES, "embedding_size": 8}),
    Family("albert", f"albert.{EMBEDDINGS}", {**BERT_SIZES, "embedding_size": 8}),
    Family(
        "distilbert", f"distilbert.{EMBEDDINGS}", {**LENGTH, "dim": 16, "hidden_dim": 24, "n_layers": 2, "n_heads": 2}
    ),
    Family(
        "deberta",
        f"deberta.{EMBEDDINGS}",
        {**BERT_SIZES, "relative_attention": True, "pos_att_type": ["c2p", "p2c"], "pooler_hidden_size": 16},
    ),
    Family(
        "deberta-v2",
        f"deberta.{EMBEDDINGS}",
        {
            **BERT_SIZES,
            "relative_attention": True,
            "pos_att_type": ["c2p", "p2c"],
            "position_buckets": 8,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "pooler_hidden_size": 16,
        },
    ),
    Family("modernbert", "model.embeddings.tok_embeddings", {**BERT_SIZES, "local_attention": 8}),
    Family("xlnet", "transformer.word_embedding", {"d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 24}),
    Family("big_bird", f"bert.{EMBEDDINGS}", {**BERT_SIZES, "attention_type": "original_full"}),
    Family(
        "mobilebert",
        f"mobilebert.{EMBEDDINGS}",
        {**BERT_SIZES, "embedding_size": 8, "intra_bottleneck_size": 8, "num_feedforward_networks": 1},
    ),
    Family("mpnet", f"mpnet.{EMBEDDINGS}"),
    Family("longformer", f"longformer.{EMBEDDINGS}", {**BERT_SIZES, "attention_window": 4}),
    Family(
        "funnel",
        f"funnel.{EMBEDDINGS}",
        {"d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 24, "block_sizes": [1, 1], "num_decoder_layers": 1},
    ),
    Family("gpt2", "transformer.wte", {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32}),
    Family(
        "opt",
        "model.decoder.embed_tokens",
        {
            **LENGTH,
            "hidden_size": 16,
            "word_embed_proj_dim": 8,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "ffn_dim": 24,
        },
    ),
    Family("llama", "model.embed_tokens", LLAMA_SIZES),
    Family("mistral", "model.embed_tokens", LLAMA_SIZES),
    Family("qwen2", "model.embed_tokens", LLAMA_SIZES),
    Family("gemma2", "model.embed_tokens", {**LLAMA_SIZES, "head_dim": 8}),
    Family("phi3", "model.embed_tokens", LLAMA_SIZES),
    Family("bart", "model.encoder.embed_tokens", {**BART_SIZES, "scale_embedding": True}),
    Family(
        "t5",
        "transformer.encoder.embed_tokens",
        {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2},
    ),
)

_WORDS = torch.randint(8, VOCABULARY, (3, 15), generator=torch.Generator().manual_seed(1))


def _batch(lengths: tuple[int, ...], where: str = "right") -> dict[str, torch.Tensor]:
    """Sentences of these lengths, padded to the longest; each ends with END, and one token of the first is MARKED."""
    tokens = max(lengths)
    ids, mask = torch.full((len(lengths), tokens), PAD), torch.zeros(len(lengths), tokens, dtype=torch.long)
    for row, length in enumerate(lengths):
        sentence = torch.tensor([0, *_WORDS[row, : length - 2].tolist(), END])
        if row == 0:
            sentence[1] = MARKED
        gap = {"right": length, "left": 0, "inside": length - 1}[where]
        places = [place for place in range(tokens) if not gap <= place < gap + tokens - length]
        ids[row, places], mask[row, places] = sentence, 1
    return {"input_ids": ids, "attention_mask": mask}


#: Padded in every way that tokenizers and collators do, to 7 tokens, which are no multiple of Longformer's window; and
#: as many tokens as sentences, where a shape does not tell which is which.
BATCHES = {where: _batch((6, 7, 5), where) for where in ("right", "left", "inside")} | {"square": _batch((3, 3, 3))}

#: Longer than the blocks of BigBird's sparse attention reach, and no multiple of them.
LONG = _batch((13, 15, 14))
SPARSE_BIG_BIRD = Family(
    "big_bird",
    f"bert.{EMBEDDINGS}",
    {**BERT_SIZES, "attention_type": "block_sparse", "block_size": 2, "num_random_blocks": 1},
)
