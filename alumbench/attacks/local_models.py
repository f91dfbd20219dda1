"""Models that attacks ask beside the victim: from disk only, loaded once a process, token ids in, tensors out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alumbench.attacks.resources import find_cached
from alumbench.checkpoints import ModelFiles, find_model, load_tokenizer
from alumbench.errors import AlumbenchError

#: Shape of a batch: an answer then depends on its row alone, not on the rows beside it.
ROWS, STEP = 8, 8


class LocalModel:
    """A transformers model with its tokenizer.

    Attributes:
        path: its folder.
        model: the network, in evaluation mode and float32.
        tokenizer: its tokenizer.
    """

    def __init__(self, files: ModelFiles, kind: Any, device: str) -> None:
        """Loads it.

        Args:
            files: the folder, checked.
            kind: the `AutoModel…` class to load it with.
            device: where it runs.

        Raises:
            AlumbenchError: It cannot be loaded, or it has no weights for a part of what is asked.
        """
        self.path = files.path
        self.tokenizer = load_tokenizer(files)
        self.model = _load(files, kind).to(device).eval()

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return torch.device(self.model.device)

    @cached_property
    def longest(self) -> int:
        """Tokens it can read."""
        return int(self.tokenizer.model_max_length)

    def rows(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, cut where the model can read no further."""
        if not texts:
            return []
        found: list[list[int]] = self.tokenizer(list(texts), truncation=True, max_length=self.longest)["input_ids"]
        return found

    def _batches(self, rows: Sequence[Sequence[int]]) -> Iterator[tuple[list[int], dict[str, Tensor]]]:
        """Batches of fixed shapes, with the numbers of their rows.

        One token at least is padding, for transformers takes another path where none is.
        """
        groups: dict[int, list[int]] = {}
        for number, row in enumerate(rows):
            width = min(STEP * (len(row) // STEP + 1), max(self.longest, len(row)))
            groups.setdefault(width, []).append(number)
        for width, group in sorted(groups.items()):
            most = ROWS - (width >= self.longest)
            for at in range(0, len(group), most):
                numbers = group[at : at + most]
                ids = torch.full((ROWS, width), self.tokenizer.pad_token_id)
                mask = torch.zeros(ROWS, width, dtype=torch.long)
                mask[:, 0] = 1
                for line, number in enumerate(numbers):
                    ids[line, : len(rows[number])] = torch.tensor(rows[number], dtype=torch.long)
                    mask[line, : len(rows[number])] = 1
                yield numbers, {"input_ids": ids.to(self.device), "attention_mask": mask.to(self.device)}


class SentenceEncoder(LocalModel):
    """Sentence vectors: the mean of the last layer's states."""

    def answers(self, rows: Sequence[Sequence[int]]) -> list[Tensor]:
        """A vector for each row of token ids, (hidden,)."""
        found: dict[int, Tensor] = {}
        with torch.no_grad():
            for numbers, batch in self._batches(rows):
                states = self.model(**batch).last_hidden_state
                kept = batch["attention_mask"][..., None]
                pooled = (states * kept).sum(1) / kept.sum(1)
                found.update(zip(numbers, pooled.cpu(), strict=False))  # what is left over is filling
        return [found[number] for number in range(len(rows))]


class MaskedLm(LocalModel):
    """A masked language model."""

    def answers(self, rows: Sequence[Sequence[int]], wanted: Sequence[Sequence[int]]) -> list[Tensor]:
        """For each row of token ids the logits at its wanted positions, (positions, vocabulary)."""
        found: dict[int, Tensor] = {}
        with torch.no_grad():
            for numbers, batch in self._batches(rows):
                logits = self.model(**batch).logits
                for line, number in enumerate(numbers):
                    found[number] = logits[line, list(wanted[number])].float().cpu()
        return [found[number] for number in range(len(rows))]

    @cached_property
    def tokens(self) -> list[str]:
        """The vocabulary, as the tokenizer writes it, by id."""
        size = self.model.get_output_embeddings().weight.shape[0]
        return [token or "" for token in self.tokenizer.convert_ids_to_tokens(list(range(size)))]

    @cached_property
    def marker(self) -> str:
        """How the tokenizer marks pieces: `##` before what goes on a word, `Ġ` or `▁` before what begins one."""
        found = ("##", "Ġ", "▁")
        return next((mark for mark in found if any(token.startswith(mark) for token in self.tokens)), "##")


def _load(files: ModelFiles, kind: Any) -> Any:
    from safetensors import SafetensorError
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        model, report = kind.from_pretrained(
            files.path, dtype=torch.float32, use_safetensors=True, trust_remote_code=False, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise AlumbenchError(
            f"{files.path}: cannot be loaded as {kind.__name__} ({str(error)[:200]}); put a whole copy in its place"
        ) from error
    finally:
        logging.set_verbosity(verbosity)
    absent = sorted(name for name in report["missing_keys"] if "pooler" not in name and "position_ids" not in name)
    if absent:
        raise AlumbenchError(
            f"{files.path}: has no weights for {', '.join(absent[:3])}, so it cannot serve as "
            f"{kind.__name__.removeprefix('Auto')}; name another model"
        )
    return model


def _found(name: str) -> ModelFiles:
    path = find_cached(name)
    if path is None:
        raise AlumbenchError(f"model {name}: is on no disk here; online, once: hf download {name}")
    return find_model(str(path))


def sentence_encoder(name: str, device: str) -> SentenceEncoder:
    """The sentence encoder of that name, once a process and device."""
    return _sentence_encoder(_found(name).path, device)


def masked_lm(name: str, device: str) -> MaskedLm:
    """The masked LM of that path or name, once a process and device.

    Raises:
        AlumbenchError: It is not here, has no weights or no head for masked words, or its tokenizer has no mask.
    """
    return _masked_lm(_found(name).path, device)


@cache
def _sentence_encoder(path: Path, device: str) -> SentenceEncoder:
    from transformers import AutoModel

    return SentenceEncoder(ModelFiles(path), AutoModel, device)


@cache
def _masked_lm(path: Path, device: str) -> MaskedLm:
    from transformers import AutoModelForMaskedLM

    found = MaskedLm(ModelFiles(path), AutoModelForMaskedLM, device)
    if found.tokenizer.mask_token_id is None:
        raise AlumbenchError(f"{path}: its tokenizer has no mask token, so it is no masked LM; name another model")
    return found
