"""How a model reads texts: how many tokens at most, what fills them up, and on which side."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

#: Above this a tokenizer's `model_max_length` says that it knows of no limit.
NO_LIMIT = 1_000_000
#: Families whose configuration names a length that no table of positions is behind, unless they have one as well.
RELATIVE = ("deberta", "deberta-v2")
#: Families that read a text at the last place of the batch, whatever stands there.
READ_THE_LAST_PLACE = ("xlnet",)


def fit(tokenizer: PreTrainedTokenizerBase, model: Any) -> None:
    """Makes a tokenizer give what a model can read.

    Texts are cut at `longest`. They are filled up behind: with filling in front, a model that counts positions from the
    batch's first place would read each word at another one. Token types go only to a model that tells two apart.
    """
    limit = longest(tokenizer, model)
    if limit is not None:
        tokenizer.model_max_length = limit
    tokenizer.padding_side = "left" if model.config.model_type in READ_THE_LAST_PLACE else "right"
    names = tokenizer.model_input_names
    if "token_type_ids" in names and not tells_texts_apart(model):
        tokenizer.model_input_names = [name for name in names if name != "token_type_ids"]


def longest(tokenizer: PreTrainedTokenizerBase, model: Any) -> int | None:
    """Tokens that a text may have, marks included: what the tokenizer says or the model has positions for, if less.

    None for a model with relative positions beside a tokenizer that knows of no limit.
    """
    limits = [positions(model), int(tokenizer.model_max_length)]
    return min((limit for limit in limits if limit is not None and limit < NO_LIMIT), default=None)


def positions(model: Any) -> int | None:
    """Tokens that a model has positions for, None where they are relative and without end."""
    config = model.config.get_text_config()
    found: int | None = getattr(config, "max_position_embeddings", None)
    tables = [module for name, module in model.named_modules() if name.endswith("position_embeddings")]
    if not found or found < 0 or (config.model_type in RELATIVE and not tables):
        return None
    # RoBERTa's kind begins to count behind the padding's own place.
    padding = getattr(tables[0], "padding_idx", None) if tables else None
    return found - (0 if padding is None else padding + 1)


def tells_texts_apart(model: Any) -> bool:
    """Whether a model takes `token_type_ids` and knows more than one type."""
    if "token_type_ids" not in inspect.signature(type(model).forward).parameters:
        return False
    return getattr(model.config, "type_vocab_size", None) != 1


def finds_last_token(model: Any) -> bool:
    """Whether a classifier's head takes the last token that is not its configuration's `pad_token_id`, as decoders'."""
    return "pad_token_id" in inspect.unwrap(type(model).forward).__code__.co_names


def own_padding(model: Any) -> int | None:
    """The configuration's `pad_token_id`; None where it has none, or none that the embedding knows."""
    own: int | None = getattr(model.config.get_text_config(), "pad_token_id", None)
    return own if own is not None and 0 <= own < model.get_input_embeddings().weight.shape[0] else None


def set_padding(model: Any, token: int | None) -> None:
    """Writes `pad_token_id` wherever the configuration has it."""
    for config in (model.config, model.config.get_text_config()):
        config.pad_token_id = token


def padding_note(tokenizer: PreTrainedTokenizerBase) -> str:
    """What to say of a tokenizer whose end-of-text token is its padding too; empty for any other."""
    if tokenizer.pad_token_id != tokenizer.eos_token_id:
        return ""
    return f"the tokenizer has no padding token of its own; its end-of-text token {tokenizer.pad_token} is used"
