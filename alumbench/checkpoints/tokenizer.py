"""The tokenizer beside a model's weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alumbench.checkpoints.diagnosis import tokenizer_fault
from alumbench.checkpoints.files import ModelFiles
from alumbench.checkpoints.folder import TOKENIZER, TOKENIZER_CONFIG, read_object
from alumbench.checkpoints.telling import brief, told
from alumbench.errors import AlumbenchError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

#: Files that hold a vocabulary, of one tokenizer or another.
VOCABULARIES = (TOKENIZER, "vocab*", "*.model", "*.vocab", "spiece*", "bpe*", "entity_vocab*")
#: Tokenizers of bytes and characters have none.
WITHOUT_VOCABULARY = ("ByT5", "Canine", "Perceiver")
#: How many times longer a normalizer may make a text: Unicode's own forms stay below it.
MOST_GROWTH = 32


def load_tokenizer(files: ModelFiles) -> PreTrainedTokenizerBase:
    """The tokenizer beside the weights; one without a padding token fills texts up with its end-of-text token.

    Raises:
        AlumbenchError: The folder has none that this transformers can read, or one that cannot serve.
    """
    from transformers import AutoTokenizer

    _check_files(files.path)
    with told(f"{files.path}: the tokenizer cannot be loaded", lambda: tokenizer_fault(files)):
        tokenizer = AutoTokenizer.from_pretrained(files.path, trust_remote_code=False)
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise AlumbenchError(
                f"{files.path}: the tokenizer has neither a padding nor an end-of-text token, so texts cannot be "
                f"batched; give it one: tokenizer.pad_token = '...', then save it beside the model"
            )
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def mark_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Ids of [CLS], [SEP], padding and their like; [UNK] and [MASK] stand for words, so they are none."""
    words = {tokenizer.unk_token_id, tokenizer.mask_token_id}
    words -= {getattr(tokenizer, f"{role}_token_id") for role in ("bos", "eos", "sep", "cls", "pad")}  # GPT-2 has one
    return [number for number in tokenizer.all_special_ids if number not in words]


def check_vocabulary(files: ModelFiles, tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel) -> None:
    """Checks that a model has an embedding for each token.

    Raises:
        AlumbenchError: The tokenizer gives ids that it has none for; both sizes are named.
    """
    rows = int(model.get_input_embeddings().weight.shape[0])
    token, last = max(tokenizer.get_vocab().items(), key=lambda item: item[1])
    if last >= rows:
        raise AlumbenchError(
            f"{files.path}: the tokenizer has {len(tokenizer):,} tokens ('{brief(token)}' is id {last:,}), the model "
            f"embeddings for {rows:,}; if you added tokens, call model.resize_token_embeddings(len(tokenizer)), "
            f"train again and save both"
        )


def _check_files(folder: Path) -> None:
    """Raises where there is no vocabulary, or a text's tokens would have no bound."""
    named = read_object(folder / TOKENIZER_CONFIG) if (folder / TOKENIZER_CONFIG).exists() else {}
    by_bytes = str(named.get("tokenizer_class")).startswith(WITHOUT_VOCABULARY)
    if not by_bytes and not any(path.match(name) for path in folder.iterdir() for name in VOCABULARIES):
        # transformers 5 would make a tokenizer that knows no word
        raise AlumbenchError(
            f"{folder}: the tokenizer cannot be loaded: no {TOKENIZER} and no vocabulary; save it there: "
            f"tokenizer.save_pretrained(folder)"
        )
    if named:
        longest = named.get("model_max_length")
        number = isinstance(longest, int | float) and not isinstance(longest, bool)
        if longest is not None and (not number or not longest >= 1):
            raise AlumbenchError(
                f"{folder / TOKENIZER_CONFIG}: model_max_length must be a number from 1 on, not {brief(repr(longest))}"
            )
    if (folder / TOKENIZER).exists():
        growth = 1.0
        for step in _steps(read_object(folder / TOKENIZER).get("normalizer")):
            pattern = step.get("pattern")
            replaced = pattern.get("String") if isinstance(pattern, Mapping) else None
            growth *= max(1.0, len(str(step.get("content", ""))) / len(str(replaced or " ")))
        if growth > MOST_GROWTH:
            raise AlumbenchError(
                f"{folder / TOKENIZER}: its normalizer makes texts up to {growth:,.0f} times longer; "
                f"more than {MOST_GROWTH} is refused"
            )


def _steps(normalizer: Any) -> Iterator[Mapping[str, Any]]:
    """A normalizer's steps, those of sequences one by one."""
    if isinstance(normalizer, Mapping):
        parts = normalizer.get("normalizers")
        if isinstance(parts, list):
            for part in parts:
                yield from _steps(part)
        else:
            yield normalizer
