"""The tokenizer in a model's folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alumbench.errors import AlumbenchError
from alumbench.models.checkpoint.diagnosis import tokenizer_fault
from alumbench.models.checkpoint.files import ModelFiles
from alumbench.models.checkpoint.folder import TOKENIZER, TOKENIZER_CONFIG, read_object
from alumbench.models.checkpoint.telling import brief, errors_told

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

#: Vocabulary files of various tokenizers.
VOCABULARIES = (TOKENIZER, "vocab*", "*.model", "*.vocab", "spiece*", "bpe*", "entity_vocab*")
#: Byte and character tokenizers have no vocabulary file.
WITHOUT_VOCABULARY = ("ByT5", "Canine", "Perceiver")
#: Factor by which a normalizer may lengthen a text: Unicode's own forms stay below it.
MOST_GROWTH = 32


def load_tokenizer(files: ModelFiles) -> PreTrainedTokenizerBase:
    """Loads the tokenizer; one without a padding token pads with its end-of-text token.

    Raises:
        AlumbenchError: The folder has none that this transformers version can read, or an unusable one.
    """
    from transformers import AutoTokenizer

    _check_files(files.tokenizer)
    with errors_told(f"{files.tokenizer}: the tokenizer cannot be loaded", lambda: tokenizer_fault(files)):
        tokenizer = AutoTokenizer.from_pretrained(files.tokenizer, trust_remote_code=False)
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise AlumbenchError(
                f"{files.path}: the tokenizer has neither a padding nor an end-of-text token, so texts cannot be "
                f"batched; give it one: tokenizer.pad_token = '...', then save it beside the model"
            )
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def special_token_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Ids of [CLS], [SEP], padding and the like; not [UNK] and [MASK], which represent words."""
    words = {tokenizer.unk_token_id, tokenizer.mask_token_id}
    words -= {getattr(tokenizer, f"{role}_token_id") for role in ("bos", "eos", "sep", "cls", "pad")}  # GPT-2 has one
    return [number for number in tokenizer.all_special_ids if number not in words]


def check_vocabulary(files: ModelFiles, tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel) -> None:
    """Checks that a model has an embedding for each token.

    Raises:
        AlumbenchError: The tokenizer has ids without an embedding; both sizes are named.
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
    """Raises an error if there is no vocabulary, or a text could get unlimited tokens."""
    named = read_object(folder / TOKENIZER_CONFIG) if (folder / TOKENIZER_CONFIG).exists() else {}
    by_bytes = str(named.get("tokenizer_class")).startswith(WITHOUT_VOCABULARY)
    if not by_bytes and not any(path.match(name) for path in folder.iterdir() for name in VOCABULARIES):
        # transformers 5 would make a tokenizer without any words
        raise AlumbenchError(
            f"{folder}: the tokenizer cannot be loaded: no {TOKENIZER} and no vocabulary; save it there: "
            f"tokenizer.save_pretrained(folder)"
        )
    if named:
        longest = named.get("model_max_length")
        fits = isinstance(longest, int | float) and not isinstance(longest, bool) and longest >= 1
        if longest is not None and not fits:
            raise AlumbenchError(
                f"{folder / TOKENIZER_CONFIG}: model_max_length must be 1 or more, not {brief(repr(longest))}"
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


def _steps(normalizer: Any) -> Iterator[Mapping[Any, Any]]:
    """A normalizer's steps, with sequences flattened."""
    if isinstance(normalizer, Mapping):
        parts = normalizer.get("normalizers")
        if isinstance(parts, list):
            for part in parts:
                yield from _steps(part)
        else:
            yield normalizer
