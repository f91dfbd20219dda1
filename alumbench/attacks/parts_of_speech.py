"""Parts of speech by NLTK's perceptron tagger, from vectors: the same tags in a tenth of the time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
from nltk.tag.mapping import tagset_mapping
from nltk.tag.perceptron import PerceptronTagger

from alumbench.attacks.nltk_data import find_nltk_data, nltk_remedy
from alumbench.attacks.words import WORD
from alumbench.errors import AlumbenchError

#: What is tagged: words, and every other mark on its own, as in the sentences that the tagger was trained on.
TOKEN = re.compile(rf"{WORD.pattern}|[^\w\s]|_")


class TagWeights:
    """A perceptron's weights as vectors, one number a tag, made when first asked for."""

    def __init__(self, model: Any) -> None:
        """Takes NLTK's `AveragedPerceptron`."""
        self.tags: list[str] = sorted(model.classes, reverse=True)  # of equal scores the alphabet's last wins
        self._at = {tag: place for place, tag in enumerate(self.tags)}
        self._weights = model.weights
        self._vectors: dict[str, np.ndarray] = {}

    def best(self, features: Mapping[str, int]) -> str:
        """The likeliest tag. Adds in the order of the features, as NLTK does, so that the sums are the same bits."""
        scores = np.zeros(len(self.tags))
        for feature, value in features.items():
            vector = self._vectors.get(feature)
            if vector is None:
                weights = self._weights.get(feature)
                if weights is None:
                    continue
                vector = np.zeros(len(self.tags))
                for tag, weight in weights.items():
                    vector[self._at[tag]] = weight
                self._vectors[feature] = vector
            scores += vector if value == 1 else value * vector
        return self.tags[int(scores.argmax())]


class TaggedText:
    """A text whose words, or others in their places, have parts of speech.

    >>> TaggedText("It isn't bad.").tokens
    ('It', "isn't", 'bad', '.')
    """

    def __init__(self, text: str) -> None:
        """Cuts the text into tokens; nothing is tagged yet."""
        found = list(TOKEN.finditer(text))
        self.tokens = tuple(token.group() for token in found)
        self._numbers = {token.start(): number for number, token in enumerate(found)}

    def tags(self, begin: int, words: Sequence[str]) -> tuple[str, ...]:
        """The universal part of speech of each of `words` in the place of the word that begins at this character.

        All else is the text's own. Recent results are kept, since every search of the same text asks the same.

        Raises:
            AlumbenchError: NLTK's tagger or its universal tags are missing.
        """
        return _tags(self.tokens, self._numbers[begin], tuple(words))


@lru_cache(maxsize=2**14)
def _tags(tokens: tuple[str, ...], at: int, words: tuple[str, ...]) -> tuple[str, ...]:
    tagger, universal = _tagger()
    before = _before(tokens)
    return tuple(universal[tagger.tag_in_place(before, tokens, at, word)] for word in words)


@lru_cache(maxsize=256)
def _before(tokens: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(tag for _, tag in _tagger()[0].tag(tokens))


class Tagger(PerceptronTagger):  # type: ignore[misc]
    """NLTK's tagger, which also tags one word of a text without all words before it."""

    def __init__(self) -> None:
        """Reads the weights.

        Raises:
            LookupError: They are not on this machine.
        """
        super().__init__()
        self._best = TagWeights(self.model).best

    def tag_in_place(self, tags: Sequence[str], tokens: Sequence[str], at: int, word: str) -> str:
        """The tag of `word` in the place of token `at`.

        A tag follows from two tokens on either side and the two tags before it. So the word changes the tags from two
        tokens before it on, and these three are found anew.

        Args:
            tags: the tags of `tokens`.
            tokens: the text.
            at: number of a token.
            word: what stands there.
        """
        begin = max(0, at - 2)
        near = [*tokens[max(0, begin - 2) : at], word, *tokens[at + 1 : at + 3]]
        context = [*self.START[begin:], *map(self.normalize, near), *self.END][: at - begin + 5]
        found: list[str] = [*reversed(self.START), *tags][begin : begin + 2]  # of the two before `begin`
        for number, token in enumerate([*tokens[begin:at], word]):
            features = (number, token, context, found[-1], found[-2])
            tag = self.tagdict.get(token) or self._best(self._get_features(*features))
            found.append(tag)
        return found[-1]


@cache
def _tagger() -> tuple[Tagger, Mapping[str, str]]:
    find_nltk_data()
    try:
        return Tagger(), tagset_mapping("en-ptb", "universal")
    except LookupError as error:
        remedy = "; ".join(nltk_remedy(name) for name in ("averaged_perceptron_tagger_eng", "universal_tagset"))
        raise AlumbenchError(f"parts of speech: NLTK's tagger is not on this machine; {remedy}") from error
