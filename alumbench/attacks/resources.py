"""What attacks need beyond the packages: whether it is here, and the command that brings it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

#: Published neighbour lists, in a mirror.
NEIGHBOURS = "data/word_substitutions/counterfitted_neighbors.json"
MINILM = "sentence-transformers/all-MiniLM-L6-v2"


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


def _vectors() -> bool:
    cache = os.environ.get("TA_CACHE_DIR") or "~/.cache/textattack"
    return (Path(cache).expanduser() / "word_embeddings/paragramcf/nn.npy").is_file()


def _stsb_distilbert() -> bool:
    import huggingface_hub

    name = "sentence-transformers/stsb-distilbert-base"
    installed = importlib.util.find_spec("sentence_transformers") is not None
    return installed and isinstance(huggingface_hub.try_to_load_from_cache(name, "config.json"), str)


def _in_mirror(path: str) -> Callable[[], bool]:
    def here() -> bool:
        from alumbench.tasks import mirror

        root = mirror()
        return root is not None and (root / path).exists()

    return here


def _minilm() -> bool:
    import huggingface_hub

    cached = huggingface_hub.try_to_load_from_cache(MINILM, "config.json")
    return _in_mirror(f"models/{MINILM}")() or isinstance(cached, str)


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
    "averaged_perceptron_tagger_eng": Resource(
        "NLTK's part-of-speech tagger for English, for attacks that keep a word's part of speech",
        _nltk("taggers/averaged_perceptron_tagger_eng"),
        "python -m nltk.downloader averaged_perceptron_tagger_eng (or set NLTK_DATA to a folder that has it)",
    ),
    "universal_tagset": Resource(
        "NLTK's universal parts of speech",
        _nltk("taggers/universal_tagset"),
        "python -m nltk.downloader universal_tagset (or set NLTK_DATA to a folder that has it)",
    ),
    "counter-fitted-vectors": Resource(
        "counter-fitted GloVe vectors (Mrkšić et al. 2016), for synonyms, as TextAttack packs them",
        _vectors,
        'online, once: python -c "from textattack.shared import WordEmbedding; '
        'WordEmbedding.counterfitted_GLOVE_embedding()"',
    ),
    "stsb-distilbert-base": Resource(
        "the sentence encoder that A2T measures similarity with",
        _stsb_distilbert,
        "pip install sentence-transformers, then, online, once: hf download sentence-transformers/stsb-distilbert-base",
    ),
    "counter-fitted-neighbours": Resource(
        "each word's nearest neighbours in counter-fitted vectors, as Jia et al. 2019 published them",
        _in_mirror(NEIGHBOURS),
        f"put counterfitted_neighbors.json of https://github.com/robinjia/certified-word-sub into a folder as "
        f"{NEIGHBOURS} and set ALUMBENCH_MIRROR to it",
    ),
    "all-MiniLM-L6-v2": Resource(
        "a small sentence encoder, for recipes that name it",
        _minilm,
        f"online, once: hf download {MINILM}",
    ),
}
