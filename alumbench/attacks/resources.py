"""What attacks need beyond the packages: whether it is here, and the command that brings it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Resource:
    """A file set that some attacks read.

    Attributes:
        about: what it is.
        here: whether it can be read now.
        remedy: the command that brings it.
    """

    about: str
    here: Callable[[], bool]
    remedy: str


def _nltk(path: str) -> Callable[[], bool]:
    def here() -> bool:
        import nltk

        from alumbench.attacks.textattack_loader import find_nltk_data

        find_nltk_data()
        for place in (path, f"{path}.zip"):
            try:
                nltk.data.find(place)
            except LookupError:
                continue
            return True
        return False

    return here


RESOURCES = {
    "stopwords": Resource(
        "NLTK's English stopword list, words that most recipes leave alone",
        _nltk("corpora/stopwords"),
        "python -m nltk.downloader stopwords (or set NLTK_DATA to a folder that has it)",
    ),
    "wordnet": Resource(
        "WordNet, for synonyms",
        _nltk("corpora/wordnet"),
        "python -m nltk.downloader wordnet (or set NLTK_DATA to a folder that has it)",
    ),
}
