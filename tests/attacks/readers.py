"""Small random classifiers of many families beside tokenizers that pad them in every way people's do."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedTokenizerFast

WORDS = tuple(
    "the film was good bad although people said it would be dull fine very really not so great boring music".split()  # noqa: SIM905
)
TEXTS = [" ".join(WORDS[(3 * i + 5 * j) % len(WORDS)] for j in range(1 + i % 11)) for i in range(24)]
SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
}
GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64}
LABELS = {"0": "negative", "1": "positive"}
MARKS = {"bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>"}


@dataclass(frozen=True)
class Reader:
    """A checkpoint.

    Attributes:
        name: how tests call it.
        type: its `model_type`.
        sizes: of its configuration.
        pad: the configuration's `pad_token_id`; the tokenizer's is 1.
        padded: whether the tokenizer has a padding token.
        side: where the tokenizer pads.
        marks: whether texts begin with <s> and end with </s>.
        typed: whether the tokenizer gives token types, 0 and 1 in a pair.
    """

    name: str
    type: str
    sizes: dict[str, Any] = field(default_factory=lambda: SIZES)
    pad: int | None = 1
    padded: bool = True
    side: str = "right"
    marks: bool = True
    typed: bool = False

    def write(self, folder: Path, **changes: Any) -> Path:
        """The checkpoint in a folder, the same every time; without `training.json`."""
        tokenizer = self._tokenizer()
        config = AutoConfig.for_model(self.type, vocab_size=len(tokenizer), **{**self.sizes, **changes})
        for name, token in {"pad": self.pad, "eos": 2, "bos": 0, "cls": 0, "sep": 2, "decoder_start": 0}.items():
            setattr(config, f"{name}_token_id", token)
        config.id2label = {int(at): label for at, label in LABELS.items()}
        config.label2id = {label: int(at) for at, label in LABELS.items()}
        torch.manual_seed(0)
        model = AutoModelForSequenceClassification.from_config(config)
        for parameter in model.parameters():
            parameter.data += 0.3 * torch.randn_like(parameter)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        written = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(written | {"pad_token_id": self.pad}))
        return folder

    def _tokenizer(self) -> PreTrainedTokenizerFast:
        backend = Tokenizer(models.BPE())
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        backend.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        marks = list(MARKS.values())
        trainer = trainers.BpeTrainer(
            vocab_size=320, special_tokens=marks, initial_alphabet=alphabet, show_progress=False
        )
        backend.train_from_iterator(TEXTS, trainer)
        if self.marks:
            backend.post_processor = processors.TemplateProcessing(
                single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1", special_tokens=[("<s>", 0), ("</s>", 2)]
            )
        roles = {f"{role}_token": mark for role, mark in MARKS.items() if self.padded or role != "pad"}
        names = ["input_ids", "attention_mask", *(["token_type_ids"] if self.typed else [])]
        return PreTrainedTokenizerFast(
            tokenizer_object=backend, padding_side=self.side, model_input_names=names, **roles
        )


LLAMA = {**SIZES, "num_key_value_heads": 2}
READERS = (
    Reader("bert", "bert", typed=True),
    Reader("bert-left", "bert", side="left"),
    Reader("bert-one-type", "bert", {**SIZES, "type_vocab_size": 1}, typed=True),
    Reader("roberta", "roberta", {**SIZES, "type_vocab_size": 1}),
    Reader("roberta-left", "roberta", {**SIZES, "type_vocab_size": 1}, side="left", typed=True),
    Reader("distilbert", "distilbert", {"dim": 32, "hidden_dim": 48, "n_layers": 2, "n_heads": 2}, typed=True),
    Reader("gpt2-left", "gpt2", GPT2, side="left", marks=False),
    Reader("gpt2-right", "gpt2", GPT2, marks=False),
    Reader("gpt2-nopad", "gpt2", GPT2, pad=None, padded=False, marks=False),
    Reader("gpt2-pads-with-its-end", "gpt2", GPT2, pad=2, padded=False),
    Reader("gpt2-typed", "gpt2", GPT2, marks=False, typed=True),  # it looks types up among its words
    Reader("openai-gpt", "openai-gpt", GPT2, typed=True),
    Reader("ctrl", "ctrl", {**GPT2, "dff": 48}, typed=True),
    Reader("llama", "llama", LLAMA, side="left"),
    Reader("llama-other-pad", "llama", LLAMA, pad=3, marks=False),
    Reader("llama-pad-below-zero", "llama", LLAMA, pad=-1, marks=False),
    Reader("qwen2-left", "qwen2", LLAMA, side="left", marks=False),
    Reader("mistral", "mistral", {**LLAMA, "sliding_window": 8}, pad=None),
    Reader("opt-left", "opt", {**SIZES, "ffn_dim": 48, "word_embed_proj_dim": 32}, side="left"),
    Reader("xlnet", "xlnet", {"d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 48}),
    Reader("deberta-v2", "deberta-v2", {**SIZES, "relative_attention": True, "position_biased_input": False}),
    Reader("modernbert", "modernbert", {**SIZES, "local_attention": 8}),
    Reader("t5", "t5", {"d_model": 32, "d_kv": 16, "d_ff": 48, "num_layers": 2, "num_heads": 2}),
)
