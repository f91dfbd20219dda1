"""Paths of the machine that something was made on, which are nobody else's business: all that is published goes here.

What is left of a path is the name of the file or folder; its SHA-256 stands beside it in every record of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alumbench.tasks import mirror

HUB_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")
#: Keys whose value names a model by hub id or by folder: ours, and those of transformers' configurations.
OF_MODEL = ("name", "_name_or_path", "name_or_path")
#: Keys whose value is a file or folder of one's own wherever they stand.
OWN = ("file", "data", "tokenizer_file", "vocab_file", "merges_file")
#: A path within a text: of a file URL, from the root, a home or a drive, a network share, or from here or above.
WITHIN = re.compile(
    r"""file:/*[^\s'"<>|,;()]+"""
    r"""|(?<![\w.~/\\<-])(?:~[\w.-]*|\.{1,2})?/(?![/\s])[^\s'"<>|,;()]*[^\s'"<>|,;():.]"""
    r"""|(?<!\w)[A-Za-z]:[\\/](?!/)[^\s'"<>|,;()]+"""
    r"""|\\\\[\w.$-]+\\[^\s'"<>|,;()]+"""
)
#: A text that is a path and nothing else, blanks in it and all.
WHOLE = re.compile(r"(?:file:|~[\w.-]*/|\.{1,2}[\\/]|/|\\\\|[A-Za-z]:[\\/](?!/)).*", re.DOTALL)


def without_places(value: Any) -> Any:
    """JSON values in which every path of a machine is cut to its last part, in whatever text it stands.

    Absolute paths, those from a home or a drive, and file URLs are known by their form. A relative one is known by its
    key: a task's or a data set's `file`, an origin's `path` that is a file's, and the name of a model of which nothing
    shows that it is one of the hub (a revision, or the mirror).
    """
    if isinstance(value, Mapping):
        return {key: _of_key(str(key), item, value) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_places(item) for item in value]
    return _within(value) if isinstance(value, str) else value


def without_absolute(value: Any) -> Any:
    """JSON values without those paths that their form tells: of entries, which `add` has cut all others from."""
    if isinstance(value, Mapping):
        return {key: without_absolute(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_absolute(item) for item in value]
    return _within(value) if isinstance(value, str) else value


def record_without_places(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record in which what its `message` says names no path; its texts are the evidence, and stay as they are."""
    message = record.get("message")
    return {**record, "message": _within(message)} if isinstance(message, str) else dict(record)


def last_part(path: str) -> str:
    """The name of the file or folder that a path leads to."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def configuration_without_places(value: Any) -> Any:
    """A configuration of transformers without the folders that it came from; all else in it is the model's."""
    if not isinstance(value, Mapping):
        return value
    named = (*OF_MODEL[1:], *OWN[2:])
    return {
        key: _model_name(item, "") if key in named and isinstance(item, str) else configuration_without_places(item)
        for key, item in value.items()
    }


def _of_key(key: str, item: Any, beside: Mapping[str, Any]) -> Any:
    if not isinstance(item, str):
        return {name: _given(value) for name, value in item.items()} if _is_trainer(key, item) else without_places(item)
    if key in OF_MODEL and ("revision" in beside or "weights_sha256" in beside):
        return _model_name(item, str(beside.get("revision") or ""))
    own = key in OWN and "n" not in beside  # an entry's records, which it counts, are the board's own
    if own or (key == "path" and beside.get("from", "file") == "file"):
        return last_part(item)
    return _within(item)


def _is_trainer(key: str, item: Any) -> bool:
    return key in ("trainer", "parts") and isinstance(item, Mapping)


def _given(value: Any) -> Any:
    """What was given for a setting of somebody else's: a slash makes it a path."""
    return last_part(value) if isinstance(value, str) and ("/" in value or "\\" in value) else without_places(value)


def _model_name(name: str, revision: str) -> str:
    """A hub id as it is, where something shows that it is one; of everything else the last part."""
    plain = name.partition("@")[0]
    if HUB_ID.fullmatch(plain) and not Path(plain).is_dir():
        root = mirror()
        if revision or (root is not None and (root / "models" / plain).is_dir()):
            return name
    return last_part(name)


def _within(text: str) -> str:
    if WHOLE.fullmatch(text) and ": " not in text:
        return last_part(text)
    return WITHIN.sub(lambda found: last_part(found.group()), text)
