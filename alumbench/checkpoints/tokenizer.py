"""The tokenizer beside a model's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alumbench.checkpoints.files import ModelFiles
from alumbench.errors import AlumbenchError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def load_tokenizer(files: ModelFiles) -> PreTrainedTokenizerBase:
    """The tokenizer beside the weights; with no length limit of its own, 512.

    Raises:
        AlumbenchError: The folder has none that this transformers can read.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(files.path, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AlumbenchError(f"{files.path}: the tokenizer cannot be loaded: {str(error)[:300]}") from error
    if tokenizer.pad_token is None:
        raise AlumbenchError(f"{files.path}: the tokenizer has no padding token, so texts cannot be batched")
    tokenizer.model_max_length = min(tokenizer.model_max_length, 512)
    return tokenizer


def mark_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Ids of [CLS], [SEP], padding and their like; [UNK] and [MASK] stand for words, so they are none."""
    words = {tokenizer.unk_token_id, tokenizer.mask_token_id}
    words -= {getattr(tokenizer, f"{role}_token_id") for role in ("bos", "eos", "sep", "cls", "pad")}  # GPT-2 has one
    return [number for number in tokenizer.all_special_ids if number not in words]
