"""The texts a model can read: maximum length, padding token, and padding side."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from alumbench.engine import NO_LIMIT

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

#: Families whose configured length is not a limit, unless they also have a table of positions.
RELATIVE = ("deberta", "deberta-v2")
#: Families that classify at the last position of the batch, even if it is padding.
READ_THE_LAST_PLACE = ("xlnet",)


def fit(tokenizer: PreTrainedTokenizerBase, model: Any) -> None:
    """Makes a tokenizer produce inputs that a model can read.

    Texts are truncated at `longest`. They are padded on the right: padding on the left would shift the words' positions
    for a model that counts from the batch's first one. Token types are only for models with more than one.
    """
    limit = longest(tokenizer, model)
    if limit is not None:
        tokenizer.model_max_length = limit
    tokenizer.padding_side = "left" if model.config.model_type in READ_THE_LAST_PLACE else "right"
    names = tokenizer.model_input_names
    if "token_type_ids" in names and not tells_texts_apart(model):
        tokenizer.model_input_names = [name for name in names if name != "token_type_ids"]


def longest(tokenizer: PreTrainedTokenizerBase, model: Any) -> int | None:
    """Maximum tokens of a text, including special ones: the smaller of the tokenizer's limit and the model's positions.

    None for a model with relative positions and a tokenizer without a limit.
    """
    limits = [positions(model), int(tokenizer.model_max_length)]
    return min((limit for limit in limits if limit is not None and limit < NO_LIMIT), default=None)


def positions(model: Any) -> int | None:
    """Number of tokens that a model has positions for, None if positions are relative and unlimited."""
    config = model.config.get_text_config()
    found: int | None = getattr(config, "max_position_embeddings", None)
    tables = [module for name, module in model.named_modules() if name.endswith("position_embeddings")]
    if not found or found < 0 or (config.model_type in RELATIVE and not tables):
        return None
    # Positions of RoBERTa-like models start after the padding's index.
    padding = getattr(tables[0], "padding_idx", None) if tables else None
    return found - (0 if padding is None else padding + 1)


def tells_texts_apart(model: Any) -> bool:
    """True if a model takes `token_type_ids` and has more than one type."""
    if "token_type_ids" not in inspect.signature(_network(model).forward).parameters:
        return False
    return getattr(model.config, "type_vocab_size", None) != 1


def finds_last_token(model: Any) -> bool:
    """True if a classifier's head, like a decoder's, reads the last token that is not the config's `pad_token_id`."""
    return "pad_token_id" in inspect.unwrap(_network(model).forward).__code__.co_names


def _network(model: Any) -> Any:
    """The class of a model; for a PEFT model, whose own `forward` tells nothing, that of the model inside it."""
    return type(model.get_base_model() if hasattr(model, "get_base_model") else model)


def own_padding(model: Any) -> int | None:
    """The configuration's `pad_token_id`; None if it has none, or the embedding lacks it."""
    own: int | None = getattr(model.config.get_text_config(), "pad_token_id", None)
    return own if own is not None and 0 <= own < model.get_input_embeddings().weight.shape[0] else None


def set_padding(model: Any, token: int | None) -> None:
    """Writes `pad_token_id` wherever the configuration has it."""
    for config in (model.config, model.config.get_text_config()):
        config.pad_token_id = token


def padding_note(tokenizer: PreTrainedTokenizerBase) -> str:
    """A note on a tokenizer whose end-of-text token is also its padding; '' for any other."""
    if tokenizer.pad_token_id != tokenizer.eos_token_id:
        return ""
    return f"the tokenizer has no padding token of its own; its end-of-text token {tokenizer.pad_token} is used"
