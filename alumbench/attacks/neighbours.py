"""Published lists of each word's nearest neighbours in counter-fitted vectors."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from alumbench.data import mirror
from alumbench.errors import AlumbenchError
from alumbench.parsing import read_bytes, read_json

#: Path of the published neighbour lists in a mirror.
NEIGHBOURS = "data/word_substitutions/counterfitted_neighbors.json"


def published() -> dict[str, list[str]]:
    """Each word's nearest neighbours in counter-fitted vectors, as Jia et al. 2019 published them, at most 8.

    Raises:
        AlumbenchError: The mirror does not have the file, or it does not hold lists of words by word.
    """
    return _read(*_place())


def published_sha256() -> str:
    """The hash of their file.

    Raises:
        AlumbenchError: It cannot be read.
    """
    return _sha256(*_place())


def _place() -> tuple[Path, int]:
    """The file, and when it was changed; 0 without one."""
    path = (mirror() or Path()) / NEIGHBOURS
    try:
        return path, path.stat().st_mtime_ns
    except OSError:
        return path, 0


@cache
def _sha256(path: Path, changed: int) -> str:
    return hashlib.sha256(read_bytes(path)).hexdigest()


@cache
def _read(path: Path, changed: int) -> dict[str, list[str]]:
    lists = read_json(path)
    if not isinstance(lists, dict) or not all(
        isinstance(words, list) and all(isinstance(word, str) for word in words) for words in lists.values()
    ):
        raise AlumbenchError(f"{path}: is not what was published, lists of words by word")
    return lists
