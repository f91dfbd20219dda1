"""Checks of a model folder before a library reads it: plain files, no code, limited sizes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from alumbench.errors import AlumbenchError
from alumbench.parsing import parse_json, read_text

CONFIG, ADAPTER = "config.json", "adapter_config.json"
TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
#: Suffixes of the files that transformers may read.
READ = (".safetensors", ".json", ".txt", ".model", ".jinja")
#: Maximum bytes of a configuration, and of a vocabulary; the largest in use have a hundredth of it.
MOST_CONFIG, MOST_VOCABULARY = 16 << 20, 512 << 20
#: Keys that name third-party attention code, which would be downloaded from the hub.
KERNELS = ("attn_implementation", "_attn_implementation", "experts_implementation", "_experts_implementation")


def check_folder(path: Path, adapter: bool = False) -> None:
    """Checks a folder's files without loading any.

    Args:
        path: the folder.
        adapter: whether it may be a PEFT adapter, which needs no model configuration.

    Raises:
        AlumbenchError: It is not a transformers checkpoint, an item in it is not a file or too large, or it would
            run code or read weights from elsewhere.
    """
    try:
        found = sorted(path.iterdir())
    except OSError as error:
        raise AlumbenchError(f"{path}: cannot be read ({error.strerror})") from None
    for file in found:
        if file.name.endswith(READ):
            _check_file(file)
    if (path / ADAPTER).exists() and not adapter:
        raise AlumbenchError(
            f"{path}: a PEFT adapter without its base model (adapter_config.json); merge it first: "
            f"model.merge_and_unload().save_pretrained(folder)"
        )
    if not (path / CONFIG).is_file() and not adapter:
        raise AlumbenchError(f"{path}: no config.json, so it is not a transformers checkpoint")
    for name in (CONFIG, TOKENIZER_CONFIG):
        if (path / name).exists():
            _check_config(path / name)


def base_of(path: Path) -> str:
    """The base model named in a PEFT adapter's folder, as `find_model` takes it.

    Raises:
        AlumbenchError: It names no base model, or a file there cannot be read.
    """
    _check_file(path / ADAPTER)
    values = read_object(path / ADAPTER)
    name, revision = values.get("base_model_name_or_path"), values.get("revision")
    if not isinstance(name, str) or not name:
        raise AlumbenchError(f"{path / ADAPTER}: base_model_name_or_path is missing: the model it was trained on")
    if Path(name).expanduser().is_dir() or not isinstance(revision, str) or not revision:
        return name
    return f"{name}@{revision}"


def read_object(path: Path) -> dict[str, object]:
    """The content of a JSON file that must hold an object.

    Raises:
        AlumbenchError: It is missing, not JSON, or holds something else.
    """
    values = parse_json(read_text(path, MOST_VOCABULARY, "a JSON file"), str(path))
    if not isinstance(values, dict):
        raise AlumbenchError(f"{path}: must hold a JSON object, not {kind_of(values)}")
    return values


def kind_of(value: Any) -> str:
    """A JSON value's type in words."""
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def numbers_in(values: Any, name: str = "") -> Iterator[tuple[str, int]]:
    """Every integer in a configuration with its key, at any depth."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield from numbers_in(value, str(key))
    elif isinstance(values, list):
        for value in values:
            yield from numbers_in(value, name)
    elif isinstance(values, int) and not isinstance(values, bool):
        yield name, values


def _check_file(file: Path) -> None:
    if not file.exists():
        raise AlumbenchError(f"{file}: a link to {os.readlink(file)}, which is not there")
    if file.is_dir() and not file.name.endswith((".safetensors", CONFIG, "tokenizer.json")):
        return
    if not file.is_file():
        raise AlumbenchError(f"{file}: is not a regular file")
    most = MOST_CONFIG if file.name.endswith("config.json") else MOST_VOCABULARY
    if file.suffix != ".safetensors" and file.stat().st_size > most:
        raise AlumbenchError(f"{file}: {file.stat().st_size:,} bytes; at most {most:,} are read")


def _check_config(file: Path) -> None:
    values = read_object(file)
    if "auto_map" in values:
        raise AlumbenchError(
            f"{file}: names Python code of its own (auto_map), which is refused; "
            f"use a model that the installed transformers knows"
        )
    for name in KERNELS:
        if "/" in str(values.get(name, "")):
            raise AlumbenchError(f"{file}: {name} names code on the hub, which is refused; remove the key")
    if values.get("quantization_config"):
        raise AlumbenchError(
            f"{file}: quantized weights are not supported; save it unquantized: "
            f"model.dequantize().save_pretrained(folder)"
        )
