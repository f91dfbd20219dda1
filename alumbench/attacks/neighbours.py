"""Published neighbour lists: for each word those nearest to it in counter-fitted vectors."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alumbench.attacks.resources import NEIGHBOURS
from alumbench.errors import AlumbenchError
from alumbench.storage import read_json
from alumbench.tasks import mirror


def published() -> dict[str, list[str]]:
    """Each word's nearest neighbours in counter-fitted vectors, as Jia et al. 2019 published them, at most 8.

    Raises:
        AlumbenchError: The mirror has none, or a file that is not lists of words by word.
    """
    path = (mirror() or Path()) / NEIGHBOURS
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        changed = 0
    return _read(path, changed)


@cache
def _read(path: Path, changed: int) -> dict[str, list[str]]:
    lists = read_json(path)
    if not isinstance(lists, dict) or not all(
        isinstance(words, list) and all(isinstance(word, str) for word in words) for words in lists.values()
    ):
        raise AlumbenchError(f"{path}: is not what was published, lists of words by word")
    return lists
