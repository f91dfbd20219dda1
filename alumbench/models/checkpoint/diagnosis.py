"""Diagnosis of files that a library cannot load, in terms of their keys rather than its code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from alumbench.errors import nearest
from alumbench.models.checkpoint.files import ModelFiles
from alumbench.models.checkpoint.folder import CONFIG, TOKENIZER, TOKENIZER_CONFIG, kind_of, read_object
from alumbench.models.checkpoint.telling import brief, some

#: Keys whose value names a number format.
FORMATS = ("torch_dtype", "dtype")
#: Ids may be below zero if the token does not exist.
IDS = re.compile("_ids?$")


def model_fault(files: ModelFiles, kind: Any, what: str) -> str:
    """The reason why transformers cannot load a model from a folder.

    Args:
        files: the folder.
        kind: the requested `AutoModel…` class.
        what: the kind in words.

    Returns:
        The file and the fault in it, '' if none is found.
    """
    from transformers import CONFIG_MAPPING

    fault = _config_fault(files)
    if not fault:
        family = read_object(files.path / CONFIG)["model_type"]
        if CONFIG_MAPPING[family] not in list(kind._model_mapping.keys()):
            fault = f"{CONFIG}: model_type is '{family}', for which transformers has no {what}"
    return fault


def tokenizer_fault(files: ModelFiles) -> str:
    """The reason why it cannot load a tokenizer (version 5 reads the model's configuration too), likewise."""
    from tokenizers import Tokenizer
    from transformers.models.auto.tokenization_auto import tokenizer_class_from_name

    path = files.path / TOKENIZER_CONFIG
    name = read_object(path).get("tokenizer_class") if path.exists() else None
    if name is not None and (not isinstance(name, str) or tokenizer_class_from_name(name) is None):
        return f"{TOKENIZER_CONFIG}: tokenizer_class is {_shown(name)}, which transformers does not know"
    try:
        if (files.path / TOKENIZER).exists():
            Tokenizer.from_file(str(files.path / TOKENIZER))
    except Exception:
        return f"{TOKENIZER}: holds no tokenizer, or one of a newer tokenizers library; save it again"
    return _config_fault(files)


def _config_fault(files: ModelFiles) -> str:
    from transformers import CONFIG_MAPPING, __version__

    values = read_object(files.path / CONFIG)
    family = values.get("model_type")
    if family is None:
        return f"{CONFIG}: model_type is missing; it says which family the model is of, such as 'bert'"
    if not isinstance(family, str) or family not in CONFIG_MAPPING:
        near = nearest(str(family), CONFIG_MAPPING.keys(), cutoff=0.7)
        offer = f"; did you mean '{near}'?" if near else ""
        return f"{CONFIG}: model_type is {_shown(family)}, which transformers {__version__} does not know{offer}"
    faults = some(list(_faults(family, values)), show=str)
    return f"{CONFIG}: {faults}" if faults else ""


def _faults(family: str, values: Mapping[str, object]) -> Iterator[str]:
    """Values whose type or range differs from the family's defaults."""
    import torch
    from transformers import CONFIG_MAPPING
    from transformers.activations import ACT2FN

    usual = CONFIG_MAPPING[family]()
    for name, value in values.items():
        other = getattr(usual, name, None)
        if name in FORMATS:
            if value is not None and not isinstance(
                getattr(torch, str(value).removeprefix("torch."), None), torch.dtype
            ):
                yield f"{name} is {_shown(value)}, not a number format such as 'float32'"
        elif isinstance(other, str) and other in ACT2FN and value not in list(ACT2FN):
            yield f"{name} is {_shown(value)}, not an activation such as '{other}'"
        elif other is not None and kind_of(value) != kind_of(other):
            yield f"{name} is {_shown(value)}, not {kind_of(other)} ({_shown(other)}, say)"
        elif _is_whole(value) and _is_whole(other) and value < 1 <= other and not IDS.search(name):
            yield f"{name} is {value:,}; it must be 1 or more"


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    return "null" if value is None else brief(repr(value))
