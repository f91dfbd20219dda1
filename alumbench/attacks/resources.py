"""The data, models and packages that attacks need: checks that they are complete, and commands to get them."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alumbench.attacks.neighbours import NEIGHBOURS, published
from alumbench.attacks.nltk_data import nltk_place, nltk_remedy
from alumbench.errors import AlumbenchError
from alumbench.models.hub_cache import find_cached

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
_TFHUB = "https://tfhub.dev/google/universal-sentence-encoder/3"


def whole() -> str:
    """The fault of a resource that needs no check: always empty."""
    return ""


@dataclass(frozen=True)
class Resource:
    """A file set or a package that some attacks read.

    Attributes:
        about: what it is.
        is_present: returns whether it exists, without reading it.
        remedy: the command to get it.
        fault: returns what is wrong with it if it exists, '' if nothing.
        tried: whether this package's own tests have run attacks with it.
        model: the hub id of a model that transformers reads, '' for anything else.
    """

    about: str
    is_present: Callable[[], bool]
    remedy: str
    fault: Callable[[], str] = whole
    tried: bool = False
    model: str = ""

    def problem(self) -> str:
        """Returns the problem that prevents its use, and the remedy; empty if there is none."""
        if not self.is_present():
            return self.remedy
        fault = self.fault()
        return f"{fault}; remove it, then {self.remedy}" if fault else ""


@dataclass(frozen=True)
class RequiredModel:
    """A model of a recipe that a suite's entry has to name.

    Attributes:
        about: what it is.
        example: an example value.
        problem: returns what is wrong with a value, '' if nothing.
    """

    about: str
    example: str
    problem: Callable[[str], str]


def _error_of(read: Callable[[], object]) -> str:
    try:
        read()
    except AlumbenchError as error:
        return str(error)
    return ""


@functools.cache
def _zip_fault(path: str, size: int, changed: int) -> str:
    """Returns what is wrong with an archive of this size and modification time, empty if nothing."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        return f"{path}: is damaged ({error})"
    return f"{path}: is damaged ({damaged} in it)" if damaged else ""


def _nltk(path: str, about: str) -> Resource:
    name = path.rpartition("/")[2]

    def fault() -> str:
        place = nltk_place(path)
        if place is None:
            return ""
        if place.is_dir():
            empty = [file.name for file in place.iterdir() if file.is_file() and not file.stat().st_size]
            return f"{place}: is damaged ({', '.join(empty)} empty)" if empty else ""
        stat = place.stat()
        return _zip_fault(str(place), stat.st_size, stat.st_mtime_ns)

    remedy = nltk_remedy(name)
    return Resource(about, lambda: nltk_place(path) is not None, remedy, fault, tried=path != "corpora/omw-1.4")


def _textattack_cache() -> Path:
    return Path(os.environ.get("TA_CACHE_DIR") or "~/.cache/textattack").expanduser()


def _vectors_fault() -> str:
    import numpy

    folder = _textattack_cache() / "word_embeddings/paragramcf"
    for name in ("nn.npy", "paragram.npy"):
        try:
            numpy.load(folder / name, mmap_mode="r")
        except (OSError, ValueError, EOFError) as error:
            return f"{folder / name}: cannot be read ({error})"
    absent = [name for name in ("wordlist.pickle", "mse_dist.p", "cos_sim.p") if not (folder / name).is_file()]
    return f"{folder}: lacks {', '.join(absent)}" if absent else ""


def _vectors() -> bool:
    return (_textattack_cache() / "word_embeddings/paragramcf/nn.npy").is_file()


def _from_textattack(path: str, about: str, name: str, call: str) -> Resource:
    """A file set that TextAttack downloads from its own server."""
    remedy = f'run once while online: python -c "from textattack.{name} import {call.split("(")[0]}; {call}"'
    return Resource(about, lambda: (_textattack_cache() / path).exists(), remedy)


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _package(package: str, about: str) -> Resource:
    return Resource(about, lambda: _installed(package), f"pip install {package}", tried=True)


def _hub(name: str, about: str, package: str = "") -> Resource:
    """A model in the hub's cache or the mirror, and the package that reads it, if any."""

    def here() -> bool:
        return (not package or _installed(package)) and find_cached(name) is not None

    remedy = f"run once while online: hf download {name}"
    remedy = f"pip install {package.replace('_', '-')}, then, {remedy}" if package else remedy
    return Resource(about, here, remedy, model=name)


def _flair(model: str, folder: str, about: str) -> Resource:
    def here() -> bool:
        root = Path(os.environ.get("FLAIR_CACHE_ROOT") or "~/.flair").expanduser()
        return _installed("flair") and (root / "models" / folder).exists()

    load = f"from flair.models import SequenceTagger; SequenceTagger.load('{model}')"
    return Resource(about, here, f'pip install flair, then run once while online: python -c "{load}"')


def _universal_sentence_encoder() -> bool:
    root = os.environ.get("TFHUB_CACHE_DIR") or f"{tempfile.gettempdir()}/tfhub_modules"
    folder = hashlib.sha1(_TFHUB.encode(), usedforsecurity=False).hexdigest()  # as TensorFlow Hub names it
    return _installed("tensorflow_hub") and (Path(root).expanduser() / folder).is_dir()


def _in_mirror(path: str) -> Callable[[], bool]:
    def here() -> bool:
        from alumbench.data import mirror

        root = mirror()
        return root is not None and (root / path).exists()

    return here


