"""The identity of a model: its weights, and the parts of its configuration and tokenizer that affect its answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, TypedDict

from alumbench.models.checkpoint.files import ModelFiles
from alumbench.models.checkpoint.folder import ADAPTER, CONFIG, TOKENIZER_CONFIG, read_object
from alumbench.storage import sha256_of

#: The first characters of a SHA-256 of each file or, for files of settings, of each key.
Configuration: TypeAlias = dict[str, object]
#: Read key by key, so that a message can name what changed.
BY_KEY = (CONFIG, ADAPTER, TOKENIZER_CONFIG, "special_tokens_map.json", "added_tokens.json")
#: Read as a whole. Truncation and padding in tokenizer.json are left over from its last use and set at each use.
WHOLE = ("tokenizer.json", "vocab.json", "vocab.txt", "merges.txt", "chat_template.jinja")
LEFT_FROM_USE = ("truncation", "padding")
#: Keys that change no answer: its source, its stored format, and what only training or generation uses.
HARMLESS = {
    "_commit_hash",
    "_name_or_path",
    "architectures",
    "auto_mapping",
    "base_model_name_or_path",
    "chat_template",
    "dtype",
    "finetuning_task",
    "gradient_checkpointing",
    "inference_mode",
    "name_or_path",
    "peft_version",
    "processor_class",
    "revision",
    "special_tokens_map_file",
    "tokenizer_file",
    "torch_dtype",
    "transformers_version",
    "use_cache",
}
DIGITS = 16


class Fingerprint(TypedDict):
    """A model's identity.

    Attributes:
        weights_sha256: hash of its weights.
        configuration: of the rest, see `configuration`.
    """

    weights_sha256: str
    configuration: Configuration


def identity(files: ModelFiles) -> Fingerprint:
    """A model's identity, equal for equal models: `weights_sha256` and `configuration`.

    Raises:
        AlumbenchError: A file of it cannot be read.
    """
    return {"weights_sha256": files.weights_sha256(), "configuration": configuration(files)}


def differences(there: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Differences between two identities in what both record: `weights`, `config.json: id2label`, `tokenizer.json`.

    Earlier versions recorded only the weights; then the rest is not compared.
    """
    both = there.keys() & now.keys()  # so neither is a `Fingerprint`, which has all keys
    found = ["weights"] if "weights_sha256" in both and there["weights_sha256"] != now["weights_sha256"] else []
    return [*found, *(changed(there["configuration"], now["configuration"]) if "configuration" in both else ())]


def configuration(files: ModelFiles) -> Configuration:
    """The configuration and tokenizer of a model, as hashes that reveal no path and no content.

    Equal for folders that give the same answers with the same weights; formatting and key order do not matter.

    Raises:
        AlumbenchError: A file of it cannot be read.
    """
    found: Configuration = {}
    if files.base is not None:
        found |= {f"base model: {name}": values for name, values in configuration(files.base).items()}
    for name in BY_KEY:
        if (files.path / name).is_file():
            values = read_object(files.path / name)
            found[name] = {key: _digest(value) for key, value in sorted(values.items()) if key not in HARMLESS}
    for name in WHOLE:
        if (files.path / name).is_file():
            found[name] = _whole(files, name)
    for path in sorted(files.path.glob("*.model")):  # sentencepiece
        found[path.name] = sha256_of(path)[:DIGITS]
    return found


def configuration_sha256(files: ModelFiles) -> str:
    """One hash of the whole configuration."""
    return hashlib.sha256(_canonical(configuration(files))).hexdigest()


def changed(there: Configuration, now: Configuration, prefix: str = "") -> Iterator[str]:
    """Differences between two configurations, as `config.json: id2label`."""
    for name in sorted(there.keys() | now.keys()):
        a, b = there.get(name), now.get(name)
        if isinstance(a, dict) and isinstance(b, dict):
            yield from changed(a, b, f"{name}: ")
        elif a != b:
            yield prefix + name


def _whole(files: ModelFiles, name: str) -> str:
    if not name.endswith(".json"):
        return sha256_of(files.path / name)[:DIGITS]
    values = read_object(files.path / name)
    return _digest({key: value for key, value in values.items() if key not in LEFT_FROM_USE})


def _digest(value: Any) -> str:
    return hashlib.sha256(_canonical(value)).hexdigest()[:DIGITS]


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
