"""Which model it is: its weights, and its configuration and tokenizer by what of them can change an answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from alumbench.checkpoints.files import ModelFiles
from alumbench.checkpoints.folder import CONFIG, TOKENIZER_CONFIG, read_object
from alumbench.storage import sha256_of

#: Of each file or, where it holds settings, of each of its keys, the first characters of a SHA-256.
Configuration = dict[str, Any]
#: Read key by key, so that a message can name what changed.
BY_KEY = (CONFIG, TOKENIZER_CONFIG, "special_tokens_map.json", "added_tokens.json")
#: Read as a whole. What tokenizer.json says of truncation and padding is left from its last use and set at each.
WHOLE = ("tokenizer.json", "vocab.json", "vocab.txt", "merges.txt", "chat_template.jinja")
LEFT_FROM_USE = ("truncation", "padding")
#: Keys that change no answer: where it came from, what it was stored as, and what only training or generation asks.
HARMLESS = {
    "_commit_hash",
    "_name_or_path",
    "architectures",
    "chat_template",
    "dtype",
    "finetuning_task",
    "gradient_checkpointing",
    "name_or_path",
    "processor_class",
    "special_tokens_map_file",
    "tokenizer_file",
    "torch_dtype",
    "transformers_version",
    "use_cache",
}
DIGITS = 16


def identity(files: ModelFiles) -> dict[str, Any]:
    """What has to be equal for a model to be the same: `weights_sha256` and `configuration`.

    Raises:
        AlumbenchError: A file of it cannot be read.
    """
    return {"weights_sha256": files.weights_sha256(), "configuration": configuration(files)}


def differences(there: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two identities, as far as both say: `weights`, `config.json: id2label`, `tokenizer.json`.

    Earlier versions recorded the weights alone; of the rest nothing can be said then.
    """
    both = there.keys() & now.keys()
    found = ["weights"] if "weights_sha256" in both and there["weights_sha256"] != now["weights_sha256"] else []
    return [*found, *(changed(there["configuration"], now["configuration"]) if "configuration" in both else ())]


def configuration(files: ModelFiles) -> Configuration:
    """The configuration and tokenizer of a model, as hashes that name no path and no content.

    Equal for folders that give the same answers with the same weights; formatting and the order of keys do not count.

    Raises:
        AlumbenchError: A file of it cannot be read.
    """
    found: Configuration = {}
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
    """One hash of all of it."""
    return hashlib.sha256(_canonical(configuration(files))).hexdigest()


def changed(there: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """What differs between two configurations, as `config.json: id2label`."""
    for name in sorted(there.keys() | now.keys()):
        a, b = there.get(name), now.get(name)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
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
