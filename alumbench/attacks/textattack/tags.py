"""NLTK's part-of-speech tagger, with the same tags in a tenth of the time: constraints call it for every candidate."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from nltk.tag.perceptron import AveragedPerceptron

from alumbench.attacks.parts_of_speech import TagWeights


@contextlib.contextmanager
def tags_from_vectors() -> Iterator[None]:
    """Within the context, NLTK's perceptron tagger predicts from vectors instead of dictionaries."""
    original = AveragedPerceptron.predict
    known: WeakKeyDictionary[Any, TagWeights] = WeakKeyDictionary()

    def predict(self: Any, features: Mapping[str, int], return_conf: bool = False) -> Any:
        if return_conf:
            return original(self, features, return_conf)
        if self not in known:
            known[self] = TagWeights(self)
        return known[self].best(features), None

    AveragedPerceptron.predict = predict
    try:
        yield
    finally:
        AveragedPerceptron.predict = original
