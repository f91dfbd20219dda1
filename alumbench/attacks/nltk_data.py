"""Finds NLTK's data in its own folders or in the offline mirror."""

from __future__ import annotations

from pathlib import Path

from alumbench.data import mirror


def find_nltk_data() -> None:
    """Adds the offline mirror to NLTK's search path."""
    import nltk

    root = mirror()
    folder = str(root / "nltk_data") if root is not None else ""
    if folder and Path(folder).is_dir() and folder not in nltk.data.path:
        nltk.data.path.append(folder)


def nltk_place(path: str) -> Path | None:
    """The folder or archive of an NLTK data set that NLTK itself would choose, None if there is none."""
    import nltk

    find_nltk_data()
    places = (Path(root) / f"{path}{ending}" for root in nltk.data.path for ending in (".zip", ""))
    return next((place for place in places if place.exists()), None)


def nltk_remedy(name: str) -> str:
    """The command that downloads an NLTK data set."""
    return f"python -m nltk.downloader {name} (or set NLTK_DATA to a folder that has it)"
