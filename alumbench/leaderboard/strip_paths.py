"""Removes a machine's local paths, which are private, from everything that is published.

Only the name of the file or folder is left of a path; each of our records has its SHA-256 beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from alumbench.data import mirror
from alumbench.records import Attacked, Record

HUB_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")
#: Keys whose value names a model by hub id or folder: ours, and those of transformers' configurations.
OF_MODEL = ("name", "_name_or_path", "name_or_path")
#: Keys whose value is a local file or folder wherever they occur.
OWN = ("file", "data", "tokenizer_file", "vocab_file", "merges_file")
#: A path within a text: a file URL, or a path from the root, a home, a drive, a network share, `.` or `..`.
WITHIN = re.compile(
    r"""file:/*[^\s'"<>|,;()]+"""
    r"""|(?<![\w.~/\\<-])(?:~[\w.-]*|\.{1,2})?/(?![/\s])[^\s'"<>|,;()]*[^\s'"<>|,;():.]"""
    r"""|(?<!\w)[A-Za-z]:[\\/](?!/)[^\s'"<>|,;()]+"""
    r"""|\\\\[\w.$-]+\\[^\s'"<>|,;()]+"""
)
#: A text that is nothing but a path, which may contain blanks.
WHOLE = re.compile(r"(?:file:|~[\w.-]*/|\.{1,2}[\\/]|/|\\\\|[A-Za-z]:[\\/](?!/)).*", re.DOTALL)


def without_places(value: Any) -> Any:
    """JSON values in which every local path is cut to its last part, in any text.

    Absolute paths, those from a home or drive, and file URLs are recognized by form. A relative one is recognized by
    its key: a task's or data set's `file`, an origin's `path` of a file, or a model's name, unless a revision or
    the mirror shows that it is on the hub.
    """
    if isinstance(value, Mapping):
        return {key: _of_key(str(key), item, value) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_places(item) for item in value]
    return _within(value) if isinstance(value, str) else value


def without_absolute(value: Any) -> Any:
    """JSON values without the paths recognized by form; for entries, where `add` has cut all others."""
    if isinstance(value, Mapping):
        return {key: without_absolute(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_absolute(item) for item in value]
    return _within(value) if isinstance(value, str) else value


def record_without_places(record: Record) -> Record:
    """A record without paths in its `message`; its texts are the evidence, and stay as they are."""
    if isinstance(record, Attacked) and record.message:
        return replace(record, message=_within(record.message))
    return record


def last_part(path: str) -> str:
    """The name of the file or folder at the end of a path."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def configuration_without_places(value: Any) -> Any:
    """A transformers configuration without the folders it was loaded from; all else in it is the model's."""
    if not isinstance(value, Mapping):
        return value
    named = (*OF_MODEL[1:], *OWN[2:])
    return {
        key: _model_name(item, "") if key in named and isinstance(item, str) else configuration_without_places(item)
        for key, item in value.items()
    }


def _of_key(key: str, item: Any, beside: Mapping[str, object]) -> Any:
    if not isinstance(item, str):
        return {name: _given(value) for name, value in item.items()} if _is_trainer(key, item) else without_places(item)
    if key in OF_MODEL and ("revision" in beside or "weights_sha256" in beside):
        return _model_name(item, str(beside.get("revision") or ""))
    own = key in OWN and "n" not in beside  # an `n` beside it means an entry's records, which are in the board
    if own or (key == "path" and beside.get("from", "file") == "file"):
        return last_part(item)
    return _within(item)


def _is_trainer(key: str, item: Any) -> bool:
    return key in ("trainer", "parts") and isinstance(item, Mapping)


def _given(value: Any) -> Any:
    """The value of a plug-in's setting: one with a slash counts as a path."""
    return last_part(value) if isinstance(value, str) and ("/" in value or "\\" in value) else without_places(value)


def _model_name(name: str, revision: str) -> str:
    """A hub id unchanged, if something shows that it is one; the last part of everything else."""
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