def _neighbours_fault() -> str:
    return _error_of(published)


def _minilm_fault() -> str:
    from alumbench.models.auxiliary import sentence_encoder

    return _error_of(lambda: sentence_encoder(MINILM, "cpu"))


def _masked_lm_problem(name: str) -> str:
    from alumbench.models.auxiliary import masked_lm

    if find_cached(name) is None:
        return (
            f"masked_lm = {name}: no such folder, and neither the mirror nor the hub's cache has it; "
            f"run once while online: hf download {name}"
        )
    return _error_of(lambda: masked_lm(name, "cpu"))


REQUIRED_MODELS = {
    "masked_lm": RequiredModel(
        "a masked language model: a folder with safetensors, or a hub id that is in the mirror or the hub's cache",
        "PATH or hub id",
        _masked_lm_problem,
    ),
}

RESOURCES = {
    "stopwords": _nltk("corpora/stopwords", "NLTK's stopword lists, words that most recipes leave alone"),
    "wordnet": _nltk("corpora/wordnet", "WordNet, for synonyms"),
    "omw-1.4": _nltk("corpora/omw-1.4", "the Open Multilingual WordNet, for synonyms in other languages"),
    "averaged_perceptron_tagger_eng": _nltk(
        "taggers/averaged_perceptron_tagger_eng",
        "NLTK's part-of-speech tagger for English, for attacks that keep a word's part of speech",
    ),
    "universal_tagset": _nltk("taggers/universal_tagset", "NLTK's universal parts of speech"),
    "counter-fitted-vectors": Resource(
        "counter-fitted GloVe vectors (Mrkšić et al. 2016), for synonyms, as TextAttack packs them",
        _vectors,
        'run once while online: python -c "from textattack.shared import WordEmbedding; '
        'WordEmbedding.counterfitted_GLOVE_embedding()"',
        _vectors_fault,
    ),
    "counter-fitted-neighbours": Resource(
        "each word's nearest neighbours in counter-fitted vectors, as Jia et al. 2019 published them",
        _in_mirror(NEIGHBOURS),
        f"put counterfitted_neighbors.json of https://github.com/robinjia/certified-word-sub into a folder as "
        f"{NEIGHBOURS} and set ALUMBENCH_MIRROR to it",
        _neighbours_fault,
        tried=True,
    ),
    "all-MiniLM-L6-v2": Resource(
        "a small sentence encoder, for recipes that name it",
        lambda: find_cached(MINILM) is not None,
        f"run once while online: hf download {MINILM}",
        _minilm_fault,
        tried=True,
        model=MINILM,
    ),
    "stsb-distilbert-base": _hub(
        "sentence-transformers/stsb-distilbert-base",
        "the sentence encoder that A2T measures similarity with",
        "sentence_transformers",
    ),
    "universal-sentence-encoder": Resource(
        "the TensorFlow Hub sentence encoder of several papers; alumbench itself uses no TensorFlow, so that recipes "
        "with MiniLM in its place are the ones to run",
        _universal_sentence_encoder,
        "pip install tensorflow tensorflow-hub, set TFHUB_CACHE_DIR to a permanent folder, then run once while online: "
        f"python -c \"import tensorflow_hub; tensorflow_hub.load('{_TFHUB}')\"",
    ),
    "bert-base-uncased": _hub("bert-base-uncased", "the masked LM of BAE and BERT-Attack"),
    "distilroberta-base": _hub("distilroberta-base", "the masked LM of CLARE"),
    "gpt2": _hub("gpt2", "the language model of Kuleshov et al."),
    "xlm-roberta-base": _hub("xlm-roberta-base", "the masked LM of the Chinese recipe"),
    "google-language-model": _from_textattack(
        "constraints/semantics/language-models/alzantot-goog-lm",
        "the Google One Billion Word language model of Alzantot et al.; it runs in TensorFlow",
        "constraints.grammaticality.language_models",
        "Google1BillionWordsLanguageModel(top_n_per_index=4)",
    ),
    "learning-to-write": _from_textattack(
        "constraints/grammaticality/language-models/learning-to-write",
        "the language model of Jia et al.",
        "constraints.grammaticality.language_models",
        "LearningToWriteLanguageModel(max_log_prob_diff=5.0)",
    ),
    "hownet-candidates": _from_textattack(
        "transformations/hownet/word_candidates_sense.pkl",
        "words that share HowNet sememes",
        "transformations",
        "WordSwapHowNet()",
    ),
    "openhownet": Resource(
        "OpenHowNet and its data, for Chinese synonyms",
        lambda: _installed("OpenHowNet") and Path("~/.openhownet").expanduser().exists(),
        'pip install OpenHowNet, then run once while online: python -c "import OpenHowNet; OpenHowNet.download()"',
    ),
    "flair-upos": _flair("upos-fast", "upos-english-fast", "flair's part-of-speech tagger"),
    "flair-ner": _flair("ner", "ner-english", "flair's tagger of English names and places"),
    "flair-ner-french": _flair("flair/ner-french", "ner-french", "flair's tagger of French names and places"),
    "flair-ner-multi": _flair("flair/ner-multi-fast", "ner-multi-fast", "flair's tagger of names in four languages"),
    "num2words": _package("num2words", "numbers as words"),
    "word2number": _package("word2number", "words as numbers"),
    "jieba": _package("jieba", "Chinese word boundaries"),
    "pinyin": _package("pinyin", "Chinese pronunciation"),
}
