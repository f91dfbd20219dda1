"""Imports TextAttack without a network, without NLTK data, and without touching the user's caches.

The obstacles in TextAttack 0.3.11, and the solutions here:

* Its import tries seven downloads and then marks them as done even if all failed. We point it at our own empty cache
  that already has the mark, so it tries nothing and marks nothing.
* `TA_CACHE_DIR` overwrites `HF_HOME` and other variables. We restore them.
* It imports flair, bert-score and others that few recipes need: slow if they are installed, fatal if not. Stand-ins
  replace them and load the real module on first use.
* Its augmenters read NLTK's stopwords at import. If these are missing, a stand-in lets the import pass and raises on
  the first lookup.
* Recipes call `nltk.download` when they are built. `offline()` makes that call do nothing.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.abc
import importlib.machinery
import logging
import os
import pkgutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from alumbench.attacks.nltk_data import find_nltk_data, nltk_place, nltk_remedy
from alumbench.errors import AlumbenchError

DEFERRED = frozenset(
    ["Levenshtein", "OpenHowNet", "bert_score", "flair", "jieba", "langdetect", "language_tool_python", "lemminflect"]
    + ["num2words", "pinyin", "stanza", "terminaltables", "word2number"]
)
#: Two code points that will never be characters, so no text has them (Unicode, section 23.7).
SPLIT = "\ufdd0\ufdd1"
MARK = "post_install_check_3"
VARIABLES = (
    *("TA_CACHE_DIR", "HF_HOME", "TFHUB_CACHE_DIR", "PYTORCH_TRANSFORMERS_CACHE", "XDG_CACHE_HOME"),
    *("TOKENIZERS_PARALLELISM", "WANDB_SILENT"),
)


def load_textattack() -> ModuleType:
    """The `textattack` package, imported once. Each call also adds the mirror to NLTK's search path.

    Raises:
        AlumbenchError: It is not installed, or the import of another version fails.
    """
    find_nltk_data()
    return _imported()


@functools.cache
def _imported() -> ModuleType:
    for library in ("huggingface_hub", "datasets", "transformers.utils.hub"):
        importlib.import_module(library)  # they read their cache variables once, so import them before these change
    user_cache = os.environ.get("TA_CACHE_DIR") or os.path.expanduser("~/.cache/textattack")
    with tempfile.TemporaryDirectory() as empty:
        Path(empty, MARK).touch()
        try:
            with _environment_kept(), _deferred_imports(), _stopwords_or_stand_in(), offline():
                os.environ["TA_CACHE_DIR"] = empty
                textattack = importlib.import_module("textattack")
        except ImportError as error:
            raise AlumbenchError(
                f"textattack cannot be imported ({error}): pip install 'textattack==0.3.11'"
            ) from error
    textattack.shared.utils.install.TEXTATTACK_CACHE_DIR = user_cache
    # Columns are joined with it and split at it: a token that occurs in a text would split in the wrong places.
    textattack.shared.attacked_text.AttackedText.SPLIT_TOKEN = SPLIT
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("textattack"):
            logging.getLogger(name).setLevel(logging.ERROR)
    return textattack


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """Makes `nltk.download` do nothing meanwhile; `alumbench doctor` reports missing data."""
    import nltk

    original = nltk.download
    nltk.download = lambda *args, **kwargs: False
    try:
        yield
    finally:
        nltk.download = original


class _NoStopwords(frozenset[str]):
    """Replaces missing stopwords: can be created without an error, and raises on lookup."""

    def __contains__(self, word: object) -> bool:
        raise AlumbenchError(f"NLTK's stopwords are missing: {nltk_remedy('stopwords')}")


@contextlib.contextmanager
def _stopwords_or_stand_in() -> Iterator[None]:
    import nltk.corpus

    if nltk_place("corpora/stopwords") is not None:
        yield
        return
    original = nltk.corpus.stopwords
    nltk.corpus.stopwords = SimpleNamespace(words=lambda language: [])
    try:
        yield
    finally:
        nltk.corpus.stopwords = original
        recipes = sys.modules.get("textattack.augmentation.recipes")
        for constraint in getattr(recipes, "DEFAULT_CONSTRAINTS", []):
            if hasattr(constraint, "stopwords"):
                constraint.stopwords = _NoStopwords()


@contextlib.contextmanager
def _environment_kept() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in VARIABLES}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _DeferredName:
    """Represents a name in a module not loaded yet, such as `flair.data.Tokenizer`. Calling it loads the module."""

    def __init__(self, path: str) -> None:
        self._path = path

    def _real(self) -> Any:
        package = self._path.partition(".")[0]
        try:
            return pkgutil.resolve_name(self._path)
        except (ImportError, AttributeError) as error:
            raise AlumbenchError(
                f"this attack uses {self._path}, and {package} cannot be imported ({error}): "
                f"pip install {package.replace('_', '-')}"
            ) from error

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._real()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _DeferredName(f"{self._path}.{name}")

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (object,)


class _StandIn(ModuleType):
    __path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _DeferredName(f"{self.__name__}.{name}")


class _StandInFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name.partition(".")[0] in DEFERRED:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        return None


@contextlib.contextmanager
def _deferred_imports() -> Iterator[None]:
    """Within the context, importing one of `DEFERRED` gives a stand-in; afterwards imports are normal again."""
    finder = _StandInFinder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name, module in sys.modules.items() if isinstance(module, _StandIn)]:
            del sys.modules[name]
