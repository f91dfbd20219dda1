"""Models that attacks use besides the victim: from disk only, loaded once per process, token ids in, tensors out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alumbench.engine.scheduler import query_model
from alumbench.engine.scorer import Scorer
from alumbench.engine.token_rows import BatchedModel, TokenizedText
from alumbench.engine.tokens import Tokens
from alumbench.errors import AlumbenchError
from alumbench.models.checkpoint import ModelFiles, check_vocabulary, find_model, fit, load_tokenizer, longest
from alumbench.models.checkpoint.loading import load_model
from alumbench.models.hub_cache import find_cached

#: Answers if no search is in flight.
_ALONE = Scorer()


class LocalModel(BatchedModel):
    """A transformers model with its tokenizer, queried like the victim: by rows, together with other searches' rows.

    Attributes:
        path: its folder.
        precision: the precision that it always answers in; '' for that of the run.
        model: the network, in evaluation mode and float32.
        tokenizer: its tokenizer.
    """

    def __init__(self, files: ModelFiles, kind: Any, device: str, precision: str = "") -> None:
        """Loads the model.

        Args:
            files: the folder, checked.
            kind: the `AutoModel…` class to load it with.
            device: where it runs.
            precision: the precision that it always answers in; '' for that of the run.

        Raises:
            AlumbenchError: It cannot be loaded, or has no weights for a part of the requested class.
        """
        self.path, self.precision = files.path, precision
        self.tokenizer, self.model = _parts(files.path, kind, device)
        self._tokens = Tokens(self.tokenizer)
        self.pad_id, self.pad_left = self.tokenizer.pad_token_id, self.tokenizer.padding_side == "left"
        self.longest = longest(self.tokenizer, self.model)

    def __repr__(self) -> str:
        return str(self.path)

    @property
    def device(self) -> torch.device:
        """The device that it runs on."""
        return torch.device(self.model.device)

    def read(self, text: str) -> tuple[int, int]:
        """Begin and end, in characters, of the part of a text that it reads."""
        return self._tokens.view((text,)).read[0]

    def rows(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, cut to the length that the model can read."""
        return [list(row.ids) for row in self._tokens.rows([(text,) for text in texts], self.pad_id or 0)]


class SentenceEncoder(LocalModel):
    """Sentence vectors: the mean of the last layer's states."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _sentence_encoder, (self.path, str(self.device), self.precision)

    def on(self, device: str) -> SentenceEncoder:
        """The same model on this device."""
        return _sentence_encoder(self.path, device, self.precision)

    def answers(self, rows: Sequence[Sequence[int]]) -> list[Tensor]:
        """A vector for each row of token ids, (hidden,)."""
        return query_model(self, [TokenizedText(tuple(row)) for row in rows], _ALONE)

    def forward(self, batch: Mapping[str, Tensor], rows: Sequence[TokenizedText]) -> Sequence[Tensor]:
        """One vector per row."""
        with torch.no_grad():
            states = self.model(**batch).last_hidden_state
            kept = batch["attention_mask"][..., None]
            pooled: Tensor = (states * kept).sum(1) / kept.sum(1)
        return pooled[: len(rows)].float().cpu().unbind()


class MaskedLm(LocalModel):
    """A masked language model."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _masked_lm, (self.path, str(self.device), self.precision)

    def on(self, device: str) -> MaskedLm:
        """The same model on this device."""
        return _masked_lm(self.path, device, self.precision)

    def answers(self, rows: Sequence[Sequence[int]], wanted: Sequence[Sequence[int]]) -> list[Tensor]:
        """The logits of each row of token ids at its wanted positions, (positions, vocabulary)."""
        asked = [TokenizedText(tuple(row), wanted=tuple(places)) for row, places in zip(rows, wanted, strict=True)]
        return query_model(self, asked, _ALONE)

    def forward(self, batch: Mapping[str, Tensor], rows: Sequence[TokenizedText]) -> Sequence[Tensor]:
        """The logits of each row at its wanted positions."""
        with torch.no_grad():
            logits = self.model(**batch).logits
        first = batch["attention_mask"].argmax(1).tolist()  # padding may come first
        return [logits[at, [first[at] + i for i in row.wanted]].float().cpu() for at, row in enumerate(rows)]

    @cached_property
    def tokens(self) -> list[str]:
        """The vocabulary, as the tokenizer writes it, by id."""
        size = self.model.get_output_embeddings().weight.shape[0]
        return [token or "" for token in self.tokenizer.convert_ids_to_tokens(list(range(size)))]

    @cached_property
    def marker(self) -> str:
        """The mark of pieces: `##` before pieces that continue a word, `Ġ` or `▁` before those that start one."""
        found = ("##", "Ġ", "▁")
        return next((mark for mark in found if any(token.startswith(mark) for token in self.tokens)), "##")


@cache
def _parts(path: Path, kind: Any, device: str) -> tuple[Any, Any]:
    """Tokenizer and network, shared by models that answer in different precisions."""
    files = ModelFiles(path)
    tokenizer, model = load_tokenizer(files), _load(files, kind).to(device).eval()
    check_vocabulary(files, tokenizer, model)
    fit(tokenizer, model)
    return tokenizer, model


def _load(files: ModelFiles, kind: Any) -> Any:
    """Loads the model; only a pooler may be missing, since the mean of all states does not need it."""
    return load_model(files, kind, kind.__name__.removeprefix("Auto"), lambda _: lambda name: "pooler" in name)[0]


def _found(name: str) -> ModelFiles:
    path = find_cached(name)
    if path is None:
        raise AlumbenchError(f"model {name}: not on this machine; run once while online: hf download {name}")
    return find_model(str(path))


def sentence_encoder(name: str, device: str, precision: str = "") -> SentenceEncoder:
    """The sentence encoder of that name, loaded once per process, device and precision; see `LocalModel`."""
    return _sentence_encoder(_found(name).path, device, precision)


def masked_lm(name: str, device: str, precision: str = "") -> MaskedLm:
    """The masked LM of that path or name, loaded once per process, device and precision; see `LocalModel`.

    Raises:
        AlumbenchError: It is not found, has no weights or no head for masked words, or its tokenizer has no mask.
    """
    return _masked_lm(_found(name).path, device, precision)


@cache
def _sentence_encoder(path: Path, device: str, precision: str) -> SentenceEncoder:
    from transformers import AutoModel

    return SentenceEncoder(ModelFiles(path), AutoModel, device, precision)


@cache
def _masked_lm(path: Path, device: str, precision: str) -> MaskedLm:
    from transformers import AutoModelForMaskedLM

    found = MaskedLm(ModelFiles(path), AutoModelForMaskedLM, device, precision)
    if found.tokenizer.mask_token_id is None:
        raise AlumbenchError(f"{path}: its tokenizer has no mask token, so it is not a masked LM; name another model")
    return found
