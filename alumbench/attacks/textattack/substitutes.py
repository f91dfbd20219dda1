"""Stand-ins for the word vectors and the sentence encoder that synonym attacks were published with.

Recipes import it only when they are built, because it needs TextAttack.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from textattack import Attack
from textattack.constraints.semantics import WordEmbeddingDistance
from textattack.constraints.semantics import sentence_encoders as encoders
from textattack.shared import WordEmbedding, utils
from textattack.transformations import CompositeTransformation, WordSwapEmbedding
from textattack.transformations.word_swaps import WordSwap
from textattack.transformations.word_swaps.word_swap_embedding import recover_word_case
from torch import Tensor

from alumbench.attacks.neighbours import published
from alumbench.attacks.resources import MINILM
from alumbench.models.auxiliary import SentenceEncoder, sentence_encoder

_VECTORS = "textattack_counterfitted_GLOVE_embedding"


class NeighbourSwap(WordSwap):  # type: ignore[misc]
    """Swaps a word for its published neighbours, in the word's own case."""

    def __init__(self, most: int = 8) -> None:
        """Reads the lists from the mirror.

        Args:
            most: maximum neighbours per word, the nearest first; a list has at most 8.
        """
        super().__init__()
        self._most = most
        published()  # problems with the lists are raised here, not in a search

    def _get_replacement_words(self, word: str) -> list[str]:
        return [recover_word_case(other, word) for other in published().get(word.lower(), [])[: self._most]]


class MiniLm(encoders.SentenceEncoder):  # type: ignore[misc]
    """Similarity of all-MiniLM-L6-v2's mean-pooled sentence vectors; its scale differs from other encoders'.

    It accepts and rejects the same texts as TextAttack's code would, but encodes each window once, where TextAttack
    encodes the original's once per candidate. Texts shorter than the window score 1 by rule and are not encoded.

    Attributes:
        encoder: the model; only its `answers` uses the weights.
    """

    def __init__(self, threshold: float, metric: str = "cosine", device: str = "cpu", **kwargs: Any) -> None:
        """Loads the encoder.

        Args:
            threshold: minimum similarity of a text.
            metric: `cosine` or `angular`.
            device: the device that it runs on.
            kwargs: `compare_against_original`, `window_size`, `skip_text_shorter_than_window` of TextAttack.
        """
        super().__init__(threshold=threshold, metric=metric, **kwargs)
        self.encoder: SentenceEncoder = sentence_encoder(MINILM, device)

    def encode(self, sentences: Sequence[str]) -> Tensor:
        """The vectors, (sentences, hidden)."""
        return torch.stack(self.encoder.answers(self.encoder.rows(sentences)))

    def _score_list(self, starting_text: Any, transformed_texts: Sequence[Any]) -> Tensor:
        """Similarities, (texts,): 1 for texts shorter than the window, if those are skipped."""
        scores = torch.ones(len(transformed_texts))
        scored, pairs = [], []
        for number, text in enumerate(transformed_texts):
            if self.skip_text_shorter_than_window and len(text.words) < self.window_size:
                continue
            at = next(iter(text.attack_attrs["newly_modified_indices"]), 0)
            scored.append(number)
            pairs.append([one.text_window_around_index(at, self.window_size) for one in (starting_text, text)])
        if pairs:
            windows = list(dict.fromkeys(window for pair in pairs for window in pair))
            vectors = dict(zip(windows, self.encode(windows), strict=True))
            before, after = (torch.stack([vectors[pair[side]] for pair in pairs]) for side in (0, 1))
            scores[scored] = self.sim_metric(before, after)
        return scores

    def _check_constraint_many(self, transformed_texts: Sequence[Any], reference_text: Any) -> list[Any]:
        scores = self._score_list(reference_text, transformed_texts)
        for text, score in zip(transformed_texts, scores.tolist(), strict=True):
            text.attack_attrs["similarity_score"] = score
        return [text for text, kept in zip(transformed_texts, scores >= self.threshold, strict=True) if kept]

    def _check_constraint(self, transformed_text: Any, reference_text: Any) -> bool:
        return bool(self._check_constraint_many([transformed_text], reference_text))


def with_stand_ins(recipe: Any, wrapper: Any) -> Attack:
    """TextAttack's own recipe with published neighbour lists instead of counter-fitted vectors, and MiniLM as encoder.

    All settings stay: candidates per word (of at most 8), thresholds, windows, search. The vectors' distance
    constraints are removed, because the lists were made with one.
    """
    with _no_vectors():
        made = recipe.build(wrapper)
    device = str(wrapper.model.device)
    kept = [constraint for constraint in made.constraints if not isinstance(constraint, WordEmbeddingDistance)]
    constraints = [_minilm(one, device) if isinstance(one, encoders.SentenceEncoder) else one for one in kept]
    if isinstance(made.transformation, CompositeTransformation):
        swap: Any = CompositeTransformation([_neighbours(one) for one in made.transformation.transformations])
    else:
        swap = _neighbours(made.transformation)
    return Attack(made.goal_function, made.pre_transformation_constraints + constraints, swap, made.search_method)


def _neighbours(swap: Any) -> Any:
    return NeighbourSwap(swap.max_candidates) if isinstance(swap, WordSwapEmbedding) else swap


def _minilm(encoder: Any, device: str) -> MiniLm:
    window = encoder.window_size if encoder.window_size < float("inf") else None
    return MiniLm(
        encoder.threshold,
        encoder.metric,
        device,
        compare_against_original=encoder.compare_against_original,
        window_size=window,
        skip_text_shorter_than_window=encoder.skip_text_shorter_than_window,
    )


@contextlib.contextmanager
def _no_vectors() -> Iterator[None]:
    """Within the context, TextAttack's recipes can be built without their vectors."""
    before = utils.GLOBAL_OBJECTS.get(_VECTORS)
    utils.GLOBAL_OBJECTS[_VECTORS] = WordEmbedding(np.zeros((0, 1)), {}, {}, np.zeros((0, 1), dtype=int))
    try:
        yield
    finally:
        if before is None:
            del utils.GLOBAL_OBJECTS[_VECTORS]
        else:
            utils.GLOBAL_OBJECTS[_VECTORS] = before
